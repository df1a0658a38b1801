//! PXE 2.1, section 2.2: what to boot, beside a server that gives addresses.

use super::answer::Gives;
use super::exchange::Exchange;
use super::{Effect, Server};
use crate::client::Kind;
use crate::event::Ignore;
use crate::policy::Boot;
use crate::wire::dhcp::{MessageType, code};

impl Server {
    /// Port 67. A proxy answers DISCOVER only; REQUEST belongs to the server that gives addresses.
    pub(super) fn proxy(&mut self, exchange: &Exchange<'_>) -> Result<Vec<Effect>, Ignore> {
        if exchange.kind != MessageType::Discover {
            let other = exchange.request.options.address(code::SERVER_ID);
            if let Some(other) = other.filter(|_| exchange.kind == MessageType::Request) {
                self.guard.took(&exchange.identity, other, exchange.now);
            }
            return Err(Ignore::LeftToServer(exchange.kind));
        }
        self.subnet(&exchange.request)?;
        let boot = self.boot_file(exchange)?;
        let effects = self.answer(exchange, MessageType::Offer, Gives::default(), Some(&boot))?;
        self.guard.count(&exchange.identity, &boot.file, exchange.request.xid, exchange.now);
        Ok(effects)
    }

    /// Port 4011, in either role: the client has an address and asks what to boot.
    pub(super) fn boot_service(&mut self, exchange: &Exchange<'_>) -> Result<Vec<Effect>, Ignore> {
        if !matches!(exchange.kind, MessageType::Request | MessageType::Inform) {
            return Err(Ignore::LeftToServer(exchange.kind));
        }
        let from = *exchange.arrival.from.ip();
        self.machine("source", from)?;
        let boot = self.boot_file(exchange)?;
        self.answer(exchange, MessageType::Ack, Gives::default(), Some(&boot))
    }

    fn boot_file(&self, exchange: &Exchange<'_>) -> Result<Boot, Ignore> {
        if exchange.client.kind == Kind::Other {
            return Err(Ignore::NoBootClient);
        }
        let view = self.config.view(&exchange.client);
        let left = view.leaves_to_pxe(&exchange.client);
        let none = if left { Ignore::LeftToPxe } else { Ignore::NoBootFile };
        let boot = view.boot(&exchange.client, self.link.address).ok_or(none)?;
        let xid = exchange.request.xid;
        self.guard.check(&exchange.identity, &boot.file, xid, exchange.now)?;
        Ok(boot)
    }
}
