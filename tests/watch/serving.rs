//! A program that runs during a test.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use winpe_tests::cable::Cable;
use winpe_tests::winpe_iscsi;

/// Limit for one step, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs until it is dropped; its output goes to a file.
pub(crate) struct Serving {
    child: Child,
    log: PathBuf,
}

impl Serving {
    pub(crate) fn start(cable: &Cable, words: &[&str]) -> Self {
        Self::start_as(cable, "log", cable.at(&cable.ours, winpe_iscsi(), words))
    }

    /// The same for any program, with a name for its log.
    pub(crate) fn start_as(cable: &Cable, log: &str, mut command: Command) -> Self {
        let log = cable.folder.path().join(log);
        let file = std::fs::File::create(&log).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file).stdin(Stdio::null());
        Self { child: command.spawn().unwrap(), log }
    }

    pub(crate) fn printed(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has printed this.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.printed().contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < end,
                "{text}: {ended:?}\n{}",
                self.printed()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

impl Serving {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal and waits until it has ended successfully.
    #[track_caller]
    pub(crate) fn ends_by(&mut self, name: &str) {
        self.signal(name);
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "it goes on\n{}", self.printed());
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{status}\n{}", self.printed());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
