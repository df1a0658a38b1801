//! One machine has one lease in a subnet, whatever it asks for.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::clients::{init_reboot, later, rom, select, windows};
use super::*;

const SMALL: &str = "
    [[serve.subnet]]
    network = '192.168.0.0/24'
    first = '192.168.0.100'
    last = '192.168.0.120'";

fn address(last: u8) -> Ipv4Addr {
    [192, 168, 0, last].into()
}

/// The addresses that are bound to a machine.
fn bound(bench: &Bench, number: u32) -> Vec<u8> {
    let hardware = Identity::Hardware(rom(number).hardware);
    let leases = bench.server.leases().filter(|lease| {
        lease.state == LeaseState::Bound && lease.expires > bench.now && lease.identity == hardware
    });
    leases.map(|lease| lease.address.octets()[3]).collect()
}

fn kind(answered: &Answered) -> Option<MessageType> {
    answered.message().and_then(|message| message.message_type())
}

/// The leases that are to be recorded, in this order.
fn recorded(answered: &Answered) -> Vec<(u8, LeaseState)> {
    answered.leases.iter().map(|lease| (lease.address.octets()[3], lease.state)).collect()
}

#[test]
fn a_machine_that_asks_for_each_address_of_a_pool_gets_one() {
    let mut bench = Bench::new(Role::Full, SMALL);
    let mut acks = 0;
    for last in 100..=120 {
        // Another client identifier each time makes no other machine.
        let mut request = init_reboot(&windows(1), address(last));
        request.options.set(code::CLIENT_ID, [last; 9]);
        acks += usize::from(kind(&bench.send(&request)) == Some(MessageType::Ack));
        bench.pass(1);
    }
    assert_eq!((acks, bound(&bench, 1)), (1, vec![100]));
    for number in 2..=21 {
        bench.lease(&rom(number));
    }
}

#[test]
fn an_ack_of_another_address_ends_the_lease_before() {
    let mut bench = Bench::new(Role::Full, SMALL);
    let offer = bench.send(&rom(1)).message().unwrap();
    bench.send(&select(&rom(1), &offer));
    let mut other = select(&rom(1), &offer);
    other.options.set(code::REQUESTED_ADDRESS, address(111).octets());
    let answered = bench.send(&other);
    assert_eq!(answered.message().unwrap().yiaddr, address(111));
    assert_eq!(recorded(&answered), [(111, LeaseState::Bound), (100, LeaseState::Released)]);
    assert_eq!(bound(&bench, 1), [111]);
    // A machine that runs keeps the address that it uses, even where a system before it had another.
    let mut renew = later(&windows(1), &offer, MessageType::Request);
    renew.ciaddr = address(115);
    assert_eq!(kind(&bench.send(&renew)), Some(MessageType::Ack));
    assert_eq!(bound(&bench, 1), [115]);
}

#[test]
fn two_systems_that_remember_addresses_of_another_server_share_the_first() {
    let mut bench = Bench::new(Role::Full, SMALL);
    assert_eq!(
        kind(&bench.send(&init_reboot(&windows(1), address(115)))),
        Some(MessageType::Ack),
        "the address of the server before this one"
    );
    let refused = bench.send(&init_reboot(&rom(1), address(116)));
    assert_eq!(kind(&refused), Some(MessageType::Nak));
    assert_eq!(bound(&bench, 1), [115]);
    assert_eq!(bench.lease(&rom(1)).yiaddr, address(115));
}

#[test]
fn a_lease_is_released_by_its_owner_alone_and_once() {
    let mut bench = Bench::new(Role::Full, SMALL);
    let ack = bench.lease(&rom(1));
    let release = later(&rom(1), &ack, MessageType::Release);
    assert!(
        bench
            .send(&Message { hardware: rom(2).hardware, ..release.clone() })
            .reason()
            .contains("not ours")
    );
    assert_eq!(recorded(&bench.send(&release)), [(100, LeaseState::Released)]);
    assert!(bench.send(&release).reason().contains("not ours"), "nothing is written twice");
    assert_eq!(bound(&bench, 1), [0; 0]);
}

#[test]
fn a_reservation_that_comes_later_ends_the_lease_before() {
    let mut bench = Bench::new(Role::Full, SMALL);
    let ack = bench.lease(&windows(1));
    let reserved = format!(
        "{SMALL}\n[[serve.reservation]]\nmac = '52:54:00:00:00:01'\naddress = '192.168.0.209'"
    );
    bench.server.reconfigure(Arc::new(reserved.parse().unwrap()), bench.now);
    // A system whose disk is on iSCSI does not survive another address.
    let renew = later(&windows(1), &ack, MessageType::Request);
    assert_eq!(kind(&bench.send(&renew)), Some(MessageType::Ack));
    let boots = bench.send(&init_reboot(&windows(1), address(100)));
    assert_eq!(kind(&boots), Some(MessageType::Nak));
    assert_eq!(bound(&bench, 1), [100], "until it has the other one");
    assert_eq!(bench.lease(&windows(1)).yiaddr, address(209));
    assert_eq!(bound(&bench, 1), [209]);
}

#[test]
fn a_machine_that_declines_everything_leaves_the_pool_to_others() {
    let mut bench = Bench::new(Role::Full, SMALL);
    for round in 0..100 {
        let ack = bench.lease(&Message { xid: round, ..windows(1) });
        let mut decline = later(&windows(1), &ack, MessageType::Decline);
        decline.options.set(code::REQUESTED_ADDRESS, ack.yiaddr.octets());
        let answered = bench.send(&decline);
        assert_eq!(recorded(&answered)[0].1, LeaseState::Declined);
        bench.pass(2);
    }
    for number in 2..=18 {
        bench.lease(&rom(number));
    }
    assert!(bench.send(&rom(19)).reason().contains("no address is left"), "four rest");
}

#[test]
fn of_two_leases_in_an_old_log_the_one_that_ends_later_counts() {
    for (first, second) in [(100, 200), (200, 100)] {
        let mut bench = Bench::new(Role::Full, SMALL);
        let identity = Identity::Hardware(rom(1).hardware);
        for (last, seconds) in [(101, first), (102, second)] {
            let (identity, state) = (identity.clone(), LeaseState::Bound);
            let expires = bench.now + Duration::from_secs(seconds);
            bench
                .server
                .restore(Lease { address: address(last), identity, state, expires }, bench.now);
        }
        assert_eq!(bound(&bench, 1), [if first > second { 101 } else { 102 }]);
    }
}

#[test]
fn a_machine_on_two_links_has_a_lease_on_each() {
    let config = format!(
        "{SMALL}\n[[serve.subnet]]\nnetwork = '10.1.0.0/16'\nfirst = '10.1.0.10'\nlast = '10.1.0.20'"
    );
    let mut bench = Bench::new(Role::Full, &config);
    let here = bench.lease(&rom(1)).yiaddr;
    let far = Message { giaddr: [10, 1, 0, 1].into(), ..rom(1) };
    let there = bench.lease(&far).yiaddr;
    assert_eq!(there, Ipv4Addr::new(10, 1, 0, 10));
    for (message, address) in [(rom(1), here), (far, there)] {
        assert_eq!(bench.lease(&message).yiaddr, address, "each keeps its own");
    }
    assert_eq!(bench.server.bound(bench.now), 2);
}

/// What a machine may send, and to what.
#[derive(Debug, Clone)]
struct Step {
    machine: u32,
    kind: MessageType,
    asks: u8,
    last: u8,
    passes: u64,
}

const MACHINES: u32 = 6;

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        3 => Just(MessageType::Discover),
        6 => Just(MessageType::Request),
        1 => Just(MessageType::Release),
        1 => Just(MessageType::Decline),
    ];
    (1..=MACHINES, kind, 0..4_u8, 99..=107_u8, prop_oneof![4 => Just(0_u64), 1 => 1..700_u64])
        .prop_map(|(machine, kind, asks, last, passes)| Step { machine, kind, asks, last, passes })
}

impl Step {
    fn message(&self, bench: &Bench) -> Message {
        let mut message = windows(self.machine);
        message.options.set(code::MESSAGE_TYPE, [self.kind as u8]);
        message.options.set(code::CLIENT_ID, [self.last; 7]);
        // Its own address as often as any other.
        let own = bound(bench, self.machine).first().copied().filter(|_| self.asks > 1);
        let wanted = address(own.unwrap_or(self.last));
        match (self.kind, self.asks % 3) {
            (MessageType::Release, _) | (MessageType::Request, 1) => message.ciaddr = wanted,
            (_, asks) => {
                message.options.set(code::REQUESTED_ADDRESS, wanted.octets());
                if (self.kind, asks) == (MessageType::Request, 2) {
                    message.options.set(code::SERVER_ID, SERVER.octets());
                }
            }
        }
        message
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn each_machine_holds_one_address_at_most_and_the_pool_is_enough_for_all(
        steps in proptest::collection::vec(step(), 0..120),
        reserved in any::<bool>(),
        authoritative in any::<bool>(),
    ) {
        // As many addresses as machines, one of them perhaps kept for one of them.
        let mut config = format!(
            "[serve]\nauthoritative = {authoritative}\n[[serve.subnet]]\nlease = 600\n\
             network = '192.168.0.0/24'\nfirst = '192.168.0.100'\nlast = '192.168.0.105'\n"
        );
        if reserved {
            config += "[[serve.reservation]]\nmac = '52:54:00:00:00:02'\naddress = '192.168.0.105'\n";
        }
        let mut bench = Bench::new(Role::Full, &config);
        let mut disk = BTreeMap::new();
        for step in &steps {
            bench.pass(step.passes);
            let answered = bench.send(&step.message(&bench));
            for lease in &answered.leases {
                disk.insert(lease.address, lease.clone());
            }
            let mut owners = BTreeSet::new();
            let in_force = |it: &&Lease| it.state == LeaseState::Bound && it.expires > bench.now;
            for lease in bench.server.leases().filter(in_force) {
                prop_assert!(owners.insert(lease.identity.clone()), "{lease:?} after {step:?}");
                prop_assert_eq!(disk.get(&lease.address), Some(lease), "it is on the disk");
            }
            for lease in disk.values().filter(in_force) {
                prop_assert_eq!(bench.server.leases.at(lease.address), Some(lease), "and no other");
            }
            if let Some(ack) = answered.message().filter(|it| it.message_type() == Some(MessageType::Ack)) {
                prop_assert_eq!(bound(&bench, step.machine), [ack.yiaddr.octets()[3]]);
            }
        }
        // What was declined rests for ten minutes, and what was offered for half a minute.
        bench.pass(601);
        let addresses: BTreeSet<_> =
            (1..=MACHINES).map(|number| bench.lease(&rom(number)).yiaddr).collect();
        prop_assert_eq!(addresses.len(), MACHINES as usize);
    }
}
