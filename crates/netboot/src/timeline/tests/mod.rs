//! Whole boots, and floods.

pub(super) mod machine;

use proptest::prelude::*;

use super::*;
use crate::client::Kind;
use crate::wire::dhcp::MessageType;
use machine::{Bench, IPXE, PXE};

fn labels(bench: &Bench) -> Vec<String> {
    let boot = bench.timeline.boots(bench.now).swap_remove(0);
    boot.chain.into_iter().map(|link| link.label).collect()
}

#[test]
fn a_chain_through_all_stages_is_one_boot() {
    let mut bench = Bench::new();
    bench.leg(PXE, "undionly.kpxe");
    bench.loads("undionly.kpxe", 70_000);
    bench.leg(IPXE, "http://192.168.0.10/boot.ipxe");
    bench.misses("autoexec.ipxe");
    bench.loads("/boot.ipxe", 400);
    bench.loads("/wimboot", 60_000);
    bench.loads("/images/boot.wim", 300_000_000);
    bench.wait(30);
    bench.windows(MessageType::Discover);
    let boots = bench.timeline.boots(bench.now);
    assert_eq!(boots.len(), 1);
    assert_eq!(boots[0].verdict.status, Status::Up);
    assert_eq!(boots[0].bytes, 300_130_400);
    assert_eq!(boots[0].client, "52:54:00:00:00:01");
    assert_eq!(boots[0].address.as_deref(), Some("10.1.0.1"));
    let dhcp = ["DISCOVER", "OFFER", "REQUEST", "ACK"];
    let files = ["boot.ipxe", "wimboot", "boot.wim", "DISCOVER"];
    let expected: Vec<_> =
        dhcp.iter().chain(&["undionly.kpxe"]).chain(&dhcp).chain(&files).copied().collect();
    assert_eq!(labels(&bench), expected);
}

#[test]
fn power_on_after_a_boot_is_another_boot() {
    let mut bench = Bench::new();
    bench.leg(PXE, "undionly.kpxe");
    bench.loads("undionly.kpxe", 70_000);
    bench.wait(60);
    bench.leg(PXE, "undionly.kpxe");
    assert_eq!(bench.timeline.boots(bench.now).len(), 2);
}

#[test]
fn questions_repeated_until_they_are_answered_are_one_boot() {
    let mut bench = Bench::new();
    for _ in 0..4 {
        bench.discover(PXE);
        bench.wait(8);
    }
    let boot = bench.timeline.boot(bench.newest(), bench.now).unwrap();
    let steps = boot.steps.unwrap();
    assert_eq!((steps.len(), steps[0].count), (1, 4));
}

#[test]
fn parts_of_one_file_are_one_step() {
    let mut bench = Bench::new();
    bench.leg(IPXE, "http://192.168.0.10/boot.ipxe");
    for _ in 0..1000 {
        bench.loads("/images/disk.img", 4096);
    }
    let boot = bench.timeline.boot(bench.newest(), bench.now).unwrap();
    let steps = boot.steps.unwrap();
    assert_eq!(steps.len(), 5);
    assert_eq!(steps[4].file.as_ref().unwrap().requests, 1000);
    assert_eq!(boot.bytes, 4_096_000);
}

#[test]
fn a_long_boot_keeps_how_it_began_and_where_it_is() {
    let mut bench = Bench::new();
    bench.leg(IPXE, "http://192.168.0.10/boot.ipxe");
    for number in 0..1000 {
        bench.loads(&number.to_string(), 1);
    }
    let boot = bench.timeline.boot(bench.newest(), bench.now).unwrap();
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
    let mut bench = Bench::new();
    bench.windows(MessageType::Discover);
    bench.answer(MessageType::Offer, None);
    bench.windows(MessageType::Request);
    bench.answer(MessageType::Ack, None);
    assert_eq!(bench.timeline.boots(bench.now), []);
}

#[test]
fn who_takes_an_address_takes_over_what_it_asks_for() {
    let mut bench = Bench::new();
    bench.leg(PXE, "a");
    let first = bench.newest();
    // 256 numbers on, the address is the same.
    bench.number += 65_536;
    bench.wait(1);
    bench.leg(PXE, "a");
    bench.loads("a", 1);
    let newest = bench.newest();
    assert_ne!(newest, first);
    let files = |id| {
        let boot = bench.timeline.boot(id, bench.now).unwrap();
        boot.steps.unwrap().iter().filter(|step| step.file.is_some()).count()
    };
    assert_eq!((files(first), files(newest)), (0, 1));
}

#[test]
fn silence_is_noticed_once() {
    let mut bench = Bench::new();
    bench.leg(PXE, "undionly.kpxe");
    bench.timeline.advance(bench.now);
    let revision = bench.timeline.revision();
    bench.wait(5);
    bench.timeline.advance(bench.now);
    assert_eq!(bench.timeline.revision(), revision);
    bench.wait(15);
    bench.timeline.advance(bench.now);
    bench.timeline.advance(bench.now);
    assert_eq!(bench.timeline.revision(), revision + 1);
    let changed = bench.timeline.changed_since(revision, bench.now);
    assert_eq!(changed[0].verdict.signature, "no-request");
}

#[test]
fn a_flood_leaves_those_that_booted() {
    let mut bench = Bench::new();
    for number in 0..100 {
        bench.number = number;
        bench.leg(PXE, "undionly.kpxe");
        bench.loads("undionly.kpxe", 70_000);
    }
    for number in 1000..50_000 {
        bench.number = number;
        bench.discover(Kind::Pxe);
    }
    let boots = bench.timeline.boots(bench.now);
    assert!(boots.len() <= Limits::default().clients, "{}", boots.len());
    assert_eq!(boots.iter().filter(|boot| boot.bytes > 0).count(), 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens in whatever order: the bounds hold, and the counts are right.
    #[test]
    fn the_bounds_hold(events in prop::collection::vec((0_u32..6, 0_u8..12, 0_u64..40), 0..300)) {
        let limits = Limits { clients: 4, boots: 2, steps: 8, total: 40 };
        let mut bench = Bench::with(limits.clone());
        for (number, what, seconds) in events {
            bench.number = number;
            match what {
                0 => bench.discover(PXE),
                1 => bench.discover(IPXE),
                2 => bench.leg(PXE, "undionly.kpxe"),
                3 => bench.windows(MessageType::Request),
                4 => bench.asks("boot.wim"),
                5 => bench.sent("boot.wim", 7),
                6 => bench.misses("pxelinux.cfg/default"),
                7 => bench.loads("/boot.ipxe", 400),
                8 => bench.lost("boot.wim", 3),
                9 => bench.stalls("boot.wim", 5, 4),
                10 => bench.says("error (https://ipxe.org/2d0c618e)"),
                _ => bench.wait(seconds * 60),
            }
            let timeline = &bench.timeline;
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
        let views = bench.timeline.boots(bench.now);
        prop_assert!(views.iter().all(|view| view.chain.len() <= 14));
    }
}
