//! By what a client is identified.

use std::fmt;

use crate::wire::dhcp::{Hardware, Message, code};

/// The identity of a client, the same through all stages of its boot.
///
/// That is its hardware address: firmware, iPXE and Windows send different client identifiers
/// (option 61) or none, and would take a lease each. Only clients without a hardware address are
/// known by their identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identity {
    /// By hardware address.
    Hardware(Hardware),
    /// By client identifier.
    ClientId(Vec<u8>),
}

impl Identity {
    /// The sender of a message; none where it does not say.
    #[must_use]
    pub fn of(message: &Message) -> Option<Self> {
        let address = message.hardware.address();
        if address.iter().any(|byte| *byte != 0) {
            return Some(Self::Hardware(message.hardware));
        }
        let id = message.options.get(code::CLIENT_ID)?;
        // RFC 2132, section 9.14: at least a type and a byte. What is longer than one option is no
        // identifier but a nuisance.
        (2..=255).contains(&id.len()).then(|| Self::ClientId(id.to_vec()))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hardware(hardware) => hardware.fmt(f),
            Self::ClientId(id) => {
                f.write_str("id ")?;
                id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}
