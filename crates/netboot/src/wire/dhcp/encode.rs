use thiserror::Error;

use super::options::END;
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
        /// What the client takes.
        limit: usize,
        /// What it would have been.
        actual: usize,
    },
}

impl Message {
    /// Writes the message, padded to the 300 bytes that old relays want.
    ///
    /// `limit` is the longest DHCP message that the client takes. Option 57 counts the 28 bytes of
    /// the IP and UDP headers too, so the limit is 28 less than that.
    ///
    /// # Errors
    /// Where the message would be longer than `limit`.
    pub fn encode(&self, limit: usize) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::with_capacity(MINIMUM);
        bytes.extend([self.op as u8, self.hardware.kind(), self.hardware_len(), self.hops]);
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend(self.secs.to_be_bytes());
        bytes.extend(self.flags.to_be_bytes());
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            bytes.extend(address.octets());
        }
        bytes.extend(self.hardware.padded());
        bytes.extend(self.sname);
        bytes.extend(self.file);
        bytes.extend(COOKIE);
        debug_assert_eq!(bytes.len(), FIXED, "the fixed part has a fixed length");
        for (code, value) in self.options.iter().filter(|item| item.0 != code::OVERLOAD) {
            push(&mut bytes, code, value);
        }
        bytes.push(END);
        if bytes.len() > limit {
            return Err(EncodeError::TooLong { limit, actual: bytes.len() });
        }
        bytes.resize(bytes.len().max(MINIMUM), 0);
        Ok(bytes)
    }

    fn hardware_len(&self) -> u8 {
        u8::try_from(self.hardware.address().len()).expect("at most 16 bytes")
    }
}

/// RFC 3396: what one option cannot hold goes on in the next one of the same number.
fn push(bytes: &mut Vec<u8>, code: u8, value: &[u8]) {
    let mut rest = value;
    loop {
        let (part, after) = rest.split_at(rest.len().min(255));
        bytes.extend([code, u8::try_from(part.len()).expect("at most 255 bytes")]);
        bytes.extend(part);
        if after.is_empty() {
            return;
        }
        rest = after;
    }
}
