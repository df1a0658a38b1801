//! Reads DHCP messages.

use std::net::Ipv4Addr;

use thiserror::Error;

use super::options::{END, PAD};
use super::{Hardware, Message, Op, Options, code};

/// The bytes before the options, with the magic cookie.
pub(super) const FIXED: usize = 240;
/// RFC 2131, section 3.
pub(super) const COOKIE: [u8; 4] = [99, 130, 83, 99];

const SNAME: usize = 44;
const FILE: usize = 108;

/// Why bytes are no DHCP message. Offsets are from the first byte of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Not even the fixed part is there.
    #[error("message of {actual} bytes is shorter than the {FIXED} of the fixed part")]
    Short {
        /// Bytes there are.
        actual: usize,
    },
    /// `op` is neither request nor reply.
    #[error("op at offset 0: expected 1 or 2, found {actual}")]
    Op {
        /// What was found.
        actual: u8,
    },
    /// `hlen` is longer than `chaddr`.
    #[error("hlen at offset 2: expected at most {max}, found {actual}", max = Hardware::MAX)]
    HardwareLength {
        /// What was found.
        actual: u8,
    },
    /// The magic cookie is missing: plain BOOTP, or something else.
    #[error("magic cookie at offset 236: expected {COOKIE:02x?}, found {actual:02x?}")]
    Cookie {
        /// What was found.
        actual: [u8; 4],
    },
    /// An option runs past the end of its field.
    #[error("option {code} at offset {offset}: expected {expected} bytes of value, found {actual}")]
    Truncated {
        /// Its number.
        code: u8,
        /// Where it begins.
        offset: usize,
        /// The length it claims; 1 where even the length is missing.
        expected: usize,
        /// The bytes that are left.
        actual: usize,
    },
    /// Option 52 has no meaning.
    #[error("option 52: expected one byte of 1, 2 or 3")]
    Overload,
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// [`ParseError`] says where the bytes are no DHCP message. A missing end mark is no error:
    /// clients leave it out.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
            return Err(ParseError::Short { actual: bytes.len() });
        };
        let op = match fixed[0] {
            1 => Op::Request,
            2 => Op::Reply,
            actual => return Err(ParseError::Op { actual }),
        };
        let chaddr = &fixed[28..28 + Hardware::MAX];
        let hardware = chaddr
            .get(..usize::from(fixed[2]))
            .and_then(|address| Hardware::new(fixed[1], address))
            .ok_or(ParseError::HardwareLength { actual: fixed[2] })?;
        let cookie: [u8; 4] = array(fixed, 236);
        if cookie != COOKIE {
            return Err(ParseError::Cookie { actual: cookie });
        }
        let mut message = Self {
            op,
            hardware,
            hops: fixed[3],
            xid: u32::from_be_bytes(array(fixed, 4)),
            secs: u16::from_be_bytes(array(fixed, 8)),
            flags: u16::from_be_bytes(array(fixed, 10)),
            ciaddr: Ipv4Addr::from(array::<4>(fixed, 12)),
            yiaddr: Ipv4Addr::from(array::<4>(fixed, 16)),
            siaddr: Ipv4Addr::from(array::<4>(fixed, 20)),
            giaddr: Ipv4Addr::from(array::<4>(fixed, 24)),
            sname: array(fixed, SNAME),
            file: array(fixed, FILE),
            options: Options::default(),
        };
        message.parse_options(rest)?;
        Ok(message)
    }

    /// RFC 3396 joins the parts of an option in this order: options, `file`, `sname`.
    fn parse_options(&mut self, field: &[u8]) -> Result<(), ParseError> {
        parse_field(&mut self.options, field, FIXED)?;
        let Some(overload) = self.options.get(code::OVERLOAD) else { return Ok(()) };
        let &[overload @ 1..=3] = overload else { return Err(ParseError::Overload) };
        if overload & 1 != 0 {
            parse_field(&mut self.options, &std::mem::replace(&mut self.file, [0; 128]), FILE)?;
        }
        if overload & 2 != 0 {
            parse_field(&mut self.options, &std::mem::replace(&mut self.sname, [0; 64]), SNAME)?;
        }
        // It described the layout, which is not kept.
        self.options.remove(code::OVERLOAD);
        Ok(())
    }
}

/// Reads one field of options that begins at `base`.
fn parse_field(options: &mut Options, field: &[u8], base: usize) -> Result<(), ParseError> {
    let mut rest = field;
    loop {
        let offset = base + field.len() - rest.len();
        match rest {
            [] | [END, ..] => return Ok(()),
            [PAD, after @ ..] => rest = after,
            [code] => {
                return Err(ParseError::Truncated { code: *code, offset, expected: 1, actual: 0 });
            }
            [code, len, after @ ..] => {
                let expected = usize::from(*len);
                let Some((value, after)) = after.split_at_checked(expected) else {
                    let actual = after.len();
                    return Err(ParseError::Truncated { code: *code, offset, expected, actual });
                };
                options.join(*code, value);
                rest = after;
            }
        }
    }
}

fn array<const N: usize>(fixed: &[u8; FIXED], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&fixed[at..at + N]);
    bytes
}
