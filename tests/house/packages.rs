//! What each crate would publish. `scripts/package-crates` builds and tests the packages; this is the part
//! that costs nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{metadata, text};

/// Files that a package must hold, by licence.
const LICENCES: &[(&str, &[&str])] = &[
    ("MIT OR Apache-2.0", &["LICENSE-MIT", "LICENSE-APACHE"]),
    ("GPL-3.0-or-later", &["LICENSE-GPL"]),
];

/// The packages that can be published.
fn packages() -> Vec<Value> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let publishable = packages.iter().filter(|package| package["publish"].is_null());
    let found: Vec<_> = publishable.cloned().collect();
    assert!(found.len() >= 11, "expected every crate of crates/, found {}", found.len());
    found
}

#[test]
fn every_package_says_what_a_registry_shows() {
    let workspace = winpe_tests::workspace();
    for package in packages() {
        let name = text(&package["name"]);
        for field in ["description", "license", "repository", "readme", "rust_version"] {
            assert!(package[field].is_string(), "{name} has no {field}");
        }
        let keywords = package["keywords"].as_array().expect("a list");
        assert!((1..=5).contains(&keywords.len()), "{name}: a registry takes 1 to 5 keywords");
        for word in keywords.iter().map(text) {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_+".contains(c);
            assert!(word.len() <= 20 && word.chars().all(plain), "{name}: keyword {word}");
        }
        assert!(!package["categories"].as_array().expect("a list").is_empty(), "{name}");
        assert!(
            package["metadata"]["docs"]["rs"].is_object(),
            "{name} has no settings for docs.rs"
        );
        let readme = fs::read_to_string(folder(&package).join("README.md")).expect("a README");
        assert!(readme.starts_with(&format!("# {name}\n")), "{name}: the title of README.md");
        assert!(readme.contains("```"), "{name}: README.md shows no example");
        // Both are the workspace's, so that one place changes them.
        let root = fs::read_to_string(workspace.join("Cargo.toml")).expect("a manifest");
        for field in ["repository", "rust_version"] {
            assert!(
                root.contains(&text(&package[field])),
                "{name}: {field} is not the workspace's"
            );
        }
    }
}

#[test]
fn every_package_holds_its_readme_and_licence_texts() {
    let workspace = winpe_tests::workspace();
    for package in packages() {
        let name = text(&package["name"]);
        let output = Command::new(env!("CARGO"))
            .args(["package", "--list", "--offline", "--allow-dirty", "-p", &name])
            .current_dir(&workspace)
            .output()
            .expect("cargo runs this test");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let listed = String::from_utf8(output.stdout).expect("names");
        let licence = text(&package["license"]);
        let (_, texts) = LICENCES.iter().find(|(it, _)| *it == licence).expect("a known licence");
        for file in texts.iter().chain(&["README.md", "Cargo.toml", "src/lib.rs"]) {
            assert!(listed.lines().any(|line| line == *file), "{name} lacks {file}:\n{listed}");
        }
        for file in *texts {
            let read = |path: PathBuf| fs::read(&path).expect("a licence text");
            assert!(
                read(folder(&package).join(file)) == read(workspace.join(file)),
                "{name}: {file}"
            );
        }
    }
}

/// A package is built and tested where the workspace is not.
#[test]
fn no_source_of_a_package_reads_a_file_outside_of_it() {
    let mut seen = 0;
    for package in packages() {
        let folder = folder(&package);
        for path in sources(&folder) {
            let source = fs::read_to_string(&path).expect("a source");
            let from = path.parent().expect("a file is in a folder");
            for named in included(&source) {
                seen += 1;
                assert!(
                    is_within(&folder, from, &named),
                    "{} includes {named}, which is not in the package",
                    path.display()
                );
            }
            let climbs = climbs(&source);
            assert!(climbs.is_empty(), "{} reads beside its package: {climbs:?}", path.display());
        }
    }
    assert!(seen >= 10, "found {seen} included files only");
}

#[test]
fn what_leads_out_of_a_package_is_seen() {
    let folder = Path::new("/w/crates/a");
    for (named, within) in [
        ("text.txt", true),
        ("../profiles/x", true),
        ("../../fixtures/x", false),
        ("../../../fixtures/x", false),
        ("../src/../../b", false),
    ] {
        assert_eq!(is_within(folder, Path::new("/w/crates/a/src"), named), within, "{named}");
    }
    let source =
        "let x = include_str!(\"a\"); include_bytes!(concat!(\"b/\", NAME));\n#[path = \"c.rs\"]";
    assert_eq!(included(source), ["a", "b/", "c.rs"]);
    assert_eq!(climbs("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../../docs\")").len(), 1);
    assert_eq!(climbs("Path::new(env!(\"CARGO_MANIFEST_DIR\")).ancestors()").len(), 1);
    assert_eq!(climbs("Path::new(env!(\"CARGO_MANIFEST_DIR\")).join(\"profiles\")").len(), 0);
}

fn folder(package: &Value) -> PathBuf {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    manifest.parent().expect("a manifest is in a folder").to_path_buf()
}

/// Every `.rs` file of a package.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
    {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
    found
}

/// The paths, or their beginnings, that a source has compiled in.
fn included(source: &str) -> Vec<String> {
    let openings = ["include_str!(", "include_bytes!(", "include!(", "#[path = "];
    let after = openings.iter().flat_map(|opening| source.split(opening).skip(1));
    after.filter_map(|rest| Some(rest.split('"').nth(1)?.to_owned())).collect()
}

/// Where a source goes upwards from the folder of its manifest.
fn climbs(source: &str) -> Vec<String> {
    let after = source.split("env!(\"CARGO_MANIFEST_DIR\")").skip(1);
    let statements = after.map(|rest| rest.split(';').next().unwrap_or_default());
    let upwards = ["..", "ancestors", "parent()"];
    statements.filter(|it| upwards.iter().any(|up| it.contains(up))).map(str::to_owned).collect()
}

/// Whether a path that starts in the folder `from` stays in `folder`.
fn is_within(folder: &Path, from: &Path, named: &str) -> bool {
    let mut depth =
        from.strip_prefix(folder).expect("a source of the package").components().count();
    for part in named.split('/') {
        match part {
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
    }
    true
}
