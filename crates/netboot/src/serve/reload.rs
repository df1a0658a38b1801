//! Another configuration while machines boot.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::content::{Files, search_own_menus};
use super::logins::with_logins;
use super::{ServeError, notify};
use crate::config::Config;
use crate::dhcp::{Change, HolderQuery};
use crate::event::{Event, Sink};
use crate::files::{Hashed, Swap};
use crate::net::Interface;
use crate::policy::{LoginError, Logins};

/// The parts of a running server that a configuration changes.
pub(super) struct Reload {
    pub(super) config: Arc<Config>,
    pub(super) interface: Interface,
    pub(super) source: Arc<Swap>,
    /// The logins in force.
    pub(super) logins: Logins,
    /// Where the files ask whose an address is.
    pub(super) leases: mpsc::Sender<HolderQuery>,
    pub(super) hashed: Arc<Hashed>,
    pub(super) dhcp: mpsc::Sender<Change>,
    /// The interface, where it has changed.
    pub(super) moves: mpsc::Receiver<Interface>,
    pub(super) events: Arc<dyn Sink>,
}

impl Reload {
    /// Applies configurations as they come, and changes of the interface. A configuration that cannot be served
    /// changes nothing.
    pub(super) async fn run(mut self, mut configs: mpsc::Receiver<Config>) {
        loop {
            let config = tokio::select! {
                Some(config) = configs.recv() => config,
                Some(interface) = self.moves.recv() => {
                    self.move_to(interface).await;
                    continue;
                }
                // The senders are gone; the server stays.
                else => return std::future::pending().await,
            };
            // A supervisor that does not get this sees a server that goes on.
            let _ = notify::send(&notify::reloading());
            let taken = self.take(config).await;
            let _ = notify::send("READY=1");
            if let Err(reason) = taken {
                let text = format!("the new configuration is refused, the old one stays: {reason}");
                self.events.event(Event::Warning { text });
            }
        }
    }

    /// Announces another address: in scripts and menus, and by DHCP.
    async fn move_to(&mut self, interface: Interface) {
        self.interface = interface;
        let (wanted, address) = (Arc::clone(&self.config), self.interface.address);
        let prepare = move || Files::prepare(&wanted, address).map_err(|error| error.to_string());
        let prepared = tokio::task::spawn_blocking(prepare).await;
        match prepared.map_err(|error| error.to_string()).and_then(|files| files) {
            Ok(files) => self.put(files),
            Err(reason) => {
                let text =
                    format!("the address is {address} now, and scripts have the old one: {reason}");
                self.events.event(Event::Warning { text });
            }
        }
        let _ = self.dhcp.send(Change::Interface(self.interface.clone())).await;
    }

    /// Serves these files from now on.
    fn put(&self, files: Files) {
        let (logins, leases) = (self.logins.clone(), self.leases.clone());
        self.source.put(with_logins(files.source, logins, &self.interface, leases));
        self.hashed.expect(files.served, self.interface.address.into());
    }

    async fn take(&mut self, mut config: Config) -> Result<(), String> {
        config.check().map_err(|errors| errors.to_string())?;
        search_own_menus(&mut config);
        // Whether syslog is received was decided when the ports were opened.
        config.watch.syslog = self.config.watch.syslog;
        let own = self.interface.own();
        let fits = config.check_addresses(self.interface.network, &own);
        fits.map_err(|errors| errors.to_string())?;
        if let Some(key) = fixed(&self.config, &config) {
            return Err(format!("{key} cannot change while the server runs; restart it"));
        }
        let is_same = config == *self.config;
        if is_same && !config.has_logins() {
            return Ok(());
        }
        let config = Arc::new(config);
        let (wanted, address) = (Arc::clone(&config), self.interface.address);
        let prepare = move || -> Result<_, ServeError> {
            Ok((Files::prepare(&wanted, address)?, Logins::read(&wanted)))
        };
        let prepared = tokio::task::spawn_blocking(prepare).await;
        let prepared = prepared.map_err(|error| error.to_string())?;
        let (files, logins) = prepared.map_err(|error| error.to_string())?;
        let logins = self.logins_now(&config, logins)?;
        if is_same && logins == self.logins {
            return Ok(());
        }
        self.logins = logins;
        for missing in &files.missing {
            self.events.event(Event::Warning { text: missing.to_string() });
        }
        self.put(files);
        // The DHCP task ends before this one only when the server ends.
        let _ = self.dhcp.send(Change::Config(Arc::clone(&config))).await;
        self.config = config;
        let text = "the new configuration is in force; transfers under way go on".to_owned();
        self.events.event(Event::Note { text });
        Ok(())
    }
}

impl Reload {
    /// The logins from now on. A server that gave up its rights may not read their files any more; where the
    /// same files are named, those read at the start stay in force, and a warning says so.
    fn logins_now(
        &self,
        config: &Config,
        read: Result<Logins, LoginError>,
    ) -> Result<Logins, String> {
        match read {
            Err(error) if error.is_denied() && config.has_same_logins(&self.config) => {
                let text = format!("{error}; the logins that were read at the start stay in force");
                self.events.event(Event::Warning { text });
                Ok(self.logins.clone())
            }
            read => read.map_err(|error| error.to_string()),
        }
    }
}

/// The first key that differs and belongs to a port, a file or a right that the server has already.
fn fixed(old: &Config, new: &Config) -> Option<&'static str> {
    let (a, b) = (&old.serve, &new.serve);
    let same = [
        ("interface", a.interface == b.interface),
        ("address", a.address == b.address),
        ("mode", a.mode == b.mode),
        ("subnet", a.gives_addresses() == b.gives_addresses()),
        ("http-port", a.http_port == b.http_port),
        ("tftp-single-port", a.tftp_single_port == b.tftp_single_port),
        ("state", a.state == b.state),
        ("user", a.user == b.user),
        ("tls", a.tls == b.tls),
        ("limits", a.limits == b.limits),
        ("watch", old.watch == new.watch),
    ];
    same.into_iter().find(|(_, same)| !same).map(|(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_ports_rights_and_places_stays_as_it_is() {
        let old = Config::default();
        for (text, key) in [
            ("[[serve.subnet]]\nnetwork = '10.0.0.0/8'", Some("subnet")),
            ("[serve]\naddress = '10.0.0.1'", Some("address")),
            ("[serve]\nhttp-port = 81", Some("http-port")),
            ("[serve.limits]\nhttp-connections = 7", Some("limits")),
            ("[watch]\nlisten = 'off'", Some("watch")),
            ("[serve]\ntimeout = 3", None),
        ] {
            assert_eq!(fixed(&old, &text.parse().unwrap()), key, "{text}");
        }
    }
}
