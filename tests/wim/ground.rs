//! A sentinel tree next to the destination of an extraction.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use winpe_wim::Archive;

use crate::raw::{Raw, wim};

/// A sentinel tree `victim` next to the destination `out`.
pub(crate) struct Ground {
    folder: TempDir,
}

/// Path → type and mode, number of names, time of last write, content or target.
pub(crate) type Snapshot = BTreeMap<PathBuf, (u32, u64, i64, i64, Vec<u8>)>;

impl Ground {
    pub(crate) fn new() -> Self {
        // Thousands of trees are created and removed, which takes a disk seconds.
        let memory = Path::new("/dev/shm");
        let at = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let folder = tempfile::tempdir_in(at).expect("a folder");
        let victim = folder.path().join("victim");
        fs::create_dir_all(victim.join("a/b")).expect("folders");
        for file in ["a/a", "a/file", "b", "file"] {
            fs::write(victim.join(file), format!("the sentinel {file}")).expect("a file");
        }
        fs::set_permissions(victim.join("file"), Permissions::from_mode(0o640)).expect("a mode");
        symlink("file", victim.join("link")).expect("a link");
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path().join("out")
    }

    pub(crate) fn victim(&self) -> PathBuf {
        self.path().join("victim")
    }

    /// Everything outside the destination.
    pub(crate) fn outside(&self) -> Snapshot {
        let mut found = snapshot(&self.victim());
        for entry in fs::read_dir(self.path()).expect("a folder") {
            found.insert(entry.expect("an entry").path(), Default::default());
        }
        found
    }

    pub(crate) fn wim(&self, below: Vec<Raw>) -> Archive {
        let path = self.path().join("hostile.wim");
        // After a truncation, ext4 writes the new data to the disk immediately.
        let _ = fs::remove_file(&path);
        fs::write(&path, wim(below)).expect("a file");
        Archive::open(&path).expect("its tables are whole")
    }

    pub(crate) fn clear(&self) {
        let _ = fs::remove_dir_all(self.out());
        fs::create_dir(self.out()).expect("a folder");
    }
}

pub(crate) fn snapshot(top: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    let mut left = vec![top.to_path_buf()];
    while let Some(path) = left.pop() {
        let metadata = path.symlink_metadata().expect("listed there");
        let content = if metadata.is_symlink() {
            fs::read_link(&path).expect("a link").as_os_str().as_bytes().to_vec()
        } else if metadata.is_file() {
            fs::read(&path).expect("a file")
        } else {
            Vec::new()
        };
        if metadata.is_dir() {
            left.extend(
                fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("one").path()),
            );
        }
        let time = (metadata.mtime(), metadata.mtime_nsec());
        found.insert(path, (metadata.mode(), metadata.nlink(), time.0, time.1, content));
    }
    found
}
