//! Commits: the only code that writes a WIM.
//!
//! ```text
//!  old header │ old resources │ old tables │ new data │ new metadata │ new tables
//!  ───────────┴───────────────┴────────────┴──────────────────────────────────────
//!  4. switched  1. never touched            2. appended      3. made durable
//! ```
//! A crash before 4 leaves the old WIM with unused bytes after its end, which the next commit
//! overwrites; a crash after 4 leaves the new WIM. Dropped data is erased after 4, if that was
//! requested.

mod append;
mod confirm;
mod erase;
mod export;
mod import;
mod integrity;
mod new_file;
mod pack;
mod plan;
mod storage;
mod target;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::FlockOperation;
use sha1::{Digest, Sha1 as Sha1Hasher};
use zerocopy::IntoBytes;

use crate::archive::Archive;
use crate::content::Content;
use crate::error::{CommitError, WimError};
use crate::progress::{Cancel, Progress};

pub use export::{ExportOptions, Exported, OptimizeOptions, Optimized};

pub(crate) use append::{Appender, Tables};
pub(crate) use erase::unused;
pub(crate) use new_file::NewFile;
pub(crate) use pack::Packer;
pub(crate) use plan::Stats as TreeStats;
pub(crate) use storage::Output;

/// Changes of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageChanges {
    /// The number of the image, from 1.
    pub image: u32,
    /// The changes, applied in this order.
    pub changes: Vec<FileChange>,
}

/// A change of an image. Paths are found in any case, with `\` or `/` between names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChange {
    /// Sets the content of a file, or adds the file with its missing parent folders.
    ///
    /// An existing file keeps its identity: name, short name, security descriptor, attributes,
    /// creation time, alternate streams and hard links. A new file gets the security descriptor
    /// that most of its siblings have, and its name as given.
    Put {
        /// The path of the file.
        path: String,
        /// The new content.
        content: Content,
    },
    /// Adds an empty folder with its missing parents, unless it exists.
    AddFolder {
        /// The path of the folder.
        path: String,
    },
    /// Sets attributes and times of a file, under all its names, or of a folder.
    SetInfo {
        /// The path of the file or folder.
        path: String,
        /// The new attributes and times.
        info: FileInfo,
    },
    /// Removes a file or folder.
    Delete {
        /// The path of the file or folder.
        path: String,
        /// Remove a folder with everything in it; otherwise it must be empty.
        recursive: bool,
    },
    /// Renames or moves a file or folder. Its 8.3 name is dropped.
    Rename {
        /// The old path.
        from: String,
        /// The new path, in an existing folder; it must be free.
        to: String,
    },
}

/// Attributes and times; `None` leaves them unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileInfo {
    /// `FILE_ATTRIBUTE_*`. Attributes that describe the type of the entry are not changed: folder,
    /// reparse point, compressed, sparse, encrypted.
    pub attributes: Option<u32>,
    /// The creation time.
    pub created: Option<SystemTime>,
    /// The time of last read.
    pub accessed: Option<SystemTime>,
    /// The time of last write of the data.
    pub written: Option<SystemTime>,
}

/// The destination of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The WIM itself.
    InPlace,
    /// Another file, which appears when it is complete.
    File {
        /// The path of the file.
        path: PathBuf,
        /// Whether it may replace an existing file.
        overwrite: bool,
    },
}

/// Options of a commit. `CommitOptions::default()` suits most uses.
pub struct CommitOptions<'a> {
    /// Called with the progress.
    pub progress: Option<&'a mut dyn FnMut(Progress)>,
    /// Ends the operation with [`CommitError::Cancelled`] when it is called, until the result is complete.
    pub cancel: Cancel,
    /// The time for new and changed entries, for reproducible results; by default the current time.
    pub time: Option<SystemTime>,
    /// Number of threads that compress; by default the number of processors.
    pub threads: Option<usize>,
    /// Adds an integrity table to a WIM without one. An existing one is always kept up to date.
    pub add_integrity: bool,
    /// Whether to repair a WIM that another program left marked as being written; otherwise it is
    /// refused.
    pub repair: bool,
    /// Whether only its owner may read the written file, if it replaces none.
    pub private: bool,
    /// Overwrites with zeros everything that the WIM no longer refers to, including data that
    /// earlier commits dropped: neither a copy nor a digest of a removed secret stays in the file.
    /// Copies that the disk or the file system keep elsewhere are not reached. A WIM in which no
    /// image changes is not written to.
    pub erase: bool,
}

impl Default for CommitOptions<'_> {
    fn default() -> Self {
        Self {
            progress: None,
            cancel: Cancel::new(),
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

/// The result of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// The file written.
    pub path: PathBuf,
    /// Whether any image changed. In place, an unchanged WIM is not written to.
    pub changed: bool,
    /// Number of files added, without their new parent folders.
    pub added: u64,
    /// Number of files with new content.
    pub replaced: u64,
    /// Number of files that already had that content.
    pub same: u64,
    /// Bytes appended.
    pub appended: u64,
    /// Compressed chunks reused from the previous content.
    pub chunks_kept: u64,
    /// Chunks that were compressed.
    pub chunks_packed: u64,
    /// What an interrupted write had left, and this commit removed.
    pub repaired: Option<Leftover>,
    /// What became of bytes that the WIM no longer refers to.
    pub erased: Erasure,
    /// Unfinished files of earlier runs next to a new file, which were removed.
    pub swept: Vec<PathBuf>,
}

/// What became of the bytes that a WIM no longer refers to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Erasure {
    /// They were not overwritten.
    #[default]
    NotAsked,
    /// They were overwritten with zeros.
    Done {
        /// The number of them that were not zero before.
        bytes: u64,
    },
    /// The commit succeeded, but some of them may remain.
    Failed {
        /// The reason.
        why: String,
    },
}

/// What an interrupted write left in an otherwise intact WIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// The header is marked as being written.
    pub marked: bool,
    /// Number of bytes after the end of the WIM.
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

    /// Checks whether [`Archive::commit`] could write into the WIM itself.
    ///
    /// # Errors
    /// Errors of a commit before anything is written: [`CommitError::Solid`],
    /// [`Split`](CommitError::Split), [`Pipable`](CommitError::Pipable),
    /// [`WithinIso`](CommitError::WithinIso), [`ReadOnly`](CommitError::ReadOnly),
    /// [`NotWritable`](CommitError::NotWritable).
    pub fn check_writable(&self) -> Result<(), WimError> {
        self.check_changeable(&Target::InPlace, &CommitOptions::default())?;
        target::check_writable(self.path())
    }

    /// Whether a commit to this target would be refused before anything is written; writes nothing. `writes` is
    /// whether something changes: in place, nothing is written otherwise.
    ///
    /// # Errors
    /// As [`check_writable`](Self::check_writable), and of another file [`CommitError::TargetExists`],
    /// [`CommitError::NotWritable`] and [`WimError::Io`].
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
    /// [`CommitError::TargetExists`], [`CommitError::NotWritable`] and [`WimError::Io`].
    pub fn check_new_file(&self, path: &Path, overwrite: bool) -> Result<(), WimError> {
        NewFile::check(path, overwrite)
    }

    /// Prevents other programs (including wimlib) from writing to the WIM while this archive is
    /// open.
    ///
    /// # Errors
    /// [`CommitError::Locked`], [`CommitError::Changed`].
    pub fn lock(&self) -> Result<(), WimError> {
        target::lock(&self.part.file, self.path(), FlockOperation::NonBlockingLockExclusive)?;
        target::check_same(self, &self.part.file)
    }

    /// A digest that every commit changes: equal fingerprints mean that the WIM is unchanged.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 20] {
        let size = self.part.size.to_le_bytes();
        Sha1Hasher::new_with_prefix(self.part.disk.as_bytes()).chain_update(size).finalize().into()
    }

    /// Writes all changes, or none of them.
    ///
    /// Everything is checked before anything is written. Parts that the changes do not concern are
    /// kept byte for byte: other images, other data, the boot index, the compression.
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
    /// Before anything is written: [`CommitError::Solid`], [`Split`](CommitError::Split),
    /// [`Pipable`](CommitError::Pipable), [`WithinIso`](CommitError::WithinIso),
    /// [`ReadOnly`](CommitError::ReadOnly),
    /// [`NotWritable`](CommitError::NotWritable), [`Locked`](CommitError::Locked),
    /// [`Changed`](CommitError::Changed), [`Interrupted`](CommitError::Interrupted),
    /// [`TargetExists`](CommitError::TargetExists), and those of the changes:
    /// [`NoSuchPath`](crate::ReadError::NoSuchPath), [`WrongKind`](crate::ReadError::WrongKind),
    /// [`PathExists`](CommitError::PathExists), [`InvalidName`](CommitError::InvalidName).
    /// While writing: [`NoSpace`](CommitError::NoSpace), [`Io`](WimError::Io) and
    /// [`Unconfirmed`](CommitError::Unconfirmed); the WIM is then as it was before.
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
            return Err(WimError::Commit(CommitError::WithinIso { path }));
        }
        if header.parts > 1 || spanned {
            return Err(WimError::Commit(CommitError::Split {
                path,
                part: header.part,
                parts: header.parts,
            }));
        }
        if header.solid {
            return Err(WimError::Commit(CommitError::Solid { path }));
        }
        if header.pipable {
            return Err(WimError::Commit(CommitError::Pipable { path }));
        }
        if header.readonly && *target == Target::InPlace {
            return Err(WimError::Commit(CommitError::ReadOnly { path }));
        }
        if header.write_in_progress && !options.repair {
            return Err(WimError::Commit(CommitError::Interrupted { path }));
        }
        // If the file is shorter than the header states, appending would first extend it.
        self.part.source().check("what the header and the blob table name", 0, self.end())
    }

    /// The offset after the last byte that the WIM refers to.
    pub(crate) fn end(&self) -> u64 {
        let disk = &self.part.disk;
        let parts = [&disk.blob_table, &disk.xml, &disk.integrity, &disk.boot_metadata];
        let end = parts.into_iter().filter(|part| !part.is_absent()).map(|part| part.end()).max();
        end.unwrap_or(0).max(self.part.blobs.end()).max(crate::format::header::SIZE.into())
    }
}
