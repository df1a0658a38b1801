//! The built-in profiles beside the recipes that they were made from.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use winpe_inject::{Profile, parse_reg};
use winpe_registry::{Edit, KeyPath, Op, Value, ValueName};
use winpe_tests::workspace;

/// The user's file as published and the profile made from it must leave a registry in the same state.
#[test]
fn the_winpe3_profile_says_what_the_seed_says() {
    let seed = fs::read(workspace().join("fixtures/seed-iscsi.reg")).unwrap();
    let seed = parse_reg(Path::new("seed-iscsi.reg"), &seed).unwrap();
    let profile = Profile::builtin("iscsi-winpe3").unwrap();
    let ours = profile.reg().iter().flat_map(|part| &part.edits);
    assert_eq!(outcome(ours.map(|e| &e.edit)), outcome(seed.iter().map(|e| &e.edit)));
}

type Outcome = BTreeMap<KeyPath, BTreeMap<ValueName, Value>>;

fn outcome<'a>(edits: impl Iterator<Item = &'a Edit>) -> Outcome {
    let mut keys = Outcome::new();
    for edit in edits {
        let key = keys.entry(edit.key.clone()).or_default();
        match &edit.op {
            Op::CreateKey => {}
            Op::SetValue { name, value } => {
                key.insert(name.clone(), value.clone());
            }
            other => panic!("the seed deletes nothing, but here is {other:?}"),
        }
    }
    assert_eq!(keys.len(), 26, "the seed names 26 keys");
    keys
}
