//! `[serve]`: the server.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chain::{Chain, Overrides, SecureBoot, name_platforms};
use super::error::{Checked, Reason};
use super::http_base::{MirroredKind, check_http_base, default_mirrored};
use super::limits::Limits;
use super::login::LoginConfig;
use super::options::{DhcpOptions, OptionTable};
use super::reservation::{Reservation, check_reservations};
use super::subnet::{SubnetConfig, check_subnets};
use super::text::is_plain_in_scripts;

/// `[serve]`: the server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Serve {
    /// The network interface to serve; by default the only one that has an address.
    #[schemars(example = &"eth1")]
    pub interface: Option<String>,
    /// The address that is announced, where the interface has several; by default the first one that is in a
    /// `[[serve.subnet]]`, or the first one at all.
    #[schemars(example = &"192.168.0.10")]
    pub address: Option<Ipv4Addr>,
    /// Whether to give addresses.
    #[schemars(example = &"dhcp")]
    pub mode: Mode,
    /// Give addresses although another DHCP server answers on the link.
    #[schemars(example = true)]
    pub force: bool,
    /// Refuse clients that want an address that is wrong here.
    #[schemars(example = false)]
    pub authoritative: bool,
    /// Which machines get an answer to their DHCP messages.
    #[schemars(example = &"known")]
    pub allow: Allow,
    /// Answer a booting machine that asks for an IPv6 router that there is none, so that it does not wait for one:
    /// up to 16 s at each stage. The answer goes to that machine only, and none is sent where this machine
    /// forwards IPv6.
    #[schemars(example = false)]
    pub answer_router_solicitations: bool,
    /// The user whose rights the server keeps once its ports are open, where it is started as root.
    #[schemars(example = &"winpe-iscsi")]
    pub user: Option<String>,
    /// Folders of files, searched in order.
    #[schemars(example = vec!["/srv/boot"])]
    pub folders: Vec<PathBuf>,
    /// The folder of the lease log; without this key `/var/lib/winpe-iscsi`.
    #[schemars(example = &"/srv/winpe-iscsi/state")]
    pub state: Option<PathBuf>,
    /// The port of HTTP.
    #[schemars(example = 8080, range(min = 1))]
    pub http_port: u16,
    /// Whether TFTP answers from its port 69 alone, as clients behind some address translation need, and servers
    /// in containers whose ports are published. By default each transfer has its own port (RFC 1350).
    #[schemars(example = true)]
    pub tftp_single_port: bool,
    /// `[serve.tls]`: the same files by HTTPS.
    pub tls: Option<TlsConfig>,
    /// Another web server, or an object store, that has some of the files: a URL with a slash at its end.
    #[schemars(example = &"http://files.example.org/boot/")]
    pub http_base: Option<String>,
    /// The kinds of files that `http-base` has.
    #[schemars(example = vec!["images", "programs", "scripts"])]
    pub http_base_holds: BTreeSet<MirroredKind>,
    /// How BIOS machines get to the menu.
    #[schemars(example = &"pxelinux")]
    pub chain: Chain,
    /// What UEFI firmware gets that starts signed programs only: `grub` or `ipxe`.
    #[schemars(example = &"ipxe")]
    pub secure_boot: Option<SecureBoot>,
    /// What iPXE gets in place of the menu that is made: a file that is served, or a URL.
    #[schemars(example = &"own.ipxe")]
    pub script: Option<String>,
    /// Boot files that differ from the table that `serve --check` shows, by platform.
    #[schemars(example = serde_json::json!({ "bios": "lpxelinux.0" }), transform = name_platforms)]
    pub boot_files: Overrides,
    /// Whether people may choose. Without a menu the default entry boots without a pause; where it fails,
    /// iPXE still shows the menu, and PXELINUX its prompt.
    #[schemars(example = false)]
    pub menu: bool,
    /// Seconds the menu waits before it takes its default; 0 waits for ever.
    #[schemars(example = 30)]
    pub timeout: u32,
    /// The entry that the menu takes by itself; the first one by default.
    #[schemars(example = &"win7")]
    pub default: Option<String>,
    /// `[serve.login]`: how machines log in to their iSCSI targets.
    pub login: LoginConfig,
    /// `[serve.pxelinux]`: what PXELINUX learns by DHCP.
    pub pxelinux: PxelinuxConfig,
    /// `[serve.limits]`: how many clients are served at a time.
    pub limits: Limits,
    /// Further DHCP options, by name or number, for clients that ask for them: `ntp-servers`, `mtu`,
    /// `domain-search`, `static-routes` and others. An option without a name has a text, addresses, or bytes as
    /// `hex:05:dc`.
    #[schemars(
        example = serde_json::json!({ "ntp-servers": "192.168.0.1", "mtu": 9000 }),
        with = "OptionTable"
    )]
    pub options: DhcpOptions,
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
            address: None,
            mode: Mode::Auto,
            force: false,
            authoritative: true,
            allow: Allow::All,
            answer_router_solicitations: true,
            user: None,
            folders: Vec::new(),
            state: None,
            http_port: 80,
            tftp_single_port: false,
            tls: None,
            http_base: None,
            http_base_holds: default_mirrored(),
            chain: Chain::default(),
            secure_boot: None,
            script: None,
            boot_files: Overrides::new(),
            menu: true,
            timeout: 10,
            default: None,
            login: LoginConfig::default(),
            pxelinux: PxelinuxConfig::default(),
            limits: Limits::default(),
            options: DhcpOptions::default(),
            subnets: Vec::new(),
            reservations: Vec::new(),
        }
    }
}

/// Checks what iPXE gets in place of the made menu.
pub(super) fn check_script(script: Option<&str>, checked: &mut Checked<'_>) {
    let plain = |script: &str| !script.is_empty() && script.chars().all(is_plain_in_scripts);
    if let Some(script) = script.filter(|script| !plain(script)) {
        checked.key("script").report(Reason::Script(script.to_owned()));
    }
}

/// Whether to give addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Give the addresses of each `[[serve.subnet]]` unless another server gives addresses; without a subnet, give
    /// none.
    #[default]
    Auto,
    /// Give addresses: without a `[[serve.subnet]]` up to 100 of the upper half of the link's network.
    Dhcp,
    /// Leave addresses to another server and say only what to boot.
    Proxy,
}

/// Which machines get an answer to their DHCP messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Allow {
    /// All that ask.
    #[default]
    All,
    /// Those that a `[[client]]` or a `[[serve.reservation]]` names, and what they start: machines that have a
    /// lease.
    Known,
    /// Those that boot from the network, and what they start: machines that have a lease; and those that
    /// `known` answers.
    Pxe,
}

/// `[serve.tls]`: the files by HTTPS too, for those that know the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TlsConfig {
    /// A chain of certificates in PEM, the server's own first.
    #[schemars(example = &"/etc/winpe-iscsi/cert.pem")]
    pub certificate: PathBuf,
    /// Its key, in PEM. It is read before the server gives up its rights.
    #[schemars(example = &"/etc/winpe-iscsi/key.pem")]
    pub key: PathBuf,
    /// The port of HTTPS.
    #[serde(default = "https")]
    #[schemars(example = 8443)]
    pub port: u16,
}

fn https() -> u16 {
    443
}

/// `[serve.pxelinux]`: options 208 to 211, which are sent whether a client asks for them or not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PxelinuxConfig {
    /// Option 209, the name of the configuration file; empty for none, so that PXELINUX searches by UUID, MAC
    /// address and IP address. It searches too where a served folder has such files in `pxelinux.cfg`.
    #[schemars(example = &"pxelinux.cfg/lab")]
    pub config_file: Option<String>,
    /// Option 210, what PXELINUX puts before the names of files; ends in a slash.
    #[schemars(example = &"http://files.example.org/boot/")]
    pub path_prefix: Option<String>,
    /// Option 211, the seconds after which PXELINUX starts the machine again when it finds no file.
    #[schemars(example = 60)]
    pub reboot_time: Option<u32>,
}

impl Serve {
    pub(super) fn check(&self, checked: &mut Checked<'_>) {
        if self.http_port == 0 {
            checked.key("http-port").report(Reason::HttpPort);
        }
        check_script(self.script.as_deref(), checked);
        check_http_base(self, checked);
        self.login.check("[serve]", &mut checked.key("login"));
        self.pxelinux.check(&mut checked.key("pxelinux"));
        check_subnets(&self.subnets, &mut checked.key("subnet"));
        check_reservations(&self.reservations, &self.subnets, &mut checked.key("reservation"));
    }

    /// Whether the server gives addresses, at least where no other server does.
    #[must_use]
    pub fn gives_addresses(&self) -> bool {
        match self.mode {
            Mode::Dhcp => true,
            Mode::Auto => !self.subnets.is_empty(),
            Mode::Proxy => false,
        }
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
