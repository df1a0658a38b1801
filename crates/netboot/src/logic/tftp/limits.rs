//! Limits of the TFTP server.

use std::time::Duration;

use crate::config;
use crate::wire::tftp::MAX_BLOCK_SIZE;

/// Limits of the TFTP server. The defaults allow a rack of machines to boot together and bound memory to
/// about 200 MiB.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Simultaneous transfers whose clients have answered.
    pub transfers: usize,
    /// Simultaneous transfers without an answer yet, besides the others, so that requests with forged
    /// addresses take no place of a real client.
    pub unanswered: usize,
    /// Simultaneous transfers of one address; boot loaders read one file after the other.
    pub transfers_per_client: usize,
    /// Bytes of a block. Where the path carries less without fragments, a client that asks for no more than an
    /// Ethernet frame holds gets what the path carries.
    pub block_size: u16,
    /// Blocks sent without waiting.
    pub window_blocks: u16,
    /// Bytes sent without waiting, to one client.
    pub window_bytes: usize,
    /// The same of all transfers together, up to twice this. What is left when a transfer begins bounds its
    /// window, but never to less than one block, or than this divided by all transfers that there may be.
    pub window_bytes_in_all: usize,
    /// Times that the first packet is sent again before the client has answered. Its address may be forged,
    /// and the owner of the address gets each of them.
    pub first_tries: u32,
    /// How long a client may take for its first answer.
    pub first_answer: Duration,
    /// How long a client that has answered may be silent: a switch that finds its spanning tree again
    /// takes 30 seconds before it passes packets on, and what is lost is sent again within 4.
    pub silence: Duration,
    /// Times that the last block alone is sent again before the client counts as having it: some firmware
    /// starts what it has loaded and sends no acknowledgement.
    pub tries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&config::Limits::default())
    }
}

impl From<&config::Limits> for Limits {
    fn from(limits: &config::Limits) -> Self {
        Self {
            transfers: limits.tftp_transfers,
            unanswered: limits.tftp_unanswered,
            transfers_per_client: limits.tftp_per_client,
            block_size: MAX_BLOCK_SIZE,
            window_blocks: 64,
            window_bytes: 256 * 1024,
            window_bytes_in_all: 32 * 1024 * 1024,
            first_tries: 2,
            first_answer: Duration::from_secs(10),
            silence: Duration::from_secs(35),
            tries: 6,
        }
    }
}
