//! `WimError`: why an operation on a WIM failed.

use std::io;
use std::path::{Path, PathBuf};

use winpe_disk::folder::FolderError;

use crate::extract::EntryFault;
use crate::ffi::Failure;

/// Why an operation on a WIM failed. Each names the file; wording and advice for people are the
/// caller's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WimError {
    /// The file is not a WIM or ISO image that can be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The WIM does not hold what was asked for.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The WIM cannot be changed as was asked.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The target folder refused a name, or the system refused a write.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Another error of the operating system.
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The failed action.
        action: &'static str,
        /// The operating system's reason.
        source: io::Error,
    },
}

/// What is wrong with a file, whatever is read of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file does not begin as a WIM does.
    #[error("{}: not a WIM file: it begins with {}", .path.display(), Hex(.found))]
    NotAWim {
        /// The file.
        path: PathBuf,
        /// Its first bytes, at most 8.
        found: Vec<u8>,
    },
    /// A part of the WIM is beyond the end of the file.
    #[error(
        "{}: truncated: {what} at offset {offset:#x} ends at {expected:#x}, the file at {actual:#x}",
        .path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The part.
        what: &'static str,
        /// The start of the part.
        offset: u64,
        /// The end of the part.
        expected: u64,
        /// The size of the file.
        actual: u64,
    },
    /// A violation of the format, or data that does not match its checksum.
    #[error(
        "{}: corrupt: {what} at offset {offset:#x}: expected {expected}, found {actual}",
        .path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The damaged part.
        what: &'static str,
        /// Its offset in the file; inside a metadata resource, the offset there.
        offset: u64,
        /// The expected value.
        expected: String,
        /// The value found.
        actual: String,
    },
    /// An encrypted ESD of Windows 8.
    #[error("{}: encrypted", .path.display())]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// A version of the format other than 0x10d00 and 0xe00.
    #[error("{}: version {version:#x} of the format is unknown", .path.display())]
    UnsupportedVersion {
        /// The file.
        path: PathBuf,
        /// The version.
        version: u32,
    },
    /// A compression format or chunk size that no known writer produces.
    #[error("{}: unsupported {what}: {found}", .path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The property.
        what: &'static str,
        /// Its value.
        found: String,
    },
    /// The file holds neither a UDF nor an ISO 9660 file system.
    #[error("{}: not an ISO image: no UDF or ISO 9660 file system", .path.display())]
    NotAnIso {
        /// The file.
        path: PathBuf,
    },
    /// A file in the image, or its metadata, is too large to be read into memory.
    #[error("{}: {what} has {size} bytes; at most {limit} are read into memory", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The path in the image, or the part of the WIM.
        what: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// An entry that Windows never writes, and that could make an extraction leave its folder.
    #[error("{}: image {image}: {}: {fault}", .path.display(), Plain(.at))]
    BadEntry {
        /// The file.
        path: PathBuf,
        /// The image.
        image: u32,
        /// The path in the image; a name may contain separators.
        at: String,
        /// What is wrong with it.
        fault: EntryFault,
    },
}

/// What a WIM or ISO image does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The WIM has no image with that number or name.
    #[error("{}: no image {wanted}; it has {}", .path.display(), List(.exist))]
    NoSuchImage {
        /// The file.
        path: PathBuf,
        /// The requested number or name, or `to boot`.
        wanted: String,
        /// Numbers and names of the images that exist.
        exist: Vec<(u32, String)>,
    },
    /// Nothing exists at that path of the image.
    #[error("{}: image {image} has no {wanted}", .path.display())]
    NoSuchPath {
        /// The file.
        path: PathBuf,
        /// The image.
        image: u32,
        /// The requested path.
        wanted: String,
    },
    /// The entry at that path is of the wrong kind.
    #[error("{}: image {image}: {at} is {actual}, expected {expected}", .path.display())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// The image.
        image: u32,
        /// The path in the image.
        at: String,
        /// The required kind.
        expected: &'static str,
        /// The kind found.
        actual: &'static str,
    },
    /// The data of a file is in another part of a split WIM, or in a base WIM, which was not found.
    #[error("{}: the data of {what} is not in {}", .path.display(), where_from(*.part, *.parts, .missing))]
    MissingData {
        /// The file.
        path: PathBuf,
        /// The path in the image.
        what: String,
        /// The part that was read.
        part: u16,
        /// The number of parts.
        parts: u16,
        /// The first five parts that were not found, by the names that they are expected to have.
        missing: Vec<PathBuf>,
    },
    /// The ISO image has no such file.
    #[error("{}: the ISO image has no {wanted}", .path.display())]
    NotInIso {
        /// The file.
        path: PathBuf,
        /// The path in the ISO image.
        wanted: String,
    },
}

/// Why a WIM is not changed, or a new one not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The operation was cancelled; the file is as it was.
    #[error("{}: cancelled", .path.display())]
    Cancelled {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// The WIM already has an image with the name of the one to be added.
    #[error("{}: already has an image {name:?}", .path.display())]
    ImageExists {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The destination of a rename exists.
    #[error("{}: image {image} already has {at}", .path.display())]
    PathExists {
        /// The file.
        path: PathBuf,
        /// The image.
        image: u32,
        /// The path in the image.
        at: String,
    },
    /// A name that Windows does not allow.
    #[error("{}: image {image}: {at:?} is not a valid path: {why}", .path.display())]
    InvalidName {
        /// The file.
        path: PathBuf,
        /// The image.
        image: u32,
        /// The path in the image.
        at: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another program has the WIM open for writing.
    #[error("{}: open for writing elsewhere", .path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Another program changed the WIM after it was opened here.
    #[error("{}: changed by another program since it was opened", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The WIM is marked read-only in its header.
    #[error("{}: marked read-only in its header", .path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The WIM cannot be opened for writing: permissions, or a read-only file system.
    #[error("{}: not writable: {source}", .path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A solid WIM (ESD) can be read but not changed.
    #[error("{}: solid (ESD): it can be read, not changed", .path.display())]
    Solid {
        /// The file.
        path: PathBuf,
    },
    /// A split WIM (SWM) can be read but not changed.
    #[error("{}: part {part} of {parts} of a split WIM: it can be read, not changed", .path.display())]
    Split {
        /// The file.
        path: PathBuf,
        /// The number of this part.
        part: u16,
        /// The number of parts.
        parts: u16,
    },
    /// A pipable WIM can be read but not changed.
    #[error("{}: pipable: it can be read, not changed", .path.display())]
    Pipable {
        /// The file.
        path: PathBuf,
    },
    /// A WIM inside an ISO image can be read, and copied with changes, but not changed in place.
    #[error("{}: an ISO image: a WIM within it can be read, not changed", .path.display())]
    WithinIso {
        /// The file.
        path: PathBuf,
    },
    /// A write to the WIM was interrupted earlier, and repair was not requested.
    #[error("{}: an earlier write was interrupted", .path.display())]
    Interrupted {
        /// The file.
        path: PathBuf,
    },
    /// No space on the file system (or in the quota).
    #[error("{}: no space left: {source}", .path.display())]
    NoSpace {
        /// The file being written.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The file to be written already exists.
    #[error("{}: exists already", .path.display())]
    TargetExists {
        /// The file.
        path: PathBuf,
    },
    /// wimlib, as the independent reader, refuses the WIM or reads something else.
    #[error("{}: {what}: {details}", .path.display())]
    Unconfirmed {
        /// The file.
        path: PathBuf,
        /// The failed check.
        what: &'static str,
        /// The message of wimlib.
        details: String,
    },
}

impl WimError {
    /// `action` is an infinitive, such as "read the header".
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Commit(CommitError::NoSpace { path, source }),
            _ => Self::Io { path, action, source },
        }
    }

    pub(crate) fn corrupt(
        path: &Path,
        what: &'static str,
        offset: u64,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> Self {
        Self::Format(FormatError::Corrupt {
            path: path.to_path_buf(),
            what,
            offset,
            expected: expected.into(),
            actual: actual.into(),
        })
    }

    pub(crate) fn wimlib(path: &Path, what: &'static str, failure: &Failure) -> Self {
        Self::Commit(CommitError::Unconfirmed {
            path: path.to_path_buf(),
            what,
            details: failure.to_string(),
        })
    }
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A path from an image, with control characters escaped.
struct Plain<'a>(&'a str);

impl std::fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            control if control.is_control() => write!(f, "{}", control.escape_default()),
            other => write!(f, "{other}"),
        })
    }
}

struct List<'a>(&'a [(u32, String)]);

impl std::fmt::Display for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no images");
        }
        for (position, (index, name)) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{index} ({name})")?;
        }
        Ok(())
    }
}

/// Where data were searched for, and where they can be.
fn where_from(part: u16, parts: u16, missing: &[PathBuf]) -> String {
    /// As many parts as a person looks for one by one.
    const NAMED: usize = 4;
    if missing.is_empty() {
        return format!("this file (part {part} of {parts})");
    }
    let names = missing.iter().take(NAMED).map(|path| path.display().to_string());
    let names = names.collect::<Vec<_>>().join(", ");
    let more = if missing.len() > NAMED { ", …" } else { "" };
    format!("the parts that are there; missing of {parts} parts: {names}{more}")
}
