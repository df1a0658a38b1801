//! What happened: one value for each thing worth a line in the log.
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
//! For machines, an event is an object whose `event` says which it is. Nothing in it is escaped but
//! by the syntax of the format:
//!
//! | `event` | fields |
//! |---|---|
//! | `answered` | `client` (MAC), `kind`, `message`, `answer`, `address` or null, `file` or null |
//! | `ignored` | `client`, `reason` |
//! | `requested` | `protocol` (`tftp`, `http`), `client` (address and port), `file` |
//! | `sent` | the same, `bytes`, `seconds`, `sha256` of the whole file or null while it is not known |
//! | `hashed` | `file`, `bytes`, `sha256`, `before`: what it was when it was served before, or null |
//! | `failed` | `protocol`, `client`, `file`, `bytes`, `reason`: one of `not_found`, `refused`, `size_probe`, `client_error`, `lost`, `busy`, `malformed`, `io` |
//! | `stalled` | `client`, `file`, `block`, `retries`, `seconds` |
//! | `console` | `client` (address), `line` |
//! | `repeated` | `of` (an `event`), `count`, `clients`, `seconds`, `example` (a line): what a log leaves out |
//! | `warning`, `note` | `text` |
//!
//! `heard`, `progress`, `leases` and `impaired` are no lines of a log; they are for
//! [`timeline`](crate::timeline) and [`watch`](crate::watch).

mod quiet;

pub use quiet::Quiet;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::client::Client;
use crate::files::Digest;
use crate::logic::dhcp::Ignore;

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

/// What happened. Its [`Display`](fmt::Display) is one line of the log: whatever a client sent is
/// escaped, so that no client writes lines of its own.
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
        /// What came: `DISCOVER`.
        message: &'static str,
        /// What went: `OFFER`.
        answer: &'static str,
        /// The address given to the client; none from a proxy.
        address: Option<Ipv4Addr>,
        /// The boot file or URL named.
        file: Option<String>,
    },
    /// A packet was not answered.
    Ignored {
        /// Hardware address or socket address, whichever is known.
        client: String,
        /// Why, in words.
        reason: String,
    },
    /// A DHCP message came from a client. Another event tells what became of it; this one tells
    /// whoever follows boots all that the message said.
    #[serde(skip)]
    Heard(Box<Heard>),
    /// A file was asked for; the line reads as TFTP servers write it.
    Requested {
        /// How it was asked for.
        protocol: Protocol,
        /// Who asked.
        client: SocketAddr,
        /// The name as the client spelt it.
        file: String,
    },
    /// A file was sent whole, or the part of it that was asked for.
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
        /// What the whole file is, where that is known by now.
        sha256: Option<Digest>,
    },
    /// A file that is served was read for the first time, or has changed since.
    Hashed {
        /// Its name, in small letters.
        file: String,
        /// Its length.
        bytes: u64,
        /// What it is.
        sha256: Digest,
        /// What the file of this name was before.
        before: Option<Digest>,
    },
    /// A request came to nothing.
    Failed {
        /// How it was asked for.
        protocol: Protocol,
        /// Who asked.
        client: SocketAddr,
        /// The name as the client spelt it; empty where none could be read.
        file: String,
        /// Bytes of the file that were sent before.
        bytes: u64,
        /// Why.
        #[serde(serialize_with = "code")]
        reason: Failure,
    },
    /// How far a file is: told about once a second; by TFTP also before [`Event::Stalled`] and where what was
    /// opened is not sent whole, by HTTP also when it is opened.
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
        /// Who sent it.
        client: IpAddr,
        /// What it says.
        line: String,
    },
    /// How many leases are in force, told when that has changed.
    Leases {
        /// So many.
        bound: usize,
    },
    /// Lines that a log leaves out, as they are like others or too many ([`Quiet`]).
    Repeated {
        /// The `event` that they are.
        of: &'static str,
        /// So many.
        count: u64,
        /// Of so many clients; at least, where there are very many.
        clients: usize,
        /// Within this time.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        elapsed: Duration,
        /// The first of them, as a line.
        example: String,
    },
    /// A part of the server does less than it should, or does all again.
    #[serde(skip)]
    Impaired {
        /// Which: `leases`.
        part: &'static str,
        /// Why; none where it does all again.
        reason: Option<String>,
    },
    /// Something the administrator should know.
    Warning {
        /// In words.
        text: String,
    },
    /// Something the server did or found out by itself.
    Note {
        /// In words.
        text: String,
    },
}

/// What a DHCP message says about its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Who sent it, spelt as in the event that tells what became of it.
    pub client: String,
    /// What the sender is.
    pub about: Client,
    /// What came: `DISCOVER`.
    pub message: &'static str,
    /// The address that the client has or asks for.
    pub address: Option<Ipv4Addr>,
    /// The server that the client speaks to (option 54).
    pub server: Option<Ipv4Addr>,
    /// Why it gets no answer, where it gets none.
    pub ignored: Option<Ignore>,
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

/// Why a file was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// There is no such file.
    #[error("not found")]
    NotFound,
    /// The name is not one that may be asked for.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// The client only wanted to know the size, and said so by giving up; UEFI does it every time.
    #[error("client asked for the size only")]
    SizeProbe,
    /// The client gave up.
    #[error("client gave up: error {code}, {text:?}")]
    ClientError {
        /// The TFTP error code.
        code: u16,
        /// Its text, shortened.
        text: String,
    },
    /// The client went silent or hung up.
    #[error("client went silent")]
    Lost,
    /// A limit was reached.
    #[error("busy: {0}")]
    Busy(&'static str),
    /// The request makes no sense.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The file could not be read.
    #[error("cannot read: {0}")]
    Io(String),
}

impl Failure {
    /// One word for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Refused(_) => "refused",
            Self::SizeProbe => "size_probe",
            Self::ClientError { .. } => "client_error",
            Self::Lost => "lost",
            Self::Busy(_) => "busy",
            Self::Malformed(_) => "malformed",
            Self::Io(_) => "io",
        }
    }
}

fn seconds<S: Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(elapsed.as_secs_f64())
}

fn code<S: Serializer>(reason: &Failure, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.code())
}

impl Event {
    /// Whether it is worth a line of a log. What is not, is for those that show a boot as it happens.
    #[must_use]
    pub fn is_logged(&self) -> bool {
        !matches!(
            self,
            Self::Heard(_) | Self::Progress { .. } | Self::Leases { .. } | Self::Impaired { .. }
        )
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { client, kind, message, answer, address, file } => {
                write!(f, "{message} from {client} ({}) {answer}", kind.escape_debug())?;
                if let Some(address) = address {
                    write!(f, " {address}")?;
                }
                match file {
                    Some(file) => write!(f, " file {}", file.escape_debug()),
                    None => Ok(()),
                }
            }
            Self::Ignored { client, reason } => {
                write!(f, "ignored {}: {}", client.escape_debug(), reason.escape_debug())
            }
            Self::Heard(heard) => {
                write!(f, "{} from {} ({})", heard.message, heard.client, heard.about)
            }
            Self::Progress { protocol, client, file, bytes, size } => {
                let (file, ip) = (file.escape_debug(), client.ip());
                write!(f, "{protocol} {file} to {ip}: {bytes} of {size} bytes")
            }
            Self::Stalled { client, file, block, retries, silent } => write!(
                f,
                "TFTP {} to {} stalled at block {block} for {:.1} s, sent again {retries} times",
                file.escape_debug(),
                client.ip(),
                silent.as_secs_f64(),
            ),
            Self::Console { client, line } => write!(f, "{client} says: {}", line.escape_debug()),
            Self::Repeated { of: _, count, clients, elapsed, example } => {
                let seconds = elapsed.as_secs();
                let (lines, machines) = (plural(*count), plural(*clients as u64));
                write!(
                    f,
                    "... and {count} more line{lines} in the last {seconds} s from {clients} \
                     machine{machines}, such as: {example}"
                )
            }
            Self::Impaired { part, reason } => match reason {
                Some(reason) => write!(f, "{part}: {}", reason.escape_debug()),
                None => write!(f, "{part}: as they should be"),
            },
            Self::Leases { bound } => write!(f, "{bound} leases in force"),
            Self::Requested { protocol, client, file } => {
                let verb = match protocol {
                    Protocol::Tftp => "RRQ",
                    Protocol::Http => "GET",
                };
                write!(f, "{verb} from {} filename {}", client.ip(), file.escape_debug())
            }
            Self::Sent { protocol, client, file, bytes, elapsed, sha256: _ } => {
                write!(
                    f,
                    "{protocol} sent {} to {}: {bytes} bytes in {:.3} s",
                    file.escape_debug(),
                    client.ip(),
                    elapsed.as_secs_f64(),
                )?;
                match speed(*bytes, *elapsed) {
                    Some(speed) => write!(f, ", {speed:.1} MB/s"),
                    None => Ok(()),
                }
            }
            Self::Hashed { file, bytes, sha256, before } => {
                let file = file.escape_debug();
                match before {
                    None => write!(f, "{file}: {bytes} bytes, SHA-256 {sha256}"),
                    Some(before) => write!(
                        f,
                        "{file} has changed: {bytes} bytes, SHA-256 {sha256}, before it was {before}"
                    ),
                }
            }
            Self::Failed { protocol, client, file, bytes, reason } => {
                let (file, ip) = (file.escape_debug(), client.ip());
                write!(f, "{protocol} did not send {file} to {ip}: {reason}")?;
                if *bytes > 0 { write!(f, " after {bytes} bytes") } else { Ok(()) }
            }
            Self::Warning { text } => write!(f, "warning: {}", text.escape_debug()),
            Self::Note { text } => write!(f, "{}", text.escape_debug()),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tftp => "TFTP",
            Self::Http => "HTTP",
        })
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Megabytes a second; none where the time is too short to say.
fn speed(bytes: u64, elapsed: Duration) -> Option<f64> {
    let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    // A byte a microsecond is a megabyte a second; tenths are all that is shown.
    let tenths = bytes.saturating_mul(10).checked_div(micros)?;
    (elapsed >= Duration::from_millis(1))
        .then(|| f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0)
}

#[cfg(test)]
mod tests;
