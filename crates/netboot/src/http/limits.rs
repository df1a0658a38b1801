//! Limits of the HTTP server.

use std::time::Duration;

use crate::config;

/// Limits of the HTTP server. A connection without TLS holds up to 128 KiB of a file that has to come from a
/// disk, and all of them together 48 MiB; one with TLS holds up to three times as much.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Simultaneous connections that have sent a request; more requests wait until one ends or gives way.
    pub connections: usize,
    /// Simultaneous connections that have not, besides the others; the oldest are closed.
    pub unproven: usize,
    /// Simultaneous connections of one address; more are closed.
    pub connections_per_client: usize,
    /// Simultaneous connections of one network of clients that have sent a request.
    pub connections_per_network: usize,
    /// Bytes a second, below which a connection gives way to another; 0 where none does.
    pub least_rate: usize,
    /// How long the head of a request may take, counted from the end of the answer before.
    pub idle: Duration,
    /// How long a client may take nothing of an answer.
    pub stalled: Duration,
    /// How long answers under way may take when the server is to end.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&config::Limits::default())
    }
}

impl From<&config::Limits> for Limits {
    fn from(limits: &config::Limits) -> Self {
        Self {
            connections: limits.http_connections,
            unproven: limits.http_unproven,
            connections_per_client: limits.http_per_client,
            connections_per_network: limits.http_per_network,
            least_rate: limits.http_least_rate,
            idle: Duration::from_secs(30),
            stalled: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        }
    }
}
