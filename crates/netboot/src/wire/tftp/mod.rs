//! TFTP packets: RFC 1350, with the options of RFC 2347, 2348, 2349 and 7440.
//!
//! ```
//! use winpe_netboot::wire::tftp::{Mode, Packet};
//!
//! let packet = b"\0\x01pxelinux.0\0octet\0tsize\x000\0blksize\x001408\0";
//! let Packet::Read(request) = Packet::parse(packet)? else { panic!("a read request") };
//! assert_eq!(request.file, "pxelinux.0");
//! assert_eq!(request.mode, Mode::Octet);
//! assert_eq!(request.options.transfer_size, Some(0));
//! assert_eq!(request.options.block_size, Some(1408));
//! # Ok::<(), winpe_netboot::wire::tftp::ParseError>(())
//! ```

use std::borrow::Cow;
use std::fmt;

mod options;

pub use options::Options;
pub(crate) use options::{DEFAULT_BLOCK_SIZE, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE};

/// A DATA packet's bytes before its payload.
pub(crate) const DATA_HEADER: usize = 4;

/// The header of a DATA packet; its payload is all that follows.
#[must_use]
pub(crate) fn data_header(block: u16) -> [u8; DATA_HEADER] {
    let [high, low] = block.to_be_bytes();
    [0, 3, high, low]
}

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// RRQ: the client wants to read a file.
    Read(Request<'a>),
    /// WRQ: the client wants to write one.
    Write(Request<'a>),
    /// DATA: one block of the file.
    Data {
        /// The block's number modulo 65536; the first block is 1.
        block: u16,
        /// Its bytes; fewer than the block size in the last block.
        payload: &'a [u8],
    },
    /// ACK.
    Ack {
        /// The last block that arrived in order; 0 acknowledges an OACK.
        block: u16,
    },
    /// ERROR: ends the transfer.
    Error {
        /// What kind of error.
        code: ErrorCode,
        /// In words.
        message: Cow<'a, str>,
    },
    /// OACK: the options that the server agreed to.
    OptionAck(Options),
}

/// The content of RRQ and WRQ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// The name as the client spelt it.
    pub file: &'a str,
    /// How the file's bytes are carried.
    pub mode: Mode,
    /// The options that were understood; unknown and senseless ones are dropped, as RFC 2347 has it.
    pub options: Options,
}

/// How a file's bytes are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// As they are.
    Octet,
    /// As text: a line ends with CR LF, and a lone CR is CR NUL (RFC 764).
    Netascii,
}

/// The error codes of RFC 1350 and RFC 2347; unknown ones are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// See the message.
    pub const UNDEFINED: Self = Self(0);
    /// File not found.
    pub const NOT_FOUND: Self = Self(1);
    /// Access violation.
    pub const ACCESS: Self = Self(2);
    /// Illegal TFTP operation.
    pub const ILLEGAL: Self = Self(4);
    /// Unknown transfer: the packet came from a foreign port.
    pub const UNKNOWN_TRANSFER: Self = Self(5);
    /// Option negotiation failed; how a client leaves once it knows the size.
    pub const OPTIONS: Self = Self(8);
}

/// Why bytes are no TFTP packet. Offsets count from the packet's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The packet ends inside a field of fixed size.
    #[error("{actual} bytes, at least {expected} expected")]
    Short {
        /// The packet's length.
        actual: usize,
        /// The least that its kind needs.
        expected: usize,
    },
    /// No such opcode.
    #[error("opcode {0}, 1 to 6 expected")]
    Opcode(u16),
    /// A text runs to the end of the packet.
    #[error("the text at offset {offset} has no terminating zero")]
    Unterminated {
        /// Where the text begins.
        offset: usize,
    },
    /// A file name or mode that is not UTF-8.
    #[error("the text at offset {offset} is not UTF-8")]
    NotText {
        /// Where the text begins.
        offset: usize,
    },
    /// Neither octet nor netascii.
    #[error("the transfer mode at offset {offset} is neither octet nor netascii")]
    Mode {
        /// Where the mode begins.
        offset: usize,
    },
}

impl<'a> Packet<'a> {
    /// Reads one packet, which must be all of a datagram.
    ///
    /// # Errors
    /// Where the bytes are no packet of RFC 1350 or RFC 2347.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Ok(match number(bytes, 0)? {
            1 => Self::Read(Request::parse(bytes)?),
            2 => Self::Write(Request::parse(bytes)?),
            3 => Self::Data { block: number(bytes, 2)?, payload: &bytes[DATA_HEADER..] },
            4 => Self::Ack { block: number(bytes, 2)? },
            5 => Self::Error { code: ErrorCode(number(bytes, 2)?), message: message(&bytes[4..]) },
            6 => Self::OptionAck(Options::parse(&bytes[2..])),
            opcode => return Err(ParseError::Opcode(opcode)),
        })
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Read(request) => request.write(1, out),
            Self::Write(request) => request.write(2, out),
            Self::Data { block, payload } => {
                out.extend_from_slice(&data_header(*block));
                out.extend_from_slice(payload);
            }
            Self::Ack { block } => header(4, *block, out),
            Self::Error { code, message } => {
                header(5, code.0, out);
                text(message, out);
            }
            Self::OptionAck(options) => {
                out.extend_from_slice(&6_u16.to_be_bytes());
                options.write(out);
            }
        }
    }
}

impl<'a> Request<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (file, mode_at) = terminated(bytes, 2)?;
        let (mode, options_at) = terminated(bytes, mode_at)?;
        let mode = if mode.eq_ignore_ascii_case("octet") {
            Mode::Octet
        } else if mode.eq_ignore_ascii_case("netascii") {
            Mode::Netascii
        } else {
            return Err(ParseError::Mode { offset: mode_at });
        };
        Ok(Self { file, mode, options: Options::parse(&bytes[options_at..]) })
    }

    fn write(&self, opcode: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(&opcode.to_be_bytes());
        text(self.file, out);
        text(&self.mode.to_string(), out);
        self.options.write(out);
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Octet => "octet",
            Self::Netascii => "netascii",
        })
    }
}

/// The name in a read or write request, which may be one that [`Packet::parse`] refuses, as far as it can be made out; none
/// where the bytes are no request.
#[must_use]
pub(crate) fn unreadable_name(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let name = bytes.strip_prefix(b"\0\x01").or_else(|| bytes.strip_prefix(b"\0\x02"))?;
    Some(message(name))
}

fn number(bytes: &[u8], at: usize) -> Result<u16, ParseError> {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => Ok(u16::from_be_bytes([high, low])),
        _ => Err(ParseError::Short { actual: bytes.len(), expected: at + 2 }),
    }
}

/// The text at `start` and the offset after its zero.
fn terminated(bytes: &[u8], start: usize) -> Result<(&str, usize), ParseError> {
    let rest = &bytes[start..];
    let length = rest
        .iter()
        .position(|byte| *byte == 0)
        .ok_or(ParseError::Unterminated { offset: start })?;
    let text =
        str::from_utf8(&rest[..length]).map_err(|_| ParseError::NotText { offset: start })?;
    Ok((text, start + length + 1))
}

/// A text for people only, so any bytes will do and the zero may be missing.
fn message(bytes: &[u8]) -> Cow<'_, str> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end])
}

fn header(opcode: u16, number: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&opcode.to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
}

/// A zero within would end the text early and make what follows it an option.
fn text(text: &str, out: &mut Vec<u8>) {
    out.extend(text.bytes().take_while(|byte| *byte != 0));
    out.push(0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options() -> impl Strategy<Value = Options> {
        (
            proptest::option::of(8_u16..=65464),
            proptest::option::of(any::<u64>()),
            proptest::option::of(1_u8..),
            proptest::option::of(1_u16..),
        )
            .prop_map(|(block_size, transfer_size, timeout, window_size)| Options {
                block_size,
                transfer_size,
                timeout,
                window_size,
            })
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_what_is_read_survives(
            opcode in 0_u16..8, rest in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut bytes = opcode.to_be_bytes().to_vec();
            bytes.extend(rest);
            if let Ok(packet) = Packet::parse(&bytes) {
                let mut written = Vec::new();
                packet.write(&mut written);
                prop_assert_eq!(Packet::parse(&written), Ok(packet));
            }
        }

        #[test]
        fn requests_survive(file in "[^\0]{0,40}", netascii: bool, options in options()) {
            let mode = if netascii { Mode::Netascii } else { Mode::Octet };
            let packet = Packet::Read(Request { file: &file, mode, options });
            let mut written = Vec::new();
            packet.write(&mut written);
            prop_assert_eq!(Packet::parse(&written), Ok(packet));
        }

        #[test]
        fn agreed_options_survive(options in options()) {
            let mut written = Vec::new();
            Packet::OptionAck(options).write(&mut written);
            prop_assert_eq!(Packet::parse(&written), Ok(Packet::OptionAck(options)));
        }
    }

    #[test]
    fn the_requests_of_real_clients() {
        for (bytes, file, options) in [
            (
                &b"\0\x01undionly.kpxe\0octet\0blksize\x001432\0tsize\x000\0"[..],
                "undionly.kpxe",
                (Some(1432), Some(0), None),
            ),
            (
                b"\0\x01snponly.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0",
                "snponly.efi",
                (Some(1468), Some(0), Some(4)),
            ),
            (
                b"\0\x01grubx64.efi\0octet\0blksize\x00512\0windowsize\x004\0",
                "grubx64.efi",
                (Some(512), None, Some(4)),
            ),
            (b"\0\x01\\Boot\\BCD\0OCTET\0", "\\Boot\\BCD", (None, None, None)),
        ] {
            let Ok(Packet::Read(request)) = Packet::parse(bytes) else { panic!("{bytes:?}") };
            assert_eq!(request.file, file);
            assert_eq!(request.mode, Mode::Octet);
            let Options { block_size, transfer_size, window_size, .. } = request.options;
            assert_eq!((block_size, transfer_size, window_size), options);
        }
    }

    #[test]
    fn errors_say_where() {
        let short = |actual, expected| Err(ParseError::Short { actual, expected });
        assert_eq!(Packet::parse(b"\0"), short(1, 2));
        assert_eq!(Packet::parse(b"\0\x04\0"), short(3, 4));
        assert_eq!(Packet::parse(b"\0\x09\0\0"), Err(ParseError::Opcode(9)));
        assert_eq!(Packet::parse(b"\0\x01name"), Err(ParseError::Unterminated { offset: 2 }));
        assert_eq!(Packet::parse(b"\0\x01n\0octet"), Err(ParseError::Unterminated { offset: 4 }));
        assert_eq!(Packet::parse(b"\0\x01\xff\0octet\0"), Err(ParseError::NotText { offset: 2 }));
        assert_eq!(Packet::parse(b"\0\x01n\0mail\0"), Err(ParseError::Mode { offset: 4 }));
    }
}
