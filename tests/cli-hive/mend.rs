//! `hive mend`, and what the other commands say of a damaged hive.

use winpe_hive::Hive;
use winpe_registry::Value;

use crate::bench::{Bench, set, system};

/// Where the one copy of some bytes is.
fn find(bytes: &[u8], part: &[u8]) -> usize {
    let mut found = bytes.windows(part.len()).enumerate().filter(|(_, at)| *at == part);
    let (at, _) = found.next().expect("it is there");
    assert!(found.next().is_none(), "it is there once");
    at
}

/// A SYSTEM hive with `edits` of single bytes, named by the record before them.
fn damaged(damages: &[(&[u8], usize, &[u8])]) -> Vec<u8> {
    let mut hive = system();
    hive.apply(&set(r"Lab\One", "Text", Value::sz("some text that needs a cell"))).unwrap();
    hive.apply(&set(r"Lab\Two", "Other", Value::sz("some more text in a cell"))).unwrap();
    let mut bytes = hive.into_bytes();
    for (before, skip, with) in damages {
        let at = find(&bytes, before) + skip;
        bytes[at..at + with.len()].copy_from_slice(with);
    }
    bytes
}

/// Bookkeeping: the order of two keys, and the checksum of the base block.
#[test]
fn what_can_be_read_is_kept() {
    let bench = Bench::new();
    let mut bytes = damaged(&[]);
    bytes[0x1fc] ^= 1;
    // `Two` becomes a key before `One`: out of order, and with a wrong hash.
    let at = find(&bytes, b"Two");
    bytes[at..at + 3].copy_from_slice(b"Abc");
    bench.put("BAD", &bytes);
    let dry = bench.hive(&["mend", "BAD", "--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.err);
    for says in ["error hdr-checksum", "error sort-order", "error lh-hash", "parts lost: 0"] {
        assert!(dry.out.contains(says), "{says}: {}", dry.out);
    }
    assert_eq!(bench.names(), ["BAD", "SYSTEM"]);
    let ran = bench.hive(&["mend", "BAD", "-o", "GOOD"]);
    assert_eq!((ran.code, ran.out), (0, dry.out), "{}", ran.err);
    assert_eq!(bench.hive(&["check", "GOOD"]).code, 0);
    let diff = bench.hive(&["diff", "GOOD", "BAD", "--lenient"]);
    assert!(diff.out.is_empty(), "{}{}", diff.out, diff.err);
    assert!(bench.bytes("BAD") == bytes, "the damaged hive stays");
    assert_eq!(bench.hive(&["mend", "BAD", "-o", "GOOD"]).code, 2);
    assert_eq!(bench.hive(&["mend", "BAD", "-o", "GOOD", "--force"]).code, 0);
}

#[test]
fn what_is_lost_is_listed() {
    let bench = Bench::new();
    // The signature of the node that has this name is 76 bytes before it.
    let mut bytes = damaged(&[]);
    let key = find(&bytes, b"Two") - 76;
    assert_eq!(&bytes[key..key + 2], b"nk");
    bytes[key] = b'x';
    // The type of `Text` is followed by its flags; its data go out of the hive.
    let value = find(&bytes, b"Text") - 20;
    assert_eq!(&bytes[value..value + 2], b"vk");
    bytes[value + 8..value + 12].copy_from_slice(&0x7fff_0000_u32.to_le_bytes());
    bench.put("BAD", &bytes);
    let ran = bench.hive(&["mend", "BAD", "-o", "GOOD"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    for says in ["lost: a subkey of Lab: key node at", r#"lost: value "Text" of Lab\One: "#] {
        assert!(ran.out.contains(says), "{says}: {}", ran.out);
    }
    let good = Hive::open(bench.bytes("GOOD")).unwrap();
    assert!(good.check().counts().is_empty());
    assert!(good.key(&r"Lab\One".parse().unwrap()).unwrap().is_some());
    assert!(good.key(&r"Lab\Two".parse().unwrap()).unwrap().is_none());
    assert!(good.key(&"Setup".parse().unwrap()).unwrap().is_some());

    let (code, json) = bench.json(&["mend", "BAD", "-o", "GOOD2"]);
    assert_eq!((code, json["lost_count"].as_u64()), (1, Some(2)));
    let parts: Vec<_> = json["lost"].as_array().unwrap().iter().map(|it| &it["part"]).collect();
    assert_eq!(parts, ["key", "value"]);
    assert_eq!(json["lost"][1]["name"], "Text");
    assert_eq!(json["lost"][1]["key"], r"Lab\One");
    assert!(json["findings"].as_array().unwrap().len() >= 2);
    assert!(bench.bytes("GOOD2") == bench.bytes("GOOD"));
}

/// A damaged hive is refused by whatever would carry the damage on, and each names the way out.
#[test]
fn other_commands_name_it() {
    let bench = Bench::new();
    let mut bytes = damaged(&[]);
    let at = find(&bytes, b"Two");
    bytes[at..at + 3].copy_from_slice(b"Abc");
    bench.put("BAD", &bytes);
    bench.put("a.reg", b"REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\BAD\\New]\n");
    for words in [
        &["compact", "BAD"][..],
        &["compact", "BAD", "-o", "OUT"],
        &["import", "BAD", "a.reg"],
        &["set", "BAD", "New"],
    ] {
        let ran = bench.hive(words);
        assert!(ran.code == 2 && ran.out.is_empty(), "{words:?}: {}", ran.out);
        assert!(ran.err.contains("hive mend BAD -o OUT"), "{words:?}: {}", ran.err);
        assert!(bench.bytes("BAD") == bytes);
    }
    // A file that is no hive has nothing to mend.
    bench.put("TEXT", b"Windows Registry Editor Version 5.00\n");
    assert_eq!(bench.hive(&["mend", "TEXT", "-o", "OUT"]).code, 2);
    assert!(!bench.names().contains(&"OUT".to_owned()));
}
