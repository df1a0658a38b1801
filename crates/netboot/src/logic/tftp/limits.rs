//! What the server grants, at most.

use crate::wire::tftp::MAX_BLOCK_SIZE;

/// What the server grants, at most. The defaults hold a rack of machines that boot at once and bound
/// memory to about 200 MiB.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Transfers at once.
    pub transfers: usize,
    /// Transfers at once that no answer has come for yet, so that requests with forged addresses
    /// leave room for real ones.
    pub unanswered: usize,
    /// Transfers at once of one address; boot loaders read one file after the other.
    pub transfers_per_client: usize,
    /// Bytes of a block; where the path carries less without fragments, see
    /// [`most_block_size`](super::most_block_size).
    pub block_size: u16,
    /// Blocks sent without waiting.
    pub window_blocks: u16,
    /// Bytes sent without waiting, to one client.
    pub window_bytes: usize,
    /// The same of all transfers together. What is left when a transfer begins bounds its window,
    /// but never to less than one block.
    pub window_bytes_in_all: usize,
    /// Times that a packet is sent again before the client counts as lost.
    pub tries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            transfers: 1024,
            unanswered: 512,
            transfers_per_client: 16,
            block_size: MAX_BLOCK_SIZE,
            window_blocks: 64,
            window_bytes: 256 * 1024,
            window_bytes_in_all: 32 * 1024 * 1024,
            tries: 6,
        }
    }
}
