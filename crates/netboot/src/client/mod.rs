//! The sender of a DHCP message, as the message describes it: program, platform, UUID; and what it says later
//! that it boots.

mod choice;
mod platform;

use std::fmt;
use std::net::Ipv4Addr;

pub use choice::{Choice, ChoiceKind};
pub(crate) use platform::Architecture;
pub use platform::Platform;

use crate::wire::dhcp::{Hardware, Message, code, sub_options};

/// A client, as its message describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its hardware address.
    pub hardware: Hardware,
    /// Its UUID, if it has a valid one.
    pub uuid: Option<Uuid>,
    /// The program that asks.
    pub kind: Kind,
    /// What machine it runs on; none where it does not say, or its number is unknown.
    pub platform: Option<Platform>,
    /// Option 60, as far as it is text.
    pub vendor_class: String,
    /// Option 77, as far as it is text: each class, or all of it where it is written without lengths.
    pub user_classes: Vec<String>,
    /// The relay that forwarded its message.
    pub relay: Option<Ipv4Addr>,
    /// The host name that it has given itself (option 12), as far as it is text.
    pub host_name: Option<String>,
}

/// The program that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A PXE ROM or UEFI's PXE.
    Pxe,
    /// UEFI HTTP Boot.
    Http,
    /// iPXE.
    Ipxe {
        /// Whether it was built with HTTP.
        http: bool,
    },
    /// Not one that boots: an operating system.
    Other,
}

impl Client {
    /// The sender of this message.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let options = &message.options;
        let class = options.get(code::VENDOR_CLASS).unwrap_or_default();
        let vendor_class = String::from_utf8_lossy(class).into_owned();
        let architecture = options
            .get(code::CLIENT_ARCH)
            .and_then(Architecture::from_list)
            .or_else(|| Architecture::from_vendor_class(&vendor_class));
        let is_http = architecture.is_some_and(|found| found.http);
        let kind = if is_ipxe(message) {
            Kind::Ipxe { http: ipxe_has_http(message) }
        } else if vendor_class.starts_with("HTTPClient")
            || (vendor_class.starts_with("U-Boot") && is_http)
        {
            Kind::Http
        } else if ["PXEClient", "U-Boot"].iter().any(|class| vendor_class.starts_with(class)) {
            Kind::Pxe
        } else {
            Kind::Other
        };
        Self {
            hardware: message.hardware,
            uuid: options.get(code::CLIENT_UUID).and_then(Uuid::from_option),
            kind,
            // RFC 4578 came after the first PXE ROMs; those without it are BIOS ones.
            platform: architecture.map(|found| found.platform).or_else(|| {
                (kind == Kind::Pxe && vendor_class == "PXEClient").then_some(Platform::Bios)
            }),
            vendor_class,
            user_classes: classes_of(message),
            relay: (!message.giaddr.is_unspecified()).then_some(message.giaddr),
            host_name: options
                .get(code::HOST_NAME)
                .map(|name| String::from_utf8_lossy(name).trim_end_matches('\0').to_owned())
                .filter(|name| !name.is_empty()),
        }
    }
}

/// The user classes of a message.
fn classes_of(message: &Message) -> Vec<String> {
    let value = message.options.get(code::USER_CLASS).unwrap_or_default();
    let text = |class: &[u8]| String::from_utf8_lossy(class).into_owned();
    let length: usize = user_classes(value).map(|class| class.len() + 1).sum();
    let classes = if length == value.len() {
        user_classes(value).map(text).collect()
    } else {
        vec![text(value)]
    };
    classes.into_iter().filter(|class| !class.is_empty()).collect()
}

/// iPXE names itself in its user class, bare or, as RFC 3004 requires, after a length. A script may set another
/// name, and then is treated as that; iPXE's own options identify it only if there is no user class.
fn is_ipxe(message: &Message) -> bool {
    match message.options.get(code::USER_CLASS) {
        Some(b"iPXE") => true,
        Some(classes) => user_classes(classes).any(|class| class == b"iPXE"),
        None => message.options.get(code::IPXE).is_some(),
    }
}

/// RFC 3004: each class after its length.
fn user_classes(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first()?;
        let (class, after) = after.split_at_checked(usize::from(*len))?;
        rest = after;
        Some(class)
    })
}

/// The feature byte that iPXE sends where it was built with HTTP.
const IPXE_FEATURE_HTTP: u8 = 0x13;

/// An iPXE that lists no features at all is taken for a complete one.
fn ipxe_has_http(message: &Message) -> bool {
    let Some(features) = message.options.get(code::IPXE) else { return true };
    sub_options(features).any(|(feature, _)| feature == IPXE_FEATURE_HTTP)
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = match self.kind {
            Kind::Pxe => "PXE",
            Kind::Http => "HTTP Boot",
            Kind::Ipxe { .. } => "iPXE",
            Kind::Other => return f.write_str("no boot client"),
        };
        match self.platform {
            Some(platform) => write!(f, "{program} on {platform}"),
            None => write!(f, "{program} on an unknown platform"),
        }
    }
}

/// A machine's UUID, in the order of the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// From option 97: a zero, then the bytes. All zeros and all ones mean that there is none.
    #[must_use]
    pub fn from_option(value: &[u8]) -> Option<Self> {
        let [0, bytes @ ..] = value else { return None };
        let bytes: [u8; 16] = bytes.try_into().ok()?;
        (bytes != [0; 16] && bytes != [0xff; 16]).then_some(Self(bytes))
    }

    /// As PXELINUX spells it: the bytes in the order of the wire.
    #[must_use]
    pub fn wire_spelling(&self) -> String {
        uuid::Uuid::from_bytes(self.0).hyphenated().to_string()
    }

    /// As firmware and operating systems spell it: the first three groups are little-endian numbers.
    #[must_use]
    pub fn smbios_spelling(&self) -> String {
        uuid::Uuid::from_bytes_le(self.0).hyphenated().to_string()
    }

    /// Whether this is one of its two spellings, in either case.
    #[must_use]
    pub fn is_spelt(&self, text: &str) -> bool {
        text.eq_ignore_ascii_case(&self.wire_spelling())
            || text.eq_ignore_ascii_case(&self.smbios_spelling())
    }
}

/// From one spelling of a UUID to the other.
pub(crate) fn other_spelling(text: &str) -> Option<String> {
    let read = uuid::Uuid::try_parse(text).ok()?;
    Some(Uuid(read.into_bytes()).smbios_spelling())
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({})", self.smbios_spelling())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(options: &[(u8, &[u8])]) -> Client {
        let mut message = Message::request(1, [2; 6]);
        for (code, value) in options {
            message.options.set(*code, *value);
        }
        Client::of(&message)
    }

    #[test]
    fn a_user_class_is_read_bare_and_with_its_length() {
        let with_http = Kind::Ipxe { http: true };
        assert_eq!(client(&[(77, b"iPXE")]).kind, with_http);
        assert_eq!(client(&[(77, b"\x04iPXE")]).kind, with_http);
        assert_eq!(client(&[(77, b"\x03abc\x04iPXE")]).kind, with_http);
        assert_eq!(client(&[(77, b"\xffiPXE")]).kind, Kind::Other);
        assert_eq!(client(&[(77, b"PlainROM"), (60, b"PXEClient"), (175, b"")]).kind, Kind::Pxe);
        assert_eq!(client(&[(175, b"\xeb\x03\x01\0\0")]).kind, Kind::Ipxe { http: false });
        assert_eq!(client(&[(175, b"\x13\x01\x01")]).kind, with_http);
    }

    #[test]
    fn a_rom_older_than_option_93_is_a_bios_one() {
        assert_eq!(client(&[(60, b"PXEClient")]).platform, Some(Platform::Bios));
        let x64 = client(&[(60, b"PXEClient:Arch:00007:UNDI:003000")]);
        assert_eq!(x64.platform, Some(Platform::UefiX64));
        assert_eq!(client(&[(60, b"PXEClient:Arch:00099:UNDI:003000")]).platform, None);
        assert_eq!(client(&[(60, b"MSFT 5.0")]).kind, Kind::Other);
    }

    #[test]
    fn a_uuid_has_two_spellings() {
        let mut value = vec![0];
        value.extend([0x34, 0x12, 0x4d, 0x56, 0x78, 0x56, 0xbc, 0x4a, 0x80, 0, 0, 0, 0, 0, 0, 3]);
        let uuid = Uuid::from_option(&value).unwrap();
        assert_eq!(uuid.wire_spelling(), "34124d56-7856-bc4a-8000-000000000003");
        assert_eq!(uuid.smbios_spelling(), "564d1234-5678-4abc-8000-000000000003");
        assert!(uuid.is_spelt("564D1234-5678-4ABC-8000-000000000003"));
        assert!(!uuid.is_spelt("564d1234-5678-4abc-8000-000000000004"));
        assert_eq!(Uuid::from_option(&value[..16]), None);
        assert_eq!(Uuid::from_option(&[0; 17]), None);
        assert_eq!(Uuid::from_option(&[0xff; 17]), None);
    }
}
