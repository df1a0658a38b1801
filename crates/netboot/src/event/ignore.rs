//! Why a DHCP message gets no answer.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use thiserror::Error;

use crate::wire::dhcp::{EncodeError, MessageType, ParseError};

/// Why a packet gets no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Ignore {
    /// It is no DHCP message.
    #[error("no DHCP message: {0}")]
    Malformed(#[from] ParseError),
    /// It is a reply.
    #[error("a reply, not a request")]
    Reply,
    /// It has a type that only servers send.
    #[error("{} is a server's message", .0.name())]
    FromServer(MessageType),
    /// It is plain BOOTP, from a machine without a reservation here.
    #[error("plain BOOTP, without option 53, and no reservation here")]
    Bootp,
    /// Option 53 has an unknown value.
    #[error("option 53 is no known message type")]
    MessageType,
    /// It does not identify its sender.
    #[error("neither a hardware address nor a client identifier")]
    NoIdentity,
    /// This client sends too much.
    #[error("more than {0} packets in 10 s")]
    Rate(u32),
    /// Too many clients without a lease.
    #[error("too many new clients at a time")]
    Flood,
    /// It comes from a network that is not configured.
    #[error("{0} is in no configured subnet")]
    UnknownNetwork(Ipv4Addr),
    /// It names the server itself as a client or relay, and would be answered there.
    #[error("{field} {address} is this server's own address")]
    OwnAddress {
        /// The field of the message.
        field: &'static str,
        /// What it says.
        address: Ipv4Addr,
    },
    /// It names a client or relay at an address that no machine has, such as a broadcast address.
    #[error("{field} {address} is not the address of a machine")]
    NoMachine {
        /// The field of the message.
        field: &'static str,
        /// What it says.
        address: Ipv4Addr,
    },
    /// The lease could not be written to the disk, and would be forgotten with the next restart.
    #[error("leases cannot be written to the disk, so {0} is not given")]
    NotRecorded(Ipv4Addr),
    /// There is no address left.
    #[error("no address is left in {0}")]
    PoolEmpty(Ipv4Net),
    /// The address is being probed; the offer follows.
    #[error("the offer of {0} waits for its probe")]
    Probing(Ipv4Addr),
    /// The client took another server's offer.
    #[error("another server won: {0}")]
    OtherServer(Ipv4Addr),
    /// The client wants an address that another server may have given.
    #[error("{0} is not ours to confirm")]
    NotOurs(Ipv4Addr),
    /// The client names no address where it must.
    #[error("the message names no address")]
    NoAddress,
    /// A proxy leaves this to the server that gives addresses.
    #[error("{} is left to the server that gives addresses", .0.name())]
    LeftToServer(MessageType),
    /// A proxy has nothing to say to this client.
    #[error("no boot client")]
    NoBootClient,
    /// The client's architecture is unknown.
    #[error("no boot file for this platform")]
    NoBootFile,
    /// What it would be given by HTTP does not go on by HTTP.
    #[error("the distribution's GRUB has no HTTP, so HTTP Boot is left to PXE")]
    LeftToPxe,
    /// Only known machines are answered, and this one is unknown.
    #[error("not one of the machines that may boot here")]
    NotAllowed,
    /// The client is named the same file again and again.
    #[error("boot loop: {file} was named {times} times in 60 s, so it is not named again yet{}", beside(*.other))]
    Loop {
        /// The file.
        file: String,
        /// How often.
        times: usize,
        /// The server whose offer the client took, where that is another one. The client may load what that
        /// one names.
        other: Option<Ipv4Addr>,
    },
    /// The answer would not fit.
    #[error("cannot answer: {0}")]
    TooLong(#[from] EncodeError),
}

fn beside(other: Option<Ipv4Addr>) -> String {
    let text = |other| format!("; its address is from {other}, which may name another file");
    other.map_or_else(String::new, text)
}

impl Ignore {
    /// Whether the message is worth remembering as one of a client's; those of a flood are not.
    pub(crate) fn names_a_client(&self) -> bool {
        !matches!(
            self,
            Self::Malformed(_)
                | Self::Reply
                | Self::FromServer(_)
                | Self::Bootp
                | Self::MessageType
                | Self::NoIdentity
                | Self::Rate(_)
                | Self::Flood
        )
    }
}
