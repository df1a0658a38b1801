//! Clients that speak BOOTP only.

use super::*;

const CONFIG: &str = "
    [[serve.subnet]]
    network = '192.168.0.0/24'
    router = '192.168.0.1'
    dns = ['192.168.0.2', '192.168.0.3']
    domain = 'a-rather-long-domain.of-a-rather-long-organisation.example.org'
    [[serve.reservation]]
    mac = '52:54:00:00:00:01'
    address = '192.168.0.50'
    name = 'old'
";

fn request(number: u8) -> Message {
    Message::request(7, [0x52, 0x54, 0, 0, 0, number])
}

#[test]
fn a_reserved_machine_gets_its_address_without_a_lease() {
    let mut bench = Bench::new(Role::Full, CONFIG);
    let answered = bench.send(&request(1));
    let (reply, to, port) = answered.sent().unwrap();
    assert_eq!((reply.yiaddr, reply.siaddr), ([192, 168, 0, 50].into(), SERVER));
    assert_eq!((to, port), ("255.255.255.255:68".parse().unwrap(), Port::Server));
    assert_eq!(reply.file_name(), b"undionly.kpxe");
    assert_eq!(answered.bytes().len(), 300, "what RFC 951 has room for");
    assert_eq!(reply.options.get(1), Some(&[255, 255, 255, 0][..]));
    assert_eq!(reply.options.address(3), Some([192, 168, 0, 1].into()));
    for code in [51, 53, 54, 15] {
        assert_eq!(reply.options.get(code), None, "option {code}");
    }
    assert!(answered.leases.is_empty());
    let Effect::Report(Event::Note { text }) = &answered.effects[1] else { panic!("{answered:?}") };
    assert_eq!(text, "52:54:00:00:00:01 BOOTP, gets 192.168.0.50 file undionly.kpxe");
}

#[test]
fn the_file_that_a_client_names_is_its_file_and_a_relay_carries_the_reply() {
    let mut bench = Bench::new(Role::Full, CONFIG);
    let mut asks = request(1);
    asks.set_file("kernel.img");
    asks.giaddr = [192, 168, 0, 9].into();
    let (reply, to, _) = bench.send(&asks).sent().unwrap();
    assert_eq!(reply.file_name(), b"kernel.img");
    assert_eq!(to, "192.168.0.9:67".parse().unwrap());
}

#[test]
fn a_machine_without_a_reservation_and_a_proxy_stay_silent() {
    let says = "plain BOOTP, without option 53";
    assert!(Bench::new(Role::Full, CONFIG).send(&request(2)).reason().starts_with(says));
    assert!(Bench::new(Role::Proxy, CONFIG).send(&request(1)).reason().starts_with(says));
    let mut far = request(1);
    far.giaddr = [10, 0, 0, 1].into();
    assert!(Bench::new(Role::Full, CONFIG).send(&far).reason().contains("no configured subnet"));
}
