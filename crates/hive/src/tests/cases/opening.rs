//! Opening a hive: dirty and damaged files, the place in each error, and the bytes written back.

use super::hive;
use crate::{Hive, OpenError};

#[test]
fn a_dirty_hive_is_refused_with_its_numbers() {
    let mut bytes = hive(5).into_bytes();
    bytes[4] = 9;
    // Both the number and the checksum are wrong; the number is reported if the checksum is right.
    let checksum = u32::from_le_bytes(bytes[0x1fc..0x200].try_into().unwrap()) ^ 9 ^ 1;
    bytes[0x1fc..0x200].copy_from_slice(&checksum.to_le_bytes());
    let error = Hive::open(bytes.clone()).unwrap_err();
    assert_eq!(error, OpenError::Dirty { primary: 9, secondary: 1 });
    let hive = Hive::open_lenient(bytes.clone()).unwrap();
    assert_eq!(hive.damage(), [error]);
    assert!(hive.into_bytes() == bytes, "sequence numbers are not made equal without replay");
}

#[test]
fn each_kind_of_damage_has_its_error() {
    let sound = hive(5).into_bytes();
    let with = |at: usize, bytes: &[u8]| {
        let mut file = sound.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        // Fields before the checksum are checked first, so their error is reported.
        Hive::open(file).unwrap_err()
    };
    assert!(matches!(with(0, b"regg"), OpenError::NotAHive { .. }));
    assert!(matches!(with(0x1fc, b"\0"), OpenError::Checksum { .. }));
    assert!(matches!(with(0x1c, &[6]), OpenError::Field { offset: 0x1c, actual: 6, .. }));
    assert!(matches!(with(0x14, &[2]), OpenError::Version { major: 2, minor: 5 }));
    assert!(matches!(with(0x1000, b"nibh"), OpenError::Bin { .. }));
    assert!(matches!(with(0x1024, b"xx"), OpenError::Root(_)));
    assert!(matches!(Hive::open(vec![]).unwrap_err(), OpenError::NotAHive { .. }));
    for len in [600, 4096, 8191] {
        let error = Hive::open(sound[..len].to_vec()).unwrap_err();
        assert!(matches!(error, OpenError::TooShort { expected: 8192, .. }), "{len}: {error}");
    }
}

#[test]
fn errors_name_the_place_in_the_file() {
    let mut file = hive(5).into_bytes();
    file[0x1024..0x1026].copy_from_slice(b"xx");
    let text = Hive::open(file).unwrap_err().to_string();
    assert_eq!(
        text,
        "the root key: key node at 0x1020: expected the signature \"nk\", found \"xx\""
    );
}

#[test]
fn without_an_edit_the_bytes_are_those_that_were_opened() {
    let mut file = hive(5).into_bytes();
    file.extend(*b"not of the hive");
    let opened = Hive::open(file.clone()).unwrap();
    assert_eq!(opened.header().trailing_len, 15);
    assert!(opened.into_bytes() == file);
}

#[test]
fn an_edit_raises_both_sequence_numbers() {
    let mut opened = Hive::open(hive(5).into_bytes()).unwrap();
    let before = opened.header().primary_sequence;
    opened.apply(&super::set("k", "v", winpe_registry::Value::dword(1))).unwrap();
    let header = Hive::open(opened.into_bytes()).unwrap().header();
    assert_eq!((header.primary_sequence, header.secondary_sequence), (before + 1, before + 1));
}
