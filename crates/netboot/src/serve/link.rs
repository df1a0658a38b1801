//! Watches the interface that is served: its address may change, and it may go and come back.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::ServeError;
use crate::config::Serve;
use crate::event::{Event, Sink};
use crate::ipv6::Ipv6Link;
use crate::net::{BoundSockets, Interface};

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(2);
/// What [`Event::Impaired`] calls the interface.
const PART: &str = "interface";

/// Watches an interface.
pub(super) struct LinkWatch {
    /// What the configuration says about the interface, with its name.
    wanted: Serve,
    now: Interface,
    sockets: BoundSockets,
    ipv6: Option<Arc<Ipv6Link>>,
    moves: mpsc::Sender<Interface>,
    events: Arc<dyn Sink>,
    /// Whether it is not there.
    gone: bool,
}

impl LinkWatch {
    pub(super) fn new(
        wanted: &Serve,
        now: &Interface,
        sockets: BoundSockets,
        ipv6: Option<Arc<Ipv6Link>>,
        moves: mpsc::Sender<Interface>,
        events: &Arc<dyn Sink>,
    ) -> Self {
        // Another interface that appears makes no choice necessary.
        let wanted = Serve { interface: Some(now.name.clone()), ..wanted.clone() };
        let events = Arc::clone(events);
        Self { wanted, now: now.clone(), sockets, ipv6, moves, events, gone: false }
    }

    /// Looks again and again, and passes on what has changed.
    ///
    /// # Errors
    /// Where the server cannot go on, so that its supervisor starts it again.
    pub(super) async fn run(mut self) -> Result<(), ServeError> {
        loop {
            sleep(INTERVAL).await;
            // The address that is announced stays as long as it is there.
            let same = Serve { address: Some(self.now.address), ..self.wanted.clone() };
            let found = Interface::of(&same, None).or_else(|_| Interface::of(&self.wanted, None));
            match found {
                Err(error) => self.miss(&error.to_string()),
                Ok(found) => self.take(found).await?,
            }
        }
    }

    /// Reports once that the interface has gone.
    fn miss(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.gone, true) {
            let reason = reason.to_owned();
            let text = format!("{reason}; no machine is served until it is there again");
            self.events.event(Event::Impaired { part: PART, reason: Some(reason) });
            self.events.event(Event::Warning { text });
        }
    }

    async fn take(&mut self, found: Interface) -> Result<(), ServeError> {
        let Interface { name, address, .. } = &found;
        let before = std::mem::replace(&mut self.now, found.clone());
        if before.index != found.index {
            let rebound = self.sockets.bind_again(name);
            rebound.map_err(|source| ServeError::Interface { name: name.clone(), source })?;
            if let Some(ipv6) = &self.ipv6 {
                ipv6.moved(found.index);
            }
        }
        if before.address != found.address && self.sockets.is_at_one_address() {
            let text = format!(
                "its address is {address} now, and another program has a port of this server on other addresses"
            );
            let source = io::Error::other(text);
            return Err(ServeError::Interface { name: name.clone(), source });
        }
        if before != found {
            // The receiver ends before this task only when the server ends.
            let _ = self.moves.send(found.clone()).await;
        }
        if std::mem::take(&mut self.gone) || before.address != found.address {
            self.events.event(Event::Impaired { part: PART, reason: None });
            let text = format!("serving from {address} on {name} now");
            self.events.event(Event::Note { text });
        }
        Ok(())
    }
}
