//! DHCP messages: RFC 2131, with options as RFC 2132 and RFC 3396 spell them.
//!
//! ```
//! use winpe_netboot::wire::dhcp::{Message, MessageType, code};
//!
//! let mut discover = Message::request(0x1234_5678, [0x52, 0x54, 0, 0, 0, 1]);
//! discover.options.set(code::MESSAGE_TYPE, [MessageType::Discover as u8]);
//! discover.options.set(code::CLIENT_ARCH, [0, 7]);
//!
//! let bytes = discover.encode(576)?;
//! let read = Message::parse(&bytes)?;
//! assert_eq!(read, discover);
//! assert_eq!(read.message_type(), Some(MessageType::Discover));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The meaning of a message is kept, its layout is not: an option that was split or was in `file` or `sname`
//! (option 52) is joined where it first appeared, and padding is dropped. So reading, writing and reading
//! again gives the same message, though the bytes between may differ.

pub mod code;
mod encode;
mod hardware;
mod options;
mod parse;

pub use encode::EncodeError;
pub use hardware::Hardware;
pub use options::Options;
pub(crate) use options::sub_options;
pub use parse::ParseError;

use std::net::Ipv4Addr;

/// A message from client to server or back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// From a client or from a server.
    pub op: Op,
    /// The client's address on the link: `htype`, `hlen` and `chaddr`.
    pub hardware: Hardware,
    /// Relays passed.
    pub hops: u8,
    /// The client's number for this exchange.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// Only [`Self::BROADCAST`] has a meaning; the others are carried.
    pub flags: u16,
    /// The address the client already uses.
    pub ciaddr: Ipv4Addr,
    /// The address given to the client.
    pub yiaddr: Ipv4Addr,
    /// The server that has the boot file.
    pub siaddr: Ipv4Addr,
    /// The relay, on the client's link.
    pub giaddr: Ipv4Addr,
    /// The server's name, padded with zeros.
    pub sname: [u8; 64],
    /// The boot file's name, padded with zeros.
    pub file: [u8; 128],
    /// The options, in the order of the message.
    pub options: Options,
}

/// `op`: the direction of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// BOOTREQUEST, from a client.
    Request = 1,
    /// BOOTREPLY, from a server.
    Reply = 2,
}

/// Option 53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "RFC 2131, table 2 has these names")]
pub enum MessageType {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Decline = 4,
    Ack = 5,
    Nak = 6,
    Release = 7,
    Inform = 8,
}

impl Message {
    /// The flag of a client that hears broadcasts only.
    pub const BROADCAST: u16 = 0x8000;

    /// A request of an Ethernet client, with no options yet.
    #[must_use]
    pub fn request(xid: u32, mac: [u8; 6]) -> Self {
        Self {
            op: Op::Request,
            hardware: Hardware::ethernet(mac),
            hops: 0,
            xid,
            secs: 0,
            flags: 0,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            sname: [0; 64],
            file: [0; 128],
            options: Options::default(),
        }
    }

    /// An answer to this message, with what RFC 2131, table 3 says to copy and no options yet.
    #[must_use]
    pub fn reply(&self) -> Self {
        Self {
            op: Op::Reply,
            hardware: self.hardware,
            hops: 0,
            xid: self.xid,
            secs: 0,
            flags: self.flags,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: self.giaddr,
            sname: [0; 64],
            file: [0; 128],
            options: Options::default(),
        }
    }

    /// Option 53; none in BOOTP or where it is malformed.
    #[must_use]
    pub fn message_type(&self) -> Option<MessageType> {
        MessageType::from_number(self.options.byte(code::MESSAGE_TYPE)?)
    }

    /// The boot file's name up to its first zero.
    #[must_use]
    pub fn file_name(&self) -> &[u8] {
        until_nul(&self.file)
    }

    /// Puts a name into `file` and says whether it fits with the zero that ends it; if not, `file`
    /// is left empty.
    pub fn set_file(&mut self, name: &str) -> bool {
        set_padded(&mut self.file, name)
    }

    /// Puts a name into `sname`, as [`Self::set_file`] does.
    pub fn set_server_name(&mut self, name: &str) -> bool {
        set_padded(&mut self.sname, name)
    }
}

impl MessageType {
    /// The type with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Discover,
            2 => Self::Offer,
            3 => Self::Request,
            4 => Self::Decline,
            5 => Self::Ack,
            6 => Self::Nak,
            7 => Self::Release,
            8 => Self::Inform,
            _ => return None,
        })
    }

    /// As the RFC spells it, without its `DHCP` prefix.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Discover => "DISCOVER",
            Self::Offer => "OFFER",
            Self::Request => "REQUEST",
            Self::Decline => "DECLINE",
            Self::Ack => "ACK",
            Self::Nak => "NAK",
            Self::Release => "RELEASE",
            Self::Inform => "INFORM",
        }
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn set_padded(field: &mut [u8], name: &str) -> bool {
    field.fill(0);
    let fits = name.len() < field.len();
    if fits {
        field[..name.len()].copy_from_slice(name.as_bytes());
    }
    fits
}

#[cfg(test)]
mod tests;
