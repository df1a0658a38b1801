//! A lease as one line of the log.
//!
//! ```text
//!   checksum state address expires identity
//!   5a3c01f2 bound 192.168.0.128 1795371000 hw:01:525400000001
//! ```
//!
//! The checksum is the CRC-32 of what follows it, so that a line that a crash cut off or a person edited is
//! noticed.

use std::net::Ipv4Addr;

use thiserror::Error;

use crate::logic::Time;
use crate::logic::dhcp::{Identity, Lease, LeaseState};
use crate::wire::dhcp::Hardware;

/// Why a line is no lease.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum LineError {
    /// It does not have five words.
    #[error("expected five words, found {actual}")]
    Words {
        /// Words there are.
        actual: usize,
    },
    /// The checksum is another.
    #[error("expected the checksum {expected}, found {actual:?}")]
    Checksum {
        /// The checksum of the rest of the line.
        expected: String,
        /// What it has.
        actual: String,
    },
    /// A word means nothing.
    #[error("expected {expected}, found {actual:?}")]
    Word {
        /// What it should have.
        expected: &'static str,
        /// What it has.
        actual: String,
    },
}

/// The line of a lease, without its end; none for an offer, which is not worth remembering.
#[must_use]
pub(super) fn write_line(lease: &Lease) -> Option<String> {
    let state = STATES.iter().find(|(_, state)| *state == lease.state)?.0;
    let identity = match &lease.identity {
        Identity::Hardware(hardware) => {
            format!("hw:{:02x}:{}", hardware.kind(), hex(hardware.address()))
        }
        Identity::ClientId(id) => format!("id:{}", hex(id)),
    };
    let body = format!("{state} {} {} {identity}", lease.address, lease.expires.as_secs());
    Some(format!("{:08x} {body}", crc32(body.as_bytes())))
}

/// The lease of a line.
///
/// # Errors
/// Where the line is no lease.
pub(super) fn parse_line(line: &str) -> Result<Lease, LineError> {
    let words: Vec<_> = line.split(' ').take(6).collect();
    let &[checksum, state, address, expires, identity] = words.as_slice() else {
        return Err(LineError::Words { actual: words.len() });
    };
    let expected = format!("{:08x}", crc32(&line.as_bytes()[checksum.len() + 1..]));
    if checksum != expected {
        return Err(LineError::Checksum { expected, actual: checksum.to_owned() });
    }
    let word = |expected, actual: &str| LineError::Word { expected, actual: actual.to_owned() };
    Ok(Lease {
        state: STATES
            .iter()
            .find(|row| row.0 == state)
            .ok_or_else(|| word("bound, released or declined", state))?
            .1,
        address: address.parse::<Ipv4Addr>().map_err(|_| word("an IPv4 address", address))?,
        expires: parse_time(expires).ok_or_else(|| word("seconds since 1970", expires))?,
        identity: parse_identity(identity)
            .ok_or_else(|| word("a hardware address or client identifier", identity))?,
    })
}

const STATES: [(&str, LeaseState); 3] = [
    ("bound", LeaseState::Bound),
    ("released", LeaseState::Released),
    ("declined", LeaseState::Declined),
];

/// None for a time beyond what `Time` can hold.
fn parse_time(text: &str) -> Option<Time> {
    let seconds = text.parse().ok()?;
    Some(Time::from_secs(seconds)).filter(|time| time.as_secs() == seconds)
}

fn parse_identity(text: &str) -> Option<Identity> {
    let (kind, rest) = text.split_once(':')?;
    if kind == "id" {
        return unhex(rest).filter(|id| (2..=255).contains(&id.len())).map(Identity::ClientId);
    }
    let (htype, address) = rest.split_once(':').filter(|_| kind == "hw")?;
    let &[htype] = unhex(htype)?.as_slice() else { return None };
    let address = unhex(address).filter(|address| !address.is_empty())?;
    Hardware::new(htype, &address).map(Identity::Hardware)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs
        .iter()
        .map(|pair| {
            let lower = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
            let text = std::str::from_utf8(pair).ok().filter(|_| pair.iter().all(lower))?;
            u8::from_str_radix(text, 16).ok()
        })
        .collect()
}

/// ISO 3309, as in gzip.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_bent_line_is_known_for_one() {
        let lease = Lease {
            address: [192, 168, 0, 128].into(),
            identity: Identity::Hardware(Hardware::ethernet([0x52, 0x54, 0, 0, 0, 1])),
            state: LeaseState::Bound,
            expires: Time::from_secs(1_795_371_000),
        };
        let line = write_line(&lease).unwrap();
        assert_eq!(&line[8..], " bound 192.168.0.128 1795371000 hw:01:525400000001");
        for end in 0..line.len() {
            assert!(parse_line(&line[..end]).is_err(), "cut at {end}");
        }
        let bent = line.replace("128", "129");
        assert!(matches!(parse_line(&bent), Err(LineError::Checksum { .. })));
        let offered = Lease { state: LeaseState::Offered, ..lease };
        assert_eq!(write_line(&offered), None);
    }

    #[test]
    fn a_time_that_no_clock_shows_is_none() {
        let line = |seconds: u64| {
            let body = format!("bound 192.168.0.128 {seconds} hw:01:525400000001");
            format!("{:08x} {body}", crc32(body.as_bytes()))
        };
        let last = u64::MAX / 1000;
        assert_eq!(write_line(&parse_line(&line(last)).unwrap()), Some(line(last)));
        for seconds in [last + 1, u64::MAX] {
            let error = parse_line(&line(seconds)).unwrap_err().to_string();
            assert_eq!(error, format!("expected seconds since 1970, found \"{seconds}\""));
        }
    }

    proptest! {
        #[test]
        fn reading_what_was_written_gives_the_same(lease in lease()) {
            prop_assert_eq!(parse_line(&write_line(&lease).unwrap()), Ok(lease));
        }

        #[test]
        fn no_line_makes_it_panic(line in "\\PC{0,80}", body in "(bound|x) [0-9.]{0,9} [0-9]{0,30} (hw|id):[0-9a-g:]{0,40}") {
            let _ = parse_line(&line);
            // With the right checksum, the words are checked.
            let _ = parse_line(&format!("{:08x} {body}", crc32(body.as_bytes())));
        }
    }

    fn lease() -> impl Strategy<Value = Lease> {
        let identity = prop_oneof![
            (any::<u8>(), proptest::collection::vec(any::<u8>(), 1..=16))
                .prop_map(|(kind, bytes)| Identity::Hardware(Hardware::new(kind, &bytes).unwrap())),
            proptest::collection::vec(any::<u8>(), 2..=255).prop_map(Identity::ClientId),
        ];
        (any::<u32>(), 0..3_usize, any::<u32>(), identity).prop_map(
            |(address, state, expires, identity)| Lease {
                address: address.into(),
                identity,
                state: STATES[state].1,
                expires: Time::from_secs(expires.into()),
            },
        )
    }
}
