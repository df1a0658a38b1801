//! The boots that are shown after the next start, in the folder of the leases.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::OFlags;

use crate::dhcp::{StateError, StateFolder};
use crate::event::{Event, Sink};
use crate::watch::Watch;

const FILE: &str = "boots.json";
const NEW: &str = "boots.json.new";
/// The files that are kept.
pub(super) const FILES: [&str; 2] = [FILE, NEW];

/// Between two looks whether something has changed.
const INTERVAL: Duration = Duration::from_secs(30);
/// What does less than it should while the disk refuses.
const PART: &str = "history";

/// Keeps the boots for the next start.
pub(super) struct HistoryFile {
    folder: Arc<StateFolder>,
    watch: Arc<Watch>,
    events: Arc<dyn Sink>,
    /// The revision that was written.
    written: u64,
    refused: bool,
}

impl HistoryFile {
    /// Takes what an earlier start has written. A file that cannot be read stops nothing.
    pub(super) fn open(folder: StateFolder, watch: Arc<Watch>, events: Arc<dyn Sink>) -> Self {
        match read(&folder) {
            Ok(text) if text.is_empty() || watch.restore(&text) => {}
            Ok(_) => {
                let text = format!(
                    "{}: expected boots in JSON; a new one is written",
                    folder.join(FILE).display()
                );
                events.event(Event::Warning { text });
            }
            Err(error) => events.event(Event::Warning { text: error.to_string() }),
        }
        let written = watch.revision();
        Self { folder: Arc::new(folder), watch, events, written, refused: false }
    }

    /// Writes what has changed from time to time, and once more when `shutdown` is ready.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let ends = tokio::select! {
                () = &mut shutdown => true,
                () = tokio::time::sleep(INTERVAL) => false,
            };
            if self.watch.revision() != self.written {
                self.write().await;
            }
            if ends {
                return;
            }
        }
    }

    async fn write(&mut self) {
        let (text, revision) = self.watch.history_text();
        let folder = Arc::clone(&self.folder);
        let written = tokio::task::spawn_blocking(move || write(&folder, &text)).await;
        let reason = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        match &reason {
            None => self.written = revision,
            Some(reason) if !self.refused => {
                let text = format!("boots are not kept for the next start: {reason}");
                self.events.event(Event::Warning { text });
            }
            Some(_) => {}
        }
        if reason.is_some() != self.refused {
            self.refused = reason.is_some();
            self.events.event(Event::Impaired { part: PART, reason });
        }
    }
}

/// What was written; nothing where there is no file.
fn read(folder: &StateFolder) -> Result<Vec<u8>, StateError> {
    let at = |source| StateError::Io { path: folder.join(FILE), source };
    let file = match folder.file(FILE, OFlags::RDONLY) {
        Err(StateError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        file => file?,
    };
    let mut text = Vec::new();
    file.take(Watch::HISTORY as u64 + 1).read_to_end(&mut text).map_err(at)?;
    Ok(text)
}

fn write(folder: &StateFolder, text: &[u8]) -> Result<(), StateError> {
    let at = |source| StateError::Io { path: folder.join(NEW), source };
    let mut file = folder.fresh(NEW)?;
    let written = file.write_all(text).and_then(|()| file.sync_data()).map_err(at);
    if written.is_err() {
        // Half a file would take the room that leases need.
        folder.remove(NEW)?;
    }
    written?;
    folder.rename(NEW, FILE)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Kept {
        folder: tempfile::TempDir,
        events: Arc<Mutex<Vec<Event>>>,
    }

    impl Kept {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), events: Arc::default() }
        }

        fn start(&self) -> (Arc<Watch>, HistoryFile) {
            let events = Arc::clone(&self.events);
            let sink: Arc<dyn Sink> =
                Arc::new(move |event: Event| events.lock().unwrap().push(event));
            let watch = Arc::new(Watch::new());
            let folder = StateFolder::open(self.folder.path()).unwrap();
            let file = HistoryFile::open(folder, Arc::clone(&watch), sink);
            (watch, file)
        }
    }

    fn boots(watch: &Arc<Watch>, last: u8) {
        let sink = watch.before(Arc::new(|_: Event| {}));
        let line = "Configuring (net0)... ok".to_owned();
        sink.event(Event::Console { client: [10, 0, 0, last].into(), line });
    }

    fn clients(watch: &Watch) -> Vec<String> {
        let client = |boot: &serde_json::Value| boot["client"].as_str().unwrap().to_owned();
        watch.history().iter().map(client).collect()
    }

    #[tokio::test]
    async fn boots_are_there_after_two_starts() {
        let kept = Kept::new();
        for last in 1..=3 {
            let (watch, file) = kept.start();
            assert_eq!(clients(&watch).len(), usize::from(last) - 1);
            boots(&watch, last);
            file.run(async {}).await;
        }
        let (watch, _) = kept.start();
        assert_eq!(clients(&watch), ["10.0.0.3", "10.0.0.2", "10.0.0.1"]);
        assert_eq!(kept.events.lock().unwrap().as_slice(), []);
        let names: Vec<_> = std::fs::read_dir(kept.folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[tokio::test]
    async fn a_file_that_is_none_of_ours_stops_nothing_and_is_replaced() {
        let kept = Kept::new();
        for wrong in ["no JSON".to_owned(), "x".repeat(Watch::HISTORY + 9)] {
            std::fs::write(kept.folder.path().join(FILE), wrong).unwrap();
            let (watch, file) = kept.start();
            assert_eq!(clients(&watch), [""; 0]);
            let warned = kept.events.lock().unwrap().pop().unwrap().to_string();
            assert!(warned.contains("boots.json: expected boots in JSON"), "{warned}");
            boots(&watch, 1);
            file.run(async {}).await;
            assert_eq!(clients(&kept.start().0), ["10.0.0.1"]);
        }
        // A link of someone else is not followed.
        let secret = kept.folder.path().join("secret");
        std::fs::write(&secret, "secret").unwrap();
        std::fs::remove_file(kept.folder.path().join(FILE)).unwrap();
        std::os::unix::fs::symlink(&secret, kept.folder.path().join(FILE)).unwrap();
        let (watch, file) = kept.start();
        assert!(kept.events.lock().unwrap().pop().unwrap().to_string().contains("a symbolic link"));
        boots(&watch, 2);
        file.run(async {}).await;
        assert_eq!(std::fs::read_to_string(secret).unwrap(), "secret");
        assert_eq!(clients(&kept.start().0), ["10.0.0.2"]);
    }

    #[tokio::test]
    async fn a_disk_that_refuses_is_reported_once_and_recovers() {
        let kept = Kept::new();
        // A folder in the place of the new file cannot be replaced.
        let block = kept.folder.path().join(NEW);
        std::fs::create_dir(&block).unwrap();
        let (watch, mut file) = kept.start();
        boots(&watch, 1);
        file.write().await;
        file.write().await;
        std::fs::remove_dir(&block).unwrap();
        file.write().await;
        let seen: Vec<_> = kept.events.lock().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(
            seen[0].starts_with("warning: boots are not kept for the next start: "),
            "{seen:?}"
        );
        assert!(seen[1].starts_with("history: ") && seen[2] == "history: as they should be");
    }
}
