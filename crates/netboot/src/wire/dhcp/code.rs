//! Option numbers. RFC 2132 unless said otherwise.

/// Subnet mask.
pub const SUBNET_MASK: u8 = 1;
/// Routers.
pub const ROUTER: u8 = 3;
/// DNS servers.
pub const DNS: u8 = 6;
/// Log servers; iPXE sends its console there by syslog.
pub const LOG_SERVER: u8 = 7;
/// Host name.
pub const HOST_NAME: u8 = 12;
/// The domain.
pub const DOMAIN: u8 = 15;
/// The subnet's broadcast address.
pub const BROADCAST_ADDRESS: u8 = 28;
/// Vendor-specific information; PXE's own options.
pub const VENDOR: u8 = 43;
/// The address a client would like.
pub const REQUESTED_ADDRESS: u8 = 50;
/// Seconds of a lease.
pub const LEASE_TIME: u8 = 51;
/// Which of `file` and `sname` hold options.
pub const OVERLOAD: u8 = 52;
/// What kind of message this is.
pub const MESSAGE_TYPE: u8 = 53;
/// The server that the message is for.
pub const SERVER_ID: u8 = 54;
/// Which options a client would like.
pub const PARAMETER_LIST: u8 = 55;
/// Words for a person.
pub const MESSAGE: u8 = 56;
/// The longest message a client takes.
pub const MAX_SIZE: u8 = 57;
/// Seconds until a client renews.
pub const RENEWAL_TIME: u8 = 58;
/// Seconds until a client rebinds.
pub const REBINDING_TIME: u8 = 59;
/// What kind of client, or of server, this is.
pub const VENDOR_CLASS: u8 = 60;
/// How a client names itself.
pub const CLIENT_ID: u8 = 61;
/// The boot server's name.
pub const TFTP_SERVER: u8 = 66;
/// The boot file's name.
pub const BOOT_FILE: u8 = 67;
/// RFC 3004; iPXE says `iPXE` here.
pub const USER_CLASS: u8 = 77;
/// RFC 3046: what a relay says.
pub const RELAY_AGENT: u8 = 82;
/// RFC 4578: the client's architecture.
pub const CLIENT_ARCH: u8 = 93;
/// RFC 4578: the client's UUID after one byte of type.
pub const CLIENT_UUID: u8 = 97;
/// RFC 3011: the subnet an address is wanted from.
pub const SUBNET_SELECTION: u8 = 118;
/// iPXE's own options, encapsulated.
pub const IPXE: u8 = 175;
/// RFC 5071: says that 209 to 211 are PXELINUX's.
pub const PXELINUX_MAGIC: u8 = 208;
/// RFC 5071: the configuration file tried first.
pub const PXELINUX_CONFIG: u8 = 209;
/// RFC 5071: what PXELINUX puts before each file name.
pub const PXELINUX_PREFIX: u8 = 210;
/// RFC 5071: seconds until PXELINUX restarts a machine that found nothing.
pub const PXELINUX_REBOOT: u8 = 211;

/// Sub-options of [`RELAY_AGENT`].
pub mod relay {
    /// RFC 3527: the link a client is on.
    pub const LINK_SELECTION: u8 = 5;
    /// RFC 5107: what the server is to call itself.
    pub const SERVER_ID_OVERRIDE: u8 = 11;
}

/// Sub-options of [`VENDOR`] in PXE 2.1.
pub mod pxe {
    /// How to find a boot server; 8 is by the boot file named here.
    pub const DISCOVERY_CONTROL: u8 = 6;
    /// Which boot server, which layer.
    pub const BOOT_ITEM: u8 = 71;
}
