//! The cases that were run on Windows' and Wine's regedit, if they are next to the corpus.

use std::fs;

use serde_json::Value as Json;
use winpe_regfile::{Document, ParseOptions};
use winpe_registry::{KeyPath, NtString, ValueName};
use winpe_tests::corpus;

use crate::model::Registry;

#[test]
fn every_case_has_the_result_of_windows() {
    let Some(folder) = corpus("../facts/reg-cases") else { return };
    let cases = fs::read_to_string(folder.join("cases.json")).unwrap();
    let cases: Vec<Json> = serde_json::from_str(&cases).unwrap();
    let mut wrong = vec![];
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let bytes = fs::read(folder.join("in").join(format!("{id}.reg"))).unwrap();
        let document = Document::parse(&bytes, &ParseOptions::lenient()).unwrap();
        assert_eq!(document.to_bytes(), bytes, "case {id}");
        let registry = Registry::of(document.edits().map(|(edit, _)| edit));
        let base: KeyPath = format!(r"HKEY_CURRENT_USER\Software\ZzCase\{id}").parse().unwrap();
        // Cases without a known result on Windows are decided in the project's own cases.
        if case["src"] == "?" {
            continue;
        }
        for (name, expected) in case["exp"].as_object().unwrap() {
            let name = ValueName::new(if name == "@" { "" } else { name }).unwrap();
            let found = registry.keys.get(&base).and_then(|values| values.get(&name));
            let expected = expected
                .as_array()
                .map(|pair| (pair[0].as_u64().unwrap(), pair[1].as_str().unwrap().to_owned()));
            let found = found.map(|value| {
                let hex = value.data.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                (u64::from(value.ty.0), hex)
            });
            if found != expected {
                wrong.push(format!("{id}: {name} is {found:?}, not {expected:?}"));
            }
        }
        for (path, expected) in case["keys"].as_object().unwrap() {
            let key = base.join(&KeyPath::try_from(&NtString::from(path.as_str())).unwrap());
            if registry.keys.contains_key(&key) != expected.as_bool().unwrap() {
                wrong.push(format!("{id}: key {path:?} exists: {}", !expected.as_bool().unwrap()));
            }
        }
    }
    assert!(cases.len() > 100);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
