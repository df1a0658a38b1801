//! A second implementation of the edits, on a tree in memory.

use winpe_registry::{Edit, KeyName, KeyPath, KeyTree, Op};

/// Applies an edit to a tree, with subkeys in the order of their names and new values at the end.
pub(crate) fn apply(tree: &mut KeyTree, edit: &Edit) {
    let names = edit.key.names();
    match &edit.op {
        Op::CreateKey => {
            create(tree, names);
        }
        Op::SetValue { name, value } => {
            let key = create(tree, names);
            match key.values.iter_mut().find(|(existing, _)| existing == name) {
                Some((_, existing)) => existing.clone_from(value),
                None => key.values.push((name.clone(), value.clone())),
            }
        }
        Op::DeleteValue { name } => {
            if let Some(key) = find(tree, names) {
                key.values.retain(|(existing, _)| existing != name);
            }
        }
        Op::DeleteKey => {
            let (last, parents) = names.split_last().expect("the root is not deleted");
            if let Some(parent) = find(tree, parents) {
                parent.subkeys.retain(|(existing, _)| existing != last);
            }
        }
    }
}

/// The keys whose own cells an edit may change: the key, and its parent if the key is created or
/// deleted.
pub(crate) fn touched(before: &KeyTree, edit: &Edit) -> Vec<KeyPath> {
    let depth = edit.key.depth();
    let existing = (0..=depth)
        .rev()
        .find(|&depth| holds(before, &edit.key.names()[..depth]))
        .expect("the root exists");
    let parent = match edit.op {
        Op::DeleteKey => existing.min(depth.saturating_sub(1)),
        _ => existing,
    };
    (parent..=depth).map(|depth| edit.key.prefix(depth)).collect()
}

fn holds(tree: &KeyTree, names: &[KeyName]) -> bool {
    names.split_first().is_none_or(|(first, rest)| {
        tree.subkeys.iter().any(|(name, subkey)| name == first && holds(subkey, rest))
    })
}

fn find<'t>(tree: &'t mut KeyTree, names: &[KeyName]) -> Option<&'t mut KeyTree> {
    names.iter().try_fold(tree, |tree, name| {
        let mut subkeys = tree.subkeys.iter_mut();
        subkeys.find(|(existing, _)| existing == name).map(|(_, subkey)| subkey)
    })
}

fn create<'t>(tree: &'t mut KeyTree, names: &[KeyName]) -> &'t mut KeyTree {
    names.iter().fold(tree, |tree, name| {
        let place = match tree.subkeys.binary_search_by(|(existing, _)| existing.cmp(name)) {
            Ok(place) => place,
            Err(place) => {
                tree.subkeys.insert(place, (name.clone(), KeyTree::default()));
                place
            }
        };
        &mut tree.subkeys[place].1
    })
}
