//! Edits of every kind for any hive.

use winpe_registry::{Edit, KeyName, KeyPath, KeyTree, NtString, Value, ValueName, ValueType};

/// Creates, sets, replaces and deletes: in new keys, and in existing keys of the hive.
pub(crate) fn edits(tree: &KeyTree) -> Vec<Edit> {
    let mut edits = new_keys();
    let mut keys = vec![];
    collect(tree, &KeyPath::root(), &mut keys);

    // Every value operation on an existing key, with data that are stored in another form.
    let mut with_values = keys.iter().filter(|(_, key)| key.values.len() >= 3);
    if let Some((path, key)) = with_values.next() {
        let name = |index: usize| key.values[index].0.clone();
        edits.push(Edit::delete_value(path.clone(), name(0)));
        edits.push(Edit::set_value(path.clone(), name(1), Value::dword(7)));
        edits.push(Edit::set_value(path.clone(), name(2), blob(3000, 3)));
        edits.push(Edit::set_value(path.clone(), value_name("added"), Value::sz("text")));
    }
    // A whole tree, but never the whole hive.
    let mut depth_two =
        keys.iter().filter(|(path, key)| path.depth() == 2 && !key.subkeys.is_empty());
    if let Some((path, _)) = depth_two.next_back() {
        edits.push(Edit::delete_key(path.clone()));
    }
    // Into the largest subkey list: before, between and after its entries.
    if let Some((path, _)) = keys.iter().max_by_key(|(_, key)| key.subkeys.len()) {
        for name in ["!first", "M between", "~last"] {
            edits.push(Edit::create_key(path.child(key_name(name))));
        }
    }
    edits
}

fn new_keys() -> Vec<Edit> {
    let top = KeyPath::from_iter([key_name("WinPE iSCSI test")]);
    let deep = top.child(key_name("one")).child(key_name("two")).child(key_name("three"));
    let set = |name: &str, value| Edit::set_value(top.clone(), value_name(name), value);
    let mut edits = vec![
        Edit::create_key(deep.clone()),
        Edit::set_value(deep, ValueName::default(), Value::sz("the default value")),
        set("dword", Value::dword(0xdead_beef)),
        set("text", Value::sz("naïve text, 日本語")),
        set("type nobody knows", Value::new(ValueType(0xffff_0012), b"abcde".to_vec())),
        set("größe", Value::dword(1)),
        set("名前", Value::dword(2)),
        set("first long", blob(20, 1)),
        set("FIRST LONG", blob(900, 2)),
    ];
    // The limits at which data are stored in another form.
    for len in [0, 1, 4, 5, 16_343, 16_344, 16_345, 40_000] {
        edits.push(set(&format!("{len} bytes"), blob(len, len)));
    }
    for name in ["größe", "日本語", "a", "_", "Z", "b"] {
        edits.push(Edit::create_key(top.child(key_name(name))));
    }
    edits.push(Edit::delete_key(top.child(key_name("Z"))));
    edits.push(Edit::delete_value(top, value_name("5 bytes")));
    edits
}

/// Names that are not valid Unicode, which some readers cannot handle.
pub(crate) fn unpaired_names() -> Vec<Edit> {
    let unpaired = NtString::from_units(vec![0x61, 0xd800, 0x62]);
    let key = KeyPath::from_iter([KeyName::new(unpaired.clone()).unwrap()]);
    let name = ValueName::new(unpaired).unwrap();
    vec![Edit::set_value(key, name, Value::dword(0))]
}

fn collect<'t>(tree: &'t KeyTree, path: &KeyPath, keys: &mut Vec<(KeyPath, &'t KeyTree)>) {
    keys.push((path.clone(), tree));
    for (name, subkey) in &tree.subkeys {
        collect(subkey, &path.child(name.clone()), keys);
    }
}

fn blob(len: usize, seed: usize) -> Value {
    let bytes = (0..len).map(|index| ((index * 31 + seed * 7) % 251) as u8);
    Value::binary(bytes.collect::<Vec<_>>())
}

fn key_name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn value_name(text: &str) -> ValueName {
    ValueName::new(text).unwrap()
}
