//! Whole boots, and floods.

pub(super) mod machine;

use proptest::prelude::*;

use self::machine::{IPXE, Machine, PXE};
use super::*;
use crate::client::Kind;
use crate::wire::dhcp::MessageType;

fn labels(machine: &Machine) -> Vec<String> {
    let boot = machine.timeline.boots(machine.now).swap_remove(0);
    boot.chain.into_iter().map(|link| link.label).collect()
}

#[test]
fn a_chain_through_all_stages_is_one_boot() {
    let mut machine = Machine::new();
    machine.stage(PXE, "undionly.kpxe");
    machine.loads("undionly.kpxe", 70_000);
    machine.stage(IPXE, "http://192.168.0.10/boot.ipxe");
    machine.misses("autoexec.ipxe");
    machine.loads("/boot.ipxe", 400);
    machine.loads("/wimboot", 60_000);
    machine.loads("/images/boot.wim", 300_000_000);
    machine.wait(30);
    machine.windows(MessageType::Discover);
    let boots = machine.timeline.boots(machine.now);
    assert_eq!(boots.len(), 1);
    assert_eq!(boots[0].verdict.status, Status::Up);
    assert_eq!(boots[0].bytes, 300_130_400);
    assert_eq!(boots[0].client, "52:54:00:00:00:01");
    assert_eq!(boots[0].address.as_deref(), Some("10.1.0.1"));
    let dhcp = ["DISCOVER", "OFFER", "REQUEST", "ACK"];
    let files = ["boot.ipxe", "wimboot", "boot.wim", "DISCOVER"];
    let expected: Vec<_> =
        dhcp.iter().chain(&["undionly.kpxe"]).chain(&dhcp).chain(&files).copied().collect();
    assert_eq!(labels(&machine), expected);
}

#[test]
fn a_transfer_under_way_has_its_rate_and_what_is_left() {
    let mut machine = Machine::new();
    machine.stage(IPXE, "http://192.168.0.10/boot.ipxe");
    machine.loads("/boot.ipxe", 500);
    let transfer = |machine: &Machine| machine.timeline.boots(machine.now)[0].transfer.clone();
    assert_eq!(transfer(&machine), None);
    machine.asks("/images/boot.wim");
    assert_eq!(transfer(&machine), None, "its size is not known yet");
    machine.progress("/images/boot.wim", 0, 400_000_000);
    assert_eq!(transfer(&machine).unwrap().rate, None);
    machine.wait(2);
    machine.progress("/images/boot.wim", 100_000_000, 400_000_000);
    let running = transfer(&machine).unwrap();
    assert_eq!((running.name.as_str(), running.bytes), ("images/boot.wim", 100_000_000));
    assert!(running.rate.is_some_and(|rate| (49_000_000..51_000_000).contains(&rate)));
    assert_eq!(running.seconds_left, Some(7));
    machine.sent("/images/boot.wim", 400_000_000);
    assert_eq!(transfer(&machine), None);
}

#[test]
fn power_on_after_a_boot_is_another_boot() {
    let mut machine = Machine::new();
    machine.stage(PXE, "undionly.kpxe");
    machine.loads("undionly.kpxe", 70_000);
    machine.wait(60);
    machine.stage(PXE, "undionly.kpxe");
    assert_eq!(machine.timeline.boots(machine.now).len(), 2);
}

#[test]
fn questions_repeated_until_they_are_answered_are_one_boot() {
    let mut machine = Machine::new();
    for _ in 0..4 {
        machine.discover(PXE);
        machine.wait(8);
    }
    let boot = machine.timeline.boot(machine.newest(), machine.now).unwrap();
    let steps = boot.steps.unwrap();
    assert_eq!((steps.len(), steps[0].count), (1, 4));
}

#[test]
fn parts_of_one_file_are_one_step() {
    let mut machine = Machine::new();
    machine.stage(IPXE, "http://192.168.0.10/boot.ipxe");
    for _ in 0..1000 {
        machine.loads("/images/disk.img", 4096);
    }
    let boot = machine.timeline.boot(machine.newest(), machine.now).unwrap();
    let steps = boot.steps.unwrap();
    assert_eq!(steps.len(), 5);
    assert_eq!(steps[4].file.as_ref().unwrap().requests, 1000);
    assert_eq!(boot.bytes, 4_096_000);
}

#[test]
fn a_long_boot_keeps_how_it_began_and_where_it_is() {
    let mut machine = Machine::new();
    machine.stage(IPXE, "http://192.168.0.10/boot.ipxe");
    for number in 0..1000 {
        machine.loads(&number.to_string(), 1);
    }
    let boot = machine.timeline.boot(machine.newest(), machine.now).unwrap();
    let steps = boot.steps.unwrap();
    assert_eq!(boot.omitted + steps.len() as u64, 4 + 1000);
    let loaded: Vec<_> =
        steps.iter().filter_map(|step| step.file.as_ref()?.name.parse().ok()).collect();
    assert_eq!(loaded.len(), steps.len() - 4, "the addresses stay");
    assert!(loaded.starts_with(&(0..32).collect::<Vec<_>>()), "{loaded:?}");
    assert!(loaded.ends_with(&(964..1000).collect::<Vec<_>>()), "{loaded:?}");
}

#[test]
fn an_operating_system_that_only_wants_an_address_is_no_boot() {
    let mut machine = Machine::new();
    machine.windows(MessageType::Discover);
    machine.answer(MessageType::Offer, None);
    machine.windows(MessageType::Request);
    machine.answer(MessageType::Ack, None);
    assert_eq!(machine.timeline.boots(machine.now), []);
}

#[test]
fn who_takes_an_address_takes_over_what_it_asks_for() {
    let mut machine = Machine::new();
    machine.stage(PXE, "a");
    let first = machine.newest();
    // 256 numbers on, the address is the same.
    machine.number += 65_536;
    machine.wait(1);
    machine.stage(PXE, "a");
    machine.loads("a", 1);
    let newest = machine.newest();
    assert_ne!(newest, first);
    let files = |id| {
        let boot = machine.timeline.boot(id, machine.now).unwrap();
        boot.steps.unwrap().iter().filter(|step| step.file.is_some()).count()
    };
    assert_eq!((files(first), files(newest)), (0, 1));
}

#[test]
fn silence_is_noticed_once() {
    let mut machine = Machine::new();
    machine.stage(PXE, "undionly.kpxe");
    machine.timeline.advance(machine.now);
    let revision = machine.timeline.revision();
    machine.wait(5);
    machine.timeline.advance(machine.now);
    assert_eq!(machine.timeline.revision(), revision);
    machine.wait(15);
    machine.timeline.advance(machine.now);
    machine.timeline.advance(machine.now);
    assert_eq!(machine.timeline.revision(), revision + 1);
    let changed = machine.timeline.changed_since(revision, machine.now);
    assert_eq!(changed[0].verdict.signature, "no-request");
}

#[test]
fn a_flood_leaves_those_that_booted() {
    let mut machine = Machine::new();
    for number in 0..100 {
        machine.number = number;
        machine.stage(PXE, "undionly.kpxe");
        machine.loads("undionly.kpxe", 70_000);
    }
    for number in 1000..50_000 {
        machine.number = number;
        machine.discover(Kind::Pxe);
    }
    let boots = machine.timeline.boots(machine.now);
    assert!(boots.len() <= Limits::default().clients, "{}", boots.len());
    assert_eq!(boots.iter().filter(|boot| boot.bytes > 0).count(), 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens in whatever order: the bounds hold, and the counts are right.
    #[test]
    fn the_bounds_hold(events in prop::collection::vec((0_u32..6, 0_u8..12, 0_u64..40), 0..300)) {
        let limits = Limits { clients: 4, boots: 2, steps: 8, total: 40 };
        let mut machine = Machine::with(limits.clone());
        for (number, what, seconds) in events {
            machine.number = number;
            match what {
                0 => machine.discover(PXE),
                1 => machine.discover(IPXE),
                2 => machine.stage(PXE, "undionly.kpxe"),
                3 => machine.windows(MessageType::Request),
                4 => machine.asks("boot.wim"),
                5 => machine.sent("boot.wim", 7),
                6 => machine.misses("pxelinux.cfg/default"),
                7 => machine.loads("/boot.ipxe", 400),
                8 => machine.lost("boot.wim", 3),
                9 => machine.stalls("boot.wim", 5, 4),
                10 => machine.says("error (https://ipxe.org/2d0c618e)"),
                _ => machine.wait(seconds * 60),
            }
            let timeline = &machine.timeline;
            let steps: usize = timeline.clients.values().map(ClientRecord::steps).sum();
            prop_assert_eq!(steps, timeline.total);
            prop_assert!(timeline.clients.len() <= limits.clients);
            prop_assert!(steps <= limits.total || timeline.clients.len() == 1);
            prop_assert!(timeline.addresses.len() <= timeline.clients.len());
            for client in timeline.clients.values() {
                prop_assert!(client.boots.len() <= limits.boots);
                prop_assert!(client.boots.iter().all(|boot| boot.steps.len() <= limits.steps));
            }
        }
        let views = machine.timeline.boots(machine.now);
        prop_assert!(views.iter().all(|view| view.chain.len() <= 14));
    }
}
