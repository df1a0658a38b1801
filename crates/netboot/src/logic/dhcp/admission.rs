//! Which machines are answered, and the event of each message.

use super::{Identity, Server};
use crate::client::{Client, Kind};
use crate::config::Allow;
use crate::event::{Event, Heard, Ignore};
use crate::logic::Time;
use crate::wire::dhcp::{Message, code};

impl Server {
    /// Whether this machine gets answers. What a machine starts is not known to the configuration by all that
    /// its firmware sent, so a lease in force is enough.
    pub(super) fn allows(
        &self,
        identity: &Identity,
        client: &Client,
        client_id: Option<&[u8]>,
        now: Time,
    ) -> bool {
        let boots = client.kind != Kind::Other;
        let named = || self.config.knows(client, client_id) || self.leases.holds(identity, now);
        match self.config.serve.allow {
            Allow::All => true,
            Allow::Known => named(),
            Allow::Pxe => boots || named(),
        }
    }

    /// The event of a message, with what it says about its sender.
    pub(super) fn heard(&self, request: &Message, ignored: Option<Ignore>) -> Option<Event> {
        let has = Some(request.ciaddr).filter(|address| !address.is_unspecified());
        let about = Client::of(request);
        Some(Event::Heard(Box::new(Heard {
            client: Identity::of(request)?.to_string(),
            message: request.message_type()?,
            address: has.or_else(|| request.options.address(code::REQUESTED_ADDRESS)),
            server: request.options.address(code::SERVER_ID),
            ignored,
            table: self.config.view(&about).name().map(str::to_owned),
            about,
        })))
    }
}
