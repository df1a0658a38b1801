//! `[serve]`: the server.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::Deserialize;

use super::chain::{Chain, Overrides, SecureBoot};
use super::error::{Checked, Reason};
use super::http_base::{MirroredKind, check_http_base, default_mirrored};
use super::limits::Limits;
use super::login::LoginConfig;
use super::subnet::{SubnetConfig, check_subnets};
use super::text::is_plain_in_scripts;
use crate::wire::dhcp::Hardware;

/// `[serve]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Serve {
    /// The network interface to serve; the only one that has an address, where none is named.
    pub interface: Option<String>,
    /// Whether to give addresses.
    pub mode: Mode,
    /// Serve addresses though another DHCP server answers on the link.
    pub force: bool,
    /// Say no to clients that want an address that is wrong here.
    pub authoritative: bool,
    /// Which machines get an answer that says what to boot.
    pub allow: Allow,
    /// The user whose rights the server keeps once its ports are open, where it is started as root.
    pub user: Option<String>,
    /// Folders of files, searched in order.
    pub folders: Vec<PathBuf>,
    /// Where the lease log is kept.
    pub state: Option<PathBuf>,
    /// The port of HTTP.
    pub http_port: u16,
    /// `[serve.tls]`: the same files by HTTPS.
    pub tls: Option<TlsConfig>,
    /// Another web server, or an object store, that has some of the files: a URL with a slash at its end.
    pub http_base: Option<String>,
    /// What it has: images and programs, where nothing is said.
    pub http_base_holds: BTreeSet<MirroredKind>,
    /// How BIOS machines get to the menu.
    pub chain: Chain,
    /// What UEFI firmware gets that starts signed programs only: `grub` or `ipxe`.
    pub secure_boot: Option<SecureBoot>,
    /// Boot files that differ from the table.
    pub boot_files: Overrides,
    /// Whether people may choose. Without a menu the default entry boots at once; where it fails, iPXE shows
    /// the menu all the same, and PXELINUX its prompt.
    pub menu: bool,
    /// Seconds the menu waits before it takes its default; 0 waits for ever.
    pub timeout: u32,
    /// The entry that the menu takes by itself; the first one, where none is named.
    pub default: Option<String>,
    /// `[serve.login]`: with what machines log in to their iSCSI targets.
    pub login: LoginConfig,
    /// `[serve.pxelinux]`.
    pub pxelinux: PxelinuxConfig,
    /// `[serve.limits]`: how many clients are served at once.
    pub limits: Limits,
    /// `[[serve.subnet]]`: links and their addresses.
    #[serde(rename = "subnet")]
    pub subnets: Vec<SubnetConfig>,
    /// `[[serve.reservation]]`: machines that always get the same address.
    #[serde(rename = "reservation")]
    pub reservations: Vec<Reservation>,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            interface: None,
            mode: Mode::Auto,
            force: false,
            authoritative: true,
            allow: Allow::All,
            user: None,
            folders: Vec::new(),
            state: None,
            http_port: 80,
            tls: None,
            http_base: None,
            http_base_holds: default_mirrored(),
            chain: Chain::default(),
            secure_boot: None,
            boot_files: Overrides::new(),
            menu: true,
            timeout: 10,
            default: None,
            login: LoginConfig::default(),
            pxelinux: PxelinuxConfig::default(),
            limits: Limits::default(),
            subnets: Vec::new(),
            reservations: Vec::new(),
        }
    }
}

/// Whether to give addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Give addresses unless another server does.
    #[default]
    Auto,
    /// Give addresses.
    Dhcp,
    /// Leave addresses to another server and say only what to boot.
    Proxy,
}

/// Which machines get an answer that says what to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allow {
    /// All that ask.
    #[default]
    All,
    /// Those that a `[[client]]` or a `[[serve.reservation]]` names.
    Known,
}

/// `[serve.tls]`: the files by HTTPS too, for those that know the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TlsConfig {
    /// A chain of certificates in PEM, the server's own first.
    pub certificate: PathBuf,
    /// Its key, in PEM. It is read before the server gives up its rights.
    pub key: PathBuf,
    /// The port.
    #[serde(default = "https")]
    pub port: u16,
}

fn https() -> u16 {
    443
}

/// `[serve.pxelinux]`: options 208 to 211, which are sent whether a client asks for them or not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PxelinuxConfig {
    /// Option 209. Where it is empty it is not sent, and PXELINUX searches by UUID, MAC address and
    /// IP address.
    pub config_file: Option<String>,
    /// Option 210; ends in a slash.
    pub path_prefix: Option<String>,
    /// Option 211, in seconds.
    pub reboot_time: Option<u32>,
}

/// `[[serve.reservation]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reservation {
    /// The machine's hardware address.
    #[serde(deserialize_with = "super::hardware::read")]
    pub mac: Hardware,
    /// The address.
    pub address: Ipv4Addr,
}

impl Serve {
    pub(super) fn check(&self, checked: &mut Checked<'_>) {
        if self.http_port == 0 {
            checked.key("http-port").report(Reason::HttpPort);
        }
        check_http_base(self, checked);
        self.login.check("[serve]", &mut checked.key("login"));
        self.pxelinux.check(&mut checked.key("pxelinux"));
        check_subnets(&self.subnets, &mut checked.key("subnet"));
        check_reservations(&self.reservations, &mut checked.key("reservation"));
    }
}

impl PxelinuxConfig {
    fn check(&self, checked: &mut Checked<'_>) {
        if let Some(prefix) = &self.path_prefix
            && !prefix.ends_with('/')
        {
            checked.key("path-prefix").report(Reason::PathPrefix(prefix.clone()));
        }
        // Both go into iPXE's script as well as into DHCP.
        let Self { config_file, path_prefix, reboot_time: _ } = self;
        for (key, text) in [("config-file", config_file), ("path-prefix", path_prefix)] {
            let text = text.as_deref().unwrap_or_default();
            if !text.chars().all(is_plain_in_scripts) {
                checked.key(key).report(Reason::Pxelinux { key, found: text.to_owned() });
            }
        }
    }
}

fn check_reservations(reservations: &[Reservation], checked: &mut Checked<'_>) {
    let (mut macs, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for (index, &Reservation { mac, address }) in reservations.iter().enumerate() {
        let mut checked = checked.index(index);
        if !macs.insert(mac) {
            checked.key("mac").report(Reason::ReservedMachine(mac));
        }
        if !addresses.insert(address) {
            checked.key("address").report(Reason::ReservedAddress(address));
        }
    }
}
