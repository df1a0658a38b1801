//! What machines are given beside a boot file: addresses that are theirs, names, and options.

use super::clients::{ipxe, later, rom, windows};
use super::*;
use crate::wire::dhcp::{MessageType, code};

const CONFIG: &str = "
    [serve.options]
    ntp-servers = '192.168.0.3'
    mtu = 1400
    [[serve.subnet]]
    network = '192.168.0.0/24'
    first = '192.168.0.100'
    last = '192.168.0.103'
    router = '192.168.0.1'
    dns = '192.168.0.2'
    domain = 'example.org'
    options = { mtu = 9000 }
    [[serve.reservation]]
    mac = ['52:54:00:00:00:01', '52:54:00:00:00:02']
    address = '192.168.0.50'
    name = 'pc50'
    [[serve.reservation]]
    client-id = ['ff:00:00:07', 'node']
    address = '192.168.0.51'
";

/// The client with this list of wishes.
fn wants(mut client: Message, wishes: &[u8]) -> Message {
    client.options.set(code::PARAMETER_LIST, wishes);
    client
}

#[test]
fn inform_is_answered_with_the_options_of_the_subnet() {
    let mut bench = Bench::new(Role::Full, CONFIG);
    let ack = bench.lease(&windows(3));
    let inform = later(&wants(windows(3), &[1, 3, 6, 42]), &ack, MessageType::Inform);
    let answered = bench.send(&inform);
    let (reply, to, _) = answered.sent().unwrap();
    assert_eq!(reply.message_type(), Some(MessageType::Ack));
    assert_eq!((reply.yiaddr, *to.ip()), (Ipv4Addr::UNSPECIFIED, ack.yiaddr));
    for (code, value) in [
        (1, &[255, 255, 255, 0][..]),
        (3, &[192, 168, 0, 1]),
        (6, &[192, 168, 0, 2]),
        (15, b"example.org"),
        (42, &[192, 168, 0, 3]),
    ] {
        assert_eq!(reply.options.get(code), Some(value), "option {code}");
    }
    // RFC 2131, section 4.3.5: no times of a lease.
    for code in [51, 58, 59] {
        assert_eq!(reply.options.get(code), None, "option {code}");
    }
    assert!(answered.leases.is_empty());
}

#[test]
fn further_options_go_to_clients_that_ask_for_them() {
    let mut bench = Bench::new(Role::Full, CONFIG);
    let mut options = |client: Message| bench.lease(&client).options;
    let asked = options(wants(windows(3), &[1, 26, 42]));
    assert_eq!(asked.number16(26), Some(9000), "that of the subnet");
    assert_eq!(asked.address(42), Some([192, 168, 0, 3].into()));
    assert_eq!(options(wants(windows(3), &[1, 3])).get(42), None);
    let mut silent = windows(3);
    silent.options.remove(code::PARAMETER_LIST);
    assert!(options(silent).get(42).is_some(), "it has no list");
}

#[test]
fn a_long_answer_loses_further_options_first() {
    let long = CONFIG.replace("mtu = 1400", &format!("mtu = 1400\n224 = '{}'", "x".repeat(250)));
    let mut bench = Bench::new(Role::Full, &long);
    let mut small = wants(rom(1), &[1, 26, 42, 224]);
    small.options.remove(code::MAX_SIZE);
    small.options.set(code::RELAY_AGENT, vec![1; 100]);
    let offer = bench.send(&small).message().unwrap();
    assert_eq!(offer.options.get(224), None);
    for code in [1, 3, 6, 42, 67, 97] {
        assert!(offer.options.get(code).is_some(), "option {code}");
    }
}

#[test]
fn a_reservation_names_a_machine_with_several_cards() {
    let mut bench = Bench::new(Role::Full, CONFIG);
    let ack = bench.lease(&rom(1));
    assert_eq!(ack.yiaddr, Ipv4Addr::new(192, 168, 0, 50));
    assert_eq!(ack.options.get(code::HOST_NAME), Some(&b"pc50"[..]));
    // The second card gets another address while the first one has it, and the reserved one afterwards.
    assert_eq!(bench.lease(&rom(2)).yiaddr, Ipv4Addr::new(192, 168, 0, 100));
    bench.send(&later(&rom(1), &ack, MessageType::Release));
    bench.pass(31);
    assert_eq!(bench.lease(&rom(2)).yiaddr, Ipv4Addr::new(192, 168, 0, 50));
}

#[test]
fn a_reservation_is_found_by_client_identifier() {
    let reserved = Ipv4Addr::new(192, 168, 0, 51);
    let with = |number: u32, id: &[u8]| {
        let mut client = rom(number);
        client.options.set(code::CLIENT_ID, id);
        client
    };
    // InfiniBand: no hardware address in the message.
    let mut infiniband = with(7, &[0xff, 0, 0, 7]);
    infiniband.hardware = Hardware::new(32, &[]).unwrap();
    let mut bench = Bench::new(Role::Full, CONFIG);
    assert_eq!(bench.lease(&infiniband).yiaddr, reserved);
    let mut bench = Bench::new(Role::Full, CONFIG);
    assert_eq!(bench.lease(&with(8, b"node")).yiaddr, reserved, "an Ethernet machine that has one");
    assert_ne!(bench.lease(&with(9, b"other")).yiaddr, reserved);
}

#[test]
fn no_address_of_this_machine_is_given() {
    let own = [[192, 168, 0, 100].into(), [192, 168, 0, 102].into(), [10, 0, 0, 1].into()];
    let mut bench = Bench::with_others(CONFIG, &own);
    let given: Vec<_> =
        (3..=4).map(|number| bench.lease(&rom(number)).yiaddr.octets()[3]).collect();
    assert_eq!(given, [101, 103]);
    assert!(bench.send(&rom(5)).reason().contains("no address is left"));
    // Nor may a client ask for it, or speak from it.
    let mut wishes = clients::init_reboot(&windows(6), own[0]);
    assert_eq!(bench.send(&wishes).message().unwrap().message_type(), Some(MessageType::Nak));
    wishes.ciaddr = own[0];
    assert!(bench.send(&wishes).reason().contains("is this server's own address"));
}

#[test]
fn the_question_of_this_machine_is_not_answered_whatever_its_address_is() {
    let own = [192, 168, 0, 7].into();
    let mut bench = Bench::with_others(CONFIG, &[own]);
    for from in ["192.168.0.10:68", "192.168.0.7:68"] {
        let answered = bench.send_from(&windows(3), from, Port::Server);
        assert!(answered.effects.is_empty(), "{answered:?}");
    }
    assert!(bench.send_from(&windows(3), "192.168.0.8:68", Port::Server).sent().is_some());
}

#[test]
fn names_of_servers_and_files_have_a_zero_after_them() {
    let mut bench = Bench::new(Role::Full, CONFIG);
    for discover in [rom(1), ipxe(2, 7, b"iPXE"), windows(3)] {
        let answered = bench.send(&discover);
        let bytes = answered.bytes();
        for code in [66_u8, 67] {
            let message = answered.message().unwrap();
            let Some(value) = message.options.get(code) else { continue };
            let mut option = vec![code, u8::try_from(value.len()).unwrap()];
            option.extend(value);
            let found = bytes.windows(option.len()).rposition(|it| it == option);
            let after = found.expect("the option as it is") + option.len();
            assert_eq!(bytes[after], 0, "after option {code} of {discover:?}");
            assert!(!value.contains(&0), "the length is that of the name");
        }
    }
    assert!(bench.send(&rom(4)).message().unwrap().options.get(67).is_some());
}
