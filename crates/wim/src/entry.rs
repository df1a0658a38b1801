//! `Entry`, `EntryPath` and `Stream`: a file or folder of an image.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::blobs::{EMPTY, Sha1};
use crate::format::time;
use crate::metadata::Id;
use crate::reparse::is_link;
use crate::tree::Tree;

/// A file or folder of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The path from the root, in the case of the image. Unpaired surrogates appear as U+FFFD.
    pub path: EntryPath,
    /// The last name of `path`; empty for the root.
    pub name: String,
    /// The 8.3 name, if it has one.
    pub short_name: Option<String>,
    /// `FILE_ATTRIBUTE_*` of the Windows SDK.
    pub attributes: u32,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Size of its data in bytes; 0 for a folder.
    pub size: u64,
    /// SHA-1 of its data; `None` if it has none.
    pub sha1: Option<[u8; 20]>,
    /// The creation time.
    pub created: Option<SystemTime>,
    /// The time of last read.
    pub accessed: Option<SystemTime>,
    /// The time of last write of the data.
    pub written: Option<SystemTime>,
    /// The number of names of the file; 1 without hard links.
    pub links: u32,
    /// A number that all names of one hard-linked file share.
    pub link_group: Option<u64>,
    /// The tag of a reparse point.
    pub reparse_tag: Option<u32>,
    /// Its security descriptor, self-relative as Windows stores it. Entries with the same
    /// descriptor in the image share it.
    pub security: Option<Arc<[u8]>>,
    /// The SHA-1 of the target of a reparse point, for [`Archive::blob_reader`]; its buffer without
    /// the eight bytes of tag and length.
    ///
    /// [`Archive::blob_reader`]: crate::Archive::blob_reader
    pub reparse_sha1: Option<[u8; 20]>,
    /// Alternate data streams.
    pub streams: Vec<Stream>,
}

impl Entry {
    /// The reparse tag of a file whose data only a driver of Windows finds, as for a file that is compressed by
    /// its host volume (WOF). What is in the image of it are the driver's notes.
    pub(crate) fn foreign_data(&self) -> Option<u32> {
        let has_data = self.sha1.is_some_and(|sha1| sha1 != EMPTY);
        self.reparse_tag.filter(|tag| !self.is_dir && !has_data && !is_link(Some(*tag)))
    }
}

/// An alternate data stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stream {
    /// Its name, without the `:` before it.
    pub name: String,
    /// Size of its data in bytes.
    pub size: u64,
    /// SHA-1 of its data; `None` if it has none.
    pub sha1: Option<[u8; 20]>,
}

/// The path of an entry, such as `\Windows\System32`. That of the root is `\`.
///
/// Entries of one folder share its path: otherwise the paths of a deep tree would take memory by
/// the square of its depth.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("winpe.wim");
/// # let mut image = winpe_wim::NewImage::new("PE");
/// # image.files.push(("Windows/notepad.exe".into(), b"MZ".to_vec()));
/// # winpe_wim::create(&path, winpe_wim::Compression::Lzx, &[image])?;
/// let wim = winpe_wim::Archive::open(&path)?;
/// let entry = wim.entry(1, "windows/NOTEPAD.exe")?.expect("it is there");
/// assert_eq!(entry.path, r"\Windows\notepad.exe");
/// assert_eq!(entry.path.names(), ["Windows", "notepad.exe"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct EntryPath(Option<Arc<Step>>);

/// The last name of a path, and the path of its folder.
struct Step {
    folder: EntryPath,
    name: Box<str>,
}

impl EntryPath {
    pub(crate) fn root() -> Self {
        Self(None)
    }

    pub(crate) fn join(self, name: &str) -> Self {
        Self(Some(Arc::new(Step { folder: self, name: name.into() })))
    }

    /// The names of the path, ending with that of the entry; the root has none.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        let mut at = self;
        while let Some(step) = &at.0 {
            names.push(&*step.name);
            at = &step.folder;
        }
        names.reverse();
        names
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names();
        if names.is_empty() {
            return f.write_str("\\");
        }
        names.iter().try_for_each(|name| write!(f, "\\{name}"))
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_string().fmt(f)
    }
}

impl PartialEq for EntryPath {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Eq for EntryPath {}

impl PartialEq<str> for EntryPath {
    fn eq(&self, other: &str) -> bool {
        other.strip_prefix('\\').is_some_and(|other| self.names().join("\\") == other)
    }
}

impl PartialEq<&str> for EntryPath {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl Drop for EntryPath {
    /// A path has up to 4096 names: too many for a recursive drop.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(mut step) = next.and_then(Arc::into_inner) {
            next = step.folder.0.take();
        }
    }
}

impl Entry {
    /// The entry with that number, at `path`.
    pub(crate) fn read(
        tree: &Tree,
        id: Id,
        path: EntryPath,
        size_of: &dyn Fn(&Sha1) -> u64,
    ) -> Self {
        let dentry = tree.metadata.dentry(id);
        let sha1 = dentry.data().unwrap_or(EMPTY);
        let stream = |(name, sha1)| Stream {
            name,
            size: size_of(&sha1),
            sha1: Some(sha1).filter(|sha1| *sha1 != EMPTY),
        };
        Self {
            path,
            name: dentry.name_lossy(),
            short_name: dentry.short_name(),
            attributes: dentry.attributes(),
            is_dir: dentry.is_dir(),
            size: size_of(&sha1),
            sha1: Some(sha1).filter(|sha1| *sha1 != EMPTY),
            created: time::to_system(dentry.created()),
            accessed: time::to_system(dentry.accessed()),
            written: time::to_system(dentry.written()),
            links: tree.links(id),
            link_group: dentry.link_group(),
            reparse_tag: dentry.reparse_tag(),
            security: tree.security(id),
            reparse_sha1: dentry.reparse_data(),
            streams: dentry.named_streams().map(stream).collect(),
        }
    }
}
