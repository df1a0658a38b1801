//! Settings other than pools: which machines may boot, whether logs are taken, a changed configuration.

use super::clients::{ipxe, rom, uefi, windows};
use super::*;
use crate::wire::dhcp::code;

const KNOWN: &str = "
    [serve]
    allow = 'known'
    [[serve.reservation]]
    mac = '52:54:00:00:00:01'
    address = '192.168.0.50'
    [[client]]
    name = 'lab'
    mac = '52:54:00:00:00:02'
";

#[test]
fn only_known_machines_boot_where_the_administrator_wants_it() {
    for role in [Role::Full, Role::Proxy] {
        let mut bench = Bench::new(role, KNOWN);
        assert!(bench.send(&rom(1)).message().is_some(), "it has a reservation");
        assert!(bench.send(&uefi(2, 7)).message().is_some(), "a table names it");
        let reason = bench.send(&rom(3)).reason();
        assert_eq!(reason, "not one of the machines that may boot here");
    }
    // A phone boots nothing, and is unknown too.
    let mut bench = Bench::new(Role::Full, KNOWN);
    assert!(bench.send(&windows(3)).reason().starts_with("not one of the machines"));
    assert!(bench.send(&windows(1)).message().is_some());
}

#[test]
fn machines_that_boot_get_addresses_and_what_they_start_keeps_them() {
    let pxe = "[serve]\nallow = 'pxe'\n[[serve.reservation]]\nmac = '52:54:00:00:00:09'\n\
               address = '192.168.0.50'\n";
    let mut bench = Bench::new(Role::Full, pxe);
    assert!(bench.send(&windows(1)).reason().starts_with("not one of the machines"));
    let ack = bench.lease(&rom(1));
    assert_eq!(bench.lease(&windows(1)).yiaddr, ack.yiaddr, "the Windows that it started");
    assert!(bench.send(&windows(2)).sent().is_none(), "another one");
    assert!(bench.send(&windows(9)).sent().is_some(), "a reserved one");
    bench.pass(3601);
    assert!(bench.send(&windows(1)).sent().is_none(), "its lease has ended");
    // A table may name machines by what only firmware sends.
    let known = "[serve]\nallow = 'known'\n[[client]]\nname = 'lab'\nvendor-class = 'PXEClient'\n";
    let mut bench = Bench::new(Role::Full, known);
    assert!(bench.send(&windows(1)).sent().is_none());
    bench.lease(&rom(1));
    assert!(bench.send(&windows(1)).sent().is_some());
}

#[test]
fn ipxe_alone_is_told_where_its_log_may_go() {
    let log = |config: &str, discover: &Message| {
        let offer = Bench::new(Role::Full, config).send(discover).message().unwrap();
        offer.options.get(code::LOG_SERVER).map(<[u8]>::to_vec)
    };
    let taken = "[watch]\nsyslog = true";
    assert_eq!(log(taken, &ipxe(1, 0, b"iPXE")), Some(SERVER.octets().to_vec()));
    assert_eq!(log(taken, &rom(1)), None);
    assert_eq!(log("", &ipxe(1, 0, b"iPXE")), None);
}

#[test]
fn another_configuration_leaves_leases_that_it_has_room_for() {
    let subnet = |first: u8, last: u8| {
        format!(
            "[[serve.subnet]]\nnetwork = '192.168.0.0/24'\n\
             first = '192.168.0.{first}'\nlast = '192.168.0.{last}'\n"
        )
    };
    let mut bench = Bench::new(Role::Full, &subnet(100, 110));
    let before = bench.lease(&rom(1));
    assert_eq!(bench.server.bound(bench.now), 1);
    let wider = format!("[serve]\nchain = 'pxelinux'\n{}", subnet(100, 150));
    bench.server.reconfigure(Arc::new(wider.parse().unwrap()), bench.now);
    let after = bench.lease(&rom(1));
    assert_eq!(after.yiaddr, before.yiaddr);
    assert_eq!(after.file_name(), b"pxelinux.0");
    bench.server.reconfigure(Arc::new(subnet(200, 210).parse().unwrap()), bench.now);
    assert_eq!(bench.server.bound(bench.now), 0);
    assert_ne!(bench.lease(&rom(1)).yiaddr, before.yiaddr);
}

#[test]
fn a_message_is_reported_before_its_answer() {
    let answered = Bench::full().send(&ipxe(1, 0, b"iPXE"));
    let events = answered.effects.iter().filter_map(|effect| match effect {
        Effect::Report(event) => Some(event),
        _ => None,
    });
    let names: Vec<_> = events
        .map(|event| match event {
            Event::Heard(heard) => format!("heard {} from {}", heard.message.name(), heard.about),
            Event::Answered { answer, .. } => format!("answered {}", answer.name()),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["heard DISCOVER from iPXE on BIOS", "answered OFFER"]);
}
