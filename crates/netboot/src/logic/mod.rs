//! What is answered: pure functions of packet, configuration, state and time.

pub mod dhcp;
mod shares;
pub mod tftp;
mod time;

pub use shares::{Place, Shares, network_of};
pub use time::Time;
