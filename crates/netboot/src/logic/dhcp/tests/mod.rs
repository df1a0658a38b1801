//! Whole exchanges in simulated time.

mod addresses;
mod bootp;
mod clients;
mod full;
mod given;
mod proxy;
mod recorded;
mod settings;
mod simulation;
mod single;
mod sizes;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::wire::dhcp::{Hardware, MessageType};

pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 10);

/// A server, and a clock that tests let run.
pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) now: Time,
}

impl Bench {
    pub(super) fn new(role: Role, config: &str) -> Self {
        let link = Link {
            address: SERVER,
            network: "192.168.0.0/24".parse().unwrap(),
            others: Vec::new(),
        };
        let config = Arc::new(config.parse().unwrap());
        Self { server: Server::new(config, link, role), now: Time::from_secs(1_000_000) }
    }

    /// A server that has these addresses too.
    pub(super) fn with_others(config: &str, others: &[Ipv4Addr]) -> Self {
        let mut bench = Self::new(Role::Full, config);
        let others = others.to_vec();
        let link = Link { others, ..bench.server.link.clone() };
        bench.server = Server::new(Arc::clone(&bench.server.config), link, Role::Full);
        bench
    }

    pub(super) fn full() -> Self {
        Self::new(Role::Full, "")
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    /// Sends a message to port 67; probes find no machine.
    pub(super) fn send(&mut self, message: &Message) -> Answered {
        self.send_from(message, "0.0.0.0:68", Port::Server)
    }

    pub(super) fn send_from(&mut self, message: &Message, from: &str, port: Port) -> Answered {
        let arrival = Arrival { from: from.parse().unwrap(), port };
        let bytes = message.encode(usize::MAX).unwrap();
        let decided = self.server.receive(&bytes, arrival, self.now);
        self.settle(decided, |_| false)
    }

    /// Answers probes until there are none left.
    pub(super) fn settle(
        &mut self,
        decided: Decided,
        taken: impl Fn(Ipv4Addr) -> bool,
    ) -> Answered {
        let Decided { mut leases, effects: mut rest } = decided;
        let mut effects = Vec::new();
        while !rest.is_empty() {
            let mut next = Vec::new();
            for effect in rest {
                if let Effect::Probe(address) = effect {
                    let user = taken(address).then(|| Hardware::ethernet([2; 6]));
                    let decided = self.server.probed(address, user, self.now);
                    leases.extend(decided.leases);
                    next.extend(decided.effects);
                }
                effects.push(effect);
            }
            rest = next;
        }
        Answered { leases, effects }
    }

    /// DISCOVER and REQUEST; the ACK.
    pub(super) fn lease(&mut self, discover: &Message) -> Message {
        let offer = self.send(discover).message().expect("an OFFER");
        assert_eq!(offer.message_type(), Some(MessageType::Offer));
        let ack = self.send(&clients::select(discover, &offer)).message().expect("an ACK");
        assert_eq!(ack.message_type(), Some(MessageType::Ack));
        ack
    }
}

/// What a message led to.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) leases: Vec<Lease>,
    pub(super) effects: Vec<Effect>,
}

impl From<Decided> for Answered {
    fn from(Decided { leases, effects }: Decided) -> Self {
        Self { leases, effects }
    }
}

impl Answered {
    pub(super) fn sent(&self) -> Option<(Message, SocketAddrV4, Port)> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Send { from, to, bytes } => Some((Message::parse(bytes).unwrap(), *to, *from)),
            _ => None,
        })
    }

    /// The answer as it goes out.
    pub(super) fn bytes(&self) -> &[u8] {
        let sent = self.effects.iter().find_map(|effect| match effect {
            Effect::Send { bytes, .. } => Some(bytes),
            _ => None,
        });
        sent.expect("an answer")
    }

    pub(super) fn message(&self) -> Option<Message> {
        self.sent().map(|sent| sent.0)
    }

    pub(super) fn to(&self) -> SocketAddrV4 {
        self.sent().expect("an answer").1
    }

    pub(super) fn probes(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Probe(_))).count()
    }

    /// Why there was no answer.
    pub(super) fn reason(&self) -> String {
        assert!(self.sent().is_none(), "{self:?}");
        match self.effects.as_slice() {
            [.., Effect::Report(Event::Ignored { reason, .. })] => reason.clone(),
            _ => panic!("no reason in {self:?}"),
        }
    }

    pub(super) fn warning(&self) -> Option<&str> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Report(Event::Warning { text }) => Some(text.as_str()),
            _ => None,
        })
    }
}
