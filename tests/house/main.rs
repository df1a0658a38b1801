//! Rules of the workspace: which crate may depend on which, licences, and lists that must agree.

mod limits;
mod packages;
mod promises;
mod release;
mod rooms;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// `crate → allowed dependencies`, as drawn in ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("winpe-registry", &[]),
    ("winpe-regfile", &["winpe-registry"]),
    ("winpe-hive", &["winpe-registry"]),
    ("winpe-san", &[]),
    ("winpe-disk", &[]),
    ("winpe-wim", &["winpe-disk", "winpe-registry"]),
    ("winpe-mount", &["winpe-wim"]),
    (
        "winpe-inject",
        &["winpe-disk", "winpe-registry", "winpe-regfile", "winpe-hive", "winpe-san", "winpe-wim"],
    ),
    ("winpe-media", &["winpe-registry", "winpe-regfile", "winpe-hive", "winpe-wim"]),
    ("winpe-netboot", &["winpe-san"]),
    (
        "winpe-iscsi",
        &[
            "winpe-disk",
            "winpe-registry",
            "winpe-regfile",
            "winpe-hive",
            "winpe-san",
            "winpe-wim",
            "winpe-inject",
            "winpe-media",
            "winpe-mount",
            "winpe-netboot",
        ],
    ),
];

/// Crates that the permissively licensed crates must not depend on.
const COPYLEFT: &[&str] = &[
    "nt-hive",
    "wimlib-sys",
    "winpe-wim",
    "winpe-inject",
    "winpe-media",
    "winpe-mount",
    "winpe-iscsi",
];
const PERMISSIVE: &[&str] =
    &["winpe-disk", "winpe-registry", "winpe-regfile", "winpe-hive", "winpe-san", "winpe-netboot"];

#[test]
fn only_the_drawn_arrows_exist() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for (package, uses) in dependencies() {
        if package == "winpe-tests" {
            continue;
        }
        let Some(may_use) = allowed.get(package.as_str()) else {
            panic!("{package} is not in the plan of the house");
        };
        let extra: Vec<_> = uses
            .iter()
            .filter(|name| name.starts_with("winpe-") && !may_use.contains(&name.as_str()))
            .collect();
        assert!(extra.is_empty(), "{package} may not use {extra:?}");
    }
}

#[test]
fn permissive_crates_link_nothing_copyleft() {
    for (package, uses) in dependencies() {
        if !PERMISSIVE.contains(&package.as_str()) {
            continue;
        }
        let linked: Vec<_> = uses.iter().filter(|name| COPYLEFT.contains(&name.as_str())).collect();
        assert!(linked.is_empty(), "{package} is MIT OR Apache-2.0 and may not link {linked:?}");
    }
}

/// The README shows the library by an example that is also tested as a doctest.
#[test]
fn the_example_of_the_readme_is_the_one_that_is_tested() {
    let read = |path| std::fs::read_to_string(winpe_tests::workspace().join(path)).expect(path);
    let shown = example(&read("README.md"), "```rust\n");
    let docs = read("crates/inject/src/lib.rs");
    let docs =
        docs.lines().map(|line| line.trim_start_matches("//!")).collect::<Vec<_>>().join("\n");
    let (_, docs) = docs.split_once("# In a build pipeline").expect("the crate has an example");
    assert_eq!(shown, example(docs, "```\n"));
}

/// OSS-Fuzz and people find the targets as files, cargo in the manifest; the README states the
/// property of each.
#[test]
fn every_fuzz_target_is_in_the_manifest_and_has_a_law() {
    let fuzz = winpe_tests::workspace().join("fuzz");
    let read = |name: &str| std::fs::read_to_string(fuzz.join(name)).expect(name);
    let names = |folder: &str| -> BTreeSet<String> {
        let files = std::fs::read_dir(fuzz.join(folder)).expect(folder);
        let stem = |path: std::path::PathBuf| path.file_stem().map(|it| it.display().to_string());
        files.filter_map(|file| stem(file.expect(folder).path())).collect()
    };
    let targets = names("fuzz_targets");
    assert!(targets.len() >= 16, "{targets:?}");
    let manifest = read("Cargo.toml");
    let bins = manifest.split("[[bin]]").skip(1).filter_map(|bin| bin.split('"').nth(1));
    assert_eq!(bins.map(str::to_owned).collect::<BTreeSet<_>>(), targets);
    let readme = read("README.md");
    let table = readme.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    assert_eq!(rows.map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>(), targets);
    for folder in ["dictionaries", "options"] {
        let unknown: Vec<_> = names(folder).difference(&targets).cloned().collect();
        assert!(unknown.is_empty(), "{folder} of no target: {unknown:?}");
    }
}

/// The lines of the first code block that opens with this line, without those that rustdoc hides.
fn example(text: &str, opens: &str) -> Vec<String> {
    let (_, block) = text.split_once(opens).expect("a code block");
    let (block, _) = block.split_once("```").expect("the code block ends");
    let lines = block.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("# ")).map(str::to_owned).collect()
}

/// What cargo knows of the workspace, without the crates that it depends on.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(winpe_tests::workspace())
        .output()
        .expect("cargo runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

/// The direct dependencies of each member of the workspace, without dev-dependencies.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let found: BTreeMap<_, _> = packages
        .iter()
        .map(|package| {
            let uses = package["dependencies"].as_array().expect("dependencies").iter();
            (
                text(&package["name"]),
                uses.filter(|dependency| dependency["kind"] != "dev")
                    .map(|dependency| text(&dependency["name"]))
                    .collect(),
            )
        })
        .collect();
    assert!(found.len() >= 6, "expected the whole workspace, found {:?}", found.keys());
    found
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}
