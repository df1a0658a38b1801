//! Files that another web server has, or an object store: `http-base`.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::Deserialize;

use super::config::{Config, Serve};
use super::menu::is_url;

/// Kinds of files that another server may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// Images of entries, and what is taken out of them.
    Images,
    /// Boot programs, where they are loaded by HTTP.
    Programs,
    /// Scripts and menus that are made from the configuration: they must be exported anew whenever it
    /// changes.
    Scripts,
}

/// What another server has, where nothing is said: what does not change with the configuration.
pub(super) fn usual() -> BTreeSet<Held> {
    BTreeSet::from([Held::Images, Held::Programs])
}

impl Config {
    /// Where files of a kind are, by HTTP; ends in a slash.
    ///
    /// ```
    /// use winpe_netboot::policy::{Config, Held};
    /// let config: Config = "[serve]\nhttp-base = 'http://files.example.org/boot/'".parse()?;
    /// let server = [192, 168, 0, 10].into();
    /// assert_eq!(config.base_for(Held::Images, server), "http://files.example.org/boot/");
    /// assert_eq!(config.base_for(Held::Scripts, server), "http://192.168.0.10/");
    /// # Ok::<(), winpe_netboot::policy::ConfigError>(())
    /// ```
    #[must_use]
    pub fn base_for(&self, kind: Held, server: Ipv4Addr) -> String {
        match &self.serve.http_base {
            Some(base) if self.serve.http_base_holds.contains(&kind) => base.clone(),
            _ => self.base_url(server),
        }
    }

    /// Where PXELINUX goes on by HTTP: it looks for menus and for its own modules in one place.
    pub(super) fn pxelinux_base(&self, server: Ipv4Addr) -> String {
        let scripts = self.base_for(Held::Scripts, server);
        if self.holds(Held::Programs) { scripts } else { self.base_url(server) }
    }

    /// Whether another server has files of a kind.
    #[must_use]
    pub fn holds(&self, kind: Held) -> bool {
        self.serve.http_base.is_some() && self.serve.http_base_holds.contains(&kind)
    }
}

impl Serve {
    pub(super) fn check_http_base(&self) -> Result<(), String> {
        let Some(base) = &self.http_base else {
            if self.http_base_holds != usual() {
                return Err(
                    "http-base-holds says what is at http-base, which is missing".to_owned()
                );
            }
            return Ok(());
        };
        let plain = base.chars().all(|c| c.is_ascii_graphic() && !"?#$\"'\\".contains(c));
        if !is_url(base) || !base.starts_with("http") || !base.ends_with('/') || !plain {
            return Err(format!(
                "http-base {base:?} must be a URL such as http://files.example.org/boot/, with a slash \
                 at its end"
            ));
        }
        if self.http_base_holds.is_empty() {
            return Err(
                "http-base-holds is empty, so that nothing would be at http-base".to_owned()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_url_that_ends_in_a_slash() {
        let check = |serve: &str| format!("[serve]\n{serve}").parse::<Config>();
        for base in ["http://h", "ftp://h/", "h/", "http://h/a b/", "http://h/?x/", "http://${x}/"]
        {
            assert!(check(&format!("http-base = '{base}'")).is_err(), "{base}");
        }
        assert!(check("http-base = 'https://h:8443/a/'").is_ok());
        assert!(check("http-base-holds = ['scripts']").is_err());
        assert!(check("http-base = 'http://h/'\nhttp-base-holds = []").is_err());
        assert!(check("http-base = 'http://h/'\nhttp-base-holds = ['all']").is_err());
    }
}
