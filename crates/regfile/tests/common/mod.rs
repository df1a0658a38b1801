//! Shared by the tests of editing and of layout: texts with few names, and their effect on a
//! registry.

use std::collections::BTreeMap;

use proptest::prelude::*;
use winpe_regfile::Document;
use winpe_registry::{Edit, KeyPath, Op, Value, ValueName};

pub(crate) type Registry = BTreeMap<KeyPath, BTreeMap<ValueName, Value>>;

pub(crate) fn apply(registry: &mut Registry, edit: Edit) {
    if let Op::DeleteKey = edit.op {
        registry.retain(|key, _| !key.starts_with(&edit.key));
        return;
    }
    // A `.reg` file names a key, and so creates it, before it deletes a value of it.
    for depth in 1..=edit.key.depth() {
        registry.entry(edit.key.prefix(depth)).or_default();
    }
    let values = registry.get_mut(&edit.key).unwrap();
    match edit.op {
        Op::SetValue { name, value } => drop(values.insert(name, value)),
        Op::DeleteValue { name } => drop(values.remove(&name)),
        Op::CreateKey | Op::DeleteKey => {}
    }
}

/// The effect of a document on a registry that initially has everything that the document could
/// mention.
pub(crate) fn effect(document: &Document) -> Registry {
    let mut registry = Registry::new();
    for key in KEYS {
        for name in NAMES {
            let name = ValueName::new(*name).unwrap();
            apply(&mut registry, Edit::set_value(path(key), name, Value::sz("before")));
        }
    }
    document.edits().for_each(|(edit, _)| apply(&mut registry, edit));
    registry
}

pub(crate) fn path(key: &str) -> KeyPath {
    key.parse().unwrap()
}

pub(crate) const KEYS: &[&str] = &[r"HKEY_USERS\a", r"HKEY_USERS\A\b", r"HKEY_USERS\c"];
pub(crate) const NAMES: &[&str] = &["x", "Y", "", ";z"];

pub(crate) const LINES: &[&str] = &[
    r"[HKEY_USERS\a]",
    r"[HKEY_USERS\a\B] ;a comment",
    r"[-HKEY_USERS\a]",
    r"[HKEY_USERS\c\]",
    "\"x\"=dword:1",
    "  \"X\" = \"s\" ;why",
    "\"y\"=-\t;why not",
    "@=hex:01,\\\n  02",
    "\"Y\"=hex(2):41,00 ;exact ;why",
    "\"x\"=\"over\n two lines\"",
    ";comment",
    "#comment",
    "",
    " ",
];

/// Lines that only lenient mode accepts.
pub(crate) const BAD_LINES: &[&str] = &[
    "\"x\"=\"no end",
    "\"x",
    "rubbish",
    "[HKLM\\x]",
    "\"x\"=hex:01,\\",
    "\"y\"=hex:01,",
    "@=\"\\x\"",
];

pub(crate) fn text(lines: Vec<&'static str>) -> impl Strategy<Value = String> {
    let header = prop::sample::select(vec!["REGEDIT4", "Windows Registry Editor Version 5.00"]);
    let line_break = prop::sample::select(vec!["\r\n", "\n", "\r"]);
    let lines = prop::collection::vec(prop::sample::select(lines), 0..14);
    (header, line_break, lines, any::<bool>()).prop_map(|(header, line_break, lines, ends)| {
        let text = [&[header], &lines[..]].concat().join("\n") + if ends { "\n" } else { "" };
        text.replace('\n', line_break)
    })
}
