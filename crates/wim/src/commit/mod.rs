//! The only writer: changes of a WIM, and new WIMs.
//!
//! ```text
//!  old header │ old resources │ old tables │ new data │ new metadata │ new tables
//!  ───────────┴───────────────┴────────────┴──────────────────────────────────────
//!  4. switched  1. never touched            2. appended      3. made durable
//! ```
//! A crash before 4 leaves the old WIM with bytes behind its end, which nothing refers to and which
//! the next commit overwrites; a crash after 4 leaves the new WIM. What is dropped is overwritten after 4,
//! where that is asked for.

mod append;
mod confirm;
#[cfg(test)]
mod crash_tests;
mod erase;
mod export;
mod import;
mod integrity;
mod new_file;
mod pack;
mod plan;
mod storage;
mod target;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::FlockOperation;
use sha1::{Digest, Sha1 as Sha1Hasher};
use zerocopy::IntoBytes;

use crate::archive::Archive;
use crate::content::Content;
use crate::error::WimError;
use crate::progress::Progress;

pub use export::{ExportOptions, Exported, OptimizeOptions, Optimized};

pub(crate) use append::{Appender, Tables};
pub(crate) use new_file::NewFile;
pub(crate) use pack::Packer;
pub(crate) use plan::Stats as TreeStats;
pub(crate) use storage::Output;

/// Changes of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageChanges {
    /// The number of the image, from 1.
    pub image: u32,
    /// Done in this order.
    pub changes: Vec<FileChange>,
}

/// A change of an image. Paths are looked up without regard to case, with `\` or `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChange {
    /// Gives a file that content, or adds it, with the folders on the way.
    ///
    /// A file that exists stays the same file: name, short name, security descriptor, attributes,
    /// creation time, alternate streams and hard links are kept. A new one gets the security
    /// descriptor that most of its siblings have, and is named as given.
    Put {
        /// Where.
        path: String,
        /// What it is to hold.
        content: Content,
    },
    /// Adds an empty folder, with those on the way, unless it is there.
    AddFolder {
        /// Where.
        path: String,
    },
    /// Sets attributes and times of a file, under all its names, or of a folder.
    SetInfo {
        /// Which.
        path: String,
        /// What is to be set.
        info: FileInfo,
    },
    /// Removes a file or folder.
    Delete {
        /// Which.
        path: String,
        /// Remove a folder with everything in it; otherwise it must be empty.
        recursive: bool,
    },
    /// Gives a file or folder another name, or moves it. Its 8.3 name is dropped.
    Rename {
        /// Which.
        from: String,
        /// Its new path, in a folder that exists; nothing may be there.
        to: String,
    },
}

/// Attributes and times, each where it is to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileInfo {
    /// `FILE_ATTRIBUTE_*`, of which those that say what the entry is stay as they are: folder, reparse
    /// point, compressed, sparse, encrypted.
    pub attributes: Option<u32>,
    /// When it was created.
    pub created: Option<SystemTime>,
    /// When it was last read.
    pub accessed: Option<SystemTime>,
    /// When its data was last written.
    pub written: Option<SystemTime>,
}

/// Where a commit writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Into the WIM itself.
    InPlace,
    /// Into another file, which appears when it is complete.
    File {
        /// Which.
        path: PathBuf,
        /// Whether it may replace a file.
        overwrite: bool,
    },
}

/// How a commit is done. `CommitOptions::default()` is what is mostly wanted.
pub struct CommitOptions<'a> {
    /// Told how far it is.
    pub progress: Option<&'a mut dyn FnMut(Progress)>,
    /// The time that new and changed entries get, for reproducible results; now without one.
    pub time: Option<SystemTime>,
    /// How many threads compress; as many as there are processors without a number.
    pub threads: Option<usize>,
    /// Adds an integrity table to a WIM without one. An existing one is always kept up to date.
    pub add_integrity: bool,
    /// Whether a WIM that another program left marked as being written is repaired, or refused.
    pub repair: bool,
    /// Whether nobody but its owner may read the file that is written, where it replaces none.
    pub private: bool,
    /// Overwrites with zeros whatever nothing in the WIM refers to any more, also what earlier commits
    /// dropped: of a secret that is taken out, no copy and no digest stays in the file. What the disk and the
    /// file system keep elsewhere is not reached. A WIM in which no image changes is not written to.
    pub erase: bool,
}

impl Default for CommitOptions<'_> {
    fn default() -> Self {
        Self {
            progress: None,
            time: None,
            threads: None,
            add_integrity: false,
            repair: true,
            private: false,
            erase: false,
        }
    }
}

impl std::fmt::Debug for CommitOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommitOptions")
            .field("progress", &self.progress.is_some())
            .field("time", &self.time)
            .field("threads", &self.threads)
            .field("add_integrity", &self.add_integrity)
            .field("repair", &self.repair)
            .field("private", &self.private)
            .field("erase", &self.erase)
            .finish()
    }
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// The file written.
    pub path: PathBuf,
    /// Whether any image differs from before. In place, an unchanged WIM is not written to.
    pub changed: bool,
    /// Files added; folders on the way do not count.
    pub added: u64,
    /// Files with other content.
    pub replaced: u64,
    /// Files that already had that content.
    pub same: u64,
    /// Bytes appended.
    pub appended: u64,
    /// Compressed chunks taken over from the content before.
    pub chunks_kept: u64,
    /// Chunks that were compressed.
    pub chunks_packed: u64,
    /// What an interrupted write had left, and is gone now.
    pub repaired: Option<Leftover>,
    /// Whether what nothing refers to any more was overwritten.
    pub erased: Erasure,
    /// Unfinished files that interrupted runs had left beside a new file, and that are removed.
    pub swept: Vec<PathBuf>,
}

/// What became of the bytes of a WIM that nothing refers to any more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Erasure {
    /// They were left as they were.
    #[default]
    NotAsked,
    /// They are zeros.
    Done {
        /// How many of them were not zero before.
        bytes: u64,
    },
    /// The commit is done, and some of them may be left.
    Failed {
        /// Why.
        why: String,
    },
}

/// What an interrupted write left in a WIM that is otherwise whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// The header says that a write is in progress.
    pub marked: bool,
    /// Bytes behind the end of the WIM.
    pub tail: u64,
}

impl Archive {
    /// What an interrupted write left, or `None`.
    #[must_use]
    pub fn leftover(&self) -> Option<Leftover> {
        // A pipable WIM ends with its header.
        let tail =
            if self.header().pipable { 0 } else { self.part.size.saturating_sub(self.end()) };
        let marked = self.header().write_in_progress;
        (marked || tail > 0).then_some(Leftover { marked, tail })
    }

    /// Whether [`Archive::commit`] could write into the WIM itself.
    ///
    /// # Errors
    /// Those of a commit before anything is written: [`WimError::Solid`], [`Split`](WimError::Split),
    /// [`Pipable`](WimError::Pipable), [`WithinIso`](WimError::WithinIso),
    /// [`ReadOnly`](WimError::ReadOnly), [`NotWritable`](WimError::NotWritable).
    pub fn check_writable(&self) -> Result<(), WimError> {
        self.check_changeable(&Target::InPlace, &CommitOptions::default())?;
        target::check_writable(self.path())
    }

    /// Whether a commit to this target would be refused before anything is written; writes nothing. `writes` is
    /// whether something changes: in place, nothing is written otherwise.
    ///
    /// # Errors
    /// As [`check_writable`](Self::check_writable), and of another file [`WimError::TargetExists`],
    /// [`NotWritable`](WimError::NotWritable) and [`Io`](WimError::Io).
    pub fn check_target(&self, target: &Target, writes: bool) -> Result<(), WimError> {
        self.check_changeable(target, &CommitOptions::default())?;
        match target {
            Target::InPlace if writes => target::check_writable(self.path()),
            Target::InPlace => Ok(()),
            Target::File { path, overwrite } => NewFile::check(path, *overwrite),
        }
    }

    /// Whether a new file could be made at a path, as [`export`](Self::export) does; writes nothing.
    ///
    /// # Errors
    /// [`WimError::TargetExists`], [`NotWritable`](WimError::NotWritable) and [`Io`](WimError::Io).
    pub fn check_new_file(&self, path: &Path, overwrite: bool) -> Result<(), WimError> {
        NewFile::check(path, overwrite)
    }

    /// Keeps others from writing to the WIM, wimlib too, for as long as this archive is open.
    ///
    /// # Errors
    /// [`WimError::Locked`], [`WimError::Changed`].
    pub fn lock(&self) -> Result<(), WimError> {
        target::lock(&self.part.file, self.path(), FlockOperation::NonBlockingLockExclusive)?;
        target::check_same(self, &self.part.file)
    }

    /// What every commit changes: the same only where the WIM is as it was.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 20] {
        let size = self.part.size.to_le_bytes();
        Sha1Hasher::new_with_prefix(self.part.disk.as_bytes()).chain_update(size).finalize().into()
    }

    /// Writes the changes, all or none of them.
    ///
    /// Everything is checked before anything is written. What the changes do not concern is kept
    /// byte for byte: other images, other data, the boot index, the compression.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("winpe.wim");
    /// # winpe_wim::create(&path, winpe_wim::Compression::Lzx, &[winpe_wim::NewImage::new("PE")])?;
    /// use winpe_wim::{Archive, CommitOptions, Content, FileChange, ImageChanges, Target};
    ///
    /// let put = FileChange::Put {
    ///     path: r"Windows\System32\startnet.cmd".into(),
    ///     content: Content::Bytes(b"wpeinit\r\n".to_vec()),
    /// };
    /// let changes = [ImageChanges { image: 1, changes: vec![put] }];
    /// let wim = Archive::open(&path)?;
    /// let done = wim.commit(&changes, &Target::InPlace, CommitOptions::default())?;
    /// assert_eq!((done.added, done.replaced), (1, 0));
    ///
    /// let again = Archive::open(&path)?;
    /// let done = again.commit(&changes, &Target::InPlace, CommitOptions::default())?;
    /// assert!(!done.changed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Before anything is written: [`WimError::Solid`], [`Split`](WimError::Split),
    /// [`Pipable`](WimError::Pipable), [`WithinIso`](WimError::WithinIso),
    /// [`ReadOnly`](WimError::ReadOnly),
    /// [`NotWritable`](WimError::NotWritable), [`Locked`](WimError::Locked),
    /// [`Changed`](WimError::Changed), [`Interrupted`](WimError::Interrupted),
    /// [`TargetExists`](WimError::TargetExists), and those of the changes:
    /// [`NoSuchPath`](WimError::NoSuchPath), [`WrongKind`](WimError::WrongKind),
    /// [`PathExists`](WimError::PathExists), [`InvalidName`](WimError::InvalidName).
    /// While writing: [`NoSpace`](WimError::NoSpace), [`Io`](WimError::Io) and
    /// [`Unconfirmed`](WimError::Unconfirmed); the WIM is then as it was before.
    pub fn commit(
        mut self,
        changes: &[ImageChanges],
        target: &Target,
        mut options: CommitOptions<'_>,
    ) -> Result<Committed, WimError> {
        self.check_changeable(target, &options)?;
        let time = options.time.unwrap_or_else(SystemTime::now);
        let plan = plan::Plan::new(&mut self, changes, time)?;
        match target {
            Target::InPlace => target::in_place(self, &plan, &mut options),
            Target::File { path, overwrite } => {
                target::to_file(&mut self, &plan, path, *overwrite, &mut options)
            }
        }
    }

    fn check_changeable(
        &self,
        target: &Target,
        options: &CommitOptions<'_>,
    ) -> Result<(), WimError> {
        let header = self.header();
        let path = self.part.path.clone();
        let spanned = self.part.disk.flags.get() & crate::format::header::flags::SPANNED != 0;
        if self.part.base > 0 && *target == Target::InPlace {
            return Err(WimError::WithinIso { path });
        }
        if header.parts > 1 || spanned {
            return Err(WimError::Split { path, part: header.part, parts: header.parts });
        }
        if header.solid {
            return Err(WimError::Solid { path });
        }
        if header.pipable {
            return Err(WimError::Pipable { path });
        }
        if header.readonly && *target == Target::InPlace {
            return Err(WimError::ReadOnly { path });
        }
        if header.write_in_progress && !options.repair {
            return Err(WimError::Interrupted { path });
        }
        // Appending behind an end that is not there would make the file longer before anything else.
        self.part.source().check("what the header and the blob table name", 0, self.end())
    }

    /// One past the last byte that the WIM refers to.
    pub(crate) fn end(&self) -> u64 {
        let disk = &self.part.disk;
        let parts = [&disk.blob_table, &disk.xml, &disk.integrity, &disk.boot_metadata];
        let end = parts.into_iter().filter(|part| !part.is_absent()).map(|part| part.end()).max();
        end.unwrap_or(0).max(self.part.blobs.end()).max(crate::format::header::SIZE.into())
    }
}
