//! Arbitrary packets sent to a DHCP server that gives addresses, and to a proxy.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use winpe_fuzz::packet;
use winpe_netboot::config::Config;
use winpe_netboot::logic::Time;
use winpe_netboot::logic::dhcp::{Arrival, Effect, LeaseState, Link, Port, Role, Server};
use winpe_netboot::wire::dhcp::{Message, Op};

/// A small pool, so that it becomes exhausted; the network of a relay besides that of the link.
const CONFIG: &str = "
    [[serve.subnet]]
    network = '192.168.0.0/24'
    first = '192.168.0.100'
    last = '192.168.0.103'
    [[serve.subnet]]
    network = '10.1.0.0/16'
    first = '10.1.0.1'
    last = '10.1.0.2'
    [[client]]
    name = 'dell'
    oui = '52:54:00'
    chain = 'dell'
";

static PARSED: LazyLock<Arc<Config>> =
    LazyLock::new(|| Arc::new(CONFIG.parse().expect("it is valid")));

fuzz_target!(|input: &[u8]| {
    let Some((&flags, mut rest)) = input.split_first() else { return };
    let role = if flags & 1 == 0 { Role::Full } else { Role::Proxy };
    let network = "192.168.0.0/24".parse().expect("a network");
    let link =
        Link { address: [192, 168, 0, 10].into(), network, others: vec![[10, 0, 0, 10].into()] };
    let mut server = Server::new(Arc::clone(&PARSED), link, role);
    let mut now = Time::from_secs(1_800_000_000);
    let mut number = 0;
    while !rest.is_empty() && number < 64 {
        let bytes = packet(&mut rest);
        check_codec(bytes);
        // Port, sender and pause follow from the number of the packet and the flags.
        let arrival = Arrival {
            from: if number % 3 == 2 { "10.1.0.9:67" } else { "0.0.0.0:68" }.parse().expect("one"),
            port: if flags & 2 != 0 && number % 4 == 3 { Port::Boot } else { Port::Server },
        };
        now = now + Duration::from_secs(u64::from(flags >> 2));
        let effects = server.receive(bytes, arrival, now).effects;
        check(&effects, bytes);
        for effect in effects {
            if let Effect::Probe(address) = effect {
                check(&server.probed(address, None, now).effects, bytes);
            }
        }
        number += 1;
    }
    let held = server.leases().filter(|lease| lease.state != LeaseState::Declined).count();
    assert!(held <= 6, "more leases than addresses: {held}");
});

/// A message that is read, written and read again stays the same; an address has a length that fits
/// its field.
fn check_codec(packet: &[u8]) {
    let Ok(message) = Message::parse(packet) else { return };
    assert!(message.hardware.address().len() <= 16);
    let written = message.encode(usize::MAX).expect("what was read can be written");
    assert_eq!(Message::parse(&written).as_ref(), Ok(&message));
}

/// Each answer is a reply to its request, of a size that the client accepts.
fn check(effects: &[Effect], packet: &[u8]) {
    for effect in effects {
        match effect {
            Effect::Send { bytes, .. } => {
                let answer = Message::parse(bytes).expect("our own answer");
                let question = Message::parse(packet).expect("what was answered");
                assert_eq!(answer.op, Op::Reply);
                assert_eq!(question.op, Op::Request);
                assert!((300..=1500).contains(&bytes.len()), "{} bytes", bytes.len());
            }
            Effect::Report(event) => {
                let line = event.to_string();
                assert!(!line.contains(char::is_control), "{line:?}");
            }
            Effect::Probe(_) => {}
        }
    }
}
