//! `scripts/release`, in a temporary repository with the files that it reads.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use winpe_tests::workspace;

use super::dependencies;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A clean repository with what the script reads.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        fs::create_dir(repository.path().join("scripts")).unwrap();
        for name in ["Cargo.toml", "Cargo.lock", "CHANGELOG.md", "scripts/release"] {
            fs::copy(workspace().join(name), repository.path().join(name)).unwrap();
        }
        // Whatever the state of the real one.
        repository
            .write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n### Added\n\n- a thing\n");
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit();
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn git(&self, words: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.org",
            "-c",
            "commit.gpgsign=false",
        ]);
        let output = command.args(words).current_dir(self.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "a"]);
    }

    fn release(&self, words: &[&str]) -> Output {
        let mut command = Command::new(self.path().join("scripts/release"));
        for (name, value) in [("NAME", "a"), ("EMAIL", "a@example.org")] {
            command.env(format!("GIT_COMMITTER_{name}"), value);
        }
        command.arg("--fast").args(words).output().unwrap()
    }
}

#[track_caller]
fn check(output: &Output, code: i32, says: &[&str]) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    for says in says {
        assert!(text.contains(says), "{says}\n{text}");
    }
}

/// The dry run of the real repository passes at any time between releases.
#[test]
fn the_next_release_can_be_made() {
    let output = Command::new(workspace().join("scripts/release"))
        .args(["--dry-run", "--fast", VERSION])
        .output()
        .unwrap();
    check(&output, 0, &["cargo publish -p winpe-iscsi"]);
}

#[test]
fn a_dry_run_names_what_is_to_do_and_changes_nothing() {
    let repository = Repository::new();
    let output = repository.release(&[VERSION]);
    check(&output, 0, &["to do: CHANGELOG.md: rename the section Unreleased"]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("put away"));
    repository.write("new.txt", "a");
    check(&repository.release(&[VERSION]), 0, &["to do: commit, or put away: 1 files differ"]);
    assert_eq!(repository.git(&["tag"]), "");
    assert_eq!(repository.git(&["status", "--porcelain"]), "?? new.txt\n");
}

#[test]
fn a_tag_needs_all_of_it() {
    let repository = Repository::new();
    check(&repository.release(&["--tag", VERSION]), 1, &["wrong: CHANGELOG.md: rename"]);
    let changes = format!("# Changelog\n\n## {VERSION} - 2026-12-01\n\n- a thing\n");
    repository.write("CHANGELOG.md", &changes);
    check(&repository.release(&["--tag", VERSION]), 1, &["wrong: commit, or put away: 1 files"]);
    assert_eq!(repository.git(&["tag"]), "");
    repository.commit();
    check(&repository.release(&["--tag", VERSION]), 0, &["tagged v"]);
    assert_eq!(repository.git(&["tag"]), format!("v{VERSION}\n"));
    check(&repository.release(&["--tag", VERSION]), 1, &["exists"]);
}

#[test]
fn versions_and_changes_must_agree() {
    let repository = Repository::new();
    check(
        &repository.release(&["9.9.9"]),
        1,
        &[
            "wrong: Cargo.toml: the version is",
            "wrong: Cargo.toml: winpe-hive = ",
            "wrong: Cargo.lock: winpe-iscsi is not 9.9.9",
        ],
    );
    for changes in
        ["# Changelog\n\n## Unreleased\n".to_owned(), format!("## {VERSION} - 2026-12-01\n")]
    {
        repository.write("CHANGELOG.md", &changes);
        check(&repository.release(&[VERSION]), 1, &["wrong: CHANGELOG.md"]);
    }
    check(&repository.release(&[]), 2, &["usage"]);
    check(&repository.release(&["--publish", VERSION]), 2, &["usage"]);
}

/// Both scripts list every crate, each after those that it needs.
#[test]
fn the_scripts_list_every_crate_in_the_order_of_their_use() {
    let mut expected: BTreeSet<String> = dependencies().into_keys().collect();
    for program in ["winpe-tests", "winpe-iscsi"] {
        assert!(expected.remove(program));
    }
    for (script, begins, ends, prefix) in [
        ("scripts/package-crates", "\nall=(", ")", ""),
        ("scripts/release", "for crate in ", ";", "winpe-"),
    ] {
        let text = fs::read_to_string(workspace().join(script)).unwrap();
        let (_, list) = text.split_once(begins).expect("a list of crates");
        let (list, _) = list.split_once(ends).expect("the list ends");
        let listed: Vec<_> =
            list.split_whitespace().map(|name| format!("{prefix}{name}")).collect();
        assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), expected, "{script}");
        for (name, uses) in dependencies() {
            let place = |name: &String| listed.iter().position(|it| it == name);
            for used in uses.iter().filter(|used| expected.contains(*used)) {
                assert!(
                    place(&name).is_none_or(|at| place(used).unwrap() < at),
                    "{script}: {name} before {used}"
                );
            }
        }
    }
}
