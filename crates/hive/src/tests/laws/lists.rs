//! Keys with thousands of subkeys: lists are converted, split, emptied and freed as in NT.

use crate::Hive;
use crate::format::{CellOffset, ListKind};
use crate::read::List;
use winpe_registry::{Edit, KeyName, KeyPath};

use super::model::empty_hive;

/// The numbers below `count`, each once, in a scattered order. `step` and `count` are coprime.
fn shuffled(count: usize, step: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |i| i * step % count)
}

fn subkey(number: usize) -> KeyPath {
    format!(r"many\key {number:05}").parse().unwrap()
}

fn assert_clean(hive: &Hive) {
    let findings: Vec<_> = hive.check().into_iter().map(|f| f.to_string()).collect();
    assert_eq!(findings, Vec::<String>::new());
}

/// The signature and length of the lists of `many`, the `ri` first.
fn lists(hive: &Hive) -> Vec<(String, usize)> {
    let key = hive.key(&"many".parse().unwrap()).unwrap().unwrap();
    if key.subkey_count() == 0 {
        return Vec::new();
    }
    let top = List::new(hive.image(), CellOffset::new(key.node().subkey_list.get())).unwrap();
    let mut found = vec![top];
    if top.kind == ListKind::Root {
        let under = (0..top.len()).map(|index| top.cell(index).unwrap());
        found.extend(under.map(|at| List::new(hive.image(), at).unwrap()));
    }
    let signature = |list: &List<'_>| list.kind.signature().escape_ascii().to_string();
    found.iter().map(|list| (signature(list), list.len())).collect()
}

#[test]
fn three_thousand_subkeys_come_and_go() {
    const COUNT: usize = 3000;
    for minor in [3, 5] {
        let mut hive = empty_hive(minor);
        for (done, number) in shuffled(COUNT, 1237).enumerate() {
            hive.apply(&Edit::create_key(subkey(number))).unwrap();
            if done % 250 == 0 || done == 506 || done == 1013 {
                assert_clean(&hive);
            }
        }
        assert_clean(&hive);
        let many = hive.key(&"many".parse().unwrap()).unwrap().unwrap();
        let names: Vec<_> = many.subkeys().map(|key| key.unwrap().name().to_string()).collect();
        let expected: Vec<_> = (0..COUNT).map(|number| format!("key {number:05}")).collect();
        assert_eq!(names, expected);
        for number in [0, 1, 1500, COUNT - 1] {
            assert!(hive.key(&subkey(number)).unwrap().is_some());
        }
        assert!(hive.key(&subkey(COUNT)).unwrap().is_none());
        assert!(many.subkey(&KeyName::new("KEY 00042").unwrap()).unwrap().is_some());

        let full = hive.header().bins_len;
        for (done, number) in shuffled(COUNT, 1801).enumerate() {
            hive.apply(&Edit::delete_key(subkey(number))).unwrap();
            if done % 250 == 0 || done > COUNT - 4 {
                assert_clean(&hive);
            }
        }
        assert_eq!(hive.key(&"many".parse().unwrap()).unwrap().unwrap().subkeys().count(), 0);
        for number in shuffled(COUNT, 1237) {
            hive.apply(&Edit::create_key(subkey(number))).unwrap();
        }
        assert_eq!(hive.header().bins_len, full, "the room of the deleted keys is used again");
    }
}

/// `lf` holds 507 keys and is then converted to `li`; `li` and `lh` hold 1013 and are then split in
/// two under an `ri`.
#[test]
fn lists_change_where_nt_changes_them() {
    let grow = |minor, count| {
        let mut hive = empty_hive(minor);
        for number in 0..count {
            hive.apply(&Edit::create_key(subkey(number))).unwrap();
        }
        lists(&hive)
    };
    let single = |kind: &str, len| vec![(kind.to_owned(), len)];
    assert_eq!(grow(3, 507), single("lf", 507));
    assert_eq!(grow(3, 508), single("li", 508));
    assert_eq!(grow(5, 508), single("lh", 508));
    assert_eq!(grow(5, 1013), single("lh", 1013));
    for (minor, leaf) in [(3, "li"), (5, "lh")] {
        let halves = [("ri", 2), (leaf, 506), (leaf, 508)];
        assert_eq!(grow(minor, 1014), halves.map(|(kind, len)| (kind.to_owned(), len)));
    }
}

#[test]
fn a_list_is_freed_with_its_last_key() {
    let mut hive = empty_hive(5);
    for number in 0..1014 {
        hive.apply(&Edit::create_key(subkey(number))).unwrap();
    }
    for number in 0..506 {
        hive.apply(&Edit::delete_key(subkey(number))).unwrap();
    }
    assert_eq!(lists(&hive), [("ri".to_owned(), 1), ("lh".to_owned(), 508)]);
    for number in 506..1014 {
        hive.apply(&Edit::delete_key(subkey(number))).unwrap();
    }
    assert_eq!(lists(&hive), []);
    assert_clean(&hive);
}
