//! The diff of changes: its text, and a property test that its `+` side has the same effect as the
//! changes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use winpe_regfile::{DiffWriter, Document, ParseOptions};
use winpe_registry::{
    Before, Change, Edit, KeyName, KeyPath, KeyTree, Op, Value, ValueName, ValueType,
};

/// Keys and values by path, root included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Registry(BTreeMap<KeyPath, BTreeMap<ValueName, Value>>);

impl Registry {
    fn apply(&mut self, edit: Edit) -> Change {
        let key = edit.key.clone();
        let exists = |depth: &usize| self.0.contains_key(&key.prefix(*depth));
        let missing = key.depth() - (0..=key.depth()).rev().find(exists).unwrap_or(0);
        let value = |name| self.0.get(&key).and_then(|values| values.get(name)).cloned();
        let before = match &edit.op {
            Op::CreateKey => Before::Key { missing },
            Op::SetValue { name, .. } | Op::DeleteValue { name } => {
                Before::Value { missing, value: value(name) }
            }
            Op::DeleteKey => Before::Tree((missing == 0).then(|| Box::new(self.tree(&key)))),
        };
        match edit.op.clone() {
            Op::CreateKey => self.create(&key),
            Op::SetValue { name, value } => {
                self.create(&key);
                self.0.get_mut(&key).unwrap().insert(name, value);
            }
            Op::DeleteValue { name } => {
                self.0.get_mut(&key).and_then(|values| values.remove(&name));
            }
            Op::DeleteKey => self.0.retain(|other, _| !other.starts_with(&key)),
        }
        Change { edit, before }
    }

    fn create(&mut self, key: &KeyPath) {
        (0..=key.depth()).for_each(|depth| {
            self.0.entry(key.prefix(depth)).or_default();
        });
    }

    fn tree(&self, key: &KeyPath) -> KeyTree {
        let values = self.0[key].clone().into_iter().collect();
        let below = self.0.keys().filter(|other| other.parent().as_ref() == Some(key));
        let subkeys = below.map(|sub| (sub.name().unwrap().clone(), self.tree(sub))).collect();
        KeyTree { values, subkeys, ..KeyTree::default() }
    }
}

fn root() -> KeyPath {
    r"HKEY_LOCAL_MACHINE\PE_Sys".parse().unwrap()
}

fn diff(changes: &[Change]) -> String {
    let mut diff = DiffWriter::new(vec![]);
    diff.changes(changes, &root()).unwrap();
    let is_empty = diff.is_empty();
    let text = String::from_utf8(diff.finish().unwrap()).unwrap();
    assert_eq!(is_empty, text.is_empty());
    text
}

fn plus_side(diff: &str) -> String {
    diff.lines().filter_map(|line| line.strip_prefix('+')).map(|line| format!("{line}\n")).collect()
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    // Few names, so that edits concern the same keys.
    let name = prop::sample::select(vec!["a", "B", "c"]);
    let key = prop::collection::vec(name.clone(), 1..4)
        .prop_map(|names| names.into_iter().map(|n| KeyName::new(n).unwrap()).collect::<KeyPath>());
    let value = prop_oneof![
        (0..3u32).prop_map(Value::dword),
        Just(Value::new(ValueType::SZ, *b"x\0")),
        Just(Value::sz("line\nbreak")),
        Just(Value::binary(vec![7; 60])),
    ];
    let edit = (key, 0..10, name, value).prop_map(|(key, which, name, value)| {
        let name = ValueName::new(name).unwrap();
        match which {
            0 => Edit::delete_key(key),
            1..3 => Edit::create_key(key),
            3..5 => Edit::delete_value(key, name),
            _ => Edit::set_value(key, name, value),
        }
    });
    prop::collection::vec(edit, 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_plus_side_makes_the_new_registry_out_of_the_old(before in edits(), edits in edits()) {
        let mut old = Registry::default();
        old.create(&KeyPath::root());
        before.into_iter().for_each(|edit| { old.apply(edit); });
        let mut new = old.clone();
        let changes: Vec<_> = edits.into_iter().map(|edit| new.apply(edit)).collect();
        let text = diff(&changes);
        prop_assert!(!text.is_empty() || old == new);
        prop_assert!(text.lines().all(|line| line.starts_with(['+', '-', ' '])));

        let mut replayed = old;
        if !text.is_empty() {
            let plus = plus_side(&text);
            let document = Document::parse(plus.as_bytes(), &ParseOptions::default()).unwrap();
            for (mut edit, _) in document.edits() {
                edit.key = edit.key.strip_prefix(&root()).unwrap();
                replayed.apply(edit);
            }
        }
        prop_assert_eq!(replayed, new);
    }
}

fn key(path: &str) -> KeyPath {
    path.parse().unwrap()
}

fn set(path: &str, name: &str, value: Value) -> Edit {
    Edit::set_value(key(path), ValueName::new(name).unwrap(), value)
}

fn changes(
    old: impl IntoIterator<Item = Edit>,
    edits: impl IntoIterator<Item = Edit>,
) -> Vec<Change> {
    let mut registry = Registry::default();
    registry.create(&KeyPath::root());
    old.into_iter().for_each(|edit| {
        registry.apply(edit);
    });
    edits.into_iter().map(|edit| registry.apply(edit)).collect()
}

#[test]
fn a_value_that_changes_twice_is_shown_once_and_an_unchanged_one_not_at_all() {
    let changes = changes(
        [set(r"Services\MSiSCSI", "Start", Value::dword(3)), set("Setup", "Kept", Value::dword(1))],
        [
            set(r"Services\MSiSCSI", "Start", Value::dword(1)),
            set(r"Services\MSiSCSI", "Group", Value::sz("iSCSI")),
            set("Setup", "Kept", Value::dword(1)),
            Edit::create_key(key(r"Services\iScsiPrt\Enum")),
            set(r"Services\MSiSCSI", "Start", Value::dword(2)),
        ],
    );
    assert_eq!(
        diff(&changes),
        r#"+Windows Registry Editor Version 5.00
+
 ; existing key
+[HKEY_LOCAL_MACHINE\PE_Sys\Services\MSiSCSI]
-"Start"=dword:00000003
+"Start"=dword:00000002
+"Group"="iSCSI"
+
+[HKEY_LOCAL_MACHINE\PE_Sys\Services\iScsiPrt\Enum]
+
"#
    );
}

#[test]
fn a_deleted_tree_is_shown_whole() {
    let old = [
        set(r"Services\Old", "ImagePath", Value::new(ValueType::EXPAND_SZ, *b"x\0")),
        set(r"Services\Old\Parameters", "", Value::binary([1])),
    ];
    let new = [
        Edit::delete_key(key(r"Services\Old")),
        Edit::delete_value(key("Services"), ValueName::new("none").unwrap()),
    ];
    assert_eq!(
        diff(&changes(old, new)),
        r#"+Windows Registry Editor Version 5.00
+
-[HKEY_LOCAL_MACHINE\PE_Sys\Services\Old]
-"ImagePath"=hex(2):78,00 ;exact
-
-[HKEY_LOCAL_MACHINE\PE_Sys\Services\Old\Parameters]
-@=hex:01
-
+[-HKEY_LOCAL_MACHINE\PE_Sys\Services\Old]
+
"#
    );
}

#[test]
fn unwritable_names_are_an_error_only_on_the_new_side() {
    let broken = KeyName::new("a\nb").unwrap();
    let tree =
        KeyTree { subkeys: vec![(broken.clone(), KeyTree::default())], ..KeyTree::default() };
    let deleted =
        Change { edit: Edit::delete_key(key("gone")), before: Before::Tree(Some(Box::new(tree))) };
    let text = diff(&[deleted]);
    assert!(text.contains(
        "-; a key that .reg text cannot name: \"HKEY_LOCAL_MACHINE\\\\PE_Sys\\\\gone\\\\a\\nb\"\n"
    ), "{text}");

    let created = Change {
        edit: Edit::create_key(KeyPath::from_iter([broken])),
        before: Before::Key { missing: 1 },
    };
    assert!(DiffWriter::new(vec![]).changes(&[created], &root()).is_err());
}

#[test]
fn no_changes_give_an_empty_diff() {
    let same = set("Setup", "Kept", Value::dword(1));
    assert_eq!(diff(&changes([same.clone()], [same, Edit::create_key(key("Setup"))])), "");
}
