//! The built-in profiles beside the recipes that they were made from.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use winpe_inject::{Profile, parse_reg};
use winpe_registry::{Edit, KeyPath, Op, Value, ValueName};
use winpe_tests::{winpe_iscsi, workspace};

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

/// Every built-in profile can be written into a folder, and is then the same profile.
#[test]
fn a_built_in_profile_is_a_start_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(winpe_iscsi());
        command.args(words).current_dir(folder.path()).output().unwrap()
    };
    let shown = |name: &str| {
        let output = run(&["profile", name, "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let shown = &mut shown["profiles"][0];
        shown["name"] = "".into();
        shown.take()
    };
    for name in Profile::builtin_names() {
        let dir = format!("own-{name}");
        assert!(run(&["profile", name, "--export", &dir]).status.success());
        assert_eq!(shown(name), shown(&dir), "{name}");
        assert_eq!(run(&["profile", name, "--export", &dir]).status.code(), Some(2));
    }
    let unknown = run(&["profile", "nothing", "--export", "x"]);
    let says = String::from_utf8_lossy(&unknown.stderr);
    assert!(unknown.status.code() == Some(2) && says.contains("iscsi-winpe4"), "{says}");
    assert!(!folder.path().join("x").exists());
}

/// A profile of something else is not called an initiator.
#[test]
fn info_calls_a_profile_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut image = winpe_wim::NewImage::new("PE");
    image.boot = true;
    image.files.push(("Windows/System32/tool.exe".into(), b"MZ".to_vec()));
    winpe_wim::create(&folder.path().join("a.wim"), winpe_wim::Compression::None, &[image])
        .unwrap();
    fs::create_dir(folder.path().join("tools")).unwrap();
    let manifest = "title = \"Tools\"\nwhy = \"To have them.\"\n[[file]]\n\
                    path = 'Windows\\System32\\tool.exe'\nwhy = \"It is one.\"\n";
    fs::write(folder.path().join("tools/profile.toml"), manifest).unwrap();
    let mut command = Command::new(winpe_iscsi());
    command.args(["info", "a.wim", "--profile", "./tools"]).current_dir(folder.path());
    let output = command.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("  tools         in: 1 of 1 files\n"), "{shown}");
    assert!(!shown.contains("initiator"), "{shown}");
}
