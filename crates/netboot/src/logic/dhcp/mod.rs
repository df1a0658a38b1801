//! The DHCP server and the proxyDHCP server, without their sockets.
//!
//! ```text
//!   packet, arrival, time ─► Server::receive ─► leases to record, then effects: send, probe, report
//!                                  ▲                                                  │
//!                                  └───────────────── Server::probed ◄────────────────┘
//! ```
//!
//! A full server gives addresses and says what to boot; a proxy says only what to boot, beside a
//! server that gives addresses. Both answer in the one style that no client waits with: option 60
//! `PXEClient`, option 43 that says "boot this file, look for nothing else", `siaddr`, and the file in
//! both of its places.
//!
//! ```
//! use std::sync::Arc;
//! use winpe_netboot::logic::Time;
//! use winpe_netboot::logic::dhcp::{Arrival, Effect, Link, Port, Role, Server};
//! use winpe_netboot::config::Config;
//! use winpe_netboot::wire::dhcp::{Message, code};
//!
//! let link = Link { address: [192, 168, 0, 10].into(), network: "192.168.0.0/24".parse()?, others: vec![] };
//! let mut server = Server::new(Arc::new(Config::default()), link, Role::Proxy);
//!
//! let mut discover = Message::request(1, [0x52, 0x54, 0, 0, 0, 4]);
//! discover.options.set(code::MESSAGE_TYPE, [1]);
//! discover.options.set(code::VENDOR_CLASS, *b"PXEClient:Arch:00007:UNDI:003000");
//! let arrival = Arrival { from: "0.0.0.0:68".parse()?, port: Port::Server };
//! let decided = server.receive(&discover.encode(576)?, arrival, Time::from_secs(0));
//!
//! let offer = decided.effects.iter().find_map(|effect| match effect {
//!     Effect::Send { bytes, .. } => Some(bytes),
//!     _ => None,
//! });
//! assert_eq!(Message::parse(offer.expect("an offer"))?.file_name(), b"snponly.efi");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod admission;
mod answer;
mod bootp;
mod exchange;
mod guard;
mod identity;
mod lease;
mod pool;
mod proxy;
mod rate;

#[cfg(test)]
mod tests;

pub use identity::Identity;
pub use lease::{Lease, LeaseState};

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use self::exchange::Exchange;
use self::guard::Guard;
use self::lease::Leases;
use self::pool::Pools;
use self::rate::Rate;
use super::Time;
use crate::client::Client;
use crate::config::Config;
use crate::event::{Event, Ignore};
use crate::wire::dhcp::{Hardware, Message, MessageType, Op, code};
use ipnet::Ipv4Net;

/// Between two warnings that a pool is empty.
const EXHAUSTED: Duration = Duration::from_secs(60);

/// The server: its configuration and state.
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    link: Link,
    role: Role,
    pools: Pools,
    leases: Leases,
    /// The leases on the disk, while no other can be recorded.
    recorded: Option<BTreeMap<Ipv4Addr, Lease>>,
    /// When the last warning was that a network has no address left.
    exhausted: Vec<(Ipv4Net, Time)>,
    /// DISCOVERs that wait for the probe of the address that they are to be offered.
    pending: BTreeMap<Ipv4Addr, Exchange<'static>>,
    guard: Guard,
    rate: Rate,
}

/// The link that the server is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The server's own address.
    pub address: Ipv4Addr,
    /// The network around it.
    pub network: Ipv4Net,
    /// Further addresses of this machine, on this link and on others. No client gets them.
    pub others: Vec<Ipv4Addr>,
}

impl Link {
    /// Whether an address is this machine's own.
    #[must_use]
    pub fn is_own(&self, address: Ipv4Addr) -> bool {
        address == self.address || self.others.contains(&address)
    }
}

/// Whether the server gives addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It does.
    Full,
    /// Another server does.
    Proxy,
}

/// How a packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// From where.
    pub from: SocketAddrV4,
    /// To which port.
    pub port: Port,
}

/// The ports that a server listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// 67, DHCP.
    Server,
    /// 4011, PXE's boot service.
    Boot,
}

/// What was decided on a packet or a probe.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decided {
    /// Leases that have changed. They must be durable before any effect is carried out.
    pub leases: Vec<Lease>,
    /// What is to be done, in this order.
    pub effects: Vec<Effect>,
}

impl From<Vec<Effect>> for Decided {
    fn from(effects: Vec<Effect>) -> Self {
        Self { leases: Vec::new(), effects }
    }
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send these bytes.
    Send {
        /// From this port of ours.
        from: Port,
        /// To this address; the broadcast address means the link.
        to: SocketAddrV4,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Find out whether a machine uses this address, and call [`Server::probed`].
    Probe(Ipv4Addr),
    /// Emit this event.
    Report(Event),
}

impl Server {
    /// A server that remembers nothing yet.
    #[must_use]
    pub fn new(config: Arc<Config>, link: Link, role: Role) -> Self {
        let pools = Pools::new(&config, &link);
        Self {
            config,
            link,
            role,
            pools,
            leases: Leases::default(),
            recorded: None,
            exhausted: Vec::new(),
            pending: BTreeMap::new(),
            guard: Guard::default(),
            rate: Rate::default(),
        }
    }

    /// Remembers a lease of an earlier run. One that lies outside every pool and reservation is
    /// forgotten, so that a log cannot grow the memory beyond what the configuration allows. None lasts
    /// longer than if it were given now: the clock may have been wrong when it was recorded.
    pub fn restore(&mut self, mut lease: Lease, now: Time) {
        let Some(subnet) = self.pools.find(lease.address) else { return };
        if !self.pools.holds(lease.address) {
            return;
        }
        let lasts = match lease.state {
            LeaseState::Declined => exchange::QUARANTINE,
            _ => Duration::from_secs(self.pools.config(subnet).lease.into()),
        };
        lease.expires = lease.expires.min(now + lasts);
        let bound = self.leases.bound(&lease.identity, subnet, now);
        if lease.state == LeaseState::Bound
            && bound.is_some_and(|other| other.expires > lease.expires)
        {
            lease.state = LeaseState::Released;
            lease.expires = lease.expires.min(now);
        }
        self.leases.put(lease, subnet, now);
    }

    /// Uses another configuration from now on. Leases stay, except those outside every pool now.
    pub fn reconfigure(&mut self, config: Arc<Config>, now: Time) {
        self.pools = Pools::new(&config, &self.link);
        self.config = config;
        self.pending.clear();
        self.exhausted.clear();
        for lease in std::mem::take(&mut self.leases).into_iter() {
            let subnet = self.pools.find(lease.address);
            if let Some(subnet) = subnet.filter(|_| self.pools.holds(lease.address)) {
                self.leases.put(lease, subnet, now);
            }
        }
    }

    /// The server has another address from now on, or others beside it.
    pub fn move_to(&mut self, link: Link, now: Time) {
        self.link = link;
        self.reconfigure(Arc::clone(&self.config), now);
    }

    /// From now on no lease can be recorded. What is given then is what these leases, which are recorded,
    /// allow: their owners keep them until they end, and no other client gets an address.
    pub fn stop_recording(&mut self, recorded: impl IntoIterator<Item = Lease>, now: Time) {
        let recorded: BTreeMap<_, _> =
            recorded.into_iter().map(|lease| (lease.address, lease)).collect();
        self.pending.clear();
        // No client got an answer about leases that were not recorded.
        for mut lease in std::mem::take(&mut self.leases).into_iter() {
            if !recorded.contains_key(&lease.address) {
                if lease.state != LeaseState::Declined {
                    (lease.state, lease.expires) = (LeaseState::Released, lease.expires.min(now));
                }
                self.leases.block(lease);
            }
        }
        for lease in recorded.values() {
            if let Some(subnet) = self.pools.find(lease.address) {
                self.leases.put(lease.clone(), subnet, now);
            }
        }
        self.recorded = Some(recorded);
    }

    /// Leases can be recorded again; returns those that were given back or declined meanwhile.
    pub fn resume_recording(&mut self) -> Vec<Lease> {
        let Some(recorded) = self.recorded.take() else { return Vec::new() };
        let missed = self.leases().filter(|lease| {
            let before = recorded.get(&lease.address).map(|lease| lease.state);
            match lease.state {
                LeaseState::Released => before == Some(LeaseState::Bound),
                LeaseState::Declined => before != Some(LeaseState::Declined),
                LeaseState::Offered | LeaseState::Bound => false,
            }
        });
        missed.cloned().collect()
    }

    /// How many leases are in force.
    #[must_use]
    pub fn bound(&self, now: Time) -> usize {
        let bound = |lease: &&Lease| lease.state == LeaseState::Bound && lease.expires > now;
        self.leases.iter().filter(bound).count()
    }

    /// The machine that holds an address by a lease in force; none where it has no hardware address.
    #[must_use]
    pub fn holder(&self, address: Ipv4Addr, now: Time) -> Option<Hardware> {
        let lease = self.leases.at(address)?;
        match lease.identity {
            Identity::Hardware(hardware) => {
                (lease.state == LeaseState::Bound && lease.expires > now).then_some(hardware)
            }
            Identity::ClientId(_) => None,
        }
    }

    /// Each lease that outlives the process.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.leases.iter().filter(|lease| lease.state != LeaseState::Offered)
    }

    /// Decides on a packet.
    pub fn receive(&mut self, packet: &[u8], arrival: Arrival, now: Time) -> Decided {
        let request = match Message::parse(packet) {
            Ok(request) => request,
            Err(error) => {
                let (client, reason) = (arrival.from.to_string(), Ignore::from(error).to_string());
                return vec![Effect::Report(Event::Ignored { client, reason })].into();
            }
        };
        if self.is_own_question(&request, arrival) {
            return Decided::default();
        }
        let (ignored, mut decided) = match self.decide(&request, arrival, now) {
            Ok(decided) => (None, decided),
            Err(reason) => {
                let effects = self.ignored(request.hardware, &reason, now);
                (Some(reason), effects.into())
            }
        };
        if ignored.as_ref().is_none_or(Ignore::names_a_client)
            && let Some(heard) = self.heard(&request, ignored)
        {
            // The client's message is reported before its answer.
            decided.effects.insert(0, Effect::Report(heard));
        }
        decided
    }

    /// Reports why a message gets no answer and, at most once a minute, that a pool is empty.
    fn ignored(&mut self, client: Hardware, reason: &Ignore, now: Time) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Ignore::PoolEmpty(network) = *reason {
            self.exhausted.retain(|(_, warned)| now.since(*warned) < EXHAUSTED);
            if !self.exhausted.iter().any(|(known, _)| *known == network) {
                self.exhausted.push((network, now));
                let text = format!(
                    "no address is left in {network}: new machines get none until a lease ends; a wider \
                     pool (first, last) or a shorter lease in [[serve.subnet]] helps"
                );
                effects.push(Effect::Report(Event::Warning { text }));
            }
        }
        let client = client.to_string();
        effects.push(Effect::Report(Event::Ignored { client, reason: reason.to_string() }));
        effects
    }

    /// Whether this is the server's own question for other servers: broadcasts come back to their sender. A
    /// machine that has an address sends only that question and renewals from a client's port.
    fn is_own_question(&self, request: &Message, arrival: Arrival) -> bool {
        self.link.is_own(*arrival.from.ip())
            && arrival.from.port() == 68
            && request.ciaddr.is_unspecified()
            && request.message_type() == Some(MessageType::Discover)
    }

    fn decide(
        &mut self,
        request: &Message,
        arrival: Arrival,
        now: Time,
    ) -> Result<Decided, Ignore> {
        if request.op != Op::Request {
            return Err(Ignore::Reply);
        }
        let kind = match (request.message_type(), request.options.get(code::MESSAGE_TYPE)) {
            (Some(kind), _) => Some(kind),
            (None, None) => None,
            (None, Some(_)) => return Err(Ignore::MessageType),
        };
        let identity = Identity::of(request).ok_or(Ignore::NoIdentity)?;
        let known = self.leases.knows(&identity, now);
        self.rate.count(&identity, known, now)?;
        let client = Client::of(request);
        if !self.allows(&identity, &client, request.options.get(code::CLIENT_ID), now) {
            return Err(Ignore::NotAllowed);
        }
        let reserved = self.pools.reserved(&identity, request.options.get(code::CLIENT_ID));
        let Some(kind) = kind else { return self.bootp(request, &identity, reserved, now) };
        let request = Cow::Borrowed(request);
        let exchange = Exchange { request, kind, identity, client, reserved, arrival, now };
        match (arrival.port, self.role) {
            (Port::Boot, _) => self.boot_service(&exchange).map(Decided::from),
            (Port::Server, Role::Proxy) => self.proxy(&exchange).map(Decided::from),
            (Port::Server, Role::Full) => match kind {
                MessageType::Discover => self.discover(exchange).map(Decided::from),
                MessageType::Request => self.request(&exchange),
                MessageType::Decline => self.decline(&exchange),
                MessageType::Release => self.release(&exchange),
                MessageType::Inform => self.inform(&exchange).map(Decided::from),
                MessageType::Offer | MessageType::Ack | MessageType::Nak => {
                    Err(Ignore::FromServer(kind))
                }
            },
        }
    }
}
