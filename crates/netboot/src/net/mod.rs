//! What the servers share below their protocols: the interface, sockets, and ways to wait for them.

mod busy_poll;
mod epoll;
mod interface;
mod socket;

pub(crate) use busy_poll::{BusyPollPermit, NEAR_RTT};
pub(crate) use epoll::register;
pub use interface::{Interface, InterfaceError};
pub use socket::{PortError, Service};
pub(crate) use socket::{tcp, udp};
