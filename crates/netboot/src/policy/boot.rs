//! What a client boots: the answer of DHCP, by the client's table over `[serve]`.

use std::net::Ipv4Addr;

use super::bootfile::{SCRIPT, boot_file, grub, shim};
use crate::client::Platform;
use crate::client::{Client, Kind};
use crate::config::MirroredKind;
use crate::config::{Chain, Overrides, SecureBoot, is_url};
use crate::config::{ClientConfig, Config};

/// What a client is to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The file's name, or its URL.
    pub file: String,
    /// The options of PXELINUX, wherever in the chain it runs.
    pub pxelinux: Pxelinux,
}

/// Options 209 to 211.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pxelinux {
    /// The configuration file tried first; none leads to the search by UUID, MAC and IP address.
    pub config: Option<String>,
    /// The prefix of each file name.
    pub prefix: String,
    /// Seconds until a machine that found nothing starts again.
    pub reboot: u32,
}

/// The configuration as one client sees it: its own table over `[serve]`.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    config: &'a Config,
    client: Option<&'a ClientConfig>,
}

/// Seconds until PXELINUX restarts a machine that found no configuration.
const REBOOT: u32 = 60;

impl Config {
    /// The configuration as this client sees it.
    #[must_use]
    pub fn view(&self, client: &Client) -> View<'_> {
        View { config: self, client: self.clients.iter().find(|table| table.matches(client)) }
    }

    /// The configuration for clients that no table matches, and then for those of each table.
    pub fn views(&self) -> impl Iterator<Item = View<'_>> {
        let tables = self.clients.iter().map(Some);
        [None].into_iter().chain(tables).map(|client| View { config: self, client })
    }

    /// Whether the configuration names this machine: a `[[client]]` or a reservation.
    #[must_use]
    pub fn knows(&self, client: &Client, client_id: Option<&[u8]>) -> bool {
        self.view(client).client.is_some()
            || self.serve.reservations.iter().any(|it| it.is_for(client.hardware, client_id))
    }

    /// Where files are, by HTTP: `http://192.168.0.10/`.
    #[must_use]
    pub fn base_url(&self, server: Ipv4Addr) -> String {
        match self.serve.http_port {
            80 => format!("http://{server}/"),
            port => format!("http://{server}:{port}/"),
        }
    }
}

impl<'a> View<'a> {
    /// What the client boots from a server of this address; none for one that does not boot, or that does not
    /// say what it is.
    #[must_use]
    pub fn boot(&self, client: &Client, server: Ipv4Addr) -> Option<Boot> {
        let base = |kind| self.config.base_for(kind, server);
        let file = match client.kind {
            Kind::Other => return None,
            Kind::Ipxe { http } => match self.script() {
                script if is_url(&script) => script,
                script if http => format!("{}{script}", base(MirroredKind::Scripts)),
                script => format!("tftp://{server}/{script}"),
            },
            _ if self.leaves_to_pxe(client) => return None,
            Kind::Pxe => self.boot_file(client.platform?).to_owned(),
            Kind::Http => {
                format!("{}{}", base(MirroredKind::Programs), self.boot_file(client.platform?))
            }
        };
        Some(Boot { file, pxelinux: self.pxelinux(client, &self.config.pxelinux_base(server)) })
    }

    /// Whether the client is HTTP Boot, and would get a program that does not go on by HTTP: distributions sign
    /// their GRUB without its module for it. Without an offer the firmware goes on to PXE.
    #[must_use]
    pub fn leaves_to_pxe(&self, client: &Client) -> bool {
        let shim = client.platform.is_some_and(|platform| {
            grub(platform).is_some() && self.boot_file(platform) == shim(platform)
        });
        client.kind == Kind::Http && self.secure_boot() == Some(SecureBoot::Grub) && shim
    }

    /// What iPXE gets: the name of a file that is served, or a URL.
    #[must_use]
    pub fn script(&self) -> String {
        let own = self.client.and_then(|client| client.script.as_ref());
        let own = own.or(self.config.serve.script.as_ref());
        own.map_or_else(|| self.path(SCRIPT), |it| it.trim_start_matches('/').to_owned())
    }

    /// Whether the table may match machines of a platform.
    #[must_use]
    pub fn has_platform(&self, platform: Platform) -> bool {
        self.client.is_none_or(|client| client.has_platform(platform))
    }

    /// The last PXELINUX of the chain gets what the administrator wants; the one before it, in the
    /// Dell chain, must not.
    pub(super) fn pxelinux(&self, client: &Client, base: &str) -> Pxelinux {
        let wanted = &self.config.serve.pxelinux;
        let reboot = wanted.reboot_time.unwrap_or(REBOOT);
        let own = |file: &str| self.path(&format!("pxelinux.cfg/{file}"));
        let over_ipxe = matches!(client.kind, Kind::Ipxe { .. });
        if self.chain() == Chain::PxelinuxOverIpxe && !over_ipxe {
            return Pxelinux { config: Some(own("ipxe")), prefix: "/".to_owned(), reboot };
        }
        let (config, prefix) = if over_ipxe { ("boot", base) } else { ("default", "/") };
        Pxelinux {
            config: match wanted.config_file.as_deref() {
                Some("") => None,
                Some(file) => Some(file.to_owned()),
                None => Some(own(config)),
            },
            prefix: wanted.path_prefix.clone().unwrap_or_else(|| prefix.to_owned()),
            reboot,
        }
    }

    /// Where the files made for this view are.
    #[must_use]
    pub fn path(&self, file: &str) -> String {
        match self.client {
            Some(client) => format!("clients/{}/{file}", client.name),
            None => file.to_owned(),
        }
    }

    /// The name of the table.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        self.client.map(|client| client.name.as_str())
    }

    /// How BIOS machines get to the menu.
    #[must_use]
    pub fn chain(&self) -> Chain {
        self.client.and_then(|client| client.chain).unwrap_or(self.config.serve.chain)
    }

    /// What UEFI firmware gets that starts signed programs only.
    #[must_use]
    pub fn secure_boot(&self) -> Option<SecureBoot> {
        let own = self.client.and_then(|client| client.secure_boot);
        own.or(self.config.serve.secure_boot)
    }

    /// The file that this platform's firmware loads.
    #[must_use]
    pub fn boot_file(&self, platform: Platform) -> &'a str {
        static NONE: Overrides = Overrides::new();
        let own = self.client.map_or(&NONE, |client| &client.boot_files);
        let overrides =
            if own.contains_key(&platform) { own } else { &self.config.serve.boot_files };
        boot_file(platform, self.chain(), self.secure_boot(), overrides)
    }

    /// The entry that the menu takes by itself.
    #[must_use]
    pub fn default(&self) -> Option<&'a str> {
        let own = self.client.and_then(|client| client.default.as_deref());
        own.or(self.config.serve.default.as_deref())
            .or_else(|| self.config.entries.first().map(|entry| entry.name.as_str()))
    }

    /// The entry that boots without a menu, where the configuration has none.
    #[must_use]
    pub fn at_once(&self) -> Option<&'a str> {
        let menu = self.client.and_then(|client| client.menu).unwrap_or(self.config.serve.menu);
        self.default().filter(|_| !menu)
    }

    /// Seconds the menu waits.
    #[must_use]
    pub fn timeout(&self) -> u32 {
        self.client.and_then(|client| client.timeout).unwrap_or(self.config.serve.timeout)
    }
}
