//! Two machines and a cable: network namespaces that a test creates and that are removed when it
//! ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::{skip, tool};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// `ours` has 192.168.0.10 on `near`; `theirs` has `far`, at the other end, with the hardware address
/// 52:54:00:00:00:77.
pub struct Cable {
    ip: PathBuf,
    /// The name of the namespace of the server.
    pub ours: String,
    /// The name of the namespace at the other end.
    pub theirs: String,
    /// The folder in which the programs of both run.
    pub folder: TempDir,
}

impl Cable {
    /// `None`, with a message, if the system does not allow network namespaces.
    ///
    /// # Panics
    /// If the first namespace could be created but another step failed.
    #[must_use]
    pub fn new() -> Option<Self> {
        let ip = tool("ip", "iproute2")?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |side: &str| format!("winpe-cable-{}-{count}-{side}", std::process::id());
        let (ours, theirs) = (name("ours"), name("theirs"));
        let made = Command::new(&ip).args(["netns", "add", &ours]).output();
        let made = made.expect("the program is there");
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            skip(&format!("no network namespace can be made: {why}"));
            return None;
        }
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let cable = Self { ip, ours, theirs, folder };
        let (ours, theirs) = (cable.ours.as_str(), cable.theirs.as_str());
        cable.ip(&["netns", "add", theirs]);
        cable.ip(&["-n", ours, "link", "add", "near", "type", "veth", "peer", "name", "far"]);
        cable.ip(&["-n", ours, "link", "set", "far", "netns", theirs]);
        cable.ip(&["-n", ours, "addr", "add", "192.168.0.10/24", "dev", "near"]);
        cable.ip(&["-n", theirs, "link", "set", "far", "address", "52:54:00:00:00:77"]);
        for (namespace, device) in [(ours, "lo"), (ours, "near"), (theirs, "lo"), (theirs, "far")] {
            cable.ip(&["-n", namespace, "link", "set", device, "up"]);
        }
        Some(cable)
    }

    /// Runs `ip`.
    ///
    /// # Panics
    /// If it fails.
    pub fn ip(&self, words: &[&str]) -> String {
        let output = Command::new(&self.ip).args(words).output().expect("the program is there");
        assert!(output.status.success(), "ip {words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A program at one end, started in the folder.
    #[must_use]
    pub fn at(&self, side: &str, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", side]).arg(program).args(words);
        command.current_dir(self.folder.path());
        command
    }

    /// The output of a program at the other end.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn there(&self, program: &Path, words: &[&str]) -> Output {
        self.at(&self.theirs, program, words).output().expect("the program is there")
    }

    /// The path of a file in the folder.
    ///
    /// # Panics
    /// If the path of the folder is not UTF-8.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a path of text").to_owned()
    }

    /// Writes a file into the folder and returns its path.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        let parent = path.parent().expect("a file is in a folder");
        std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, content)).expect(name);
        self.path(name)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for side in [&self.ours, &self.theirs] {
            // A namespace that was never created cannot be removed.
            let _ = Command::new(&self.ip).args(["netns", "del", side]).output();
        }
    }
}
