//! The options of a message.

use std::net::Ipv4Addr;

/// Options in the order of the message, each once, of any length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    items: Vec<(u8, Vec<u8>)>,
}

impl Options {
    /// The value of an option.
    #[must_use]
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.items.iter().find(|item| item.0 == code).map(|item| item.1.as_slice())
    }

    /// A value of exactly one byte.
    #[must_use]
    pub fn byte(&self, code: u8) -> Option<u8> {
        <[u8; 1]>::try_from(self.get(code)?).ok().map(|[byte]| byte)
    }

    /// A value of exactly two bytes.
    #[must_use]
    pub fn number16(&self, code: u8) -> Option<u16> {
        self.get(code)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A value of exactly four bytes, as an address.
    #[must_use]
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        <[u8; 4]>::try_from(self.get(code)?).ok().map(Ipv4Addr::from)
    }

    /// Sets an option: in its place if it is there, at the end if not. The codes 0 (pad) and 255
    /// (end) are no options and are left out.
    pub fn set(&mut self, code: u8, value: impl Into<Vec<u8>>) {
        let value = value.into();
        match self.items.iter_mut().find(|item| item.0 == code) {
            Some(item) => item.1 = value,
            None if matches!(code, PAD | END) => {}
            None => self.items.push((code, value)),
        }
    }

    /// Removes an option and says whether it was there.
    pub fn remove(&mut self, code: u8) -> bool {
        let before = self.items.len();
        self.items.retain(|item| item.0 != code);
        self.items.len() < before
    }

    /// Each option and its value.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.items.iter().map(|(code, value)| (*code, value.as_slice()))
    }

    /// Appends to an option, as RFC 3396 joins one that was split.
    pub(super) fn join(&mut self, code: u8, part: &[u8]) {
        match self.items.iter_mut().find(|item| item.0 == code) {
            Some(item) => item.1.extend_from_slice(part),
            None => self.items.push((code, part.to_vec())),
        }
    }
}

/// One byte that means nothing.
pub(super) const PAD: u8 = 0;
/// The end of the options.
pub(super) const END: u8 = 255;

/// The sub-options of an encapsulated value (options 43, 82 and 175), up to the first that runs past
/// the end.
pub(crate) fn sub_options(value: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = value;
    std::iter::from_fn(move || {
        while let [PAD, after @ ..] = rest {
            rest = after;
        }
        let [code, len, after @ ..] = rest else { return None };
        if *code == END {
            return None;
        }
        let (value, after) = after.split_at_checked(usize::from(*len))?;
        rest = after;
        Some((*code, value))
    })
}
