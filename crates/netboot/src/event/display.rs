//! Events as lines of a log, for people.

use std::fmt;
use std::time::Duration;

use super::{Event, Protocol, Waiting};

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { .. }
            | Self::NotNamed { .. }
            | Self::Lease { .. }
            | Self::Ignored { .. }
            | Self::Heard(_)
            | Self::Leases { .. } => fmt_dhcp(self, f),
            Self::Requested { .. }
            | Self::Progress { .. }
            | Self::Stalled { .. }
            | Self::Sent { .. }
            | Self::Failed { .. } => fmt_transfer(self, f),
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
            Self::Ipv6 { client, waiting, elapsed } => {
                let seconds = elapsed.as_secs_f64();
                write!(f, "IPv6 of {client} after {seconds:.1} s: {waiting}")
            }
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
            Self::Warning { text } => write!(f, "warning: {}", text.escape_debug()),
            Self::Note { text } => write!(f, "{}", text.escape_debug()),
        }
    }
}

/// Events of DHCP; nothing for others.
fn fmt_dhcp(event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match event {
        Event::Answered { client, kind, message, answer, address, file } => {
            let (message, answer) = (message.name(), answer.name());
            write!(f, "{message} from {client} ({}) {answer}", kind.escape_debug())?;
            if let Some(address) = address {
                write!(f, " {address}")?;
            }
            match file {
                Some(file) => write!(f, " file {}", file.escape_debug()),
                None => Ok(()),
            }
        }
        Event::NotNamed { client, reason } => write!(f, "no boot file for {client}: {reason}"),
        Event::Ignored { client, reason } => {
            write!(f, "ignored {}: {}", client.escape_debug(), reason.escape_debug())
        }
        Event::Heard(heard) => {
            write!(f, "{} from {} ({})", heard.message.name(), heard.client, heard.about)
        }
        Event::Lease { address, client, until } => match until {
            Some(_) => write!(f, "{address} is leased to {client}"),
            None => write!(f, "the lease of {address} has ended"),
        },
        Event::Leases { bound } => write!(f, "{bound} leases in force"),
        _ => Ok(()),
    }
}

/// Events of a transfer; nothing for others.
fn fmt_transfer(event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match event {
        Event::Requested { protocol, client, file } => {
            let verb = match protocol {
                Protocol::Tftp => "RRQ",
                Protocol::Http => "GET",
            };
            write!(f, "{verb} from {} filename {}", client.ip(), file.escape_debug())
        }
        Event::Progress { protocol, client, file, bytes, size } => {
            let (file, ip) = (file.escape_debug(), client.ip());
            write!(f, "{protocol} {file} to {ip}: {bytes} of {size} bytes")
        }
        Event::Stalled { client, file, block, retries, silent } => write!(
            f,
            "TFTP {} to {} stalled at block {block} for {:.1} s, sent again {retries} times",
            file.escape_debug(),
            client.ip(),
            silent.as_secs_f64(),
        ),
        Event::Sent { protocol, client, file, bytes, elapsed, sha256: _ } => {
            let (file, ip, seconds) = (file.escape_debug(), client.ip(), elapsed.as_secs_f64());
            write!(f, "{protocol} sent {file} to {ip}: {bytes} bytes in {seconds:.3} s")?;
            match speed(*bytes, *elapsed) {
                Some(speed) => write!(f, ", {speed:.1} MB/s"),
                None => Ok(()),
            }
        }
        Event::Failed { protocol, client, file, bytes, reason } => {
            let (file, ip) = (file.escape_debug(), client.ip());
            write!(f, "{protocol} did not send {file} to {ip}: {reason}")?;
            if *bytes > 0 { write!(f, " after {bytes} bytes") } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "answered that there is no router, so that it does not wait for one",
            Self::OtherRouter => {
                "it asks a DHCPv6 server for an address, because another router advertises managed \
                 addresses; iPXE waits up to 16 s"
            }
            Self::Firmware => "its firmware tries PXE over IPv6, which takes about a minute",
        })
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
