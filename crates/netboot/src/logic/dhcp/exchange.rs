//! RFC 2131, section 4.3: what a server that gives addresses does with each message.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::answer::{Answer, Given, Gives};
use super::lease::{Lease, LeaseState};
use super::pool::Asker;
use super::{Arrival, Decided, Effect, Identity, Role, Server};
use crate::client::{Client, Kind};
use crate::config::is_host;
use crate::event::{Event, Ignore};
use crate::logic::Time;
use crate::policy::Boot;
use crate::wire::dhcp::{Hardware, Message, MessageType, code, sub_options};

/// How long an offer waits for its REQUEST.
const HOLD: Duration = Duration::from_secs(30);
/// How long an address that another machine uses is left alone.
pub(super) const QUARANTINE: Duration = Duration::from_secs(600);
/// Seconds of a lease at least; below them a client is better off to ask again.
const MIN_LEASE: u32 = 30;
/// Most simultaneous offers to clients without a lease.
const MAX_OFFERS: usize = 4096;
/// Most simultaneous probes.
const MAX_PROBES: usize = 256;
/// A probe without a result after this time will have none.
const PROBE_LOST: Duration = Duration::from_secs(5);

/// How a client asks for an address (RFC 2131, section 4.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// It takes the offer of this server.
    Selecting,
    /// It boots, and remembers an address.
    InitReboot,
    /// It runs, and uses the address (RENEWING and REBINDING).
    Renewing,
}

/// A message and what is known about it.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) request: Cow<'a, Message>,
    pub(super) kind: MessageType,
    pub(super) identity: Identity,
    pub(super) client: Client,
    /// The address that is kept for it.
    pub(super) reserved: Option<Ipv4Addr>,
    pub(super) arrival: Arrival,
    /// When it was received.
    pub(super) now: Time,
}

impl Exchange<'_> {
    /// The client as one that needs an address in a subnet.
    fn asker(&self, subnet: usize) -> Asker<'_> {
        Asker { subnet, identity: &self.identity, reserved: self.reserved, now: self.now }
    }

    /// The same with its own message, to wait for a probe.
    fn into_owned(self) -> Exchange<'static> {
        Exchange { request: Cow::Owned(self.request.into_owned()), ..self }
    }
}

impl Server {
    pub(super) fn discover(&mut self, exchange: Exchange<'_>) -> Result<Vec<Effect>, Ignore> {
        let now = exchange.now;
        let subnet = self.subnet(&exchange.request)?;
        self.pending.retain(|_, pending| now.since(pending.now) < PROBE_LOST);
        let waiting = self.pending.iter_mut().find(|entry| entry.1.identity == exchange.identity);
        if let Some((address, pending)) = waiting {
            pending.request = Cow::Owned(exchange.request.into_owned());
            return Err(Ignore::Probing(*address));
        }
        let known = self.leases.knows(&exchange.identity, now);
        if !known && self.leases.open_offers(now) >= self.most_offers(subnet) {
            return Err(Ignore::Flood);
        }
        let wanted = exchange.request.options.address(code::REQUESTED_ADDRESS);
        let choice = self
            .pools
            .choose(exchange.asker(subnet), wanted, &self.leases)
            .ok_or_else(|| Ignore::PoolEmpty(self.pools.config(subnet).network))?;
        self.given(&exchange.identity, choice.address, now)?;
        self.hold(&exchange.identity, choice.address, now);
        if !choice.fresh || !self.can_probe(choice.address) {
            return self.offer(&exchange, choice.address);
        }
        if self.pending.len() >= MAX_PROBES {
            return Err(Ignore::Flood);
        }
        self.pending.insert(choice.address, exchange.into_owned());
        Ok(vec![Effect::Probe(choice.address)])
    }

    /// Takes the result of [`Effect::Probe`]: the machine that uses the address, if one does. The client
    /// itself may, from an earlier boot.
    pub fn probed(&mut self, address: Ipv4Addr, user: Option<Hardware>, now: Time) -> Decided {
        let Some(pending) = self.pending.remove(&address) else { return Decided::default() };
        let exchange = Exchange { now, ..pending };
        let Decided { mut leases, mut effects } = Decided::default();
        let taken = user.filter(|user| *user != exchange.request.hardware);
        if let Some(user) = taken {
            let expires = now + QUARANTINE;
            let (state, identity) = (LeaseState::Declined, Identity::Hardware(user));
            let lease = Lease { address, identity, state, expires };
            self.leases.block(lease.clone());
            leases.extend(self.record(lease));
            let text = format!("{address} is used by {user}, which did not ask for it here");
            effects.push(Effect::Report(Event::Warning { text }));
        }
        let hardware = exchange.request.hardware;
        let decided =
            if taken.is_some() { self.discover(exchange) } else { self.offer(&exchange, address) };
        match decided {
            Ok(more) => effects.extend(more),
            Err(reason) => effects.extend(self.ignored(hardware, &reason, now)),
        }
        Decided { leases, effects }
    }

    fn offer(&mut self, exchange: &Exchange<'_>, address: Ipv4Addr) -> Result<Vec<Effect>, Ignore> {
        let (boot, why) = self.boot(exchange);
        let given = self.given(&exchange.identity, address, exchange.now)?;
        let mut effects = self.answer(exchange, MessageType::Offer, given.into(), boot.as_ref())?;
        effects.extend(why);
        Ok(effects)
    }

    pub(super) fn request(&mut self, exchange: &Exchange<'_>) -> Result<Decided, Ignore> {
        let options = &exchange.request.options;
        let wanted = options.address(code::REQUESTED_ADDRESS);
        if let Some(server) = options.address(code::SERVER_ID) {
            if server != self.server_id(&exchange.request) {
                self.leases.withdraw(&exchange.identity, None, exchange.now);
                self.guard.took(&exchange.identity, server, exchange.now);
                self.pending.retain(|_, pending| pending.identity != exchange.identity);
                return Err(Ignore::OtherServer(server));
            }
            return self.confirm(exchange, wanted.ok_or(Ignore::NoAddress)?, Asks::Selecting);
        }
        let ciaddr = exchange.request.ciaddr;
        if ciaddr.is_unspecified() {
            return self.confirm(exchange, wanted.ok_or(Ignore::NoAddress)?, Asks::InitReboot);
        }
        self.confirm(exchange, ciaddr, Asks::Renewing)
    }

    /// ACK or NAK. A server without authority is silent about what it does not know, as another one
    /// may know it.
    ///
    /// With authority, a client without a lease gets the address that it remembers, where that is free: so
    /// machines keep the addresses of a server that this one replaces (dnsmasq does the same with
    /// `dhcp-authoritative`; Kea refuses). One that has another address here is refused while it boots, and
    /// gets its own by DISCOVER. One that runs is not: a system whose disk is on iSCSI does not survive that
    /// its address goes.
    fn confirm(
        &mut self,
        exchange: &Exchange<'_>,
        address: Ipv4Addr,
        asks: Asks,
    ) -> Result<Decided, Ignore> {
        let Exchange { identity, now, .. } = exchange;
        let subnet = self.subnet(&exchange.request)?;
        let authority = asks == Asks::Selecting || self.config.serve.authoritative;
        let own = self.leases.is_own(identity, address);
        let may = self.pools.may_have(exchange.asker(subnet), address, &self.leases);
        let bound = self.leases.bound(identity, subnet, *now).map(|lease| lease.address);
        let reserved = self.pools.reservation(exchange.asker(subnet), &self.leases);
        let elsewhere = bound.into_iter().chain(reserved).any(|other| other != address);
        let refused = authority && asks == Asks::InitReboot && elsewhere;
        if may && !refused && (own || authority) {
            return self.acknowledge(exchange, subnet, address);
        }
        if authority { self.refuse(exchange, address) } else { Err(Ignore::NotOurs(address)) }
    }

    fn acknowledge(
        &mut self,
        exchange: &Exchange<'_>,
        subnet: usize,
        address: Ipv4Addr,
    ) -> Result<Decided, Ignore> {
        let now = exchange.now;
        let (boot, why) = self.boot(exchange);
        let given = self.given(&exchange.identity, address, now)?;
        let expires = now + Duration::from_secs(given.seconds.into());
        let mut effects = self.answer(exchange, MessageType::Ack, given.into(), boot.as_ref())?;
        if let Some(boot) = &boot {
            self.guard.count(&exchange.identity, &boot.file, exchange.request.xid, now);
        }
        let (identity, state) = (exchange.identity.clone(), LeaseState::Bound);
        let lease = Lease { address, identity, state, expires };
        let ended = self.leases.put(lease.clone(), subnet, now);
        // The new one first: should the end of the write be lost, the client still has an address.
        let leases = [Some(lease), ended].into_iter().flatten();
        let leases = leases.filter_map(|lease| self.record(lease)).collect();
        effects.extend(why);
        Ok(Decided { leases, effects })
    }

    fn refuse(&self, exchange: &Exchange<'_>, address: Ipv4Addr) -> Result<Decided, Ignore> {
        let mut effects = self.answer(exchange, MessageType::Nak, Gives::default(), None)?;
        let text = format!("{} may not have {address}", exchange.identity);
        effects.push(Effect::Report(Event::Note { text }));
        Ok(effects.into())
    }

    pub(super) fn decline(&mut self, exchange: &Exchange<'_>) -> Result<Decided, Ignore> {
        let options = &exchange.request.options;
        let address = options.address(code::REQUESTED_ADDRESS).ok_or(Ignore::NoAddress)?;
        let (identity, now) = (exchange.identity.clone(), exchange.now);
        let own = self.leases.at(address).filter(|it| it.identity == identity && it.expires > now);
        let subnet = self.pools.find(address).filter(|_| own.is_some());
        let subnet = subnet.ok_or(Ignore::NotOurs(address))?;
        let text = format!("{identity} found {address} in use by another machine");
        let (state, expires) = (LeaseState::Declined, now + QUARANTINE);
        let lease = Lease { address, identity, state, expires };
        let freed = self.leases.put(lease.clone(), subnet, now);
        let leases = [Some(lease), freed].into_iter().flatten();
        let leases = leases.filter_map(|lease| self.record(lease)).collect();
        Ok(Decided { leases, effects: vec![Effect::Report(Event::Warning { text })] })
    }

    pub(super) fn release(&mut self, exchange: &Exchange<'_>) -> Result<Decided, Ignore> {
        let address = exchange.request.ciaddr;
        let own = |lease: &&Lease| {
            lease.identity == exchange.identity && lease.state == LeaseState::Bound
        };
        let lease = self.leases.at(address).filter(own).cloned();
        let subnet = self.pools.find(address);
        let (mut lease, subnet) = lease.zip(subnet).ok_or(Ignore::NotOurs(address))?;
        lease.state = LeaseState::Released;
        lease.expires = exchange.now;
        self.leases.put(lease.clone(), subnet, exchange.now);
        let text = format!("{} released {address}", exchange.identity);
        let leases = self.record(lease).into_iter().collect();
        Ok(Decided { leases, effects: vec![Effect::Report(Event::Note { text })] })
    }

    /// Section 4.3.5: no address, no lease time, to the address that the client has.
    pub(super) fn inform(&mut self, exchange: &Exchange<'_>) -> Result<Vec<Effect>, Ignore> {
        let subnet = self.subnet(&exchange.request)?;
        let (boot, why) = self.boot(exchange);
        let subnet = Some(self.pools.config(subnet));
        let given = Gives { subnet, ..Gives::default() };
        let mut effects = self.answer(exchange, MessageType::Ack, given, boot.as_ref())?;
        effects.extend(why);
        Ok(effects)
    }

    /// What the client is to boot, or why a client that boots gets no boot file: with a warning if it is named
    /// the same file again and again.
    fn boot(&self, exchange: &Exchange<'_>) -> (Option<Boot>, Vec<Effect>) {
        let client = &exchange.client;
        if client.kind == Kind::Other {
            return (None, Vec::new());
        }
        let not_named = |reason| {
            let client = exchange.request.hardware.to_string();
            Effect::Report(Event::NotNamed { client, reason })
        };
        let view = self.config.view(client);
        let Some(boot) = view.boot(client, self.link.address) else {
            let left = view.leaves_to_pxe(client);
            return (
                None,
                vec![not_named(if left { Ignore::LeftToPxe } else { Ignore::NoBootFile })],
            );
        };
        let xid = exchange.request.xid;
        match self.guard.check(&exchange.identity, &boot.file, xid, exchange.now) {
            Ok(()) => (Some(boot), Vec::new()),
            Err(reason) => {
                let text = format!("{}: {reason}", exchange.identity);
                (None, vec![Effect::Report(Event::Warning { text }), not_named(reason)])
            }
        }
    }

    /// The address and lease time of an OFFER or ACK. While nothing can be recorded, these are bounded by the
    /// lease that the disk holds already, as this is all that is known after a restart.
    fn given(
        &self,
        identity: &Identity,
        address: Ipv4Addr,
        now: Time,
    ) -> Result<Given<'_>, Ignore> {
        let subnet = self.pools.find(address).ok_or(Ignore::UnknownNetwork(address))?;
        let subnet = self.pools.config(subnet);
        let mut seconds = subnet.lease;
        if let Some(recorded) = &self.recorded {
            let lease = recorded
                .get(&address)
                .filter(|lease| lease.identity == *identity && lease.state == LeaseState::Bound);
            let left = lease.map_or(0, |lease| lease.expires.since(now).as_secs());
            seconds = seconds.min(u32::try_from(left).unwrap_or(u32::MAX));
            if seconds < MIN_LEASE {
                return Err(Ignore::NotRecorded(address));
            }
        }
        Ok(Given { address, subnet, seconds, name: self.pools.name(address) })
    }

    /// A lease that is to be recorded; none while nothing can be.
    fn record(&self, lease: Lease) -> Option<Lease> {
        self.recorded.is_none().then_some(lease)
    }

    /// The subnet that the client is on, as the relay says it (RFC 3527, RFC 3011, RFC 2131), the
    /// client's own address shows it, or the link is.
    pub(super) fn subnet(&self, request: &Message) -> Result<usize, Ignore> {
        let there = if request.giaddr.is_unspecified() {
            if !request.ciaddr.is_unspecified() {
                return self.machine("ciaddr", request.ciaddr);
            }
            None
        } else {
            self.machine("giaddr", request.giaddr)?;
            let relay = request.options.get(code::RELAY_AGENT).unwrap_or_default();
            relay_address(relay, code::relay::LINK_SELECTION)
                .or_else(|| request.options.address(code::SUBNET_SELECTION))
                .or(Some(request.giaddr))
        };
        let there = there.unwrap_or(self.link.address);
        self.pools.find(there).ok_or(Ignore::UnknownNetwork(there))
    }

    /// The subnet of an address that an answer goes to. No packet makes the server send to itself, to all,
    /// or to networks that the configuration does not name.
    pub(super) fn machine(&self, field: &'static str, address: Ipv4Addr) -> Result<usize, Ignore> {
        let subnet = self.pools.find(address).ok_or(Ignore::UnknownNetwork(address))?;
        if self.link.is_own(address) {
            return Err(Ignore::OwnAddress { field, address });
        }
        if !is_host(self.pools.config(subnet).network, address) {
            return Err(Ignore::NoMachine { field, address });
        }
        Ok(subnet)
    }

    /// The server identifier; a relay may set it (RFC 5107).
    pub(super) fn server_id(&self, request: &Message) -> Ipv4Addr {
        let relay = request.options.get(code::RELAY_AGENT).unwrap_or_default();
        relay_address(relay, code::relay::SERVER_ID_OVERRIDE)
            .filter(|_| !request.giaddr.is_unspecified())
            .unwrap_or(self.link.address)
    }

    pub(super) fn answer(
        &self,
        exchange: &Exchange<'_>,
        kind: MessageType,
        gives: Gives<'_>,
        boot: Option<&Boot>,
    ) -> Result<Vec<Effect>, Ignore> {
        let answer = Answer {
            request: &exchange.request,
            client: &exchange.client,
            arrival: exchange.arrival,
            kind,
            server: self.link.address,
            server_id: self.server_id(&exchange.request),
            priority: self.role == Role::Proxy,
            gives,
            boot,
            takes_log: self.config.watch.syslog == Some(true),
        };
        let bytes = answer.encode()?;
        let answered = Event::Answered {
            client: exchange.identity.to_string(),
            kind: exchange.client.to_string(),
            message: exchange.kind,
            answer: kind,
            address: answer.gives.address,
            file: boot.map(|boot| boot.file.clone()),
        };
        let from = exchange.arrival.port;
        Ok(vec![Effect::Send { from, to: answer.destination(), bytes }, Effect::Report(answered)])
    }

    /// Keeps an address for a client until its REQUEST; a lease in force stays as it is.
    fn hold(&mut self, identity: &Identity, address: Ipv4Addr, now: Time) {
        let in_force = |lease: &Lease| {
            lease.identity == *identity && lease.state == LeaseState::Bound && lease.expires > now
        };
        let Some(subnet) = self.pools.find(address) else { return };
        if !self.leases.at(address).is_some_and(in_force) {
            let (identity, expires) = (identity.clone(), now + HOLD);
            let state = LeaseState::Offered;
            self.leases.put(Lease { address, identity, state, expires }, subnet, now);
        }
    }

    /// The server can probe only on its own link.
    fn can_probe(&self, address: Ipv4Addr) -> bool {
        self.link.network.contains(&address)
    }

    /// Half a pool may be on offer to clients without a lease; the other half is for those that took an
    /// address.
    fn most_offers(&self, subnet: usize) -> usize {
        (self.pools.size(subnet) / 2).clamp(16, MAX_OFFERS)
    }
}

fn relay_address(relay: &[u8], wanted: u8) -> Option<Ipv4Addr> {
    let (_, value) = sub_options(relay).find(|(code, _)| *code == wanted)?;
    <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from)
}
