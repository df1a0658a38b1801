//! Files whose SHA-256 is computed while they are served.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use super::file::Stamp;
use super::{Digest, File, FilePath, FileRequest, FileSource, OpenError};
use crate::event::{Event, Sink};

/// Most files that wait for the thread. A further one is queued when it is opened again.
const MAX_WAITING: usize = 1024;
/// Versions of files, and names, that are remembered; with more, all are computed again.
const REMEMBERED: usize = 16_384;

/// A source whose files are hashed, each version once, on a thread that gives way to everything else: no
/// request waits for it. A version is known by device, inode, length and times.
///
/// Each digest is reported as [`Event::Hashed`], and a file that is served under a name that had other bytes
/// before says so. [`File::digest`] has it from then on.
pub struct Hashed {
    shared: Arc<Shared>,
    jobs: SyncSender<Job>,
}

struct Shared {
    source: Arc<dyn FileSource>,
    events: Arc<dyn Sink>,
    state: Mutex<State>,
    ended: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Filled by the thread, and read by those that have the file open.
    versions: HashMap<Stamp, Arc<OnceLock<Digest>>>,
    /// The digest served last under each name, in lower case.
    names: HashMap<String, Digest>,
    waiting: HashSet<String>,
}

enum Job {
    /// A file that was opened for a client.
    Opened(String, File),
    /// Files that clients will ask for, and the address that they will ask.
    Expected(Vec<String>, IpAddr),
}

impl Hashed {
    /// Serves `source`, and reports the digests of its files to `events`.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new(source: Arc<dyn FileSource>, events: Arc<dyn Sink>) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(MAX_WAITING);
        let ended = AtomicBool::new(false);
        let shared = Arc::new(Shared { source, events, state: Mutex::default(), ended });
        let worker = Arc::clone(&shared);
        thread::Builder::new().name("hash".to_owned()).spawn(move || worker.work(&waiting))?;
        Ok(Self { shared, jobs })
    }

    /// Finds out about files before anyone asks for them; `local` is the address that they will be
    /// asked from.
    pub fn expect(&self, names: Vec<String>, local: IpAddr) {
        // Where there is no place, they are found out about when they are asked for.
        let _ = self.jobs.try_send(Job::Expected(names, local));
    }
}

impl Drop for Hashed {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

impl FileSource for Hashed {
    fn open(&self, request: &FileRequest<'_>) -> Result<File, OpenError> {
        Ok(self.noticed(request, self.shared.source.open(request)?))
    }

    fn open_now(&self, request: &FileRequest<'_>) -> Option<Result<File, OpenError>> {
        let opened = self.shared.source.open_now(request)?;
        Some(opened.map(|file| self.noticed(request, file)))
    }
}

impl Hashed {
    /// The file, whose digest is found out unless it is known.
    fn noticed(&self, request: &FileRequest<'_>, file: File) -> File {
        // The digest of a short secret would reveal it.
        if file.is_secret() {
            return file;
        }
        let name = spelling(request.path);
        let (file, new) = self.shared.recognise(file, &name);
        if new && self.jobs.try_send(Job::Opened(name.clone(), file.clone())).is_err() {
            self.shared.state().waiting.remove(&name);
        }
        file
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave the maps half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file with what is known of its version, and whether there is something to find out.
    fn recognise(&self, file: File, name: &str) -> (File, bool) {
        let mut state = self.state();
        let state = &mut *state;
        let file = match file.stamp() {
            None => file,
            Some(stamp) => {
                if state.versions.len() >= REMEMBERED {
                    state.versions.clear();
                }
                let known = state.versions.entry(stamp).or_insert_with(|| file.cell());
                file.with_cell(Arc::clone(known))
            }
        };
        let known = file.digest().is_some_and(|digest| state.names.get(name) == Some(&digest));
        let new =
            !known && state.waiting.len() < MAX_WAITING && state.waiting.insert(name.to_owned());
        (file, new)
    }

    fn work(&self, jobs: &Receiver<Job>) {
        // Else tasks that send would wait for the end of this thread's time slice. Where the system does not
        // allow it, hashing is only less polite.
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
        for job in jobs {
            match job {
                Job::Opened(name, file) => {
                    self.find_out(&name, &file);
                    self.state().waiting.remove(&name);
                }
                Job::Expected(names, local) => self.expected(&names, local),
            }
        }
    }

    fn expected(&self, names: &[String], local: IpAddr) {
        for name in names {
            let Ok(path) = name.parse::<FilePath>() else { continue };
            let request = FileRequest { path: &path, query: None, client: local, local };
            if let Ok(file) = self.source.open(&request) {
                let name = spelling(&path);
                let (file, _) = self.recognise(file, &name);
                self.find_out(&name, &file);
                self.state().waiting.remove(&name);
            }
        }
    }

    fn find_out(&self, name: &str, file: &File) {
        let digest = file.digest().or_else(|| {
            let go_on = |_| match self.ended.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            // A file that cannot be read is reported when it is sent.
            let digest = Digest::of(file, go_on).ok().flatten()?;
            // A file that was written meanwhile is neither the old version nor the new one.
            file.is_unchanged().then(|| *file.cell().get_or_init(|| digest))
        });
        let Some(sha256) = digest else { return };
        let mut state = self.state();
        if state.names.len() >= REMEMBERED {
            state.names.clear();
        }
        let before = state.names.insert(name.to_owned(), sha256);
        drop(state);
        if before != Some(sha256) {
            let (file, bytes) = (name.to_owned(), file.len());
            self.events.event(Event::Hashed { file, bytes, sha256, before });
        }
    }
}

/// Names are compared without regard to case, as sources do.
fn spelling(path: &FilePath) -> String {
    path.as_str().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::super::{Catalog, Folder, Layers};
    use super::*;

    struct Ground {
        folder: tempfile::TempDir,
        hashed: Hashed,
        lines: Arc<Mutex<Vec<String>>>,
    }

    /// A folder over a file that was made.
    fn ground() -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let made = Catalog::new().with("made", File::from_bytes("made")).unwrap();
        let source = Layers::new([
            Arc::new(Folder::new(folder.path()).unwrap()) as Arc<dyn FileSource>,
            Arc::new(made),
        ]);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&lines);
        let sink = Arc::new(move |event: Event| log.lock().unwrap().push(event.to_string()));
        let hashed = Hashed::new(Arc::new(source), sink).unwrap();
        Ground { folder, hashed, lines }
    }

    impl Ground {
        fn open(&self, name: &str) -> File {
            let (path, client) = (name.parse().unwrap(), [10, 0, 0, 1].into());
            let request = FileRequest { path: &path, query: None, client, local: client };
            self.hashed.open(&request).unwrap()
        }

        /// The lines of the log, once there are so many.
        #[track_caller]
        fn lines(&self, count: usize) -> Vec<String> {
            let end = Instant::now() + Duration::from_secs(10);
            loop {
                let lines = self.lines.lock().unwrap().clone();
                let idle = self.hashed.shared.state().waiting.is_empty();
                if lines.len() >= count && idle || Instant::now() > end {
                    assert_eq!(lines.len(), count, "{lines:#?}");
                    return lines;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// As coreutils' sha256sum has it.
    fn sha256sum(path: &Path) -> String {
        let output = std::process::Command::new("sha256sum").arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap()[..64].to_owned()
    }

    #[test]
    fn every_file_served_is_hashed_once_and_a_changed_one_is_noticed() {
        let ground = ground();
        let path = ground.folder.path().join("Boot.wim");
        fs::write(&path, vec![7; 3 * PIECES]).unwrap();
        let first = sha256sum(&path);
        let open = ground.open("boot.WIM");
        let lines = ground.lines(1);
        assert_eq!(lines[0], format!("boot.wim: {} bytes, SHA-256 {first}", 3 * PIECES));
        // A file that was opened before has it too.
        assert_eq!(open.digest().unwrap().to_string(), first);

        // It is known from now on, and nothing is reported twice.
        assert_eq!(ground.open("Boot.wim").digest().unwrap().to_string(), first);
        ground.lines(1);

        // Another file of the same length in its place.
        let new = ground.folder.path().join("new");
        fs::write(&new, vec![8; 3 * PIECES]).unwrap();
        fs::rename(&new, &path).unwrap();
        let second = sha256sum(&path);
        assert_eq!(ground.open("boot.wim").digest(), None, "the old one is not passed off");
        let lines = ground.lines(2);
        let line = format!(
            "boot.wim has changed: {} bytes, SHA-256 {second}, before it was {first}",
            3 * PIECES
        );
        assert_eq!(lines[1], line);
        assert_eq!(ground.open("boot.wim").digest().unwrap().to_string(), second);
    }

    const PIECES: usize = super::super::digest::READ_SIZE + 1;

    #[test]
    fn a_file_written_in_place_is_another() {
        let ground = ground();
        let path = ground.folder.path().join("bcd");
        fs::write(&path, "one").unwrap();
        ground.open("bcd");
        ground.lines(1);
        fs::write(&path, "two").unwrap();
        ground.open("bcd");
        assert!(ground.lines(2)[1].contains("bcd has changed: 3 bytes"));
    }

    #[test]
    fn parts_and_made_files_have_digests_of_their_own() {
        let ground = ground();
        let path = ground.folder.path().join("disc.iso");
        fs::write(&path, "0123456789").unwrap();
        let disc = Catalog::new()
            .with_part_of_disk("part", &path, 2, 3)
            .and_then(|files| files.with_disk("whole", &path))
            .unwrap();
        let sink: Arc<dyn Sink> = ground.hashed.shared.events.clone();
        let hashed = Hashed::new(Arc::new(disc), sink).unwrap();
        hashed.expect(vec!["part".into(), "none".into(), "whole".into()], [10, 0, 0, 1].into());
        ground.lines(2);
        ground.open("made");
        let lines = ground.lines(3);
        // Each as sha256sum has it of these bytes.
        for (line, sha256) in lines.iter().zip([
            "114bd151f8fb0c58642d2170da4ae7d7c57977260ac2cc8905306cab6b2acabc",
            "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882",
            "ea0890697a77af0a2e054cccec587c8a42feb5cf38e778c6c6e2a96bfb945c0b",
        ]) {
            assert!(line.contains(sha256), "{line}");
        }
    }
}
