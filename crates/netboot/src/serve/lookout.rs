//! Looks for other DHCP servers: at the start, and from then on.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::dhcp::Questioner;
use crate::event::{Event, Sink};
use crate::logic::dhcp::Role;
use crate::net::Interface;
use crate::policy::HOW_TO_GIVE;

/// How long other DHCP servers have for an answer. Some check for three seconds whether an address is in use
/// before they offer it.
const PATIENCE: Duration = Duration::from_secs(4);
/// Between two looks: a server that appears is noticed within a minute.
const INTERVAL: Duration = Duration::from_secs(30);

/// Looks for other DHCP servers on a link.
pub(super) struct Lookout {
    questioner: Questioner,
    interface: String,
    events: Arc<dyn Sink>,
    known: BTreeSet<Ipv4Addr>,
    /// Whether it was reported that no server gives addresses.
    alone: bool,
}

impl Lookout {
    pub(super) fn new(
        socket: UdpSocket,
        interface: &Interface,
        events: &Arc<dyn Sink>,
    ) -> io::Result<Self> {
        Ok(Self {
            questioner: Questioner::new(socket, interface)?,
            interface: interface.name.clone(),
            events: Arc::clone(events),
            known: BTreeSet::new(),
            alone: false,
        })
    }

    /// The servers that answer at the start, which are reported.
    pub(super) async fn look(&mut self) -> io::Result<Vec<Ipv4Addr>> {
        self.note(format!("looking for other DHCP servers on {}", self.interface));
        let found = self.questioner.ask(PATIENCE).await?;
        for other in &found {
            self.note(format!("another DHCP server answers: {other}"));
        }
        self.known.extend(&found);
        Ok(found)
    }

    /// Looks again and again, and reports what has changed. A server that gives addresses goes on doing so: its
    /// leases are in use. One that gives none looks until there is a server that does.
    pub(super) async fn watch(mut self, role: Role) {
        if role == Role::Full {
            sleep(INTERVAL).await;
        }
        loop {
            // Without a link no question can be sent, and the next one may be.
            let found = self.questioner.ask(PATIENCE).await.unwrap_or_default();
            match role {
                Role::Full => self.beside(&found),
                Role::Proxy if found.is_empty() => self.miss(),
                Role::Proxy => {
                    for other in found.iter().filter(|it| !self.known.contains(it)) {
                        self.note(format!("another DHCP server answers: {other}"));
                    }
                    return std::future::pending().await;
                }
            }
            sleep(INTERVAL).await;
        }
    }

    /// Reports servers that have appeared or gone.
    fn beside(&mut self, found: &[Ipv4Addr]) {
        let found: BTreeSet<_> = found.iter().copied().collect();
        for other in found.difference(&self.known) {
            self.warn(format!(
                "another DHCP server has appeared on {}: {other}. Each of the two breaks what the other one's \
                 clients boot: turn it off, or set mode = \"proxy\" here",
                self.interface
            ));
        }
        for other in self.known.difference(&found) {
            self.note(format!("the other DHCP server does not answer any more: {other}"));
        }
        self.known = found;
    }

    /// Reports once that machines get no address.
    fn miss(&mut self) {
        if !std::mem::replace(&mut self.alone, true) {
            let name = &self.interface;
            self.warn(format!(
                "no DHCP server answers on {name}, so machines get no address there: {HOW_TO_GIVE}"
            ));
        }
    }

    fn note(&self, text: String) {
        self.events.event(Event::Note { text });
    }

    fn warn(&self, text: String) {
        self.events.event(Event::Warning { text });
    }
}
