//! What is answered: pure functions of packet, configuration, state and time.

pub mod dhcp;
pub mod ipv6;
mod shares;
pub mod tftp;
mod time;

pub use shares::{Place, Shares, network_of};
pub use time::Time;
