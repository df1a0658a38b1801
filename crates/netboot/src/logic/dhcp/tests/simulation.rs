//! Many clients on a bad network: messages are lost, doubled, late and out of order.

use std::collections::HashMap;

use proptest::prelude::*;

use super::clients::{rom, select};
use super::*;

/// What happens to one message on its way.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Arrives,
    Lost,
    Doubled,
    Late,
}

/// A client that repeats itself until it has an address.
struct Machine {
    discover: Message,
    offer: Option<Message>,
    address: Option<Ipv4Addr>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_client_gets_an_address_of_its_own(
        fates in proptest::collection::vec(fate(), 400),
        in_use in proptest::collection::hash_set(128..228_u8, 0..5),
    ) {
        let mut bench = Bench::full();
        let mut machines: HashMap<_, _> = (1..=20)
            .map(|number| {
                let discover = rom(number);
                (discover.hardware, Machine { discover, offer: None, address: None })
            })
            .collect();
        let mut fates = fates.into_iter().chain(std::iter::repeat(Fate::Arrives));
        let mut late: Vec<Message> = Vec::new();
        for _ in 0..60 {
            let mut sent: Vec<Message> = machines.values().filter_map(Machine::next).collect();
            sent.sort_by_key(|message| message.hardware);
            let mut arriving = std::mem::take(&mut late);
            for message in sent {
                match fates.next().unwrap() {
                    Fate::Arrives => arriving.push(message),
                    Fate::Lost => {}
                    Fate::Doubled => arriving.extend([message.clone(), message]),
                    Fate::Late => late.push(message),
                }
            }
            for message in arriving {
                let arrival = Arrival { from: "0.0.0.0:68".parse().unwrap(), port: Port::Server };
                let effects =
                    bench.server.receive(&message.encode(1500).unwrap(), arrival, bench.now);
                let answered =
                    bench.settle(effects, |address| in_use.contains(&address.octets()[3]));
                let Some(reply) = answered.message() else { continue };
                if !matches!(fates.next().unwrap(), Fate::Lost) {
                    machines.get_mut(&reply.hardware).unwrap().hear(&reply);
                }
            }
            bench.pass(2);
        }
        let addresses: Vec<_> = machines.values().filter_map(|machine| machine.address).collect();
        prop_assert_eq!(addresses.len(), 20, "each has an address");
        let distinct: std::collections::HashSet<_> = addresses.iter().collect();
        prop_assert_eq!(distinct.len(), 20, "none has another's");
        for address in addresses {
            prop_assert!(!in_use.contains(&address.octets()[3]), "{} was in use", address);
            let lease = bench.server.leases.at(address).unwrap();
            prop_assert_eq!(lease.state, LeaseState::Bound);
        }
    }
}

impl Machine {
    fn next(&self) -> Option<Message> {
        if self.address.is_some() {
            return None;
        }
        Some(match &self.offer {
            Some(offer) => select(&self.discover, offer),
            None => self.discover.clone(),
        })
    }

    fn hear(&mut self, reply: &Message) {
        match reply.message_type() {
            Some(MessageType::Offer) => self.offer = Some(reply.clone()),
            Some(MessageType::Ack) => self.address = Some(reply.yiaddr),
            Some(MessageType::Nak) => (self.offer, self.address) = (None, None),
            _ => panic!("{reply:?}"),
        }
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Arrives),
        2 => Just(Fate::Lost),
        1 => Just(Fate::Doubled),
        1 => Just(Fate::Late),
    ]
}
