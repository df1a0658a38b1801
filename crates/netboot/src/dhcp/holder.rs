//! Questions to the task that keeps the leases: which machine has an address.

use std::net::Ipv4Addr;

use tokio::sync::oneshot;

use crate::wire::dhcp::Hardware;

/// Queries that may wait.
pub(crate) const QUERIES: usize = 64;

/// Asks which machine has an address.
pub(crate) struct HolderQuery {
    pub(crate) address: Ipv4Addr,
    pub(crate) answer: oneshot::Sender<Holder>,
}

/// Which machine has an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Another server gives the addresses.
    Unknown,
    /// No lease of it is in force.
    None,
    /// The machine that was given it.
    Machine(Hardware),
}
