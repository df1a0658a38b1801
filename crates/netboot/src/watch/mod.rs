//! For people who wait: boots as they happen on a page, as JSON and as numbers.
//!
//! ```text
//!   events ─► Watch ─┬─► timeline ─► GET /api/v1/boots, /api/v1/events (live), the page at /
//!                    └─► metrics ──► GET /metrics
//!   iPXE's console ─► syslog ─► events
//! ```
//!
//! It has a port of its own, on the loopback interface where the configuration does not say otherwise:
//! machines that boot share a link with whoever plugs in a cable, and who they are and where they stop
//! is nothing for everybody. Nothing can be changed here; every request reads.

mod api;
mod hub;
mod live;
mod metrics;
mod openapi;
mod page;
mod room;
mod server;
mod syslog;

pub use api::{BootReply, BootsReply, ErrorReply, Health};
pub use hub::Watch;
pub use openapi::document;
pub use server::serve;
pub use syslog::{parse_line, receive};
