//! Writes DHCP messages, in which options may be too long for one field.

use thiserror::Error;

use super::options::{END, PAD};
use super::parse::{COOKIE, FIXED};
use super::{Message, code};

/// Old BOOTP relays drop what is shorter (RFC 1542, section 2.1).
const MINIMUM: usize = 300;

/// Why a message cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// It is longer than the client takes.
    #[error("message of {actual} bytes is longer than the {limit} that the client takes")]
    TooLong {
        /// The longest message that the client takes.
        limit: usize,
        /// The length that the message would have.
        actual: usize,
    },
}

impl Message {
    /// Writes the message, padded to the 300 bytes that old relays want. Where it would be too long,
    /// options go into `file` and `sname`, as far as these are empty (option 52, RFC 2132, section 9.3).
    ///
    /// `limit` is the longest DHCP message that the client takes. Option 57 counts the 28 bytes of
    /// the IP and UDP headers too, so the limit is 28 less than that.
    ///
    /// # Errors
    /// Where the message would be longer than `limit`.
    pub fn encode(&self, limit: usize) -> Result<Vec<u8>, EncodeError> {
        let layout = self.lay_out(limit)?;
        let mut bytes = Vec::with_capacity(MINIMUM);
        bytes.extend([self.op as u8, self.hardware.kind(), self.hardware_len(), self.hops]);
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend(self.secs.to_be_bytes());
        bytes.extend(self.flags.to_be_bytes());
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            bytes.extend(address.octets());
        }
        bytes.extend(self.hardware.padded());
        put_field(&mut bytes, &self.sname, &layout.sname);
        put_field(&mut bytes, &self.file, &layout.file);
        bytes.extend(COOKIE);
        debug_assert_eq!(bytes.len(), FIXED, "the fixed part has a fixed length");
        let mut options = layout.options.into_iter();
        // Old ROMs want the first option, the type, at its place.
        if let Some((code, value)) = options.next() {
            push(&mut bytes, code, value);
        }
        let overload = u8::from(!layout.file.is_empty()) | u8::from(!layout.sname.is_empty()) << 1;
        if overload != 0 {
            push(&mut bytes, code::OVERLOAD, &[overload]);
        }
        options.for_each(|(code, value)| push(&mut bytes, code, value));
        bytes.push(END);
        bytes.resize(bytes.len().max(MINIMUM), 0);
        Ok(bytes)
    }

    /// The field that each option is in.
    fn lay_out(&self, limit: usize) -> Result<Layout<'_>, EncodeError> {
        let options = self.options.iter().filter(|item| item.0 != code::OVERLOAD);
        let mut layout = Layout { options: options.collect(), file: Vec::new(), sname: Vec::new() };
        let whole = FIXED + layout.options.iter().map(|item| spelt(*item)).sum::<usize>() + 1;
        if whole <= limit {
            return Ok(layout);
        }
        // Each field needs a byte for its end mark.
        let room =
            |field: &[u8]| if field.iter().all(|&byte| byte == 0) { field.len() - 1 } else { 0 };
        let (mut in_file, mut in_sname) = (room(&self.file), room(&self.sname));
        let mut length = whole + OVERLOAD;
        // From the end, where the least important ones are.
        for at in (1..layout.options.len()).rev() {
            let (code, value) = layout.options[at];
            let size = spelt((code, value));
            if length <= limit {
                break;
            }
            let (field, left) = match code {
                // Relays look for their own among the options.
                code::SERVER_ID | code::RELAY_AGENT => continue,
                _ if size <= in_sname => (&mut layout.sname, &mut in_sname),
                _ if size <= in_file => (&mut layout.file, &mut in_file),
                _ => continue,
            };
            *left -= size;
            length -= size;
            field.insert(0, layout.options.remove(at));
        }
        if length > limit {
            return Err(EncodeError::TooLong { limit, actual: whole });
        }
        Ok(layout)
    }

    fn hardware_len(&self) -> u8 {
        u8::try_from(self.hardware.address().len()).expect("at most 16 bytes")
    }
}

/// The fields that options are in.
struct Layout<'a> {
    options: Vec<(u8, &'a [u8])>,
    file: Vec<(u8, &'a [u8])>,
    sname: Vec<(u8, &'a [u8])>,
}

/// The bytes of option 52 itself.
const OVERLOAD: usize = 3;

/// The bytes that an option takes.
fn spelt((code, value): (u8, &[u8])) -> usize {
    value.len() + 2 * value.len().div_ceil(255).max(1) + usize::from(is_ended(code))
}

/// Whether an option is a name that some ROMs read up to a zero, beyond its length. The zero after it is a pad
/// option: the name keeps its length, as other firmware takes a zero within it for a part of the name.
fn is_ended(code: u8) -> bool {
    matches!(code, code::TFTP_SERVER | code::BOOT_FILE)
}

/// A field with its text, or with options in its place.
fn put_field(bytes: &mut Vec<u8>, text: &[u8], options: &[(u8, &[u8])]) {
    if options.is_empty() {
        return bytes.extend(text);
    }
    let end = bytes.len() + text.len();
    for (code, value) in options {
        push(bytes, *code, value);
    }
    bytes.push(END);
    bytes.resize(end, 0);
}

/// RFC 3396: what one option cannot hold goes on in the next one of the same number.
fn push(bytes: &mut Vec<u8>, code: u8, value: &[u8]) {
    let mut rest = value;
    loop {
        let (part, after) = rest.split_at(rest.len().min(255));
        bytes.extend([code, u8::try_from(part.len()).expect("at most 255 bytes")]);
        bytes.extend(part);
        if after.is_empty() {
            if is_ended(code) {
                bytes.push(PAD);
            }
            return;
        }
        rest = after;
    }
}
