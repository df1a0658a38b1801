//! The configuration file, `winpe-iscsi.toml`.
//!
//! Every table and key has a default; one that is not known is an error, so that no misspelt setting
//! passes in silence.
//!
//! ```
//! use winpe_netboot::policy::Config;
//!
//! let config: Config = r#"
//!     [serve]
//!     interface = "eth1"
//!     chain = "pxelinux"
//!
//!     [[serve.subnet]]
//!     network = "192.168.0.0/24"
//!     first = "192.168.0.100"
//!     last = "192.168.0.199"
//!
//!     [[client]]
//!     name = "vostro"
//!     oui = "00:14:22"
//!     chain = "dell"
//!
//!     [[entry]]
//!     name = "win7"
//!     san = "iscsi:192.168.0.20::::iqn.2011-12.com.example:win7"
//! "#.parse()?;
//! assert_eq!(config.clients[0].name, "vostro");
//!
//! let error = "[serve]\nport = 80".parse::<Config>().unwrap_err();
//! assert_eq!((error.line, error.column), (2, 1));
//! # Ok::<(), winpe_netboot::policy::ConfigError>(())
//! ```

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::bootfile::{Chain, Overrides, SecureBoot};
use super::http_base::Held;
use super::limits::Limits;
use super::login::LoginConfig;
use super::matcher::Matcher;
use super::menu::{Entry, is_url};
use super::subnet::SubnetConfig;
use super::watch::WatchConfig;
use crate::wire::dhcp::Hardware;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// `[serve]`: the server.
    #[serde(default)]
    pub serve: Serve,
    /// `[inject]`: what to put into images, which is not for the server to read.
    #[serde(default)]
    pub inject: Elsewhere,
    /// `[[client]]`: clients that get something else. The first that matches counts.
    #[serde(default, rename = "client")]
    pub clients: Vec<ClientConfig>,
    /// `[[entry]]`: the menu, in order.
    #[serde(default, rename = "entry")]
    pub entries: Vec<Entry>,
    /// `[watch]`: who may see what happens, and where.
    #[serde(default)]
    pub watch: WatchConfig,
}

/// A part of the file that others read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Elsewhere;

impl<'de> Deserialize<'de> for Elsewhere {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

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
    /// Which machines are told what to boot.
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
    pub http_base_holds: BTreeSet<Held>,
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
            http_base_holds: super::http_base::usual(),
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
    /// Leave addresses to another server and tell only what to boot.
    Proxy,
}

/// Which machines are told what to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allow {
    /// Whoever asks.
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
    /// Whose address it is.
    #[serde(deserialize_with = "super::matcher::mac")]
    pub mac: Hardware,
    /// The address.
    pub address: Ipv4Addr,
}

/// `[[client]]`: what differs for some clients. Every key that is given must match.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClientConfig {
    /// How logs, tables and URLs call these clients.
    pub name: String,
    /// Hardware addresses.
    #[serde(default)]
    pub mac: Option<Matcher>,
    /// The first three bytes of hardware addresses.
    #[serde(default)]
    pub oui: Option<Matcher>,
    /// UUIDs, in either spelling.
    #[serde(default)]
    pub uuid: Option<Matcher>,
    /// How option 60 begins.
    #[serde(default)]
    pub vendor_class: Option<Matcher>,
    /// As in `[serve]`.
    #[serde(default)]
    pub chain: Option<Chain>,
    /// As in `[serve]`.
    #[serde(default)]
    pub secure_boot: Option<SecureBoot>,
    /// As in `[serve]`.
    #[serde(default)]
    pub boot_files: Overrides,
    /// As in `[serve]`.
    #[serde(default)]
    pub menu: Option<bool>,
    /// As in `[serve]`.
    #[serde(default)]
    pub default: Option<String>,
    /// As in `[serve]`.
    #[serde(default)]
    pub timeout: Option<u32>,
    /// As in `[serve]`, key by key.
    #[serde(default)]
    pub login: LoginConfig,
}

/// Why a configuration is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ConfigError {
    /// Counted from 1; 1 where the whole file is meant.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
}

impl FromStr for Config {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            ConfigError { line, column, message: error.message().trim().to_owned() }
        })?;
        config.check().map_err(|message| ConfigError { line: 1, column: 1, message })?;
        Ok(config)
    }
}

impl Config {
    /// Reads every relative path from `folder`, as paths of a file are meant from where it stands.
    ///
    /// ```
    /// use winpe_netboot::policy::Config;
    /// let mut config: Config = "[serve]\nfolders = ['srv', '/opt/boot']".parse()?;
    /// config.read_paths_from("/etc/winpe-iscsi".as_ref());
    /// let folders: Vec<_> = config.serve.folders.iter().map(|it| it.to_str()).collect();
    /// assert_eq!(folders, [Some("/etc/winpe-iscsi/srv"), Some("/opt/boot")]);
    /// # Ok::<(), winpe_netboot::policy::ConfigError>(())
    /// ```
    pub fn read_paths_from(&mut self, folder: &Path) {
        for path in self.serve.folders.iter_mut().chain(&mut self.serve.state) {
            *path = folder.join(&*path);
        }
        let tls = self.serve.tls.iter_mut().flat_map(|tls| [&mut tls.certificate, &mut tls.key]);
        for path in tls {
            *path = folder.join(&*path);
        }
        self.serve.login.read_paths_from(folder);
        for client in &mut self.clients {
            client.login.read_paths_from(folder);
        }
        for entry in &mut self.entries {
            for image in [&mut entry.wim, &mut entry.windows, &mut entry.iso].into_iter().flatten()
            {
                if !is_url(image) && !image.is_empty() {
                    // Joining text with a path that has none would not give text.
                    if let Some(joined) = folder.join(&*image).to_str() {
                        *image = joined.to_owned();
                    }
                }
            }
        }
    }

    /// What holds between keys; also after the command line has added to the file.
    ///
    /// # Errors
    /// In words, what does not hold.
    pub fn check(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for entry in &self.entries {
            entry.check()?;
            if !names.insert(entry.name.as_str()) {
                return Err(format!("there are two entries of the name {:?}", entry.name));
            }
        }
        let defaults = self.clients.iter().map(|client| &client.default);
        for default in defaults.chain([&self.serve.default]).flatten() {
            if !names.contains(default.as_str()) {
                return Err(format!("the default entry {default:?} is not in the menu"));
            }
        }
        let mut names = BTreeSet::new();
        for client in &self.clients {
            client.check()?;
            if !names.insert(client.name.as_str()) {
                return Err(format!("there are two clients of the name {:?}", client.name));
            }
        }
        self.serve.check()
    }
}

impl ClientConfig {
    fn check(&self) -> Result<(), String> {
        check_name("client", &self.name)?;
        self.check_matchers()?;
        self.check_login()?;
        if [&self.mac, &self.oui, &self.uuid, &self.vendor_class].iter().all(|key| key.is_none()) {
            return Err(format!(
                "client {:?} needs one of mac, oui, uuid and vendor-class",
                self.name
            ));
        }
        Ok(())
    }
}

impl Serve {
    fn check(&self) -> Result<(), String> {
        if self.http_port == 0 {
            return Err("http-port must not be 0".to_owned());
        }
        self.check_http_base()?;
        self.login.check("[serve]")?;
        if let Some(prefix) = &self.pxelinux.path_prefix
            && !prefix.ends_with('/')
        {
            return Err(format!("pxelinux.path-prefix {prefix:?} must end in a slash"));
        }
        // Both go into iPXE's script as well as into DHCP.
        let PxelinuxConfig { config_file, path_prefix, reboot_time: _ } = &self.pxelinux;
        for (key, text) in [("config-file", config_file), ("path-prefix", path_prefix)] {
            let text = text.as_deref().unwrap_or_default();
            if !text.chars().all(is_of_words) {
                return Err(format!(
                    "pxelinux.{key} {text:?} has characters that scripts do not take"
                ));
            }
        }
        for (index, subnet) in self.subnets.iter().enumerate() {
            subnet.check()?;
            let network = subnet.network;
            if let Some(other) =
                self.subnets[..index].iter().find(|it| it.network.overlaps(network))
            {
                return Err(format!("subnet {network} overlaps with subnet {}", other.network));
            }
        }
        let (mut macs, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for reservation in &self.reservations {
            if !macs.insert(reservation.mac) {
                return Err(format!("{} has two reservations", reservation.mac));
            }
            if !addresses.insert(reservation.address) {
                return Err(format!("{} is reserved twice", reservation.address));
            }
        }
        Ok(())
    }
}

/// Whether a character is one of a word of scripts that means itself there.
pub(super) fn is_of_words(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '$' | ';' | '#' | '"' | '\'')
}

/// Names stand in URLs, scripts and menus.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
        return Err(format!(
            "the name of {what} {name:?} must be of 1 to 32 letters, digits, hyphens and underscores"
        ));
    }
    Ok(())
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in "(\\PC|\n){0,80}",
            key in "(timeout|http-port|folders|default|state|index)",
            value in "('\\PC{0,12}'|-?[0-9]{0,22}|\\[{0,300}|true)",
        ) {
            for text in [text, format!("[serve]\n{key} = {value}"), format!("[[entry]]\n{key} = {value}")] {
                if let Err(error) = text.parse::<Config>() {
                    prop_assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
                }
            }
        }
    }

    fn error(text: &str) -> String {
        text.parse::<Config>().unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_is_valid() {
        assert_eq!("".parse::<Config>(), Ok(Config::default()));
    }

    #[test]
    fn the_part_of_others_is_left_to_them() {
        let config = "[inject]\nwim = 'winpe.wim'\nmore = [{ a = 1 }]\n".parse::<Config>();
        assert_eq!(config, Ok(Config::default()));
    }

    #[test]
    fn an_unknown_key_is_refused_wherever_it_stands() {
        for text in [
            "[server]",
            "[serve]\nhttp_port = 80",
            "[serve.pxelinux]\nmagic = 1",
            "[[serve.subnet]]\nnetwork = '10.0.0.0/8'\npool = 1",
            "[[serve.reservation]]\nmac = '2:2:2:2:2:2'\naddress = '10.0.0.1'\nhost = 'a'",
            "[[client]]\nname = 'a'\nmac = '02:02:02:02:02:02'\nip = '10.0.0.1'",
            "[[entry]]\nname = 'a'\nlocal = true\nlabel = 'b'",
            "[serve.boot-files]\nuefi = 'a.efi'",
        ] {
            let error = error(text);
            assert!(error.contains("unknown") || error.contains("invalid"), "{text}: {error}");
        }
        assert!(
            error("[serve]\n\n  http_port = 80").starts_with("line 3, column 3: unknown field")
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, expected) in [
            ("[serve.pxelinux]\npath-prefix = 'http://a'", "must end in a slash"),
            ("[serve.pxelinux]\nconfig-file = \"a\\nshell\"", "scripts do not take"),
            ("[serve.pxelinux]\nconfig-file = 'a b'", "scripts do not take"),
            ("[serve.pxelinux]\nconfig-file = 'a${user}'", "scripts do not take"),
            ("[serve.pxelinux]\npath-prefix = \"a\\rb/\"", "scripts do not take"),
            ("[serve.pxelinux]\npath-prefix = 'http://a;b/'", "scripts do not take"),
            ("[serve]\ndefault = 'x'", "is not in the menu"),
            (
                "[[serve.subnet]]\nnetwork = '10.0.0.0/8'\n[[serve.subnet]]\nnetwork = '10.1.0.0/16'",
                "subnet 10.1.0.0/16 overlaps with subnet 10.0.0.0/8",
            ),
            ("[[client]]\nname = 'a'", "needs one of mac"),
            ("[[client]]\nname = 'a/b'\noui = '00:14:22'", "letters, digits"),
            (
                "[[entry]]\nname = 'a'\nlocal = true\n[[entry]]\nname = 'a'\nlocal = true",
                "two entries",
            ),
            ("[[client]]\nname = 'a'\nmac = '00:14:22'", "a MAC address"),
            ("[[client]]\nname = 'a'\noui = '00:14:22:1'", "three bytes"),
        ] {
            let error = error(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
