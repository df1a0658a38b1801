//! A server that gives addresses.

use proptest::prelude::*;

use super::clients::{ipxe, later, rom, select, uefi, windows};
use super::*;

fn codes(message: &Message) -> Vec<u8> {
    message.options.iter().map(|option| option.0).collect()
}

#[test]
fn a_plain_rom_gets_ipxe_and_ipxe_gets_its_script() {
    let mut bench = Bench::full();
    let ack = bench.lease(&rom(1));
    assert_eq!(ack.file_name(), b"undionly.kpxe");
    assert_eq!(ack.siaddr, SERVER);
    assert_eq!(ack.options.get(60), Some(&b"PXEClient"[..]));
    assert_eq!(ack.options.get(43), Some(&[6, 1, 8, 255][..]));
    assert_eq!(ack.options.get(67), Some(&b"undionly.kpxe"[..]));
    assert_eq!(ack.options.get(97), rom(1).options.get(97));
    let expected = [53, 54, 51, 58, 59, 1, 28, 60, 43, 66, 67, 97, 208, 209, 210, 211, 61];
    assert_eq!(codes(&ack), expected);

    let stage2 = bench.lease(&ipxe(1, 0, b"iPXE"));
    assert_eq!(stage2.file_name(), b"http://192.168.0.10/boot.ipxe");
    assert_eq!(stage2.yiaddr, ack.yiaddr, "one machine, one address");
    assert_eq!(bench.lease(&windows(1)).yiaddr, ack.yiaddr);
}

#[test]
fn each_kind_of_client_gets_its_file() {
    let mut bench = Bench::full();
    for (number, discover, file) in [
        (1, uefi(1, 7), "snponly.efi"),
        (2, uefi(2, 9), "snponly.efi"),
        (3, uefi(3, 6), "snponly-ia32.efi"),
        (4, uefi(4, 11), "snponly-arm64.efi"),
        (5, uefi(5, 16), "http://192.168.0.10/snponly.efi"),
        (6, uefi(6, 19), "http://192.168.0.10/snponly-arm64.efi"),
        (7, ipxe(7, 7, b"\x04iPXE"), "http://192.168.0.10/boot.ipxe"),
    ] {
        let ack = bench.lease(&discover);
        assert_eq!(ack.file_name(), file.as_bytes(), "client {number}");
        let class =
            if file.starts_with("http") && number != 7 { "HTTPClient" } else { "PXEClient" };
        assert_eq!(ack.options.get(60), Some(class.as_bytes()), "client {number}");
    }
    let windows = bench.lease(&windows(8));
    assert_eq!((windows.file_name(), windows.siaddr), (&b""[..], Ipv4Addr::UNSPECIFIED));
    assert_eq!(windows.options.get(60), None);
}

#[test]
fn an_ipxe_without_http_gets_its_script_by_tftp() {
    let mut bench = Bench::full();
    let mut discover = ipxe(1, 0, b"iPXE");
    discover.options.set(code::IPXE, [0xeb, 3, 1, 0, 0]);
    assert_eq!(bench.lease(&discover).file_name(), b"tftp://192.168.0.10/boot.ipxe");
}

#[test]
fn the_dell_chain_is_for_chosen_clients() {
    let config = "
        [[client]]
        name = 'vostro'
        mac = '52:54:00:00:00:01'
        chain = 'dell'";
    let mut bench = Bench::new(Role::Full, config);
    let first = bench.lease(&rom(1));
    assert_eq!(first.file_name(), b"pxelinux.0");
    assert_eq!(first.options.get(209), Some(&b"clients/vostro/pxelinux.cfg/ipxe"[..]));
    assert_eq!(first.options.get(210), Some(&b"/"[..]));
    let second = bench.lease(&ipxe(1, 0, b"iPXE"));
    assert_eq!(second.file_name(), b"http://192.168.0.10/clients/vostro/boot.ipxe");
    assert_eq!(second.options.get(209), Some(&b"clients/vostro/pxelinux.cfg/boot"[..]));
    assert_eq!(second.options.get(210), Some(&b"http://192.168.0.10/"[..]));
    assert_eq!(bench.lease(&rom(2)).file_name(), b"undionly.kpxe");
}

#[test]
fn pxelinux_options_are_sent_unasked_and_as_configured() {
    let config = "
        [serve]
        chain = 'pxelinux'
        http-port = 8080
        [serve.pxelinux]
        config-file = 'menus/main'
        path-prefix = 'http://192.168.0.10:8080/linux/'
        reboot-time = 5";
    let mut bench = Bench::new(Role::Full, config);
    for discover in [rom(1), ipxe(2, 0, b"iPXE")] {
        assert!(!discover.options.get(55).unwrap().contains(&208));
        let ack = bench.lease(&discover);
        assert_eq!(ack.options.get(208), Some(&[0xf1, 0, 0x74, 0x7e][..]));
        assert_eq!(ack.options.get(209), Some(&b"menus/main"[..]));
        assert_eq!(ack.options.get(210), Some(&b"http://192.168.0.10:8080/linux/"[..]));
        assert_eq!(ack.options.get(211), Some(&[0, 0, 0, 5][..]));
    }
    let search = "[serve]\nchain = 'pxelinux'\n[serve.pxelinux]\nconfig-file = ''";
    let ack = Bench::new(Role::Full, search).lease(&rom(1));
    assert_eq!(ack.options.get(209), None, "PXELINUX searches for itself");
}

#[test]
fn a_boot_loop_ends_with_a_lease_but_no_boot_file() {
    let mut bench = Bench::full();
    let again = |xid| Message { xid, ..rom(1) };
    for xid in 1..=3 {
        assert_eq!(bench.lease(&again(xid)).file_name(), b"undionly.kpxe");
        bench.pass(5);
    }
    let answered = bench.send(&again(4));
    let offer = answered.message().unwrap();
    assert_eq!((offer.file_name(), offer.options.get(60)), (&b""[..], None));
    assert!(answered.warning().unwrap().contains("boot loop: undionly.kpxe"), "{answered:?}");
    assert_eq!(bench.lease(&ipxe(1, 0, b"iPXE")).file_name(), b"http://192.168.0.10/boot.ipxe");
    bench.pass(60);
    assert_eq!(bench.lease(&again(5)).file_name(), b"undionly.kpxe");
}

#[test]
fn only_an_address_that_is_new_to_a_client_is_probed() {
    let mut bench = Bench::full();
    let first = bench.send(&rom(1));
    assert_eq!(first.probes(), 1);
    bench.send(&select(&rom(1), &first.message().unwrap()));
    assert_eq!(bench.send(&ipxe(1, 0, b"iPXE")).probes(), 0);
    assert_eq!(bench.send(&rom(2)).probes(), 1);
}

#[test]
fn a_probe_delays_no_other_client() {
    let mut bench = Bench::full();
    let known = bench.lease(&rom(1));
    let arrival = Arrival { from: "0.0.0.0:68".parse().unwrap(), port: Port::Server };
    let decided = bench.server.receive(&rom(2).encode(1500).unwrap(), arrival, bench.now);
    let [_, Effect::Probe(probed)] = decided.effects[..] else { panic!("{decided:?}") };
    assert_eq!(bench.lease(&Message { xid: 9, ..rom(1) }).yiaddr, known.yiaddr);
    // A client that asks again meanwhile is answered once, to its latest message.
    let repeat = Message { secs: 4, ..rom(2) }.encode(1500).unwrap();
    let decided = bench.server.receive(&repeat, arrival, bench.now);
    assert!(Answered::from(decided).reason().contains("waits for its probe"));
    let decided = bench.server.probed(probed, Some(rom(2).hardware), bench.now);
    assert_eq!(Answered::from(decided).message().unwrap().yiaddr, probed);
}

#[test]
fn an_address_in_use_is_left_alone() {
    let mut bench = Bench::full();
    let arrival = Arrival { from: "0.0.0.0:68".parse().unwrap(), port: Port::Server };
    let decided = bench.server.receive(&rom(1).encode(1500).unwrap(), arrival, bench.now);
    let [_, Effect::Probe(used)] = decided.effects[..] else { panic!("{decided:?}") };
    let answered = bench.settle(decided, |address| address == used);
    assert_ne!(answered.message().unwrap().yiaddr, used);
    assert!(answered.warning().unwrap().contains("is used by 02:02:02:02:02:02"));
    let declined = |lease: &Lease| lease.address == used && lease.state == LeaseState::Declined;
    assert!(answered.leases.iter().any(declined), "{answered:?}");
}

#[test]
fn a_declined_address_rests() {
    let mut bench = Bench::full();
    let ack = bench.lease(&rom(1));
    let mut decline = later(&rom(1), &ack, MessageType::Decline);
    decline.options.set(code::REQUESTED_ADDRESS, ack.yiaddr.octets());
    assert!(bench.send(&decline).warning().unwrap().contains("in use by another machine"));
    assert_ne!(bench.lease(&rom(1)).yiaddr, ack.yiaddr);
    // No client declines for another.
    decline.hardware = rom(2).hardware;
    assert!(bench.send(&decline).reason().contains("not ours"));
}

#[test]
fn a_released_address_comes_back_to_its_owner() {
    let mut bench = Bench::full();
    let ack = bench.lease(&rom(1));
    bench.send(&later(&rom(1), &ack, MessageType::Release));
    assert_ne!(bench.lease(&rom(2)).yiaddr, ack.yiaddr);
    assert_eq!(bench.lease(&rom(1)).yiaddr, ack.yiaddr);
}

#[test]
fn renewing_is_answered_to_the_address_itself() {
    let mut bench = Bench::full();
    let ack = bench.lease(&windows(1));
    let mut renew = later(&windows(1), &ack, MessageType::Request);
    let answered = bench.send(&renew);
    assert_eq!(answered.to(), SocketAddrV4::new(ack.yiaddr, 68));
    let renewed = answered.message().unwrap();
    assert_eq!((renewed.ciaddr, renewed.yiaddr), (ack.yiaddr, ack.yiaddr));
    // Another client's address is refused, and the refusal is broadcast.
    renew.hardware = windows(2).hardware;
    let refused = bench.send(&renew);
    assert_eq!(refused.message().unwrap().message_type(), Some(MessageType::Nak));
    assert_eq!(*refused.to().ip(), Ipv4Addr::BROADCAST);
}

#[test]
fn without_authority_the_unknown_is_met_with_silence() {
    let wants = |address: [u8; 4]| {
        let mut request = windows(1);
        request.options.set(code::MESSAGE_TYPE, [MessageType::Request as u8]);
        request.options.set(code::REQUESTED_ADDRESS, address);
        request
    };
    let mut quiet = Bench::new(Role::Full, "[serve]\nauthoritative = false");
    assert!(quiet.send(&wants([10, 0, 0, 1])).reason().contains("not ours"));
    assert!(quiet.send(&wants([192, 168, 0, 130])).reason().contains("not ours"));
    let mut loud = Bench::full();
    let kind = |answered: Answered| answered.message().unwrap().message_type();
    assert_eq!(kind(loud.send(&wants([10, 0, 0, 1]))), Some(MessageType::Nak));
    assert_eq!(kind(loud.send(&wants([192, 168, 0, 130]))), Some(MessageType::Ack));
    assert_eq!(kind(loud.send(&wants([192, 168, 0, 10]))), Some(MessageType::Nak), "the server's");
}

#[test]
fn another_server_that_wins_is_named_and_the_offer_is_free_again() {
    let mut bench = Bench::full();
    let offer = bench.send(&rom(1)).message().unwrap();
    let mut request = select(&rom(1), &offer);
    request.options.set(code::SERVER_ID, [192, 168, 0, 1]);
    assert_eq!(bench.send(&request).reason(), "another server won: 192.168.0.1");
    assert_eq!(bench.server.leases.open_offers(bench.now), 0);
}

#[test]
fn inform_gets_no_address() {
    let mut bench = Bench::full();
    let mut inform = windows(1);
    inform.options.set(code::MESSAGE_TYPE, [MessageType::Inform as u8]);
    inform.ciaddr = [192, 168, 0, 50].into();
    let answered = bench.send(&inform);
    let ack = answered.message().unwrap();
    assert_eq!(ack.yiaddr, Ipv4Addr::UNSPECIFIED);
    assert_eq!(ack.options.get(code::LEASE_TIME), None);
    assert_eq!(answered.to(), "192.168.0.50:68".parse().unwrap());
}

const TWO_LINKS: &str = "
    [[serve.subnet]]
    network = '192.168.0.0/24'
    [[serve.subnet]]
    network = '10.1.0.0/16'
    first = '10.1.0.10'
    last = '10.1.0.20'
    router = ['10.1.0.1']
    domain = 'example.com'
    [[serve.reservation]]
    mac = '52:54:00:00:00:07'
    address = '192.168.0.77'";

#[test]
fn a_relay_chooses_the_subnet_and_gets_its_option_back_last() {
    let mut bench = Bench::new(Role::Full, TWO_LINKS);
    let mut discover = rom(1);
    discover.giaddr = [10, 1, 0, 1].into();
    discover.options.set(code::RELAY_AGENT, [1, 2, 0xaa, 0xbb, 11, 4, 10, 1, 0, 1]);
    let answered = bench.send(&discover);
    let offer = answered.message().unwrap();
    assert_eq!(answered.probes(), 0, "the link is out of sight");
    assert_eq!(offer.yiaddr, Ipv4Addr::new(10, 1, 0, 10));
    assert_eq!(offer.options.address(1), Some([255, 255, 0, 0].into()));
    assert_eq!(offer.options.address(3), Some([10, 1, 0, 1].into()));
    assert_eq!(offer.options.get(15), Some(&b"example.com"[..]));
    assert_eq!(offer.options.address(54), Some([10, 1, 0, 1].into()), "RFC 5107");
    assert_eq!(codes(&offer).last(), Some(&82));
    assert_eq!(offer.options.get(82), discover.options.get(82));
    assert_eq!(answered.to(), "10.1.0.1:67".parse().unwrap());
    assert_eq!(bench.lease(&discover).yiaddr, offer.yiaddr);

    discover.giaddr = [192, 168, 0, 1].into();
    discover.options.set(code::RELAY_AGENT, [5, 4, 10, 1, 0, 0]);
    assert_eq!(bench.lease(&discover).yiaddr, offer.yiaddr, "RFC 3527");
    discover.giaddr = [172, 16, 0, 1].into();
    assert!(bench.send(&discover).reason().contains("172.16.0.1 is in no configured subnet"));
}

#[test]
fn a_reservation_is_kept_for_its_machine() {
    let mut bench = Bench::new(Role::Full, TWO_LINKS);
    assert_eq!(bench.lease(&rom(7)).yiaddr, Ipv4Addr::new(192, 168, 0, 77));
    assert!(bench.send(&rom(8)).reason().contains("no address is left in 192.168.0.0/24"));
}

#[test]
fn a_full_pool_says_so_and_gives_what_expires() {
    let config = "
        [[serve.subnet]]
        network = '192.168.0.0/24'
        first = '192.168.0.20'
        last = '192.168.0.21'
        lease = 600";
    let mut bench = Bench::new(Role::Full, config);
    let first = bench.lease(&rom(1)).yiaddr;
    bench.pass(10);
    bench.lease(&rom(2));
    assert!(bench.send(&rom(3)).reason().contains("no address is left"));
    bench.pass(595);
    assert_eq!(bench.lease(&rom(3)).yiaddr, first);
}

#[test]
fn a_flood_of_new_clients_leaves_room_for_known_ones() {
    let mut bench = Bench::full();
    let known = bench.lease(&rom(1)).yiaddr;
    let mut offers = 0;
    for number in 1000..21_000 {
        match bench.send(&rom(number)) {
            answered if answered.sent().is_some() => offers += 1,
            answered => assert!(answered.reason().contains("too many new clients")),
        }
    }
    assert_eq!(offers, 50, "half of the pool");
    assert!(bench.server.leases.iter().count() <= 51);
    assert_eq!(bench.lease(&Message { xid: 77, ..rom(1) }).yiaddr, known);
    bench.pass(31);
    bench.lease(&rom(30_000));
}

#[test]
fn a_relay_of_no_configured_network_gets_no_answer() {
    let mut bench = Bench::full();
    let relayed = Message { giaddr: [203, 0, 113, 1].into(), ..rom(1) };
    let answered = bench.send_from(&relayed, "203.0.113.1:67", Port::Server);
    assert!(answered.reason().contains("203.0.113.1 is in no configured subnet"));
}

#[test]
fn why_a_packet_is_no_request_is_reported() {
    let mut bench = Bench::full();
    let with = |kind: &[u8]| {
        let mut message = rom(1);
        message.options.set(code::MESSAGE_TYPE, kind);
        message
    };
    assert!(bench.send(&Message { op: Op::Reply, ..rom(1) }).reason().contains("a reply"));
    assert!(bench.send(&with(&[2])).reason().contains("OFFER is a server's message"));
    assert!(bench.send(&with(&[9])).reason().contains("no known message type"));
    assert!(bench.send(&with(&[1, 1])).reason().contains("no known message type"));
    let mut bootp = rom(1);
    bootp.options.remove(code::MESSAGE_TYPE);
    assert!(bench.send(&bootp).reason().contains("plain BOOTP"));
    assert!(bench.send(&with(&[3])).reason().contains("names no address"));
    let own = bench.send_from(&rom(1), "192.168.0.10:68", Port::Server);
    assert!(own.effects.is_empty(), "the server does not answer its own request: {own:?}");
    let arrival = Arrival { from: "10.0.0.1:68".parse().unwrap(), port: Port::Server };
    let effects = bench.server.receive(b"hello", arrival, bench.now);
    assert!(Answered::from(effects).reason().contains("no DHCP message"));
}

#[test]
fn leases_outlive_the_server() {
    let mut bench = Bench::full();
    let address = bench.lease(&rom(1)).yiaddr;
    bench.send(&rom(2));
    let leases: Vec<_> = bench.server.leases().cloned().collect();
    assert_eq!(leases.len(), 1, "offers do not");
    let mut next = Bench::full();
    next.server.restore(Lease { address: [10, 9, 9, 9].into(), ..leases[0].clone() }, next.now);
    assert_eq!(next.server.leases().count(), 0, "not one that may not be given");
    leases.into_iter().for_each(|lease| next.server.restore(lease, next.now));
    assert_ne!(next.lease(&rom(2)).yiaddr, address);
    assert_eq!(next.lease(&ipxe(1, 0, b"iPXE")).yiaddr, address);
}

proptest! {
    /// Whatever option a client bends, there is an answer or a reason, and both are bounded.
    #[test]
    fn no_option_makes_it_panic(
        code in 1..=254_u8,
        value in proptest::collection::vec(any::<u8>(), 0..700),
        port in any::<bool>(),
        kind in 1..=8_u8,
    ) {
        let mut bench = Bench::new(Role::Full, TWO_LINKS);
        let mut message = rom(1);
        message.options.set(53, [kind]);
        message.options.set(code, value);
        let port = if port { Port::Boot } else { Port::Server };
        let answered = bench.send_from(&message, "192.168.0.50:68", port);
        if let Some((reply, ..)) = answered.sent() {
            prop_assert!(reply.encode(1472).is_ok());
        } else {
            prop_assert!(!answered.effects.is_empty());
        }
    }
}
