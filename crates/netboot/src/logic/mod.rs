//! What is answered: pure functions of packet, configuration, state and time.

pub mod dhcp;
pub mod tftp;
mod time;

pub use time::Time;
