//! Answers as long as their clients take.

use super::clients::{rom, uefi};
use super::*;

#[test]
fn an_answer_that_does_not_fit_loses_what_no_client_needs() {
    let domain = vec!["a".repeat(50); 4].join(".");
    let config = format!(
        "[[serve.subnet]]\nnetwork = '192.168.0.0/24'\n\
        first = '192.168.0.20'\nlast = '192.168.0.30'\ndomain = '{domain}'"
    );
    let mut bench = Bench::new(Role::Full, &config);
    let offer = bench.send(&rom(1)).message().unwrap();
    assert_eq!(offer.options.get(code::DOMAIN), Some(domain.as_bytes()));
    let mut small = rom(2);
    small.options.remove(code::MAX_SIZE);
    small.options.set(code::CLIENT_ID, vec![7; 40]);
    let offer = bench.send(&small).message().unwrap();
    assert_eq!(offer.options.get(code::DOMAIN), None);
    assert_eq!(offer.file_name(), b"undionly.kpxe");
    // Nothing that a client says makes the answer longer than it says it takes.
    small.options.set(code::CLIENT_UUID, vec![0; 255]);
    small.options.set(code::SUBNET_SELECTION, vec![0; 255]);
    assert!(bench.send(&small).reason().contains("longer than the 548"));
}

#[test]
fn what_pxelinux_needs_and_what_goes_back_is_in_the_shortest_answer() {
    let domain = vec!["d".repeat(40); 3].join(".");
    let config = format!(
        "[serve]\nchain = 'pxelinux'\n[serve.pxelinux]\nconfig-file = '{}'\n\
        path-prefix = 'http://192.168.0.10/{}/'\nreboot-time = 7\n\
        [[serve.subnet]]\nnetwork = '192.168.0.0/24'\nfirst = '192.168.0.20'\n\
        last = '192.168.0.30'\ndomain = '{domain}'\nrouter = ['192.168.0.1']\n\
        dns = ['192.168.0.1', '192.168.0.2', '192.168.0.3']",
        "c".repeat(40),
        "p".repeat(100),
    );
    let mut discover = rom(1);
    discover.options.set(code::CLIENT_ID, vec![0; 30]);
    discover.options.set(code::RELAY_AGENT, vec![1; 30]);
    discover.options.set(code::MAX_SIZE, 1472_u16.to_be_bytes());
    let whole = Bench::new(Role::Full, &config).send(&discover);
    let (roomy, ..) = whole.sent().unwrap();
    assert!(whole.bytes().len() > 548 && roomy.options.get(code::DOMAIN).is_some());

    discover.options.remove(code::MAX_SIZE);
    let answered = Bench::new(Role::Full, &config).send(&discover);
    let bytes = answered.bytes();
    assert!(bytes.len() <= 548, "{}", bytes.len());
    let (small, ..) = answered.sent().unwrap();
    assert_eq!(small.file_name(), b"pxelinux.0", "a ROM finds its file where ROMs look");
    for needed in [1, 3, 6, 43, 51, 53, 54, 60, 61, 67, 82, 97, 208, 209, 210, 211] {
        assert_eq!(small.options.get(needed), roomy.options.get(needed), "option {needed}");
    }
    // RFC 2132, section 9.3: 2 means `sname`. The relay's own option is the last of all.
    let overload = bytes.windows(3).position(|it| it == [52, 1, 2]).unwrap();
    assert!((240..252).contains(&overload), "{overload}");
    let end = bytes.iter().rposition(|&byte| byte == 255).unwrap();
    assert_eq!(bytes[end - 32..end - 30], [82, 30]);
}

#[test]
fn huge_options_are_read_whole_and_answered_within_the_limit_of_the_client() {
    for limit in [576_u16, 1500] {
        let mut discover = rom(1);
        // What a server has to send back, as long as an option can be, and junk of several packets.
        discover.options.set(code::CLIENT_ID, vec![0xee; 255]);
        discover.options.set(code::USER_CLASS, vec![0xee; 20_000]);
        discover.options.set(code::MAX_SIZE, limit.to_be_bytes());
        let answered = Bench::full().send(&discover);
        let (offer, ..) = answered.sent().expect("an offer");
        assert_eq!(offer.message_type(), Some(MessageType::Offer));
        assert_eq!(offer.options.get(code::USER_CLASS), None);
        let id = code::CLIENT_ID;
        assert_eq!(offer.options.get(id), discover.options.get(id));
        let length = answered.bytes().len();
        assert!(length <= usize::from(limit) - 28, "{length}: what IP and UDP leave of {limit}");
    }
}

#[test]
fn a_url_too_long_for_its_field_is_in_the_option() {
    let file = format!("{}.efi", "x".repeat(150));
    let config = format!("[serve.boot-files]\nuefi-x64 = '{file}'");
    let ack = Bench::new(Role::Full, &config).lease(&uefi(1, 7));
    assert_eq!((ack.file_name(), ack.options.get(67)), (&b""[..], Some(file.as_bytes())));
}
