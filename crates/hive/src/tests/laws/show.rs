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

/// A tree without the case of names and the order of values, which a diff ignores.
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
