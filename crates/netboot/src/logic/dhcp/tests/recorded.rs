//! What holds while nothing can be written, and where a clock was wrong.

use super::clients::{init_reboot, later, rom, select, windows};
use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// A server that has given two leases, and cannot record any more.
fn full_disk() -> (Bench, Message) {
    let mut bench = Bench::full();
    let ack = bench.lease(&windows(1));
    bench.lease(&rom(2));
    let leases: Vec<_> = bench.server.leases().cloned().collect();
    bench.server.stop_recording(leases, bench.now);
    (bench, ack)
}

fn seconds(ack: &Message, option: u8) -> u32 {
    u32::from_be_bytes(ack.options.get(option).unwrap().try_into().unwrap())
}

#[test]
fn a_renewal_that_cannot_be_recorded_ends_with_what_is_recorded() {
    let (mut bench, ack) = full_disk();
    bench.pass(1000);
    let renew = later(&windows(1), &ack, MessageType::Request);
    let answered = bench.send(&renew);
    let renewed = answered.message().unwrap();
    assert_eq!(renewed.yiaddr, ack.yiaddr);
    let times = [51, 58, 59].map(|option| seconds(&renewed, option));
    assert_eq!(times, [2600, 1300, 2275]);
    assert_eq!(answered.leases, []);
    // A machine that boots again goes on as well, by DISCOVER.
    let booted = bench.lease(&rom(2));
    assert_eq!(seconds(&booted, 51), 2600);
    // Nothing is promised for what is left of it at last.
    bench.pass(2580);
    assert!(bench.send(&renew).reason().contains("cannot be written"));
}

#[test]
fn new_machines_get_nothing_while_nothing_can_be_recorded() {
    let (mut bench, ack) = full_disk();
    assert!(bench.send(&rom(3)).reason().contains("cannot be written"));
    let wanted = init_reboot(&rom(3), [192, 168, 0, 200].into());
    assert!(bench.send(&wanted).reason().contains("cannot be written"));
    // Neither by another's address, nor by another address of one's own.
    let mut other = select(&windows(1), &ack);
    other.options.set(code::REQUESTED_ADDRESS, [192, 168, 0, 200]);
    assert!(bench.send(&other).reason().contains("cannot be written"));
    assert_eq!(bench.server.bound(bench.now), 2, "nothing was promised");
    assert_eq!(bench.server.resume_recording(), []);
    assert_eq!(bench.send(&later(&windows(1), &ack, MessageType::Request)).leases.len(), 1);
    bench.lease(&rom(3));
}

#[test]
fn what_was_given_back_meanwhile_is_recorded_afterwards() {
    let (mut bench, ack) = full_disk();
    let released = bench.send(&later(&windows(1), &ack, MessageType::Release));
    assert_eq!(released.leases, []);
    let leases = bench.server.resume_recording();
    let [lease] = &leases[..] else { panic!("{leases:?}") };
    assert_eq!((lease.address, lease.state), (ack.yiaddr, LeaseState::Released));
}

#[test]
fn a_lease_of_a_clock_that_was_ahead_lasts_as_long_as_one_of_now() {
    let mut bench = Bench::full();
    let lease = |last: u8, state| Lease {
        address: [192, 168, 0, last].into(),
        identity: Identity::Hardware(rom(last.into()).hardware),
        state,
        expires: bench.now + 10 * 365 * 24 * HOUR,
    };
    let leases = [lease(130, LeaseState::Bound), lease(131, LeaseState::Declined)];
    for lease in leases {
        bench.server.restore(lease, bench.now);
    }
    let ends = |bench: &Bench| bench.server.leases().map(|it| it.expires).collect::<Vec<_>>();
    assert_eq!(ends(&bench), [bench.now + HOUR, bench.now + Duration::from_secs(600)]);
    let other = |bench: &mut Bench| {
        let answered = bench.send(&init_reboot(&rom(1), [192, 168, 0, 130].into()));
        answered.message().unwrap().message_type()
    };
    assert_eq!(other(&mut bench), Some(MessageType::Nak), "it is its owner's");
    bench.pass(3601);
    assert_eq!(other(&mut bench), Some(MessageType::Ack));
}

#[test]
fn an_empty_pool_is_warned_of_once_a_minute() {
    let config = "[[serve.subnet]]\nnetwork = '192.168.0.0/24'\nfirst = '192.168.0.20'\n\
                  last = '192.168.0.20'";
    let mut bench = Bench::new(Role::Full, config);
    bench.lease(&rom(1));
    let mut warnings = Vec::new();
    for number in 2..100 {
        warnings.extend(bench.send(&rom(number)).warning().map(str::to_owned));
        bench.pass(1);
    }
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with("no address is left in 192.168.0.0/24: new machines"));
}

#[test]
fn what_the_disk_refused_was_promised_to_no_client() {
    let mut bench = Bench::full();
    let first = bench.lease(&windows(1));
    let leases: Vec<_> = bench.server.leases().cloned().collect();
    // These are decided, and then the disk refuses them.
    let mut moves = select(&windows(1), &first);
    moves.options.set(code::REQUESTED_ADDRESS, [192, 168, 0, 200]);
    assert!(bench.send(&moves).message().is_some());
    bench.lease(&rom(2));
    bench.server.stop_recording(leases, bench.now);
    let renewed = bench.send(&later(&windows(1), &first, MessageType::Request));
    assert_eq!(renewed.message().unwrap().yiaddr, first.yiaddr);
    assert_eq!(bench.server.bound(bench.now), 1);
    // No address is lost by it.
    assert_eq!(bench.server.resume_recording(), []);
    let others: std::collections::BTreeSet<_> =
        (2..=100).map(|number| bench.lease(&rom(number)).yiaddr).collect();
    assert_eq!(others.len(), 99);
}
