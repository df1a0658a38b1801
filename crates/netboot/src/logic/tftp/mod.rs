//! The TFTP server's decisions, without sockets, files or clocks.
//!
//! ```text
//!                 ┌──────────────┐ read request ┌───────────┐ options, limits
//!   datagram ───► │   Sessions   │ ───────────► │ negotiate │ ───────┐
//!                 │ admit, bound │              └───────────┘        ▼
//!                 │              │                             ┌──────────┐ wanted, supply ◄─ file
//!                 └──────────────┘             datagram, time ►│ Transfer │
//!                                                              └──────────┘ transmit ─► datagram
//! ```
//!
//! A [`Transfer`] sends one file to one client. It does no I/O: its owner supplies the file's bytes, each
//! packet of the client and the time, and takes the packets to send and the time of the next wake-up.

mod held;
mod limits;
mod negotiate;
mod netascii;
mod round_trip;
mod sessions;
mod transfer;

pub use limits::Limits;
pub(crate) use negotiate::most_block_size;
pub use negotiate::{Agreed, negotiate};
pub use sessions::{Admission, Session, Sessions};
pub use transfer::{Ignored, Outcome, Progress, Run, Transfer};

#[cfg(test)]
mod tests;
