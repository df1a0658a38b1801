//! The index finds the same value as reading the whole list.

use proptest::prelude::*;
use winpe_registry::{Edit, KeyName, KeyPath, Value, ValueName};

use super::{FEW, Store};
use crate::{FileTime, Hive};

fn empty() -> Hive {
    let name = KeyName::new("ROOT").unwrap();
    Hive::create(5, &name, FileTime::from_unix(0)).unwrap()
}

fn path(text: &str) -> KeyPath {
    text.parse().unwrap()
}

fn value(number: usize) -> ValueName {
    ValueName::new(format!("Name{number}")).unwrap()
}

/// The bytes after these edits, with the index cleared after each.
fn without_index(edits: &[Edit]) -> Vec<u8> {
    let mut hive = empty();
    for edit in edits {
        hive.apply(edit).unwrap();
        let forget = |store: &mut Store| {
            store.names.clear();
            Ok(())
        };
        hive.transaction(&KeyPath::root(), forget).unwrap();
    }
    hive.into_bytes()
}

/// An edit of one of two keys with many values, or of the keys themselves.
fn edit() -> impl Strategy<Value = Edit> {
    let names = FEW as usize * 3;
    (0..20_u8, 0..names, any::<bool>(), any::<bool>()).prop_map(|(kind, number, upper, second)| {
        let key = path(if second { r"a\second" } else { r"a\first" });
        let name = match upper {
            true => ValueName::new(format!("NAME{number}")).unwrap(),
            false => value(number),
        };
        match kind {
            0 => Edit::delete_key(key),
            1..=5 => Edit::delete_value(key, name),
            _ => Edit::set_value(key, name, Value::binary(vec![kind; usize::from(kind)])),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn edits_with_the_index_are_those_without(edits in prop::collection::vec(edit(), 1..400)) {
        // Above the limit for an index from the start.
        let full = (0..FEW as usize + 10)
            .map(|number| Edit::set_value(path(r"a\first"), value(number), Value::dword(1)));
        let edits: Vec<Edit> = full.chain(edits).collect();
        let mut hive = empty();
        for edit in &edits {
            hive.apply(edit).unwrap();
        }
        prop_assert!(hive.check().is_sound());
        prop_assert!(hive.into_bytes() == without_index(&edits));
    }
}

/// A cell freed by a deleted or renamed key or by a refused edit may be reused for another key.
#[test]
fn a_key_in_a_reused_cell_gets_a_new_index() {
    let mut hive = empty();
    let many = FEW as usize * 2;
    let fill = |hive: &mut Hive, key: &str| {
        for number in 0..many {
            hive.apply(&Edit::set_value(path(key), value(number), Value::dword(1))).unwrap();
        }
    };
    let longer = KeyName::new("a name for which the cell has no room").unwrap();
    fill(&mut hive, "a");
    let cell = hive.key(&path("a")).unwrap().unwrap().offset();
    assert!(hive.rename(&path("a"), &longer).unwrap());
    // Values with other names, in an order that gives each key the same number of values.
    for number in 0..many {
        let name = ValueName::new(format!("Other{number}")).unwrap();
        hive.apply(&Edit::set_value(path("b"), name, Value::dword(2))).unwrap();
    }
    assert_eq!(hive.key(&path("b")).unwrap().unwrap().offset(), cell, "the cell is used again");
    assert!(hive.apply(&Edit::delete_value(path("b"), value(1))).unwrap().is_noop());
    hive.apply(&Edit::delete_key(path("b"))).unwrap();
    fill(&mut hive, "c");
    for number in 0..many {
        let change = hive.apply(&Edit::delete_value(path("c"), value(number))).unwrap();
        assert!(!change.is_noop());
    }
    assert_eq!(hive.key(&path("c")).unwrap().unwrap().value_count(), 0);
    assert!(hive.check().is_sound());
}

/// Each of several values with the same name is found in turn, as without an index.
#[test]
fn the_first_of_several_values_with_one_name_is_found() {
    let fill = |hive: &mut Hive| {
        for number in 0..FEW as usize * 2 {
            hive.apply(&Edit::set_value(path("a"), value(number), Value::dword(1))).unwrap();
        }
    };
    let mut hive = empty();
    fill(&mut hive);
    let key = hive.key(&path("a")).unwrap().unwrap();
    let [first, last] = [10, 20].map(|n| key.entry(&value(n)).unwrap().unwrap().offset());
    let mut bytes = hive.into_bytes();
    // The name follows the 20 bytes of the record, after the size field of the cell.
    let name = |at: crate::CellOffset| 4096 + at.get() as usize + 4 + 20;
    bytes.copy_within(name(first)..name(first) + 6, name(last));
    let mut hive = Hive::open(bytes).unwrap();
    let at = |hive: &Hive| {
        let key = hive.key(&path("a")).unwrap().unwrap();
        key.entry(&value(10)).unwrap().map(|entry| entry.offset())
    };
    for expected in [Some(first), Some(last)] {
        assert_eq!(at(&hive), expected);
        let change = hive.apply(&Edit::delete_value(path("a"), value(10))).unwrap();
        assert!(!change.is_noop());
    }
    assert!(hive.apply(&Edit::delete_value(path("a"), value(10))).unwrap().is_noop());
    assert_eq!(at(&hive), None);
}
