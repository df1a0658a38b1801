//! The configuration file, `winpe-iscsi.toml`.
//!
//! A section of the file is a module here, with the check of what it says. Every table and key has a
//! default, and an unknown one is an error, so that no misspelt setting passes in silence. All errors of a
//! file are reported in one run, each with its line and column.
//!
//! ```
//! use winpe_netboot::config::Config;
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
//! let errors = "[serve]\nport = 80".parse::<Config>().unwrap_err();
//! assert!(errors.to_string().starts_with("line 2, column 1: unknown field `port`"));
//! # Ok::<(), winpe_netboot::config::ConfigErrors>(())
//! ```

mod boot_file;
mod chain;
mod client;
mod entry;
mod error;
mod hardware;
mod http_base;
mod limits;
mod login;
mod network;
mod options;
mod quick_menu;
mod read;
mod reservation;
mod schema;
mod serve;
mod shapes;
mod subnet;
#[cfg(test)]
mod tests;
mod text;
mod watch;

use std::net::Ipv4Addr;
use std::path::Path;

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

pub use boot_file::{BootFile, Content, Origin};
pub use chain::{Chain, Overrides, SecureBoot};
pub use client::{ClientConfig, Matcher};
pub use entry::{Entry, Target};
pub(crate) use entry::{KERNEL, PROGRAM, initrd_name};
pub use error::{ConfigError, ConfigErrors, Place, Reason};
pub(crate) use hardware::parse_mac;
pub use http_base::MirroredKind;
pub use limits::{Limit, Limits};
pub use login::LoginConfig;
pub(crate) use network::{host_network, is_host};
pub use options::DhcpOptions;
pub use quick_menu::{WimImage, quick_menu};
pub use reservation::{ClientId, Reservation};
pub use schema::config_schema;
pub use serve::{Allow, Mode, PxelinuxConfig, Serve, TlsConfig};
pub use shapes::parse_time;
pub use subnet::SubnetConfig;
pub(crate) use text::MAC;
pub use text::is_url;
pub use watch::{Listen, WatchConfig};

use client::check_clients;
use entry::{check_default, check_entries};
use error::Checked;
use reservation::check_own_addresses;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "winpe-iscsi.toml")]
pub struct Config {
    /// `[serve]`: the server.
    #[serde(default)]
    pub serve: Serve,
    /// `[inject]`: what to put into images; the server does not read it.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub inject: Elsewhere,
    /// `[[client]]`: clients that get something else. The first that matches a client counts.
    #[serde(default, rename = "client")]
    pub clients: Vec<ClientConfig>,
    /// `[[entry]]`: the menu, in order.
    #[serde(default, rename = "entry")]
    pub entries: Vec<Entry>,
    /// `[watch]`: the page, the API and the metrics, and where they are.
    #[serde(default)]
    pub watch: WatchConfig,
}

/// A part of the file that other commands read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Elsewhere;

impl<'de> Deserialize<'de> for Elsewhere {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl Config {
    /// Makes every relative path one below `folder`, the folder of the file.
    ///
    /// ```
    /// use winpe_netboot::config::Config;
    /// let mut config: Config = "[serve]\nfolders = ['srv', '/opt/boot']".parse()?;
    /// config.read_paths_from("/etc/winpe-iscsi".as_ref());
    /// let folders: Vec<_> = config.serve.folders.iter().map(|it| it.to_str()).collect();
    /// assert_eq!(folders, [Some("/etc/winpe-iscsi/srv"), Some("/opt/boot")]);
    /// # Ok::<(), winpe_netboot::config::ConfigErrors>(())
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
            let images = [
                &mut entry.wim,
                &mut entry.windows,
                &mut entry.iso,
                &mut entry.kernel,
                &mut entry.efi,
            ];
            let initrds = entry.initrd.iter_mut().flat_map(Matcher::values_mut);
            for image in images.into_iter().flatten().chain(initrds) {
                if !is_url(image) && !image.is_empty() {
                    // Joining text with a path that has none would not give text.
                    if let Some(joined) = folder.join(&*image).to_str() {
                        *image = joined.to_owned();
                    }
                }
            }
        }
    }

    /// Checks what holds between keys; also after the command line has added to the file.
    ///
    /// # Errors
    /// All that does not hold, without places.
    pub fn check(&self) -> Result<(), ConfigErrors> {
        ConfigErrors::new(self.find_errors())
    }

    /// Checks what holds between the configuration and the addresses of a server: the network of the link that it
    /// serves, and all its own addresses.
    ///
    /// # Errors
    /// All that does not hold, without places; [`ConfigErrors::locate`] adds them.
    pub fn check_addresses(&self, link: Ipv4Net, own: &[Ipv4Addr]) -> Result<(), ConfigErrors> {
        let mut errors = Vec::new();
        if self.serve.gives_addresses() {
            let serve = &mut Checked::root(&mut errors);
            let mut serve = serve.key("serve");
            let Serve { reservations, subnets, .. } = &self.serve;
            let checked = &mut serve.key("reservation");
            check_own_addresses(reservations, !subnets.is_empty(), link, own, checked);
        }
        ConfigErrors::new(errors)
    }

    /// The subnets that a server of this address serves: those of the configuration, and that of its link. Where
    /// the configuration names no subnet at all, addresses of the link are given; where it names others,
    /// reservations at most.
    #[must_use]
    pub fn subnets_on(&self, link: Ipv4Net, address: Ipv4Addr) -> Vec<SubnetConfig> {
        let mut subnets = self.serve.subnets.clone();
        if !subnets.iter().any(|subnet| subnet.network.contains(&address)) {
            let mut here = SubnetConfig::for_link(link);
            if !subnets.is_empty() {
                (here.first, here.last) = (None, None);
            }
            subnets.push(here);
        }
        for subnet in &mut subnets {
            subnet.options = std::mem::take(&mut subnet.options).or(&self.serve.options);
        }
        subnets
    }

    /// All that does not hold, with keys and without places.
    fn find_errors(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let root = &mut Checked::root(&mut errors);
        let entries = check_entries(&self.entries, &mut root.key("entry"));
        check_clients(&self.clients, &entries, &mut root.key("client"));
        let serve = &mut root.key("serve");
        check_default(self.serve.default.as_deref(), &entries, serve);
        self.serve.check(serve);
        errors
    }
}
