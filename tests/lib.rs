//! Shared by the whole-program tests: foreign tools, the corpus, and reports of skipped tests.
//!
//! A test that lacks a tool is skipped with a visible message, and fails if `CI` is set.

pub mod cable;
pub mod regipy;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Whether tests that take minutes run: where `WINPE_SLOW` is set. Prints that they are skipped.
#[must_use]
pub fn slow() -> bool {
    let slow = env::var_os("WINPE_SLOW").is_some();
    if !slow {
        let _ = writeln!(io::stderr(), "skipped: slow tests run where WINPE_SLOW is set");
    }
    slow
}

/// The program on `PATH`, or `None` after printing that the test is skipped.
///
/// `package` is the Debian package that contains it.
///
/// # Panics
/// If `CI` is set and the program is missing.
#[must_use]
pub fn tool(program: &str, package: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        skip(&format!("{program} is not installed (Debian package {package})"));
    }
    found
}

/// A file or folder of the corpus named by `WINPE_CORPUS`, or `None` after printing that the test
/// is skipped. The corpus is optional everywhere, in CI too.
#[must_use]
pub fn corpus(path: &str) -> Option<PathBuf> {
    let Some(corpus) = env::var_os("WINPE_CORPUS") else {
        announce("WINPE_CORPUS is not set");
        return None;
    };
    let found = workspace().join(corpus).join(path);
    if !found.exists() {
        announce(&format!("{} is not in the corpus", found.display()));
        return None;
    }
    Some(found)
}

/// A file that may not be distributed with the tests and that no distribution has, named by an
/// environment variable; `None` after printing that the test is skipped. It is optional everywhere,
/// in CI too.
#[must_use]
pub fn supplied(variable: &str, what: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).map(|path| workspace().join(path));
    if named.is_none() {
        announce(&format!("{variable} names no {what}"));
    }
    named
}

/// A command that runs `winpe-iscsi` as a user who may write to `folder` and is not root; `None`
/// after printing that the test is skipped.
///
/// # Panics
/// If that user cannot be given access to the folder.
#[must_use]
pub fn plain_user(folder: &Path) -> Option<Command> {
    /// The ids of nobody and nogroup in Debian.
    const NOBODY: u32 = 65534;
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() != 0) {
        return Some(Command::new(winpe_iscsi()));
    }
    let setpriv = tool("setpriv", "util-linux")?;
    chown(folder, Some(NOBODY), Some(NOBODY)).expect("root may");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("root may");
    // The parent folders of the build may be accessible only to root.
    let program = folder.join("the-program");
    fs::copy(winpe_iscsi(), &program).expect("a copy");
    let mut command = Command::new(setpriv);
    let user = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
    command.args(user).arg("--clear-groups").arg(program).current_dir(folder);
    Some(command)
}

/// The folder of the workspace, against which a relative `WINPE_CORPUS` is resolved.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_path_buf()
}

/// The `winpe-iscsi` of this build: `program.rs`, which cargo has built before the test.
///
/// # Panics
/// If it is not next to the tests.
#[must_use]
pub fn winpe_iscsi() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = env::current_exe().expect("a test knows where it is");
        let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
        let program = profile.join("winpe-iscsi-tested");
        assert!(program.is_file(), "{} is not there: run tests by cargo", program.display());
        program
    })
}

/// Runs a program to its end and returns what it printed.
///
/// # Panics
/// If the program cannot be started.
#[must_use]
pub fn run<I: AsRef<OsStr>>(program: &Path, args: impl IntoIterator<Item = I>) -> Output {
    Command::new(program)
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// Prints that this test is skipped, and why.
///
/// # Panics
/// If `CI` is set.
pub fn skip(why: &str) {
    assert!(env::var_os("CI").is_none(), "in CI nothing is skipped, but {why}");
    announce(why);
}

/// The test runner captures output of the print macros; a skip must be visible.
fn announce(why: &str) {
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    // A closed stderr must not fail a test.
    let _ = writeln!(io::stderr(), "SKIPPED {test}: {why}");
}
