//! The table of promises in the documentation of `winpe-netboot` names tests; each must exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn each_promise_names_tests_that_exist() {
    let workspace = winpe_tests::workspace();
    let docs = fs::read_to_string(workspace.join("crates/netboot/src/lib.rs")).unwrap();
    let (_, table) = docs.split_once("# Promises").unwrap();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("//! | ")).skip(1).collect();
    assert!(rows.len() >= 8, "{rows:#?}");

    let mut sources = Vec::new();
    for folder in [
        "crates/netboot/src",
        "crates/netboot/tests",
        "tests/dhcp",
        "tests/flood",
        "tests/netboot",
        "tests/watch",
    ] {
        collect(&workspace.join(folder), &mut sources);
    }
    let known: BTreeSet<String> =
        sources.iter().flat_map(|path| functions(&fs::read_to_string(path).unwrap())).collect();
    let targets = workspace.join("fuzz/fuzz_targets");
    for row in rows {
        let names: Vec<_> = row.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            let exists = known.contains(name) || targets.join(format!("{name}.rs")).is_file();
            assert!(exists, "there is no test {name}");
        }
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of functions that are tests, or laws within `proptest!`.
fn functions(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        is_test |= line.ends_with("test]");
        let line = line.strip_prefix("async ").unwrap_or(line);
        if let Some(rest) = line.strip_prefix("fn ") {
            let name: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if std::mem::take(&mut is_test) {
                names.push(name);
            }
        }
    }
    names
}
