//! Features of single versions (tombstones, segments, times), renaming, and determinism.

use std::mem::offset_of;

use winpe_registry::{Edit, KeyName, NtString, Value};

use super::{cell, hive, name, path, poke, set};
use crate::format::{KeyNode, KeyValue, ValueFlags};
use crate::{FileTime, Hive};

/// Version 1.6: a tombstone is a key or value that hides the one of a lower layer.
#[test]
fn tombstones_are_reported_and_removed_when_a_value_is_set() {
    for (minor, is_tombstone) in [(5, false), (6, true)] {
        let mut hive = hive(minor);
        hive.apply(&set("k", "v", Value::dword(1))).unwrap();
        let at = cell(&hive, "k");
        let key = hive.key(&path("k")).unwrap().unwrap();
        let value = key.entry(&name("v")).unwrap().unwrap().offset();
        let hive = poke(hive, at, offset_of!(KeyNode, layer), &[1]);
        let flags = [ValueFlags::TOMBSTONE as u8 | ValueFlags::COMPRESSED_NAME as u8];
        let hive = poke(hive, value, offset_of!(KeyValue, flags), &flags);
        let empty = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        let mut hive = poke(hive, value, offset_of!(KeyValue, data_len), &empty);

        let key = hive.key(&path("k")).unwrap().unwrap();
        assert_eq!(key.is_tombstone(), is_tombstone);
        let entry = key.entry(&name("V")).unwrap().unwrap();
        assert_eq!(entry.is_tombstone(), is_tombstone);
        assert_eq!(entry.data().unwrap().len(), 0);
        assert!(hive.check().is_sound());

        let compact = hive.compact().unwrap();
        let copied = compact.key(&path("k")).unwrap().unwrap();
        assert_eq!(copied.is_tombstone(), is_tombstone);
        assert_eq!(copied.entry(&name("v")).unwrap().unwrap().is_tombstone(), is_tombstone);

        hive.apply(&set("k", "v", Value::dword(2))).unwrap();
        let key = hive.key(&path("k")).unwrap().unwrap();
        let entry = key.entry(&name("v")).unwrap().unwrap();
        assert!(!entry.is_tombstone());
        assert_eq!(entry.value().unwrap(), Value::dword(2));
        assert_eq!(hive.check().iter().next(), None);
    }
}

/// Version 1.3 has no segments: data of any length are in one cell, for which a bin is added.
#[test]
fn long_data_in_version_1_3_take_one_cell() {
    let value = Value::binary(vec![7; 100_000]);
    let mut old = hive(3);
    old.apply(&set("k", "v", value.clone())).unwrap();
    assert_eq!(old.key(&path("k")).unwrap().unwrap().value(&name("v")).unwrap(), Some(value));
    assert_eq!(old.header().bins_len, 4096 + (100_000_u32 + 4 + 32).next_multiple_of(4096));
}

/// The limits of one cell and of a segment, in versions that have segments.
#[test]
fn data_above_16344_bytes_are_stored_in_segments() {
    for (len, bins) in [(16_344, 0x1000 + 0x4000), (16_345, 0x1000 + 0x4000 + 0x4000)] {
        let mut hive = hive(5);
        let value = Value::binary((0..len).map(|i| i as u8).collect::<Vec<_>>());
        hive.apply(&set("k", "v", value.clone())).unwrap();
        assert_eq!(hive.header().bins_len, bins, "{len}: the last segment has a full cell too");
        let mut hive = Hive::open(hive.into_bytes()).unwrap();
        let key = hive.key(&path("k")).unwrap().unwrap();
        assert_eq!(key.value(&name("v")).unwrap(), Some(value));
        hive.apply(&Edit::delete_key(path("k"))).unwrap();
        assert_eq!(hive.compact().unwrap().header().bins_len, 4096);
    }
}

#[test]
fn edits_write_the_time_that_was_set() {
    let mut hive = hive(5);
    hive.apply(&Edit::create_key(path(r"a\b"))).unwrap();
    let later = FileTime::from_unix(1_700_000_000);
    hive.set_time(later);
    let time = |hive: &Hive, key: &str| hive.key(&path(key)).unwrap().unwrap().last_written();
    let before = time(&hive, "a");
    hive.apply(&set(r"a\b", "v", Value::dword(1))).unwrap();
    assert_eq!((time(&hive, r"a\b"), time(&hive, "a")), (later, before));
    hive.apply(&Edit::create_key(path(r"a\c"))).unwrap();
    assert_eq!((time(&hive, r"a\c"), time(&hive, "a")), (later, later));
    assert_eq!(hive.root().last_written(), before);
    let bytes = hive.into_bytes();
    assert_eq!(Hive::open(bytes).unwrap().header().timestamp, FileTime(0), "as Windows leaves it");
}

/// The same edits on the same bytes give the same bytes.
#[test]
fn edits_are_deterministic() {
    let build = || {
        let mut hive = hive(5);
        for number in 0..300 {
            let key = format!(r"k{}\{number}", number % 7);
            hive.apply(&set(&key, "v", Value::binary(vec![1; number * 13 % 700]))).unwrap();
            if number % 3 == 0 {
                hive.apply(&Edit::delete_key(path(&format!("k{}", number % 5)))).unwrap();
            }
        }
        hive.into_bytes()
    };
    assert!(build() == build());
}

#[test]
fn a_renamed_key_keeps_its_values_and_subkeys() {
    let mut hive = hive(5);
    hive.apply(&set(r"short\below", "v", Value::dword(1))).unwrap();
    hive.apply(&Edit::create_key(path("other"))).unwrap();
    hive.set_class(&path("short"), &NtString::from("class")).unwrap();
    let tree = hive.key(&path("short")).unwrap().unwrap().tree().unwrap();
    let long = "a name that does not fit into the cell of the old one, ключ";
    assert!(hive.rename(&path("short"), &KeyName::new(long).unwrap()).unwrap());
    let moved = hive.key(&path(long)).unwrap().unwrap();
    assert_eq!((moved.name(), moved.tree().unwrap()), (NtString::from(long), tree));
    assert!(hive.key(&path("short")).unwrap().is_none());
    assert!(hive.rename(&path(long), &KeyName::new("OTHER").unwrap()).is_err());
    assert!(hive.rename(&path("other"), &KeyName::new("OTHER").unwrap()).unwrap());
    assert!(!hive.rename(&path("other"), &KeyName::new("OTHER").unwrap()).unwrap());
    assert_eq!(hive.key(&path("other")).unwrap().unwrap().name(), "OTHER");
    assert_eq!(hive.check().iter().next(), None);
}
