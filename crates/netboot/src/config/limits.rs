//! `[serve.limits]`: how many clients are served at a time, and how many places one of them may have.
//!
//! `docs/limits.md` lists them; a test holds it to what is here.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

/// `[serve.limits]`: how many clients are served at once. [`Limit`] says what happens when one is met.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(description = "`[serve.limits]`: how many clients are served at once.")]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// TFTP transfers whose clients have answered.
    #[serde(deserialize_with = "within::<_, 1, 16_384>")]
    #[schemars(example = 2000, range(min = 1, max = 16_384))]
    pub tftp_transfers: usize,
    /// TFTP transfers that no client has answered yet.
    #[serde(deserialize_with = "within::<_, 1, 16_384>")]
    #[schemars(example = 1000, range(min = 1, max = 16_384))]
    pub tftp_unanswered: usize,
    /// TFTP transfers of one address. Raise it where many machines share an address (NAT).
    #[serde(deserialize_with = "within::<_, 1, 16_384>")]
    #[schemars(example = 64, range(min = 1, max = 16_384))]
    pub tftp_per_client: usize,
    /// HTTP and HTTPS connections that have sent a request.
    #[serde(deserialize_with = "within::<_, 1, 65_536>")]
    #[schemars(example = 4000, range(min = 1, max = 65_536))]
    pub http_connections: usize,
    /// HTTP and HTTPS connections that have sent no whole request, or whose request waits.
    #[serde(deserialize_with = "within::<_, 1, 65_536>")]
    #[schemars(example = 1000, range(min = 1, max = 65_536))]
    pub http_unproven: usize,
    /// HTTP and HTTPS connections of one address.
    #[serde(deserialize_with = "within::<_, 1, 65_536>")]
    #[schemars(example = 64, range(min = 1, max = 65_536))]
    pub http_per_client: usize,
    /// HTTP and HTTPS connections of one network (/24; /64 in IPv6) that have sent a request.
    #[serde(deserialize_with = "within::<_, 1, 65_536>")]
    #[schemars(example = 2000, range(min = 1, max = 65_536))]
    pub http_per_network: usize,
    /// Bytes a second that an HTTP client has to take, for its connection not to give way when a limit is met; 0:
    /// none gives way for its rate.
    #[serde(deserialize_with = "within::<_, 0, 1_000_000>")]
    #[schemars(example = 0, range(min = 0, max = 1_000_000))]
    pub http_least_rate: usize,
    /// Connections to the port of the page, beside those that follow boots.
    #[serde(deserialize_with = "within::<_, 1, 4096>")]
    #[schemars(example = 256, range(min = 1, max = 4096))]
    pub page_connections: usize,
    /// Connections to the port of the page of one address, and as many that follow boots.
    #[serde(deserialize_with = "within::<_, 1, 4096>")]
    #[schemars(example = 16, range(min = 1, max = 4096))]
    pub page_per_client: usize,
    /// Connections that follow boots (`/api/v1/events`).
    #[serde(deserialize_with = "within::<_, 1, 4096>")]
    #[schemars(example = 96, range(min = 1, max = 4096))]
    pub page_streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tftp_transfers: 1024,
            tftp_unanswered: 512,
            tftp_per_client: 16,
            http_connections: 2048,
            http_unproven: 512,
            http_per_client: 16,
            http_per_network: 1024,
            http_least_rate: 8000,
            page_connections: 128,
            page_per_client: 8,
            page_streams: 48,
        }
    }
}

/// A number of `[serve.limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Simultaneous TFTP transfers whose clients have answered. A transfer whose client is silent gives way
    /// to another that has just been answered, then one of an address that has several; else new requests are
    /// not answered.
    TftpTransfers,
    /// Simultaneous TFTP transfers that no client has answered yet, whose addresses may be forged. The oldest
    /// one of the address that has most gives way.
    TftpUnanswered,
    /// Simultaneous TFTP transfers of one address. Its oldest one that is unanswered or silent gives way;
    /// else its requests are not answered.
    TftpPerClient,
    /// Simultaneous HTTP and HTTPS connections that have sent a request. An idle one gives way, then the
    /// slowest below the least rate, then one of an address that has several; else the request waits, and is
    /// refused with status 503 after half a minute.
    HttpConnections,
    /// Simultaneous HTTP and HTTPS connections that have sent no whole request yet, or whose request waits.
    /// The oldest one of the address that has most is closed.
    HttpUnproven,
    /// Simultaneous HTTP and HTTPS connections of one address. Its oldest one without a request is closed,
    /// then its longest idle one; else the new one.
    HttpPerClient,
    /// The same as [`Limit::HttpConnections`], of one network of clients (/24; /64 in IPv6).
    HttpPerNetwork,
    /// Bytes a second that a client has to take, on average of the last minute, for its connection not to
    /// give way when [`Limit::HttpConnections`] or [`Limit::HttpPerNetwork`] is met. Where there are
    /// places, a client may be as slow as it likes.
    HttpLeastRate,
    /// Simultaneous connections to the port of the page, without those that follow boots live. The oldest one
    /// of the address that has most is closed, so that `/healthz` is always answered.
    PageConnections,
    /// Simultaneous connections of one address to the port of the page, and as many that follow boots live.
    /// Its oldest one is closed. Addresses of this computer have no such limit.
    PagePerClient,
    /// Simultaneous connections that follow boots live. The oldest one of the address that has most is
    /// closed.
    PageStreams,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::TftpTransfers,
        Self::TftpUnanswered,
        Self::TftpPerClient,
        Self::HttpConnections,
        Self::HttpUnproven,
        Self::HttpPerClient,
        Self::HttpPerNetwork,
        Self::HttpLeastRate,
        Self::PageConnections,
        Self::PagePerClient,
        Self::PageStreams,
    ];

    /// Its key in `[serve.limits]`, which is its label among the metrics, too.
    ///
    /// ```
    /// use winpe_netboot::config::{Config, Limit};
    /// let config: Config = "[serve.limits]\nhttp-connections = 4000".parse()?;
    /// assert_eq!(Limit::HttpConnections.key(), "http-connections");
    /// assert_eq!(config.serve.limits.of(Limit::HttpConnections), 4000);
    /// # Ok::<(), winpe_netboot::config::ConfigErrors>(())
    /// ```
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::TftpTransfers => "tftp-transfers",
            Self::TftpUnanswered => "tftp-unanswered",
            Self::TftpPerClient => "tftp-per-client",
            Self::HttpConnections => "http-connections",
            Self::HttpUnproven => "http-unproven",
            Self::HttpPerClient => "http-per-client",
            Self::HttpPerNetwork => "http-per-network",
            Self::HttpLeastRate => "http-least-rate",
            Self::PageConnections => "page-connections",
            Self::PagePerClient => "page-per-client",
            Self::PageStreams => "page-streams",
        }
    }

    /// What happens when it is met, as a text for the log.
    #[must_use]
    pub fn consequence(self) -> &'static str {
        match self {
            Self::TftpTransfers => "transfers of silent clients give way, or requests wait",
            Self::TftpUnanswered => "the oldest transfers that no client has answered give way",
            Self::TftpPerClient => "silent transfers of that client give way, or its requests wait",
            Self::HttpConnections => "idle and slow connections give way, or requests wait",
            Self::HttpUnproven => "the oldest connections without a request are closed",
            Self::HttpPerClient => "idle connections of that client are closed, or its new ones",
            Self::HttpPerNetwork => {
                "idle and slow connections of that network give way, or its requests wait"
            }
            Self::HttpLeastRate => "connections whose clients take less give way to others",
            Self::PageConnections => "the oldest connections to the page's port are closed",
            Self::PagePerClient => "the oldest connections of that client are closed",
            Self::PageStreams => "the oldest pages that follow boots are closed",
        }
    }
}

impl Limits {
    /// The number of one limit.
    #[must_use]
    pub fn of(&self, limit: Limit) -> usize {
        match limit {
            Limit::TftpTransfers => self.tftp_transfers,
            Limit::TftpUnanswered => self.tftp_unanswered,
            Limit::TftpPerClient => self.tftp_per_client,
            Limit::HttpConnections => self.http_connections,
            Limit::HttpUnproven => self.http_unproven,
            Limit::HttpPerClient => self.http_per_client,
            Limit::HttpPerNetwork => self.http_per_network,
            Limit::HttpLeastRate => self.http_least_rate,
            Limit::PageConnections => self.page_connections,
            Limit::PagePerClient => self.page_per_client,
            Limit::PageStreams => self.page_streams,
        }
    }

    /// File descriptors that are needed when all of it is used: a socket and a file for each transfer.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        /// The server's own ports, files, threads and namespaces.
        const OWN: usize = 128;
        let with_file = self.tftp_transfers + self.tftp_unanswered + self.http_connections;
        2 * with_file + self.http_unproven + self.page_connections + self.page_streams + OWN
    }
}

/// A whole number from `MIN` to `MAX`.
fn within<'de, D: Deserializer<'de>, const MIN: i64, const MAX: i64>(
    deserializer: D,
) -> Result<usize, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let refused = || {
        let expected = format!("a number from {MIN} to {MAX}");
        de::Error::invalid_value(de::Unexpected::Signed(number), &expected.as_str())
    };
    if !(MIN..=MAX).contains(&number) {
        return Err(refused());
    }
    usize::try_from(number).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn error(text: &str) -> String {
        text.parse::<Config>().unwrap_err().to_string()
    }

    #[test]
    fn each_limit_has_a_key() {
        for limit in Limit::ALL {
            let config: Config = format!("[serve.limits]\n{} = 77", limit.key()).parse().unwrap();
            for other in Limit::ALL {
                let expected = if other == limit { 77 } else { Limits::default().of(other) };
                assert_eq!(config.serve.limits.of(other), expected, "{limit:?}, {other:?}");
            }
        }
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused_where_they_are() {
        for (value, expected) in [
            ("0", "invalid value: integer `0`, expected a number from 1 to 65536"),
            ("-1", "expected a number from 1 to 65536"),
            ("65537", "expected a number from 1 to 65536"),
            ("9223372036854775807", "expected a number from 1 to 65536"),
            ("'many'", "invalid type: string \"many\""),
            ("1.5", "invalid type: floating point `1.5`"),
        ] {
            let error = error(&format!("[serve.limits]\n\n  http-connections = {value}"));
            assert!(error.starts_with("line 3, column 22: "), "{value}: {error}");
            assert!(error.contains(expected), "{value}: {error}");
        }
        let error = error("[serve.limits]\nhttp-conections = 7");
        assert!(error.starts_with("line 2, column 1: unknown field"), "{error}");
        assert!("[serve.limits]\nhttp-least-rate = 0".parse::<Config>().is_ok());
    }
}
