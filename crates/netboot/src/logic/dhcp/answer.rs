//! The content of an answer, in the style that every tested client takes without waiting.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Arrival, Port};
use crate::client::{Client, Kind};
use crate::config::SubnetConfig;
use crate::policy::Boot;
use crate::wire::dhcp::{EncodeError, Message, MessageType, Options, code, sub_options};

/// An answer before it is encoded.
pub(super) struct Answer<'a> {
    pub(super) request: &'a Message,
    pub(super) client: &'a Client,
    pub(super) arrival: Arrival,
    pub(super) kind: MessageType,
    /// The server's address, where the boot file is.
    pub(super) server: Ipv4Addr,
    /// The server identifier.
    pub(super) server_id: Ipv4Addr,
    pub(super) gives: Gives<'a>,
    /// Whether another server's offer may name a boot file too.
    pub(super) priority: bool,
    pub(super) boot: Option<&'a Boot>,
    /// Whether the server takes the client's log.
    pub(super) takes_log: bool,
}

/// An address and where it is from.
pub(super) struct Given<'a> {
    pub(super) address: Ipv4Addr,
    pub(super) subnet: &'a SubnetConfig,
    /// Seconds of the lease.
    pub(super) seconds: u32,
    /// The host name that belongs to the address.
    pub(super) name: Option<&'a str>,
}

/// What an answer gives beside the boot file. A proxy gives nothing; a client that has its address (INFORM) gets
/// no other one and no lease; one that speaks BOOTP gets no lease.
#[derive(Default)]
pub(super) struct Gives<'a> {
    pub(super) address: Option<Ipv4Addr>,
    /// Seconds of the lease.
    pub(super) seconds: Option<u32>,
    /// Whose options are given.
    pub(super) subnet: Option<&'a SubnetConfig>,
    pub(super) name: Option<&'a str>,
}

impl<'a> From<Given<'a>> for Gives<'a> {
    fn from(given: Given<'a>) -> Self {
        let Given { address, subnet, seconds, name } = given;
        let (address, seconds) = (Some(address), Some(seconds));
        Self { address, seconds, subnet: Some(subnet), name }
    }
}

/// RFC 5071: F1 00 74 7E.
const PXELINUX_MAGIC: [u8; 4] = [0xf1, 0x00, 0x74, 0x7e];
/// PXE discovery control: boot the file named here, look for no boot server, show no menu.
const BOOT_THIS_FILE: u8 = 8;

/// Bytes of the IP and UDP headers, which option 57 counts too.
const HEADERS: u16 = 28;
/// RFC 2131, section 2: what every client takes.
const MIN_SIZE: u16 = 576;
/// What an Ethernet frame takes; firmware asks for more than it can receive.
const MAX_FRAME: u16 = 1500;

/// What is left out of an answer that would be too long, in this order. Options of the client and its relay
/// go back in any case (RFC 6842, RFC 3046), and PXELINUX's own options stay as long as they are more than a
/// delay.
const EXPENDABLE: [Expendable; 8] = [
    Expendable::Option(code::HOST_NAME),
    Expendable::Option(code::DOMAIN),
    Expendable::Option(code::BROADCAST_ADDRESS),
    // `siaddr` says the same, and so did `sname`, which then takes options.
    Expendable::Option(code::TFTP_SERVER),
    Expendable::ServerName,
    Expendable::Option(code::PXELINUX_REBOOT),
    // Option 67 says the same, though some ROMs look here alone.
    Expendable::File,
    Expendable::Option(code::DNS),
];

/// A part of an answer that can be missing.
#[derive(Clone, Copy)]
enum Expendable {
    /// An option.
    Option(u8),
    /// The text of `sname`.
    ServerName,
    /// The text of `file`.
    File,
}

impl Answer<'_> {
    /// The message, without what does not fit.
    pub(super) fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let size = self.request.options.number16(code::MAX_SIZE).unwrap_or(MIN_SIZE);
        let limit = usize::from(size.clamp(MIN_SIZE, MAX_FRAME) - HEADERS);
        let mut message = self.message();
        let further = self.gives.subnet.into_iter().flat_map(|subnet| subnet.options.iter().rev());
        let further = further.map(|(code, _)| Expendable::Option(code));
        for expendable in further.chain(EXPENDABLE) {
            match message.encode(limit) {
                Err(EncodeError::TooLong { .. }) => expendable.remove(&mut message),
                fits => return fits,
            }
        }
        message.encode(limit)
    }

    /// RFC 2131, section 4.1, and for the boot service the address and port that asked.
    pub(super) fn destination(&self) -> SocketAddrV4 {
        let request = self.request;
        if self.arrival.port == Port::Boot {
            self.arrival.from
        } else if !request.giaddr.is_unspecified() {
            SocketAddrV4::new(request.giaddr, 67)
        } else if self.kind != MessageType::Nak && !request.ciaddr.is_unspecified() {
            SocketAddrV4::new(request.ciaddr, 68)
        } else {
            // A client without an address receives broadcasts, whatever its flag says.
            SocketAddrV4::new(Ipv4Addr::BROADCAST, 68)
        }
    }

    /// The order of the options is that of old ROMs, which want the type early and know how to skip
    /// the rest.
    fn message(&self) -> Message {
        let mut message = self.request.reply();
        let nak = self.kind == MessageType::Nak;
        message.options.set(code::MESSAGE_TYPE, [self.kind as u8]);
        message.options.set(code::SERVER_ID, self.server_id.octets());
        if nak {
            message.options.set(code::MESSAGE, *b"address not available");
            if !self.request.giaddr.is_unspecified() {
                // The client has no address that the relay could send to.
                message.flags |= Message::BROADCAST;
            }
        } else if self.kind == MessageType::Ack {
            message.ciaddr = self.request.ciaddr;
        }
        message.yiaddr = self.gives.address.unwrap_or(Ipv4Addr::UNSPECIFIED);
        self.gives.set_options(&mut message.options, self.request);
        if let Some(boot) = self.boot {
            self.set_boot(&mut message, boot);
        }
        // RFC 6842 and RFC 3046: options that go back to their sender, the relay's last.
        for echoed in [code::CLIENT_ID, code::SUBNET_SELECTION, code::RELAY_AGENT] {
            if let Some(value) = self.request.options.get(echoed) {
                message.options.set(echoed, value);
            }
        }
        message
    }

    fn set_boot(&self, message: &mut Message, boot: &Boot) {
        let server = self.server.to_string();
        // iPXE never ends its boot with siaddr 0.
        message.siaddr = self.server;
        let http = self.client.kind == Kind::Http;
        let class: &[u8] = if http { b"HTTPClient" } else { b"PXEClient" };
        message.options.set(code::VENDOR_CLASS, class);
        if !http {
            message.set_server_name(&server);
            message.options.set(code::VENDOR, self.vendor_options());
            message.options.set(code::TFTP_SERVER, server);
        }
        // A name too long for its field is in the option alone.
        message.set_file(&boot.file);
        message.options.set(code::BOOT_FILE, boot.file.as_str());
        if let Some(uuid) = self.request.options.get(code::CLIENT_UUID) {
            message.options.set(code::CLIENT_UUID, uuid);
        }
        if self.priority && matches!(self.client.kind, Kind::Ipxe { .. }) {
            // Without it iPXE takes the boot file of the server that gave the address, where that names one.
            message.options.set(code::IPXE, [code::ipxe::PRIORITY, 1, 1]);
        }
        // iPXE sends its console there.
        if self.takes_log && matches!(self.client.kind, Kind::Ipxe { .. }) {
            message.options.set(code::LOG_SERVER, self.server.octets());
        }
        message.options.set(code::PXELINUX_MAGIC, PXELINUX_MAGIC);
        if let Some(config) = &boot.pxelinux.config {
            message.options.set(code::PXELINUX_CONFIG, config.as_str());
        }
        message.options.set(code::PXELINUX_PREFIX, boot.pxelinux.prefix.as_str());
        message.options.set(code::PXELINUX_REBOOT, boot.pxelinux.reboot.to_be_bytes());
    }

    /// A client that asks for a boot item expects the same one in the answer.
    fn vendor_options(&self) -> Vec<u8> {
        let mut value = vec![code::pxe::DISCOVERY_CONTROL, 1, BOOT_THIS_FILE];
        let asked = self.request.options.get(code::VENDOR).unwrap_or_default();
        let item = sub_options(asked).find(|(code, _)| *code == code::pxe::BOOT_ITEM);
        if let Some((_, &[a, b, c, d])) = item {
            value.extend([code::pxe::BOOT_ITEM, 4, a, b, c, d]);
        }
        value.push(255);
        value
    }
}

impl Expendable {
    fn remove(self, message: &mut Message) {
        match self {
            Self::Option(code) => {
                message.options.remove(code);
            }
            Self::ServerName => message.sname.fill(0),
            Self::File if message.options.get(code::BOOT_FILE).is_some() => message.file.fill(0),
            Self::File => {}
        }
    }
}

impl Gives<'_> {
    pub(super) fn set_options(&self, options: &mut Options, request: &Message) {
        if let Some(lease) = self.seconds {
            options.set(code::LEASE_TIME, lease.to_be_bytes());
            options.set(code::RENEWAL_TIME, (lease / 2).to_be_bytes());
            options.set(code::REBINDING_TIME, (lease / 8 * 7).to_be_bytes());
        }
        let Some(subnet) = self.subnet else { return };
        options.set(code::SUBNET_MASK, subnet.network.netmask().octets());
        if !subnet.router.is_empty() {
            options.set(code::ROUTER, octets(&subnet.router));
        }
        if !subnet.dns.is_empty() {
            options.set(code::DNS, octets(&subnet.dns));
        }
        if let Some(domain) = &subnet.domain {
            options.set(code::DOMAIN, domain.as_str());
        }
        if let Some(name) = self.name {
            options.set(code::HOST_NAME, name);
        }
        options.set(code::BROADCAST_ADDRESS, subnet.network.broadcast().octets());
        let wanted = request.options.get(code::PARAMETER_LIST);
        for (code, value) in subnet.options.iter() {
            if wanted.is_none_or(|list| list.contains(&code)) {
                options.set(code, value);
            }
        }
    }
}

fn octets(addresses: &[Ipv4Addr]) -> Vec<u8> {
    addresses.iter().flat_map(|address| address.octets()).collect()
}
