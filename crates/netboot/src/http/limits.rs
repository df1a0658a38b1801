//! What the server grants, at most.

use std::time::Duration;

/// What the server grants, at most. A connection holds about half a megabyte while it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at once; more wait until one ends.
    pub connections: usize,
    /// Connections at once of one address; more are closed.
    pub connections_per_client: usize,
    /// How long the head of a request may take, counted from the end of the answer before.
    pub idle: Duration,
    /// How long a client may take nothing of an answer.
    pub stalled: Duration,
    /// How long answers under way may take when the server is to end.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            connections_per_client: 16,
            idle: Duration::from_secs(30),
            stalled: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        }
    }
}
