//! What happened: one value for each line of the log, and for each change that the timeline and the page
//! need.
//!
//! ```
//! use std::sync::Arc;
//! use winpe_netboot::event::{Event, Protocol, Sink};
//!
//! let log: Arc<dyn Sink> = Arc::new(|event: Event| eprintln!("{event}"));
//! log.event(Event::Requested {
//!     protocol: Protocol::Tftp,
//!     client: "192.168.0.181:2070".parse()?,
//!     file: "pxelinux.cfg/C0A800B5".to_owned(),
//! });
//! # Ok::<(), std::net::AddrParseError>(())
//! ```
//!
//! As JSON, an event is an object whose `event` says which it is. Its texts are escaped by the syntax of JSON
//! only:
//!
//! | `event` | fields |
//! |---|---|
//! | `answered` | `client` (MAC), `kind`, `message`, `answer`, `address` or null, `file` or null |
//! | `ignored` | `client`, `reason` |
//! | `requested` | `protocol` (`tftp`, `http`), `client` (address and port), `file` |
//! | `sent` | the same, `bytes`, `seconds`, `sha256` of the whole file or null while it is not known |
//! | `hashed` | `file`, `bytes`, `sha256`, `before`: what it was when it was served before, or null |
//! | `failed` | `protocol`, `client`, `file`, `bytes`, `reason`: one of `not_found`, `refused`, `size_probe`, `client_error`, `lost`, `busy`, `malformed`, `changed`, `io` |
//! | `stalled` | `client`, `file`, `block`, `retries`, `seconds` |
//! | `console` | `client` (address), `line` |
//! | `repeated` | `of` (an `event`), `count`, `clients`, `seconds`, `example` (a line): what a log leaves out |
//! | `ipv6` | `client` (MAC), `waiting`: one of `ended`, `other_router`, `firmware`; `seconds` since its first DHCP message |
//! | `warning`, `note` | `text` |
//!
//! `heard`, `progress`, `leases` and `impaired` are no lines of a log; they are for
//! [`timeline`](crate::timeline) and [`watch`](crate::watch).

mod display;
mod failure;
mod ignore;
mod quiet;

pub use failure::Failure;
pub use ignore::Ignore;
pub use quiet::Quiet;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::client::Client;
use crate::digest::Digest;
use crate::wire::dhcp::MessageType;

/// Where events go. Called from the middle of the work, so it must not block.
pub trait Sink: Send + Sync + 'static {
    /// Takes one event.
    fn event(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync + 'static> Sink for F {
    fn event(&self, event: Event) {
        self(event);
    }
}

/// What happened. Its [`Display`](std::fmt::Display) is one line of the log: whatever a client sent is escaped, so
/// that no client can write lines of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A DHCP message was answered.
    Answered {
        /// The hardware address, as `52:54:00:00:00:01`.
        client: String,
        /// What kind of client it is, as `UEFI x64` or `iPXE on BIOS`.
        kind: String,
        /// The client's message: `DISCOVER`.
        #[serde(serialize_with = "message_name")]
        message: MessageType,
        /// The answer: `OFFER`.
        #[serde(serialize_with = "message_name")]
        answer: MessageType,
        /// The address given to the client; none from a proxy.
        address: Option<Ipv4Addr>,
        /// The boot file or URL named.
        file: Option<String>,
    },
    /// An answer names no boot file, to a client that boots; another event is the answer.
    #[serde(skip)]
    NotNamed {
        /// The client, spelt as in the event of the answer.
        client: String,
        /// Why.
        reason: Ignore,
    },
    /// A packet was not answered.
    Ignored {
        /// Hardware address or socket address, whichever is known.
        client: String,
        /// Why, in words.
        reason: String,
    },
    /// A DHCP message was received. Another event reports the answer, or why there is none; this one carries
    /// all that the message says, for the timeline.
    #[serde(skip)]
    Heard(Box<Heard>),
    /// A file was asked for; the line reads as TFTP servers write it.
    Requested {
        /// How it was asked for.
        protocol: Protocol,
        /// The client's address and port.
        client: SocketAddr,
        /// The name as the client spelt it.
        file: String,
    },
    /// A file was sent whole, or the range of it that was asked for.
    Sent {
        /// How it was sent.
        protocol: Protocol,
        /// To whom.
        client: SocketAddr,
        /// The name as the client spelt it.
        file: String,
        /// Bytes of the file that were sent.
        bytes: u64,
        /// From the request to the last acknowledgement.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        elapsed: Duration,
        /// The digest of the whole file, where it is known by now.
        sha256: Option<Digest>,
    },
    /// A file that is served was read for the first time, or has changed since.
    Hashed {
        /// Its name, in small letters.
        file: String,
        /// Its length.
        bytes: u64,
        /// Its digest.
        sha256: Digest,
        /// The digest of the file that had this name before.
        before: Option<Digest>,
    },
    /// A request came to nothing.
    Failed {
        /// How it was asked for.
        protocol: Protocol,
        /// The client's address and port.
        client: SocketAddr,
        /// The name as the client spelt it; empty where none could be read.
        file: String,
        /// Bytes of the file that were sent before.
        bytes: u64,
        /// Why.
        #[serde(serialize_with = "code")]
        reason: Failure,
    },
    /// The progress of a transfer: about once a second; by TFTP also before [`Event::Stalled`] and where an
    /// opened file is not sent whole, by HTTP also when the file is opened.
    Progress {
        /// How it is sent.
        protocol: Protocol,
        /// To whom.
        client: SocketAddr,
        /// The name as the client spelt it.
        file: String,
        /// Bytes of the file that were sent.
        bytes: u64,
        /// How many there are, or how many were asked for.
        size: u64,
    },
    /// A client does not acknowledge what it is sent.
    Stalled {
        /// To whom a file is sent, by TFTP.
        client: SocketAddr,
        /// The name as the client spelt it.
        file: String,
        /// The block that is not acknowledged; 0 is the answer to the client's options.
        block: u64,
        /// How often it was sent again.
        retries: u32,
        /// Since when nothing was heard.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        silent: Duration,
    },
    /// A line of a client's own console, sent by syslog as iPXE does.
    Console {
        /// The client's address.
        client: IpAddr,
        /// What it says.
        line: String,
    },
    /// A machine that boots asks for something over IPv6.
    Ipv6 {
        /// Its MAC address, spelt as in the events of DHCP.
        client: String,
        /// What that means for its boot.
        waiting: Waiting,
        /// Since the first DHCP message of the program that asks.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        elapsed: Duration,
    },
    /// How many leases are in force, when that has changed.
    Leases {
        /// So many.
        bound: usize,
    },
    /// An address was given to a machine, or is its no more.
    #[serde(skip)]
    Lease {
        /// The address.
        address: Ipv4Addr,
        /// The machine: hardware address or client identifier.
        client: String,
        /// Until when, in milliseconds since 1970; none where the lease has ended.
        until: Option<u64>,
    },
    /// Lines that the log leaves out, since they repeat others or are too many ([`Quiet`]).
    Repeated {
        /// The `event` that they are.
        of: &'static str,
        /// So many.
        count: u64,
        /// The number of clients; a lower bound, where there are very many.
        clients: usize,
        /// Within this time.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        elapsed: Duration,
        /// The first of them, as a line.
        example: String,
    },
    /// A part of the server does less than it should, or works again.
    #[serde(skip)]
    Impaired {
        /// Which: `leases`.
        part: &'static str,
        /// Why; none where it works again.
        reason: Option<String>,
    },
    /// Something the administrator should know.
    Warning {
        /// In words.
        text: String,
    },
    /// Something that the server did or found out.
    Note {
        /// In words.
        text: String,
    },
}

/// A DHCP message, and what it says about its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The sender, spelt as in the event of the answer.
    pub client: String,
    /// The sender, as the message describes it.
    pub about: Client,
    /// Its type.
    pub message: MessageType,
    /// The address that the client has or asks for.
    pub address: Option<Ipv4Addr>,
    /// The server that the client speaks to (option 54).
    pub server: Option<Ipv4Addr>,
    /// Why it gets no answer, where it gets none.
    pub ignored: Option<Ignore>,
    /// The `[[client]]` table that matches it.
    pub table: Option<String>,
}

/// What IPv6 makes a booting machine wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// Nothing any more: it asked for a router, and was answered that there is none.
    Ended,
    /// For DHCPv6: the advertisement of another router says that there is a server.
    OtherRouter,
    /// For PXE over IPv6, which its firmware tries after that over IPv4.
    Firmware,
}

impl Waiting {
    /// Its name in JSON.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::OtherRouter => "other_router",
            Self::Firmware => "firmware",
        }
    }
}

/// How a file travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// RFC 1350 and its options.
    Tftp,
    /// HTTP/1.1.
    Http,
}

fn seconds<S: Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(elapsed.as_secs_f64())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn message_name<S: Serializer>(message: &MessageType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(message.name())
}

fn code<S: Serializer>(reason: &Failure, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.code())
}

impl Event {
    /// A warning that a client got a mixture of two versions of a file.
    pub(crate) fn mixture(file: &str, client: SocketAddr) -> Self {
        let ip = client.ip();
        let text = format!(
            "{file} was written to while it was sent to {ip}, which got a mixture of both versions: write a \
             new version under another name and rename it"
        );
        Self::Warning { text }
    }

    /// Whether it is a line of the log. Other events are for the timeline and the page.
    #[must_use]
    pub fn is_logged(&self) -> bool {
        !matches!(
            self,
            Self::Heard(_)
                | Self::NotNamed { .. }
                | Self::Lease { .. }
                | Self::Progress { .. }
                | Self::Leases { .. }
                | Self::Impaired { .. }
        )
    }
}

#[cfg(test)]
mod tests;
