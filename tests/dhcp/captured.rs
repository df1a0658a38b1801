//! Packets captured from real firmware.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use winpe_netboot::logic::Time;
use winpe_netboot::logic::dhcp::{Arrival, Effect, Link, Port, Role, Server};
use winpe_netboot::wire::dhcp::{Message, MessageType, Op};
use winpe_tests::corpus;

/// Part of a packet's name, and the boot file that its sender must get.
const BOOT_FILES: &[(&str, &str)] = &[
    ("arch0-iPXE", "http://192.168.0.10/boot.ipxe"),
    ("arch0-PlainROM", "undionly.kpxe"),
    ("arch6-fw", "snponly-ia32.efi"),
    ("arch7-fw", "snponly.efi"),
    ("arch7-iPXE", "http://192.168.0.10/boot.ipxe"),
    ("arch11-fw", "snponly-arm64.efi"),
    ("arch16-fw", "http://192.168.0.10/snponly.efi"),
    ("arch19-fw", "http://192.168.0.10/snponly-arm64.efi"),
];

#[test]
fn each_packet_is_read_whole_and_written_as_it_was() {
    let Some(packets) = packets() else { return };
    for (name, packet) in packets {
        let raw = unhex(packet["raw"].as_str().unwrap());
        let message = Message::parse(&raw).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(message.encode(usize::MAX).unwrap(), raw, "{name}");
        let expected: Vec<(u8, Vec<u8>)> = packet["options"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(code, value)| (code.parse().unwrap(), unhex(value.as_str().unwrap())))
            .collect();
        assert_eq!(message.options.iter().count(), expected.len(), "{name}");
        for (code, value) in expected {
            assert_eq!(message.options.get(code), Some(value.as_slice()), "{name}, option {code}");
        }
    }
}

#[test]
fn each_conversation_is_read_and_written_without_loss() {
    let Some(folder) = corpus("packets/conversations") else { return };
    let mut count = 0;
    for path in files(&folder, ".dhcp.json") {
        let messages: Vec<Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for packet in messages {
            let raw = unhex(packet["raw"].as_str().unwrap());
            let message =
                Message::parse(&raw).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let op = if packet["op"] == 1 { Op::Request } else { Op::Reply };
            assert_eq!(message.op, op);
            assert_eq!(message.message_type().unwrap().name(), packet["msg"].as_str().unwrap());
            let written = message.encode(usize::MAX).unwrap();
            assert_eq!(Message::parse(&written).unwrap(), message, "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 60, "{count} messages");
}

#[test]
fn each_client_is_offered_its_file_by_a_full_server_and_by_a_proxy() {
    let Some(packets) = packets() else { return };
    for role in [Role::Full, Role::Proxy] {
        let mut seen = 0;
        for (name, packet) in packets.iter().filter(|packet| packet.0.contains("-discover-")) {
            let mut server = server(role);
            let raw = unhex(packet["raw"].as_str().unwrap());
            let request = Message::parse(&raw).unwrap();
            let offer = ask(&mut server, &raw, "0.0.0.0:68", Port::Server);
            assert_eq!(offer.message_type(), Some(MessageType::Offer), "{name}");
            check_boot(name, &request, &offer);
            assert_eq!(offer.yiaddr.is_unspecified(), role == Role::Proxy, "{name}");
            let type_first = offer.options.iter().next().unwrap();
            assert_eq!(type_first.0, 53, "{name}: old ROMs want it first");
            for forced in [208, 209, 210, 211] {
                assert!(offer.options.get(forced).is_some(), "{name}: option {forced}");
            }
            seen += 1;
        }
        assert!(seen >= 13, "{seen} clients");
    }
}

#[test]
fn a_client_with_the_minimum_size_gets_its_options_and_the_boot_options() {
    let Some(packets) = packets() else { return };
    let names = format!("['{}']", vec!["192.168.0.1"; 16].join("', '"));
    let config = format!(
        "[[serve.subnet]]\nnetwork = '192.168.0.0/24'\nfirst = '192.168.0.128'\n\
         last = '192.168.0.227'\ndomain = '{}'\ndns = {names}\nrouter = {names}\n\
         [serve.pxelinux]\npath-prefix = 'http://192.168.0.10/{}/'",
        vec!["d".repeat(60); 3].join("."),
        "p".repeat(40),
    );
    let (mut seen, mut overloaded) = (0, 0);
    for (name, packet) in packets.iter().filter(|packet| packet.0.contains("-discover-")) {
        let mut request = Message::parse(&unhex(packet["raw"].as_str().unwrap())).unwrap();
        // RFC 2131, section 2: 576 bytes with the headers of IP and UDP.
        request.options.remove(57);
        let raw = request.encode(usize::MAX).unwrap();
        let bytes = answer(&mut configured(Role::Full, &config), &raw, "0.0.0.0:68", Port::Server);
        assert!(bytes.len() <= 548, "{name}: {} bytes", bytes.len());
        let offer = Message::parse(&bytes).unwrap();
        for echoed in [61, 97] {
            assert_eq!(offer.options.get(echoed), request.options.get(echoed), "{name}: {echoed}");
        }
        for needed in [1, 3, 51, 54, 60, 67, 208, 209, 210] {
            assert!(offer.options.get(needed).is_some(), "{name}: option {needed}");
        }
        // After the type, which is the first option.
        overloaded += usize::from(bytes[243..245] == [52, 1]);
        seen += 1;
    }
    assert!(seen >= 13 && overloaded > 0, "{seen} clients, {overloaded} with options in sname");
}

#[test]
fn the_boot_service_answers_the_captured_question() {
    let Some(packets) = packets() else { return };
    let mut asked = packets.iter().filter(|packet| packet.0.contains("-request4011-"));
    let (name, packet) = asked.next().unwrap();
    let raw = unhex(packet["raw"].as_str().unwrap());
    let request = Message::parse(&raw).unwrap();
    let ack = ask(&mut server(Role::Proxy), &raw, "192.168.0.156:4011", Port::Boot);
    assert_eq!(ack.message_type(), Some(MessageType::Ack));
    check_boot(name, &request, &ack);
}

fn check_boot(name: &str, request: &Message, answer: &Message) {
    let (_, file) = BOOT_FILES
        .iter()
        .find(|(part, _)| name.contains(part))
        .unwrap_or_else(|| panic!("no boot file for {name}"));
    assert_eq!(answer.file_name(), file.as_bytes(), "{name}");
    assert_eq!(answer.options.get(67), Some(file.as_bytes()), "{name}");
    assert_eq!(answer.siaddr.to_string(), "192.168.0.10", "{name}");
    assert_eq!((answer.xid, answer.flags), (request.xid, request.flags), "{name}");
    assert_eq!(answer.hardware, request.hardware, "{name}");
    assert_eq!(answer.options.get(97), request.options.get(97), "{name}");
    let class = request.options.get(60).unwrap();
    let expected: &[u8] = if class.starts_with(b"HTTP") { b"HTTPClient" } else { b"PXEClient" };
    assert_eq!(answer.options.get(60), Some(expected), "{name}");
    let vendor = (expected == b"PXEClient").then_some(&[6, 1, 8, 255][..]);
    assert_eq!(answer.options.get(43), vendor, "{name}");
}

fn server(role: Role) -> Server {
    configured(role, "")
}

fn configured(role: Role, config: &str) -> Server {
    let link = Link {
        address: [192, 168, 0, 10].into(),
        network: "192.168.0.0/24".parse().unwrap(),
        others: vec![],
    };
    Server::new(Arc::new(config.parse().unwrap()), link, role)
}

fn ask(server: &mut Server, raw: &[u8], from: &str, port: Port) -> Message {
    Message::parse(&answer(server, raw, from, port)).unwrap()
}

fn answer(server: &mut Server, raw: &[u8], from: &str, port: Port) -> Vec<u8> {
    let now = Time::from_secs(1_800_000_000);
    let decided = server.receive(raw, Arrival { from: from.parse().unwrap(), port }, now);
    let mut effects = decided.effects;
    if let [.., Effect::Probe(address)] = effects[..] {
        effects = server.probed(address, None, now).effects;
    }
    let sent = effects.iter().find_map(|effect| match effect {
        Effect::Send { bytes, .. } => Some(bytes.clone()),
        _ => None,
    });
    sent.unwrap_or_else(|| panic!("no answer: {effects:?}"))
}

/// Each packet by its file's name.
fn packets() -> Option<Vec<(String, Value)>> {
    let folder = corpus("packets")?;
    let packets: Vec<_> = files(&folder, ".json")
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_slice(&fs::read(&path).unwrap()).unwrap())
        })
        .collect();
    assert!(packets.len() >= 25, "{} packets", packets.len());
    Some(packets)
}

fn files(folder: &std::path::Path, suffix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.to_str().unwrap().ends_with(suffix)).collect();
    files.sort();
    files
}

fn unhex(text: &str) -> Vec<u8> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { panic!("half a byte") };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(byte).collect()
}
