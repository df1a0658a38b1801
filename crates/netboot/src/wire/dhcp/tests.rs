//! Laws of the codec, and `dhcproto` as another reader.

use dhcproto::{Decodable, v4};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The fixed part of a request with this `hlen`, its cookie, then the options given.
fn bytes(hlen: u8, options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 236];
    bytes[..3].copy_from_slice(&[1, 1, hlen]);
    bytes.extend([99, 130, 83, 99]);
    bytes.extend(options);
    bytes
}

#[test]
fn an_address_longer_than_chaddr_is_refused() {
    assert!(Message::parse(&bytes(16, &[])).is_ok());
    for hlen in [17, 255] {
        let refused = ParseError::HardwareLength { actual: hlen };
        assert_eq!(Message::parse(&bytes(hlen, &[])), Err(refused));
    }
}

#[test]
fn a_truncated_option_says_where() {
    let error = Message::parse(&bytes(6, &[0, 53, 1, 1, 60, 9, b'P'])).unwrap_err();
    assert_eq!(error, ParseError::Truncated { code: 60, offset: 244, expected: 9, actual: 1 });
    let error = Message::parse(&bytes(6, &[53])).unwrap_err();
    assert_eq!(error, ParseError::Truncated { code: 53, offset: 240, expected: 1, actual: 0 });
    assert_eq!(error.to_string(), "option 53 at offset 240: expected 1 bytes of value, found 0");
}

#[test]
fn too_short_or_without_cookie_is_refused() {
    assert_eq!(Message::parse(&[1; 239]), Err(ParseError::Short { actual: 239 }));
    let mut bootp = bytes(6, &[]);
    bootp[236] = 0;
    assert_eq!(Message::parse(&bootp), Err(ParseError::Cookie { actual: [0, 130, 83, 99] }));
    let mut nonsense = bytes(6, &[]);
    nonsense[0] = 3;
    assert_eq!(Message::parse(&nonsense), Err(ParseError::Op { actual: 3 }));
}

#[test]
fn overloaded_fields_are_read_in_the_order_of_rfc_3396() {
    let mut bytes = bytes(6, &[60, 2, b'a', b'b', 52, 1, 3, 60, 1, b'c', 255]);
    bytes[108..112].copy_from_slice(&[60, 1, b'd', 255]);
    bytes[44..48].copy_from_slice(&[60, 1, b'e', 255]);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.options.get(code::VENDOR_CLASS), Some(&b"abcde"[..]));
    assert_eq!(message.options.get(code::OVERLOAD), None);
    assert_eq!((message.file, message.sname), ([0; 128], [0; 64]));

    let mut file_only = self::bytes(6, &[52, 1, 1, 255]);
    file_only[44..46].copy_from_slice(b"ab");
    file_only[108..112].copy_from_slice(&[53, 1, 1, 255]);
    let message = Message::parse(&file_only).unwrap();
    assert_eq!(message.message_type(), Some(MessageType::Discover));
    assert_eq!(&message.sname[..3], b"ab\0");
}

#[test]
fn an_overload_without_meaning_is_refused() {
    for value in [&[52, 1, 0][..], &[52, 1, 4], &[52, 2, 1, 1], &[52, 0]] {
        assert_eq!(Message::parse(&bytes(6, value)), Err(ParseError::Overload), "{value:?}");
    }
    // An overloaded field is a field like any other.
    let mut truncated = bytes(6, &[52, 1, 1]);
    truncated[108 + 126..236].copy_from_slice(&[60, 9]);
    let error = ParseError::Truncated { code: 60, offset: 234, expected: 9, actual: 0 };
    assert_eq!(Message::parse(&truncated), Err(error));
}

#[test]
fn a_long_option_is_split_and_joined() {
    let mut message = Message::request(1, [2; 6]);
    for len in [0, 254, 255, 256, 510, 511, 700] {
        message.options.set(code::BOOT_FILE, vec![b'x'; len]);
        let bytes = message.encode(1500).unwrap();
        assert_eq!(Message::parse(&bytes).unwrap(), message, "{len}");
    }
    assert_eq!(
        message.encode(576),
        // The pad and the end.
        Err(EncodeError::TooLong { limit: 576, actual: 240 + 700 + 3 * 2 + 2 })
    );
}

#[test]
fn a_name_fits_with_its_zero_or_not_at_all() {
    let mut message = Message::request(1, [2; 6]);
    assert!(message.set_file(&"f".repeat(127)));
    assert_eq!(message.file_name().len(), 127);
    assert!(!message.set_file(&"f".repeat(128)));
    assert_eq!(message.file_name(), b"");
}

#[test]
fn sub_options_end_at_nonsense() {
    let found: Vec<_> = sub_options(&[0, 6, 1, 8, 71, 2, 0, 1, 255, 9, 1, 1]).collect();
    assert_eq!(found, [(6, &[8][..]), (71, &[0, 1])]);
    assert_eq!(sub_options(&[6, 2, 8]).count(), 0);
    assert_eq!(sub_options(&[6]).count(), 0);
}

proptest! {
    #[test]
    fn reading_what_was_written_gives_the_same(message in message()) {
        let bytes = message.encode(usize::MAX).unwrap();
        prop_assert!(bytes.len() >= 300);
        prop_assert_eq!(Message::parse(&bytes).unwrap(), message);
    }

    #[test]
    fn what_is_made_to_fit_reads_the_same(message in message(), limit in 260..900_usize) {
        let mut message = message;
        (message.sname, message.file) = ([0; 64], [0; 128]);
        match message.encode(limit) {
            Ok(bytes) => {
                prop_assert!(bytes.len() <= limit.max(300));
                let read = Message::parse(&bytes).unwrap();
                let sorted = |message: &Message| {
                    let mut items: Vec<_> =
                        message.options.iter().map(|(code, value)| (code, value.to_vec())).collect();
                    items.sort_unstable();
                    items
                };
                prop_assert_eq!(sorted(&read), sorted(&message));
                let fields = |it: Message| Message { options: Options::default(), ..it };
                prop_assert_eq!(fields(read), fields(message));
            }
            Err(EncodeError::TooLong { actual, .. }) => prop_assert!(actual > limit),
        }
    }

    #[test]
    fn reading_writing_reading_gives_the_same(
        fixed in vec(any::<u8>(), 236),
        op in 1..=2_u8,
        hlen in 0..=16_u8,
        options in hostile_options(),
    ) {
        let mut bytes = fixed;
        bytes[0] = op;
        bytes[2] = hlen;
        bytes.extend([99, 130, 83, 99]);
        bytes.extend(options);
        if let Ok(message) = Message::parse(&bytes) {
            let written = message.encode(usize::MAX).unwrap();
            prop_assert_eq!(Message::parse(&written).unwrap(), message);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..600)) {
        let _ = Message::parse(&bytes);
    }

    /// A second codec sees in our bytes what we wrote. Its known defects are kept out of its way: it
    /// takes apart values by type and loses all that follow one of the wrong shape, so the values
    /// here have numbers that it leaves alone.
    #[test]
    fn another_codec_reads_the_same(mut message in message()) {
        let known: Vec<u8> = message.options.iter().map(|item| item.0).collect();
        for code in known {
            if !(224..=254).contains(&code) {
                message.options.remove(code);
            }
        }
        message.options.set(code::MESSAGE_TYPE, [5]);
        let bytes = message.encode(usize::MAX).unwrap();
        let other = v4::Message::from_bytes(&bytes).unwrap();
        prop_assert_eq!(other.xid(), message.xid);
        prop_assert_eq!(other.yiaddr(), message.yiaddr);
        prop_assert_eq!(other.siaddr(), message.siaddr);
        prop_assert_eq!(other.giaddr(), message.giaddr);
        prop_assert_eq!(other.chaddr(), message.hardware.address());
        prop_assert_eq!(u16::from(other.flags()), message.flags);
        prop_assert_eq!(other.opts().msg_type(), Some(v4::MessageType::Ack));
        for (code, value) in message.options.iter().filter(|item| item.0 != code::MESSAGE_TYPE) {
            let Some(v4::DhcpOption::Unknown(found)) = other.opts().get(code.into()) else {
                return Err(TestCaseError::fail(format!("option {code} is lost")));
            };
            prop_assert_eq!(found.data(), value);
        }
    }
}

fn message() -> impl Strategy<Value = Message> {
    let fixed = (any::<bool>(), any::<u8>(), vec(any::<u8>(), 0..=16), any::<u8>(), any::<u32>());
    let more = (any::<u16>(), any::<u16>(), any::<[u32; 4]>(), vec(any::<u8>(), 192));
    let options = vec((1..=254_u8, vec(any::<u8>(), 0..600)), 0..12);
    (fixed, more, options).prop_map(|(fixed, more, options)| {
        let (reply, kind, address, hops, xid) = fixed;
        let (secs, flags, addresses, names) = more;
        let [ciaddr, yiaddr, siaddr, giaddr] = addresses.map(Ipv4Addr::from);
        let mut message = Message {
            op: if reply { Op::Reply } else { Op::Request },
            hardware: Hardware::new(kind, &address).unwrap(),
            hops,
            xid,
            secs,
            flags,
            ciaddr,
            yiaddr,
            siaddr,
            giaddr,
            sname: names[..64].try_into().unwrap(),
            file: names[64..].try_into().unwrap(),
            options: Options::default(),
        };
        for (code, value) in options.into_iter().filter(|item| item.0 != code::OVERLOAD) {
            message.options.set(code, value);
        }
        message
    })
}

/// Options that are often well formed, often not, and often overloaded.
fn hostile_options() -> impl Strategy<Value = Vec<u8>> {
    let option = prop_oneof![
        4 => (any::<u8>(), vec(any::<u8>(), 0..80)).prop_map(|(code, value)| {
            let mut bytes = vec![code, u8::try_from(value.len()).unwrap()];
            bytes.extend(value);
            bytes
        }),
        1 => (0..=4_u8).prop_map(|value| vec![52, 1, value]),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(option, 0..10).prop_map(|options| options.concat())
}
