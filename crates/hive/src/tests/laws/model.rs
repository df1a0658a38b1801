//! The model: a registry as a tree of names and values, without cells.

use crate::{FileTime, Hive};
use proptest::prelude::*;
use winpe_registry::{
    Before, Edit, KeyName, KeyPath, KeyTree, NtString, Op, Value, ValueName, ValueType,
};

pub(super) fn empty_hive(minor: u32) -> Hive {
    let name = KeyName::new("ROOT").unwrap();
    Hive::create(minor, &name, FileTime::from_unix(1_600_000_000)).unwrap()
}

/// One step of a random sequence.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Apply(Edit),
    Rename(KeyPath, KeyName),
    SetClass(KeyPath, NtString),
}

/// Applies a step to the model; returns the previous state, or `None` if the step must be refused.
pub(super) fn apply(tree: &mut KeyTree, step: &Step) -> Option<Option<Before>> {
    match step {
        Step::Apply(edit) => Some(Some(apply_edit(tree, edit)?)),
        Step::Rename(path, name) => {
            let (parent, old) = (path.parent()?, path.name()?);
            let siblings = &mut find(tree, &parent)?.subkeys;
            let at = siblings.iter().position(|(name, _)| name == old)?;
            if siblings.iter().enumerate().any(|(i, (other, _))| i != at && other == name) {
                return None;
            }
            siblings[at].0 = name.clone();
            siblings.sort_by(|a, b| a.0.cmp(&b.0));
            Some(None)
        }
        Step::SetClass(path, class) => {
            find(tree, path)?.class = class.clone();
            Some(None)
        }
    }
}

fn apply_edit(tree: &mut KeyTree, edit: &Edit) -> Option<Before> {
    let missing = missing(tree, &edit.key);
    match &edit.op {
        Op::CreateKey => {
            create(tree, edit.key.names());
            Some(Before::Key { missing })
        }
        Op::DeleteKey => {
            let (parent, name) = (edit.key.parent(), edit.key.name());
            if missing > 0 {
                return Some(Before::Tree(None));
            }
            let siblings = &mut find(tree, &parent?)?.subkeys;
            let at = siblings.iter().position(|(other, _)| other == name.unwrap())?;
            Some(Before::Tree(Some(Box::new(siblings.remove(at).1))))
        }
        Op::SetValue { name, value } => {
            let key = create(tree, edit.key.names());
            match key.values.iter_mut().find(|(other, _)| other == name) {
                Some((_, old)) => {
                    let old = std::mem::replace(old, value.clone());
                    Some(Before::Value { missing, value: Some(old) })
                }
                None => {
                    key.values.push((name.clone(), value.clone()));
                    Some(Before::Value { missing, value: None })
                }
            }
        }
        Op::DeleteValue { name } => {
            let Some(key) = find(tree, &edit.key) else {
                return Some(Before::Value { missing, value: None });
            };
            let at = key.values.iter().position(|(other, _)| other == name);
            Some(Before::Value { missing, value: at.map(|at| key.values.remove(at).1) })
        }
    }
}

fn find<'t>(tree: &'t mut KeyTree, path: &KeyPath) -> Option<&'t mut KeyTree> {
    path.names().iter().try_fold(tree, |key, name| {
        key.subkeys.iter_mut().find(|(other, _)| other == name).map(|(_, key)| key)
    })
}

fn missing(tree: &mut KeyTree, path: &KeyPath) -> usize {
    (0..=path.depth()).find(|&n| find(tree, &path.prefix(path.depth() - n)).is_some()).unwrap()
}

fn create<'t>(tree: &'t mut KeyTree, names: &[KeyName]) -> &'t mut KeyTree {
    let Some((name, below)) = names.split_first() else { return tree };
    let at = match tree.subkeys.binary_search_by(|(other, _)| other.cmp(name)) {
        Ok(at) => at,
        Err(at) => {
            tree.subkeys.insert(at, (name.clone(), KeyTree::default()));
            at
        }
    };
    create(&mut tree.subkeys[at].1, below)
}

/// Every detail of a tree, including the case of names; `sorted` ignores the order of values.
pub(super) fn lines(tree: &KeyTree, sorted: bool) -> Vec<String> {
    fn add(tree: &KeyTree, path: &str, sorted: bool, lines: &mut Vec<String>) {
        lines.push(format!("{path} {:?}", tree.class));
        let from = lines.len();
        for (name, value) in &tree.values {
            let data = value.data.iter().fold(0_u64, |h, &b| h.wrapping_mul(31) + u64::from(b));
            lines.push(format!("{path} {name:?} {value:?} {data:x}"));
        }
        if sorted {
            lines[from..].sort();
        }
        for (name, key) in &tree.subkeys {
            add(key, &format!("{path}\\{name:?}"), sorted, lines);
        }
    }
    let mut lines = Vec::new();
    add(tree, "", sorted, &mut lines);
    lines
}

/// Few names, so that steps concern the same keys: both encodings, pairs that differ only in case,
/// and the neighbours of `_` in NT's order.
pub(super) fn key_name() -> impl Strategy<Value = KeyName> {
    let names = [
        "a",
        "A",
        "b",
        "Services",
        "services",
        "a_b",
        "aab",
        "ä",
        "Ä",
        "ÿ",
        "Ÿ",
        "ж",
        "Ж",
        "ß",
        "name that is somewhat longer than the others",
        "\u{4e2d}\u{6587}",
        "\u{1f600}",
    ];
    prop::sample::select(names.to_vec()).prop_map(|name| KeyName::new(name).unwrap())
}

pub(super) fn path() -> impl Strategy<Value = KeyPath> {
    prop::collection::vec(key_name(), 0..4).prop_map(|names| names.into_iter().collect())
}

pub(super) fn value_name() -> impl Strategy<Value = ValueName> {
    let names = ["", "Start", "START", "ImagePath", "ÿ", "Ÿ", "ключ", "x", "y", "z"];
    prop::sample::select(names.to_vec()).prop_map(|name| ValueName::new(name).unwrap())
}

/// Lengths at the limits of inline data, one cell, and segments.
pub(super) fn value() -> impl Strategy<Value = Value> {
    let len = prop_oneof![
        8 => 0_usize..24,
        4 => 24_usize..400,
        2 => prop::sample::select(vec![16_343_usize, 16_344, 16_345, 32_688, 32_689, 50_000]),
    ];
    (len, any::<u8>(), prop::sample::select(vec![0_u32, 1, 3, 4, 7, 0xffff_0012])).prop_map(
        |(len, seed, ty)| {
            let data: Vec<u8> = (0..len).map(|i| (i as u8).wrapping_mul(7) ^ seed).collect();
            Value::new(ValueType(ty), data)
        },
    )
}

pub(super) fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        2 => path().prop_map(Edit::create_key),
        2 => path().prop_map(Edit::delete_key),
        6 => (path(), value_name(), value()).prop_map(|(k, n, v)| Edit::set_value(k, n, v)),
        3 => (path(), value_name()).prop_map(|(k, n)| Edit::delete_value(k, n)),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => edit().prop_map(Step::Apply),
        1 => (path(), key_name()).prop_map(|(path, name)| Step::Rename(path, name)),
        1 => (path(), ".{0,12}").prop_map(|(path, class)| Step::SetClass(path, class.into())),
    ]
}
