//! The staging folder, which holds uncommitted changes.
//!
//! ```text
//! .winpe.wim.mount-XXXXXX/
//! ├─ mount.json   which image, where
//! ├─ journal      a change of names or attributes on each line
//! └─ data/N       the data of the file with number N
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use winpe_wim::{Archive, Content, FileChange, FileInfo};

use crate::error::MountError;
use crate::tree::{Changed, Ino, Op, Tree};

/// A staging folder with its open journal.
#[derive(Debug)]
pub(crate) struct Staging {
    folder: PathBuf,
    journal: File,
}

impl Staging {
    /// Creates the journal and the data folder in an empty folder.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        fs::create_dir(folder.join("data"))?;
        let journal =
            OpenOptions::new().append(true).create_new(true).open(folder.join("journal"))?;
        Ok(Self { folder: folder.to_path_buf(), journal })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the staged data of a file.
    pub(crate) fn data(&self, ino: Ino) -> PathBuf {
        data(&self.folder, ino)
    }

    /// Appends a change to the journal.
    pub(crate) fn record(&mut self, op: &Op) -> io::Result<()> {
        let mut line = serde_json::to_vec(op)?;
        line.push(b'\n');
        self.journal.write_all(&line)
    }
}

/// The number of changes in the journal of a staging folder.
pub(crate) fn count(folder: &Path) -> usize {
    fs::read_to_string(folder.join("journal")).map_or(0, |text| text.lines().count())
}

/// The changes of an image that a staging folder holds. With a `time`, all written files get it.
pub(crate) fn replay(
    folder: &Path,
    archive: &Archive,
    image: u32,
    time: Option<SystemTime>,
) -> Result<Vec<FileChange>, MountError> {
    let path = folder.join("journal");
    let text = fs::read_to_string(&path).map_err(|error| MountError::io(&path, "read", error))?;
    let mut tree = Tree::load(archive, image)?;
    let mut changes = Vec::new();
    let mut lines = (1..).zip(text.split_inclusive('\n'));
    // A last line without a line break was cut off when the machine failed; that request was never
    // answered.
    while let Some((line, op)) = lines.next().filter(|(_, op)| op.ends_with('\n')) {
        let wrong = |why: String| MountError::Journal { path: path.clone(), line, why };
        let op: Op = serde_json::from_str(op).map_err(|error| wrong(error.to_string()))?;
        changes.extend(tree.apply(&op).map_err(|error| wrong(error.to_string()))?);
    }
    for Changed { ino, path, staged, mut info } in tree.changed() {
        if staged {
            let data = data(folder, ino);
            info.written =
                Some(written(&data).map_err(|error| MountError::io(&data, "read", error))?);
            changes.push(FileChange::Put { path: path.clone(), content: Content::File(data) });
        }
        if time.is_some() {
            info = FileInfo { created: None, accessed: None, written: None, ..info };
        }
        if info != FileInfo::default() {
            changes.push(FileChange::SetInfo { path, info });
        }
    }
    Ok(changes)
}

/// The time of the last write to the data of a file. A mount creates no links here, but an unpacked
/// staging folder of another user may contain some.
fn written(data: &Path) -> io::Result<SystemTime> {
    let found = fs::symlink_metadata(data)?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    found.modified()
}

fn data(folder: &Path, ino: Ino) -> PathBuf {
    folder.join("data").join(ino.to_string())
}
