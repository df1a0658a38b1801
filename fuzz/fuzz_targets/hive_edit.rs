//! Random edits of an arbitrary hive. A sound hive stays sound after every edit and equals a model
//! in memory; in any other hive edits are refused or applied, without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use winpe_hive::Hive;
use winpe_registry::{Edit, KeyName, KeyPath, KeyTree, Value, ValueName, ValueType};

#[path = "../../tests/hive/model.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests use more of it")]
mod model;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let program = winpe_fuzz::part(&mut data);
    let mut bytes = data.to_vec();
    winpe_fuzz::settle(&mut bytes);
    let Ok(mut hive) = Hive::open(bytes) else { return };
    let sound = hive.check().is_sound();
    let mut tree = sound.then(|| hive.root().tree().ok()).flatten();
    for step in program.chunks_exact(6).take(48) {
        let edit = edit(step.try_into().unwrap(), tree.as_ref());
        let result = hive.apply(&edit);
        let Some(tree) = &mut tree else { continue };
        if result.is_ok() {
            model::apply(tree, &edit);
        }
        let findings = hive.check();
        assert!(findings.is_sound(), "after {edit:?}: {findings:?}");
    }
    if let Some(tree) = tree {
        let bytes = hive.into_bytes();
        let hive = Hive::open(bytes).expect("an edited hive opens");
        let found = hive.root().tree().expect("an edited hive is readable");
        assert!(found == tree, "the hive holds something else than the model");
    }
});

fn edit(step: [u8; 6], tree: Option<&KeyTree>) -> Edit {
    let [operation, first, second, name, size, ty] = step;
    let key = path(&[first, second], tree);
    let name = value_name(name);
    match operation % 8 {
        0 | 1 => Edit::create_key(key),
        2 => Edit::delete_key(key),
        3 => Edit::delete_value(key, name),
        _ => {
            let length = match size {
                0..200 => usize::from(size),
                200..250 => usize::from(size - 200) * 331,
                _ => 16_342 + usize::from(size - 250) * 3,
            };
            Edit::set_value(key, name, Value::new(ValueType(ty.into()), vec![ty; length]))
        }
    }
}

/// Below 128 an existing key of the hive, by index; from 128 on one of a few names.
fn path(steps: &[u8], tree: Option<&KeyTree>) -> KeyPath {
    let mut path = KeyPath::root();
    let mut here = tree;
    for &step in steps {
        let known = here.filter(|here| step < 128 && !here.subkeys.is_empty());
        let (name, below) = match known {
            Some(here) => {
                let (name, below) = &here.subkeys[usize::from(step) % here.subkeys.len()];
                (name.clone(), Some(below))
            }
            None => (key_name(step), None),
        };
        path.push(name);
        here = below;
    }
    path
}

fn key_name(step: u8) -> KeyName {
    let text = match step % 16 {
        0 => "\u{e4}\u{df}".to_owned(),
        1 => "\u{65e5}\u{672c}".to_owned(),
        2 => "_".to_owned(),
        3 => "long ".repeat(51),
        _ => format!("{}{}", char::from(b'A' + step % 16), step),
    };
    KeyName::new(text).expect("a name of 1 to 255 units")
}

fn value_name(step: u8) -> ValueName {
    let text = match step % 8 {
        0 => String::new(),
        1 => format!("\u{416}{step}"),
        2 => "v".repeat(usize::from(step) * 3),
        _ => format!("value {step}"),
    };
    ValueName::new(text).expect("a name of up to 16,383 units")
}
