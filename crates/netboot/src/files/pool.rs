//! Small files in memory, for as long as clients fetch them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

use super::File;
use super::file::Stamp;

/// Bytes of a file that is taken in, at most: what most machines load first is smaller.
const LARGEST: u64 = 1 << 20;
/// Bytes of all of them together, at most.
const ROOM: u64 = 16 << 20;

/// Files that clients fetch, each version in memory once, however many fetch it together: machines that are
/// switched on together ask for the same. It stays there as long as one of them has it open.
#[derive(Default)]
pub(crate) struct Pool {
    contents: Mutex<HashMap<Stamp, Weak<Vec<u8>>>>,
}

/// Keeps a file's bytes in the pool.
struct Content(Arc<Vec<u8>>);

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Pool {
    /// Has a file in memory if it is small, no disk has to be waited for and there is room.
    pub(crate) fn take_in(&self, file: &mut File) {
        let Some(stamp) = file.stamp().filter(|_| file.bytes().is_none()) else { return };
        if file.len() <= LARGEST
            && let Some(content) = self.content(stamp, file)
        {
            file.hold(Bytes::from_owner(Content(content)));
        }
    }

    fn content(&self, stamp: Stamp, file: &File) -> Option<Arc<Vec<u8>>> {
        // Nothing that holds the lock can leave the map half changed.
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = contents.get(&stamp).and_then(Weak::upgrade) {
            return Some(content);
        }
        contents.retain(|_, content| content.strong_count() > 0);
        let taken: u64 = contents.keys().map(|stamp| stamp.length()).sum();
        if taken + file.len() > ROOM {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(file.len()).ok()?];
        // A file that is written meanwhile is neither the old version nor the new one.
        if !(file.read_now(0, &mut bytes) && file.is_unchanged()) {
            return None;
        }
        let content = Arc::new(bytes);
        contents.insert(stamp, Arc::downgrade(&content));
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn open(path: &Path) -> File {
        File::from_disk(fs::File::open(path).unwrap()).unwrap()
    }

    fn fetched(pool: &Pool, path: &Path) -> File {
        let mut file = open(path);
        pool.take_in(&mut file);
        file
    }

    fn live(pool: &Pool) -> usize {
        pool.contents.lock().unwrap().values().filter(|content| content.strong_count() > 0).count()
    }

    fn folder() -> Option<tempfile::TempDir> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("probe");
        fs::write(&path, "probe").unwrap();
        let reads = open(&path).read_now(0, &mut [0; 5]);
        if !reads {
            println!("skipped: of this disk the kernel does not say what it has in memory");
        }
        reads.then_some(folder)
    }

    #[test]
    fn each_version_is_in_memory_once_and_only_while_it_is_open() {
        let Some(folder) = folder() else { return };
        let (pool, path) = (Pool::default(), folder.path().join("file"));
        fs::write(&path, "old").unwrap();
        let [one, two] = [(), ()].map(|()| fetched(&pool, &path));
        assert_eq!(one.bytes().unwrap().as_ptr(), two.bytes().unwrap().as_ptr());
        fs::write(&path, "newer").unwrap();
        let newer = fetched(&pool, &path);
        assert_eq!(
            (&one.bytes().unwrap()[..], &newer.bytes().unwrap()[..]),
            (&b"old"[..], &b"newer"[..])
        );
        assert_eq!(live(&pool), 2);
        drop((one, two));
        assert_eq!(live(&pool), 1);
        drop(newer);
        assert_eq!(live(&pool), 0);
    }

    #[test]
    fn what_is_large_or_finds_no_room_stays_on_the_disk() {
        let Some(folder) = folder() else { return };
        let pool = Pool::default();
        let file = |name: &str, length: u64| {
            let path = folder.path().join(name);
            fs::write(&path, vec![1; usize::try_from(length).unwrap()]).unwrap();
            fetched(&pool, &path)
        };
        assert!(file("large", LARGEST + 1).bytes().is_none());
        let fill: Vec<_> =
            (0..ROOM / LARGEST).map(|index| file(&index.to_string(), LARGEST)).collect();
        assert!(fill.iter().all(|file| file.bytes().is_some()));
        assert!(file("one more", 1).bytes().is_none());
        drop(fill);
        assert!(file("one more", 1).bytes().is_some());
        assert_eq!(
            pool.contents.lock().unwrap().len(),
            1,
            "a version that no client fetches is dropped"
        );
    }
}
