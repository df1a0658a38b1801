//! The TFTP server's decisions, without sockets, files or clocks.
//!
//! ```text
//!                 ┌──────────────┐ read request ┌───────────┐ options, limits
//!   datagram ───► │   Sessions   │ ───────────► │ negotiate │ ───────┐
//!                 │ who may have │              └───────────┘        ▼
//!                 │ how much     │                             ┌──────────┐ wanted, supply ◄─ file
//!                 └──────────────┘             datagram, time ►│ Transfer │
//!                                                              └──────────┘ transmit ─► datagram
//! ```
//!
//! A [`Transfer`] sends one file to one client. It is driven: whoever owns it gives it the file's
//! bytes when it wants some, each packet of the client, and the time; and takes the packets that it
//! has to send, and when it wants to be woken.

mod held;
mod limits;
mod negotiate;
mod netascii;
mod round_trip;
mod sessions;
mod transfer;

pub use limits::Limits;
pub use negotiate::{Agreed, most_block_size, negotiate};
pub use sessions::{Admission, Session, Sessions};
pub use transfer::{Ignored, Outcome, Progress, Run, Transfer};

#[cfg(test)]
mod tests;
