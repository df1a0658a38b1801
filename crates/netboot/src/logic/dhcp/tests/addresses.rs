//! Addresses in a message that no answer goes to.

use super::clients::{boot_service, later, rom, uefi, windows};
use super::*;

const OWN: &str = "192.168.0.10 is this server's own address";

#[test]
fn no_relay_has_the_address_of_the_server_or_of_a_network() {
    for role in [Role::Full, Role::Proxy] {
        for (giaddr, reason) in [
            ([192, 168, 0, 10], OWN),
            ([192, 168, 0, 255], "giaddr 192.168.0.255 is not the address of a machine"),
            ([192, 168, 0, 0], "giaddr 192.168.0.0 is not the address of a machine"),
            ([255, 255, 255, 255], "255.255.255.255 is in no configured subnet"),
            ([224, 0, 0, 1], "224.0.0.1 is in no configured subnet"),
            ([127, 0, 0, 1], "127.0.0.1 is in no configured subnet"),
        ] {
            let mut relayed = Message { giaddr: giaddr.into(), ..uefi(1, 7) };
            // A relay that names another link is no better.
            for link in [None, Some([5, 4, 192, 168, 0, 1])] {
                link.into_iter().for_each(|it| relayed.options.set(code::RELAY_AGENT, it));
                let found = Bench::new(role, "").send(&relayed).reason();
                assert!(found.contains(reason), "{giaddr:?}: {found}");
            }
        }
    }
}

#[test]
fn no_client_has_the_address_of_the_server_or_of_a_network() {
    let mut bench = Bench::full();
    let ack = bench.lease(&windows(1));
    for kind in [MessageType::Discover, MessageType::Request, MessageType::Inform] {
        for (ciaddr, reason) in [
            ([192, 168, 0, 10], OWN),
            ([192, 168, 0, 255], "ciaddr 192.168.0.255 is not the address of a machine"),
            ([192, 168, 0, 0], "ciaddr 192.168.0.0 is not the address of a machine"),
            ([255, 255, 255, 255], "255.255.255.255 is in no configured subnet"),
            ([8, 8, 8, 8], "8.8.8.8 is in no configured subnet"),
        ] {
            let message = Message { ciaddr: ciaddr.into(), ..later(&windows(1), &ack, kind) };
            let found = bench.send(&message).reason();
            assert!(found.contains(reason), "{kind:?} {ciaddr:?}: {found}");
        }
    }
    assert_eq!(bench.server.bound(bench.now), 1);
}

#[test]
fn the_boot_service_answers_machines_only() {
    for from in ["192.168.0.10:4011", "192.168.0.255:68", "192.168.0.0:68"] {
        let answered = Bench::new(Role::Proxy, "").send_from(&boot_service(4, 7), from, Port::Boot);
        assert!(answered.reason().starts_with("source 192.168.0."), "{from}: {answered:?}");
    }
}

#[test]
fn a_link_that_no_subnet_names_has_no_pool() {
    let config =
        "[[serve.subnet]]\nnetwork = '10.1.0.0/16'\nfirst = '10.1.0.10'\nlast = '10.1.0.20'";
    let mut bench = Bench::new(Role::Full, config);
    assert!(bench.send(&rom(1)).reason().contains("no address is left in 192.168.0.0/24"));
    let far = Message { giaddr: [10, 1, 0, 1].into(), ..rom(1) };
    assert_eq!(bench.lease(&far).yiaddr, Ipv4Addr::new(10, 1, 0, 10));
}

#[test]
fn the_address_of_the_server_is_reserved_for_no_machine() {
    let config = "[[serve.reservation]]\nmac = '52:54:00:00:00:01'\naddress = '192.168.0.10'";
    let mut bench = Bench::new(Role::Full, config);
    assert_eq!(bench.lease(&rom(1)).yiaddr, Ipv4Addr::new(192, 168, 0, 128));
}
