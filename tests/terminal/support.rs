//! The demo's images with control characters in names and data, and a pseudo-terminal.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;
use winpe_hive::{FileTime, Hive};
use winpe_registry::{Edit, KeyName, Value, ValueName};
use winpe_tests::winpe_iscsi;

/// Sequences that move the cursor, set colours or titles, or turn the direction of writing, without
/// line breaks.
pub(crate) const STEERS: &str = "a\u{1b}[31m\u{1b}]0;t\u{7}\u{8}\u{b}\u{7f}\u{9b}2J\u{85}\u{61c}\u{200e}\
                                 \u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{2028}\u{2029}z";
/// A name that would begin a new line.
pub(crate) const BREAKS: &str = "b\n+forged\r\nerror: forged";

/// The demo's images in a folder.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        winpe_inject::demo::create(dir.path()).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn names(&self) -> Vec<String> {
        names(self.dir.path())
    }

    /// The program in this folder, with reproducible results.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(winpe_iscsi());
        command.args(words).current_dir(self.dir.path()).env("SOURCE_DATE_EPOCH", "1700000000");
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR").stdin(Stdio::null());
        command
    }

    /// Runs it with its output in pipes.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str], code: i32) -> (String, String) {
        let output = self.command(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}\n{out}\n{err}");
        (out, err)
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// The output of a run on a terminal, with line feeds as written, and its exit status.
pub(crate) fn on_terminal(mut command: Command) -> (String, i32) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave: OwnedFd = open(name, flags, Mode::empty()).unwrap();
    let reader = thread::spawn(move || {
        let (mut master, mut bytes) = (File::from(master), Vec::new());
        // Reading fails once no process has the terminal open.
        let _ = master.read_to_end(&mut bytes);
        bytes
    });
    command.stdout(slave.try_clone().unwrap()).stderr(slave);
    let mut child = command.spawn().unwrap();
    let status = child.wait().unwrap();
    // The command has the terminal open too.
    drop(command);
    let text = String::from_utf8(reader.join().unwrap()).unwrap();
    (text.replace("\r\n", "\n"), status.code().expect("not ended by a signal"))
}

pub(crate) fn set(key: &str, name: &str, value: Value) -> Edit {
    Edit::set_value(key.parse().unwrap(), ValueName::new(name).unwrap(), value)
}

/// A hive with these edits.
pub(crate) fn hive(edits: &[Edit]) -> Vec<u8> {
    let name = KeyName::new("ROOT").unwrap();
    let mut hive = Hive::create(5, &name, FileTime::from_unix(1_500_000_000)).unwrap();
    edits.iter().for_each(|edit| drop(hive.apply(edit).unwrap()));
    hive.into_bytes()
}
