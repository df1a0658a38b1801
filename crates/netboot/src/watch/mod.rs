//! Boots as they happen, for people: a page, JSON and metrics.
//!
//! ```text
//!   events ─► Watch ─┬─► timeline ─► GET /api/v1/boots, /api/v1/events (live), the page at /
//!                    └─► metrics ──► GET /metrics
//!   iPXE's console ─► syslog ─► events
//! ```
//!
//! It has its own port, by default on the loopback interface: anyone can plug a cable into the link of
//! machines that boot, and should not learn which machines these are and where they stop. Requests only read.

mod api;
mod connections;
mod csv;
mod history;
mod hub;
mod live;
mod metrics;
mod openapi;
mod page;
mod server;
mod syslog;

pub use api::{BootReply, BootsReply, ErrorReply, Health, HistoryReply, LeaseView, LeasesReply};
pub use hub::Watch;
pub use openapi::document;
pub use server::serve;
pub use syslog::{parse_line, receive};
