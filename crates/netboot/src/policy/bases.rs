//! Where clients find each kind of file by HTTP: here, or on the server of `http-base`.

use std::net::Ipv4Addr;

use crate::config::{Config, MirroredKind};

impl Config {
    /// Where files of a kind are, by HTTP; ends in a slash.
    ///
    /// ```
    /// use winpe_netboot::config::{Config, MirroredKind};
    /// let config: Config = "[serve]\nhttp-base = 'http://files.example.org/boot/'".parse()?;
    /// let server = [192, 168, 0, 10].into();
    /// assert_eq!(config.base_for(MirroredKind::Images, server), "http://files.example.org/boot/");
    /// assert_eq!(config.base_for(MirroredKind::Scripts, server), "http://192.168.0.10/");
    /// # Ok::<(), winpe_netboot::config::ConfigErrors>(())
    /// ```
    #[must_use]
    pub fn base_for(&self, kind: MirroredKind, server: Ipv4Addr) -> String {
        match &self.serve.http_base {
            Some(base) if self.serve.http_base_holds.contains(&kind) => base.clone(),
            _ => self.base_url(server),
        }
    }

    /// Where PXELINUX goes on by HTTP: it looks for menus and for its own modules in one place.
    pub(super) fn pxelinux_base(&self, server: Ipv4Addr) -> String {
        let scripts = self.base_for(MirroredKind::Scripts, server);
        if self.holds(MirroredKind::Programs) { scripts } else { self.base_url(server) }
    }

    /// Whether another server has files of a kind.
    #[must_use]
    pub fn holds(&self, kind: MirroredKind) -> bool {
        self.serve.http_base.is_some() && self.serve.http_base_holds.contains(&kind)
    }
}
