//! Damaged hives: nothing panics, every call returns, and a failed edit changes nothing.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use winpe_registry::{Edit, KeyName, Value, ValueName};

use super::model::{edit, empty_hive};
use crate::{Find, Hive, diff};

/// A hive with every kind of record: lists under lists, segments, classes, wide names, free cells.
static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut hive = empty_hive(5);
    for number in 0..1100 {
        let key = format!(r"many\{number}").parse().unwrap();
        hive.apply(&Edit::create_key(key)).unwrap();
    }
    for number in 0..30 {
        let key: winpe_registry::KeyPath = format!(r"a\ключ {number}\b").parse().unwrap();
        hive.apply(&Edit::create_key(key.clone())).unwrap();
        for (name, len) in [("", 3), ("one cell", 40 * number), ("segments", 17_000 * (number % 3))]
        {
            let value = Value::binary(vec![number as u8; len]);
            let name = ValueName::new(name).unwrap();
            hive.apply(&Edit::set_value(key.clone(), name, value)).unwrap();
        }
        hive.set_class(&key, &"class".into()).unwrap();
        if number % 4 == 0 {
            hive.apply(&Edit::delete_key(key)).unwrap();
        }
    }
    hive.into_bytes()
});

/// A replacement for a word: limits of ranges, other words of the hive (so that offsets lead to
/// other cells), or any number.
#[derive(Debug, Clone)]
pub(super) enum Damage {
    Word(Index, u32),
    Copy(Index, Index),
    Byte(Index, u8),
    Cut(Index),
}

pub(super) fn damage() -> impl Strategy<Value = Damage> {
    let words =
        vec![0, 1, 4, 0x20, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, u32::MAX, 0x1000, 65_535];
    prop_oneof![
        4 => (any::<Index>(), prop::sample::select(words)).prop_map(|(at, w)| Damage::Word(at, w)),
        8 => any::<(Index, Index)>().prop_map(|(to, from)| Damage::Copy(to, from)),
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        1 => any::<Index>().prop_map(Damage::Cut),
    ]
}

pub(super) fn damaged(damages: &[Damage]) -> Vec<u8> {
    let mut bytes = SOUND.clone();
    // The base block stays intact, so that most of the results can be opened.
    const BINS: usize = 4096;
    for damage in damages {
        let words = (bytes.len() - BINS) / 4;
        if words == 0 {
            break;
        }
        let place = |index: &Index| BINS + index.index(words) * 4;
        match damage {
            Damage::Word(at, word) => {
                bytes[place(at)..][..4].copy_from_slice(&word.to_le_bytes());
            }
            Damage::Copy(to, from) => {
                bytes.copy_within(place(from)..place(from) + 4, place(to));
            }
            Damage::Byte(at, byte) => bytes[place(at)] = *byte,
            Damage::Cut(at) => bytes.truncate(place(at)),
        }
    }
    bytes
}

/// Reads everything with every reader.
fn read_all(hive: &Hive, other: &Hive) {
    let mut export = hive.root().export("HKEY_LOCAL_MACHINE".parse().unwrap());
    while let Some(exported) = export.next() {
        let Ok(exported) = exported else { continue };
        let _ = (exported.key.class(), exported.key.security());
        for entry in exported.values {
            let _ = entry.map(|entry| entry.data().map(|data| data.len()));
        }
        let _ = exported.key.subkey(&KeyName::new("500").unwrap());
    }
    let _ = hive.root().tree();
    let _ = hive.check().iter().fold(0, |sum, finding| sum + finding.to_string().len());
    let _ = diff(hive.root(), other.root()).count() + diff(other.root(), hive.root()).count();
    let find = Find::everywhere(regex::Regex::new("5").unwrap());
    let _ = find.below(&hive.root()).count();
    let _ = hive.compact();
    let _ = hive.mend();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_is_read_around(damages in prop::collection::vec(damage(), 1..60)) {
        let other = Hive::open(SOUND.clone()).unwrap();
        if let Ok(hive) = Hive::open_lenient(damaged(&damages)) {
            read_all(&hive, &other);
        }
    }

    /// An edit that fails leaves every byte as it was.
    #[test]
    fn a_refused_edit_touches_nothing(
        damages in prop::collection::vec(damage(), 1..60),
        edits in prop::collection::vec(edit(), 1..12),
    ) {
        let Ok(mut hive) = Hive::open(damaged(&damages)) else { return Ok(()) };
        let many = ["many", r"a\ключ 1\b", r"a", r"many\500\new", r"many\1"];
        let more = many.iter().flat_map(|key| {
            let key: winpe_registry::KeyPath = key.parse().unwrap();
            let set = Edit::set_value(key.clone(), ValueName::default(), Value::dword(1));
            [set, Edit::delete_key(key)]
        });
        for edit in edits.into_iter().chain(more) {
            let before = hive.bytes().to_vec();
            if hive.apply(&edit).is_err() {
                prop_assert!(hive.bytes() == before, "{:?}", edit);
            }
        }
        let _ = hive.check();
        prop_assert!(Hive::open(hive.into_bytes()).is_ok());
    }
}
