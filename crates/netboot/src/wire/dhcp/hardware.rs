//! Hardware addresses: `htype`, `hlen` and `chaddr`.

use std::fmt;

/// A hardware address and its type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hardware {
    kind: u8,
    len: u8,
    /// Zeros from `len` on, so that equal addresses are equal.
    bytes: [u8; Self::MAX],
}

impl Hardware {
    /// The room that `chaddr` has.
    pub const MAX: usize = 16;
    /// `htype` of Ethernet.
    pub const ETHERNET: u8 = 1;

    /// The address of this type (`htype`); none where it is too long for `chaddr`.
    #[must_use]
    pub fn new(kind: u8, address: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..address.len())?.copy_from_slice(address);
        Some(Self { kind, len: u8::try_from(address.len()).ok()?, bytes })
    }

    /// A MAC address.
    #[must_use]
    pub fn ethernet(mac: [u8; 6]) -> Self {
        let mut bytes = [0; Self::MAX];
        bytes[..6].copy_from_slice(&mac);
        Self { kind: Self::ETHERNET, len: 6, bytes }
    }

    /// `htype`.
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// The bytes of the address, without padding.
    #[must_use]
    pub fn address(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    pub(super) fn padded(&self) -> &[u8; Self::MAX] {
        &self.bytes
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != Self::ETHERNET {
            write!(f, "{}/", self.kind)?;
        }
        if self.len == 0 {
            return f.write_str("none");
        }
        for (index, byte) in self.address().iter().enumerate() {
            write!(f, "{}{byte:02x}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hardware({self})")
    }
}
