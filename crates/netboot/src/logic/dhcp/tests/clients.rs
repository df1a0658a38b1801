//! Messages of the shapes that real clients send: which options, in which order, which flags.

use super::SERVER;
use crate::wire::dhcp::{Message, MessageType, code};

const IPXE_FEATURES: [u8; 15] = [0xb1, 5, 1, 0x80, 0x86, 0x10, 0x0e, 0xeb, 3, 1, 0, 0, 0x13, 1, 1];
const IPXE_WISHES: [u8; 12] = [1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67];
const EDK2_WISHES: [u8; 12] = [1, 2, 3, 4, 5, 6, 12, 13, 15, 54, 60, 67];

fn mac(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [0x52, 0x54, a, b, c, d]
}

fn uuid(number: u32) -> Vec<u8> {
    let mut value = vec![0, 0x34, 0x12, 0x4d, 0x56, 0x78, 0x56, 0xbc, 0x4a, 0x80, 0, 0, 0];
    value.extend(number.to_be_bytes());
    value
}

fn discover(number: u32, flags: u16, options: &[(u8, &[u8])]) -> Message {
    let mut message = Message::request(number, mac(number));
    message.flags = flags;
    message.options.set(code::MESSAGE_TYPE, [MessageType::Discover as u8]);
    for (code, value) in options {
        message.options.set(*code, *value);
    }
    message
}

/// iPXE, or a ROM built from it, on `arch`, with this user class.
pub(super) fn ipxe(number: u32, arch: u16, user_class: &[u8]) -> Message {
    let class = format!("PXEClient:Arch:{arch:05}:UNDI:002001");
    let mut id = vec![1];
    id.extend(mac(number));
    discover(
        number,
        0,
        &[
            (57, &[5, 0xc0]),
            (93, &arch.to_be_bytes()),
            (94, &[1, 2, 1]),
            (60, class.as_bytes()),
            (77, user_class),
            (55, &IPXE_WISHES),
            (175, &IPXE_FEATURES),
            (61, &id),
            (97, &uuid(number)),
        ],
    )
}

/// A BIOS ROM that is not iPXE.
pub(super) fn rom(number: u32) -> Message {
    ipxe(number, 0, b"PlainROM")
}

/// UEFI's own PXE, or HTTP Boot where `arch` is one of its numbers.
pub(super) fn uefi(number: u32, arch: u16) -> Message {
    let program = if arch >= 15 { "HTTPClient" } else { "PXEClient" };
    let class = format!("{program}:Arch:{arch:05}:UNDI:003000");
    discover(
        number,
        Message::BROADCAST,
        &[
            (57, &[5, 0xc0]),
            (55, &EDK2_WISHES),
            (97, &uuid(number)),
            (94, &[1, 3, 0]),
            (93, &arch.to_be_bytes()),
            (60, class.as_bytes()),
        ],
    )
}

/// Windows, once it is up.
pub(super) fn windows(number: u32) -> Message {
    let mut id = vec![1];
    id.extend(mac(number));
    discover(number, 0, &[(61, &id), (12, b"MININT-1"), (60, b"MSFT 5.0"), (55, &[1, 3, 6])])
}

/// The REQUEST that takes an offer.
pub(super) fn select(discover: &Message, offer: &Message) -> Message {
    let mut request = discover.clone();
    request.options.set(code::MESSAGE_TYPE, [MessageType::Request as u8]);
    request.options.set(code::SERVER_ID, offer.options.get(code::SERVER_ID).unwrap());
    request.options.set(code::REQUESTED_ADDRESS, offer.yiaddr.octets());
    request
}

/// The REQUEST of a client that boots and remembers an address.
pub(super) fn init_reboot(discover: &Message, address: std::net::Ipv4Addr) -> Message {
    let mut request = discover.clone();
    request.options.set(code::MESSAGE_TYPE, [MessageType::Request as u8]);
    request.options.set(code::REQUESTED_ADDRESS, address.octets());
    request
}

/// A message of the client that has `ack`, of another type.
pub(super) fn later(discover: &Message, ack: &Message, kind: MessageType) -> Message {
    let mut message = discover.clone();
    message.xid += 1000;
    message.options.set(code::MESSAGE_TYPE, [kind as u8]);
    message.ciaddr = ack.yiaddr;
    message
}

/// The client's question on port 4011.
pub(super) fn boot_service(number: u32, arch: u16) -> Message {
    let mut request = uefi(number, arch);
    request.flags = 0;
    request.options.set(code::MESSAGE_TYPE, [MessageType::Request as u8]);
    request.ciaddr = [192, 168, 0, 156].into();
    assert_ne!(request.ciaddr, SERVER);
    request
}
