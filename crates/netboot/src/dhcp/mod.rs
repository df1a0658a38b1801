//! The DHCP server's sockets, clock and lease log around [`logic::dhcp`](crate::logic::dhcp).
//!
//! ```text
//!   sockets ─► server ─► logic ─► decisions ─┬─ without a lease ──────────────► send, probe, report
//!                ▲                           └─ with one ─► durable ─► lease log ─┘
//!                └─ arp, configurations, holder queries
//! ```

mod arp;
mod clock;
mod detect;
mod durable;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod holder;
mod lease_file;
mod lease_line;
mod lease_log;
mod role;
mod server;
mod state;

pub(crate) use arp::neighbour;
pub(crate) use detect::{Questioner, question_socket};
pub(crate) use holder::{Holder, HolderQuery, QUERIES};
pub use lease_log::LeaseLogError;
pub(crate) use lease_log::{FILES, LeaseLog, Restored, state_folder};
pub use role::Refusal;
pub(crate) use role::decide_role;
pub(crate) use server::{Change, Driver, Inbox, Setup, Sockets};
pub use state::StateError;
pub(crate) use state::{Recipient, StateFolder};
