//! What is answered: pure functions of packet, configuration, state and time.

pub mod dhcp;
mod time;

pub use time::Time;
