//! The diff of any two hives, imported into the first, makes the second.

use winpe_hive::{Difference, Hive, diff};
use winpe_regfile::{DiffWriter, Document, ParseOptions};
use winpe_registry::{Edit, KeyName, KeyPath, KeyTree, NtString, ValueName, upcase};

use crate::corpus::samples;

/// How many hives: the smallest sound ones.
const HIVES: usize = 40;

/// A tree without what the lines of a diff leave alone: the case of names, the order of values, classes.
fn folded(tree: &KeyTree) -> KeyTree {
    let upper =
        |text: &NtString| text.units().iter().map(|&unit| upcase(unit)).collect::<NtString>();
    let mut values: Vec<_> = (tree.values.iter())
        .map(|(name, value)| (ValueName::from_stored(upper(name.text())), value.clone()))
        .collect();
    values.sort_by(|(a, _), (b, _)| a.text().units().cmp(b.text().units()));
    let subkeys = (tree.subkeys.iter())
        .map(|(name, tree)| (KeyName::from_stored(upper(name.text())), folded(tree)));
    let mut subkeys: Vec<_> = subkeys.collect();
    subkeys.sort_by(|(a, _), (b, _)| a.text().units().cmp(b.text().units()));
    KeyTree { class: NtString::default(), values, subkeys }
}

/// The edits of a diff by way of its text; those that no text can hold, as they are.
fn edits(old: &Hive, new: &Hive, root: &KeyPath) -> Vec<Edit> {
    let mut writer = DiffWriter::new(Vec::new());
    let mut unsaid = Vec::new();
    for difference in diff(old.root(), new.root()) {
        if let Difference::Change(change) = difference.expect("both are sound")
            && writer.changes(std::slice::from_ref(&change), root).is_err()
        {
            unsaid.push(change.edit);
        }
    }
    let text = String::from_utf8(writer.finish().expect("memory")).expect("UTF-8");
    let plus: String =
        text.split_inclusive('\n').filter_map(|line| line.strip_prefix('+')).collect();
    if plus.is_empty() {
        return unsaid;
    }
    let document = Document::parse(plus.as_bytes(), &ParseOptions::default());
    let document = document.unwrap_or_else(|error| panic!("{error}\n{}", error.snippet()));
    let said = document.edits().map(|(edit, _)| {
        let key = edit.key.strip_prefix(root).expect("below the root");
        Edit { key, ..edit }
    });
    said.chain(unsaid).collect()
}

#[test]
fn the_diff_of_any_two_hives_imports_to_the_second() {
    if std::env::var_os("WINPE_SLOW").is_none() {
        return;
    }
    let mut sound: Vec<(String, Vec<u8>)> = samples()
        .iter()
        .map(|sample| (sample.name.clone(), sample.read()))
        .filter(|(_, bytes)| Hive::open(bytes.clone()).is_ok_and(|hive| hive.check().is_sound()))
        .collect();
    sound.sort_by_key(|(_, bytes)| bytes.len());
    sound.truncate(HIVES);
    assert!(sound.len() == HIVES || sound.is_empty(), "{} hives", sound.len());
    let root: KeyPath = r"HKEY_LOCAL_MACHINE\HIVE".parse().unwrap();
    let open = |bytes: &Vec<u8>| Hive::open(bytes.clone()).unwrap();
    let trees: Vec<KeyTree> =
        sound.iter().map(|(_, bytes)| folded(&open(bytes).root().tree().unwrap())).collect();
    for (old_name, old) in &sound {
        for ((new_name, new), expected) in sound.iter().zip(&trees) {
            let mut hive = open(old);
            for edit in edits(&hive, &open(new), &root) {
                hive.apply(&edit)
                    .unwrap_or_else(|error| panic!("{old_name} to {new_name}: {error}"));
            }
            let made = folded(&hive.root().tree().unwrap());
            assert!(made == *expected, "{old_name} to {new_name}");
        }
    }
}
