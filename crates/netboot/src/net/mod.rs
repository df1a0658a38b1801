//! What the servers share below their protocols: the interface, sockets, and ways to wait for them.

mod busy_poll;
mod epoll;
mod interface;
mod socket;

pub(crate) use busy_poll::{BusyPollPermit, NEAR_RTT};
pub(crate) use epoll::register;
pub use interface::{Interface, InterfaceError};
pub(crate) use socket::{At, BoundSockets, tcp, udp};
pub use socket::{PortError, Service};
