//! Edits that are refused: preconditions, the root key, limits, predefined handles, and damage.

use std::mem::offset_of;

use winpe_registry::{Edit, KeyName, KeyPath, NtString, Precondition, Value, ValueName};

use super::{cell, hive, name, path, poke, set};
use crate::format::{KeyFlags, KeyNode};
use crate::{Hive, Refusal};

fn refusal(hive: &mut Hive, edit: &Edit) -> Refusal {
    let bytes = hive.bytes().to_vec();
    let error = hive.apply(edit).unwrap_err();
    assert_eq!(error.key, edit.key);
    assert!(hive.bytes() == bytes, "a refused edit touches nothing");
    error.reason
}

#[test]
fn preconditions_are_checked_first() {
    let mut hive = hive(5);
    hive.apply(&set("k", "v", Value::dword(1))).unwrap();
    let now = Value::dword(1);
    for (edit, precondition, holds) in [
        (set("k", "v", Value::dword(2)), Precondition::Absent, false),
        (set("k", "v", Value::dword(2)), Precondition::Equals(Value::dword(3)), false),
        (set("k", "new", Value::dword(2)), Precondition::Present, false),
        (set("no key", "v", Value::dword(2)), Precondition::Present, false),
        (Edit::delete_value(path("k"), name("v")), Precondition::Absent, false),
        (Edit::create_key(path("k")), Precondition::Absent, false),
        (Edit::create_key(path("k")), Precondition::Equals(now.clone()), false),
        (Edit::delete_key(path("other")), Precondition::Present, false),
        (Edit::create_key(path("k")), Precondition::Present, true),
        (Edit::create_key(path("other")), Precondition::Absent, true),
        (set("k", "v", Value::dword(2)), Precondition::Equals(now), true),
        (Edit::delete_value(path("k"), name("v")), Precondition::Present, true),
    ] {
        let edit = edit.expecting(precondition.clone());
        if holds {
            hive.apply(&edit).unwrap();
        } else {
            let Refusal::Precondition { expected, .. } = refusal(&mut hive, &edit) else {
                panic!("{edit:?}");
            };
            assert_eq!(expected, precondition);
        }
    }
    let edit = set("k", "w", Value::dword(2)).expecting(Precondition::Present);
    let error = hive.apply(&edit).unwrap_err();
    assert_eq!(error.to_string(), "k: expected it to exist, found nothing");
}

#[test]
fn the_root_is_neither_deleted_nor_renamed() {
    let mut hive = hive(5);
    assert_eq!(refusal(&mut hive, &Edit::delete_key(KeyPath::root())), Refusal::Root);
    let error = hive.rename(&KeyPath::root(), &KeyName::new("x").unwrap()).unwrap_err();
    assert_eq!(error.reason, Refusal::Root);
    assert_eq!(
        error.to_string(),
        "the root key: the root key of a hive cannot be deleted or renamed"
    );
}

#[test]
fn the_deepest_key_is_512_levels_down() {
    let mut hive = hive(5);
    let name = KeyName::new("k").unwrap();
    let deepest: KeyPath = std::iter::repeat_n(name.clone(), KeyPath::MAX_DEPTH).collect();
    hive.apply(&Edit::create_key(deepest.clone())).unwrap();
    assert!(hive.check().is_sound());
    let deeper = Edit::create_key(deepest.child(name));
    assert_eq!(refusal(&mut hive, &deeper), Refusal::TooDeep { actual: 513 });
    assert_eq!(hive.root().tree().unwrap().count().0, 513);
    let copy = hive.compact().unwrap();
    let error = hive.copy_tree(&copy.root(), &path(r"k\copy")).unwrap_err();
    assert_eq!(error.reason, Refusal::TooDeep { actual: 513 });
}

/// The types of `winpe-registry` exclude such texts, but a hive or a caller's own types may contain
/// them.
#[test]
fn texts_longer_than_the_format_allows_are_refused() {
    let mut hive = hive(5);
    let long = NtString::from_units(vec![0x416; 40_000]);
    let edit = Edit::set_value(path("k"), ValueName::from_stored(long.clone()), Value::dword(1));
    assert!(matches!(
        refusal(&mut hive, &edit),
        Refusal::TooLong { what: "value name", limit: 65_535, actual: 80_000 }
    ));
    let edit = Edit::create_key([KeyName::from_stored(long.clone())].into_iter().collect());
    assert!(matches!(refusal(&mut hive, &edit), Refusal::TooLong { what: "key name", .. }));
    hive.apply(&Edit::create_key(path("k"))).unwrap();
    let error = hive.set_class(&path("k"), &long).unwrap_err();
    assert!(matches!(error.reason, Refusal::TooLong { what: "class name", .. }));
}

/// The value count of such a key is a handle.
#[test]
fn a_predefined_handle_has_no_values() {
    let mut hive = hive(5);
    hive.apply(&Edit::create_key(path("k"))).unwrap();
    let at = cell(&hive, "k");
    let flags = KeyFlags::PREDEFINED_HANDLE.0 | KeyFlags::COMPRESSED_NAME.0;
    let hive = poke(hive, at, offset_of!(KeyNode, flags), &flags.to_le_bytes());
    let handle = 0x8000_0001_u32.to_le_bytes();
    let mut hive = poke(hive, at, offset_of!(KeyNode, value_count), &handle);
    assert!(hive.check().is_sound());
    let key = hive.key(&path("k")).unwrap().unwrap();
    assert_eq!((key.value_count(), key.values().count()), (0, 0));
    let edit = set("k", "v", Value::dword(1));
    assert_eq!(refusal(&mut hive, &edit), Refusal::PredefinedHandle);
    hive.apply(&Edit::delete_key(path("k"))).unwrap();
    assert_eq!(hive.check().iter().next(), None);
}

#[test]
fn a_damaged_hive_is_not_edited() {
    let mut file = hive(5).into_bytes();
    file[0x1fc] ^= 1;
    let mut hive = Hive::open_lenient(file).unwrap();
    let edit = Edit::create_key(path("k"));
    assert!(matches!(refusal(&mut hive, &edit), Refusal::Damaged(_)));
    assert!(matches!(hive.compact().unwrap_err(), Refusal::Damaged(_)));
}

/// If a cell does not end in its bin, the free cells are unknown.
#[test]
fn broken_cells_are_not_edited() {
    let mut file = hive(5).into_bytes();
    let free = 0x1000 + 0x20;
    let size = i32::from_le_bytes(file[free..free + 4].try_into().unwrap());
    let next = free + size.unsigned_abs() as usize;
    file[next..next + 4].copy_from_slice(&(-65_536_i32).to_le_bytes());
    let mut hive = Hive::open(file).unwrap();
    let edit = Edit::create_key(path("k"));
    let Refusal::Cells { size, .. } = refusal(&mut hive, &edit) else { panic!("expected cells") };
    assert_eq!(size, -65_536);
}
