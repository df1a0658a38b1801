//! Properties of diff, export and find.

use proptest::prelude::*;
use winpe_registry::{Edit, KeyPath, KeyTree, Value, ValueName};

use super::model::{Step, empty_hive, lines, step};
use crate::{Difference, Find, Hive, Match, diff};

fn hive_of(steps: &[Step], minor: u32) -> Hive {
    let mut hive = empty_hive(minor);
    for step in steps {
        let _ = match step {
            Step::Apply(edit) => hive.apply(edit).is_ok(),
            Step::Rename(path, name) => hive.rename(path, name).is_ok(),
            Step::SetClass(path, class) => hive.set_class(path, class).is_ok(),
        };
    }
    hive
}

/// A tree without the case of names and the order of values, which the edits of a diff leave alone.
fn folded(hive: &Hive) -> Vec<String> {
    fn fold(tree: &KeyTree) -> KeyTree {
        let upper = |text: &winpe_registry::NtString| {
            text.units().iter().map(|&unit| winpe_registry::upcase(unit)).collect()
        };
        KeyTree {
            class: tree.class.clone(),
            values: (tree.values.iter())
                .map(|(name, value)| (ValueName::from_stored(upper(name.text())), value.clone()))
                .collect(),
            subkeys: (tree.subkeys.iter())
                .map(|(name, tree)| {
                    (winpe_registry::KeyName::from_stored(upper(name.text())), fold(tree))
                })
                .collect(),
        }
    }
    lines(&fold(&hive.root().tree().unwrap()), true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A diff applied to the old hive gives the new one; and the diff of equal hives is empty.
    #[test]
    fn applying_a_diff_gives_the_new_hive(
        common in prop::collection::vec(step(), 0..20),
        old_steps in prop::collection::vec(step(), 0..20),
        new_steps in prop::collection::vec(step(), 0..20),
    ) {
        let mut old = hive_of(&[&common[..], &old_steps[..]].concat(), 3);
        let new = hive_of(&[&common[..], &new_steps[..]].concat(), 5);
        prop_assert_eq!(diff(new.root(), new.root()).count(), 0);
        let found: Vec<_> = diff(old.root(), new.root()).collect::<Result<_, _>>().unwrap();
        for difference in &found {
            match difference {
                Difference::Change(change) => {
                    let applied = old.apply(&change.edit).unwrap();
                    prop_assert_eq!(&applied.before, &change.before);
                    prop_assert!(!applied.is_noop());
                }
                Difference::Class { key, new, .. } => {
                    prop_assert!(old.set_class(key, new).unwrap());
                }
                Difference::KeyCase { key, old: before } => {
                    let name = key.names().last().unwrap();
                    prop_assert!(name.text() != before);
                    prop_assert_eq!(name, &winpe_registry::KeyName::from_stored(before.clone()));
                }
                Difference::ValueCase { old: before, new, .. } => {
                    prop_assert!(new.text() != before.text() && new == before);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert_eq!(folded(&old), folded(&new));
    }

    /// An export applied to an empty hive gives the same tree.
    #[test]
    fn importing_an_export_gives_the_same_hive(steps in prop::collection::vec(step(), 0..40)) {
        let hive = hive_of(&steps, 5);
        let mut copy = empty_hive(3);
        let mut export = hive.root().export(KeyPath::root());
        while let Some(exported) = export.next() {
            let exported = exported.unwrap();
            copy.apply(&Edit::create_key(exported.path.clone())).unwrap();
            copy.set_class(exported.path, &exported.key.class().unwrap()).unwrap();
            for entry in exported.values {
                let entry = entry.unwrap();
                let name = ValueName::from_stored(entry.name());
                let edit = Edit::set_value(exported.path.clone(), name, entry.value().unwrap());
                prop_assert!(!copy.apply(&edit).unwrap().is_noop());
            }
        }
        prop_assert_eq!(
            lines(&copy.root().tree().unwrap(), false),
            lines(&hive.root().tree().unwrap(), false)
        );
    }
}

/// `^` and `$` are the ends of the text that a person sees, not of its closing NULs.
#[test]
fn find_knows_where_a_text_ends() {
    let mut hive = empty_hive(5);
    for (name, value) in [
        ("sz", Value::sz(r"drivers\a.sys")),
        ("expand", Value::expand_sz(r"C:\b.sys")),
        ("multi", Value::multi_sz(["c.sys", "last"])),
        ("no NUL", Value::new(winpe_registry::ValueType::SZ, *b"d\0.\0s\0y\0s\0")),
        ("binary", Value::binary(*b"e.sys\0")),
        ("two NULs", Value::new(winpe_registry::ValueType::SZ, *b"f\0.\0s\0y\0s\0\0\0\0\0")),
    ] {
        let edit = Edit::set_value("k".parse().unwrap(), ValueName::new(name).unwrap(), value);
        hive.apply(&edit).unwrap();
    }
    let names = |pattern: &str| -> Vec<String> {
        let find = Find::everywhere(regex::Regex::new(pattern).unwrap());
        let found = find.below(&hive.root()).collect::<Result<Vec<_>, _>>().unwrap();
        let name = |what: &Match<'_>| match what {
            Match::Data(entry) => entry.name().to_string(),
            other => panic!("{other:?}"),
        };
        found.iter().map(|found| name(&found.what)).collect()
    };
    assert_eq!(names(r"\.sys$"), ["sz", "expand", "multi", "no NUL", "two NULs"]);
    assert_eq!(names(r"^(last|c\.sys)$"), ["multi"]);
    assert_eq!(names(r"^e\.sys\x00$"), ["binary"]);
}

#[test]
fn find_searches_only_the_selected_parts() {
    let mut hive = empty_hive(5);
    let set = |key: &str, name: &str, value: Value| {
        Edit::set_value(key.parse().unwrap(), ValueName::new(name).unwrap(), value)
    };
    for edit in [
        set(r"Services\MSiSCSI\Parameters", "ServiceDll", Value::expand_sz("iscsiexe.dll")),
        set(r"Services\MSiSCSI", "Start", Value::dword(0x2a)),
        set(r"Services\Tcpip", "Depends", Value::multi_sz(["nsi", "iScsiPrt"])),
        set(r"Services\Tcpip", "Blob", Value::binary(*b"\x01\x02iscsi\xff")),
        set(r"Services\Tcpip", "iSCSI", Value::qword(7)),
    ] {
        hive.apply(&edit).unwrap();
    }
    let found = |find: &Find| -> Vec<String> {
        find.below(&hive.root())
            .map(|found| {
                let found = found.unwrap();
                match found.what {
                    Match::Key => format!("key {}", found.key),
                    Match::Name(entry) => format!("name {} {}", found.key, entry.name()),
                    Match::Data(entry) => format!("data {} {}", found.key, entry.name()),
                }
            })
            .collect()
    };
    let everywhere = |pattern: &str| Find::everywhere(regex::Regex::new(pattern).unwrap());
    let all = everywhere("(?i)iscsi");
    assert_eq!(
        found(&all),
        [
            r"key Services\MSiSCSI",
            r"data Services\MSiSCSI\Parameters ServiceDll",
            r"data Services\Tcpip Depends",
            r"data Services\Tcpip Blob",
            r"name Services\Tcpip iSCSI",
        ]
    );
    assert_eq!(
        found(&Find { names: false, data: false, ..all.clone() }),
        [r"key Services\MSiSCSI"]
    );
    assert_eq!(found(&Find { keys: false, data: false, ..all }), [r"name Services\Tcpip iSCSI"]);
    assert_eq!(found(&everywhere("0x0000002a")), [r"data Services\MSiSCSI Start"]);
    assert_eq!(found(&everywhere(r"\\Parameters$")), [r"key Services\MSiSCSI\Parameters"]);
}

/// Lists whose entries are in another order, as some tools write them, and two subkeys of one name.
#[test]
fn a_diff_goes_by_names_whatever_the_order_of_lists() {
    let mut hive = empty_hive(5);
    for key in [r"a\x", "ba", "bb", "c"] {
        let value = Value::sz(key);
        let edit = Edit::set_value(key.parse().unwrap(), ValueName::new("v").unwrap(), value);
        hive.apply(&edit).unwrap();
    }
    let sound = hive.into_bytes();
    // Its signature, the number of entries, and entries of eight bytes.
    let list = sound.windows(4).position(|bytes| bytes == b"lh\x04\0").unwrap() + 4;
    let entries: Vec<_> = sound[list..list + 32].chunks(8).map(<[u8]>::to_vec).collect();
    let open = |bytes: &[u8]| Hive::open(bytes.to_vec()).unwrap();
    for order in [[3, 2, 1, 0], [1, 0, 3, 2], [0, 2, 1, 3]] {
        let mut bytes = sound.clone();
        bytes.splice(list..list + 32, order.iter().flat_map(|&at| entries[at].clone()));
        let (disordered, sound) = (open(&bytes), open(&sound));
        assert!(!disordered.check().is_sound());
        assert_eq!(diff(sound.root(), disordered.root()).collect::<Vec<_>>(), []);
        assert_eq!(diff(disordered.root(), sound.root()).collect::<Vec<_>>(), []);
    }

    let mut bytes = sound.clone();
    let name = bytes.windows(2).position(|bytes| bytes == b"bb").unwrap();
    bytes[name + 1] = b'a';
    let (sound, doubled) = (open(&sound), open(&bytes));
    let found: Vec<_> = diff(sound.root(), doubled.root()).collect();
    let [Err(error), Ok(Difference::Change(change))] = &found[..] else { panic!("{found:?}") };
    assert!(error.to_string().contains("has the name of the subkey at"), "{error}");
    assert_eq!(change.edit, Edit::delete_key("bb".parse().unwrap()));
}

#[test]
fn names_in_other_case_are_differences() {
    let hive = |key: &str, name: &str| {
        let mut hive = empty_hive(5);
        let value = Value::sz("same");
        let name = ValueName::new(name).unwrap();
        hive.apply(&Edit::set_value(key.parse().unwrap(), name, value)).unwrap();
        hive
    };
    let (old, new) = (hive(r"Tcpip\a", "Start"), hive(r"TCPIP\a", "start"));
    let found: Vec<_> = diff(old.root(), new.root()).collect::<Result<_, _>>().unwrap();
    let key = |text: &str| text.parse::<KeyPath>().unwrap();
    let value = |name: &str| ValueName::new(name).unwrap();
    assert!(
        matches!(&found[..], [
        Difference::KeyCase { key: of_key, old },
        Difference::ValueCase { key: of_value, old: before, new },
    ] if *of_key == key("TCPIP") && *old == "Tcpip" && *of_value == key(r"TCPIP\a")
        && before.text() == "Start" && new.text() == value("start").text()),
        "{found:?}"
    );
}
