//! `Content`: the new content of a file, from memory, a local file, or a blob of the WIM.

use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use memmap2::{Advice, MmapMut};
use sha1::{Digest, Sha1 as Sha1Hasher};

use crate::archive::Archive;
use crate::blobs::{EMPTY, Sha1};
use crate::error::{CommitError, WimError};
use crate::reader::{BlobReader, sha1_text};

/// The new content of a file of an image.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The content of the local file at that path. It must not change before the commit ends.
    File(PathBuf),
    /// The blob with that SHA-1 in the same WIM, which an [`Entry`](crate::Entry) names. It is
    /// neither read nor written again.
    Blob([u8; 20]),
}

/// Bytes are counted, not shown: they are many, and may be a secret.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Blob(sha1) => write!(f, "Blob({})", sha1_text(sha1)),
        }
    }
}

/// Content with its size and SHA-1, ready to be read.
#[derive(Debug)]
pub(crate) struct Data<'a> {
    origin: Origin<'a>,
    pub(crate) size: u64,
    /// [`EMPTY`] if there is no data.
    pub(crate) sha1: Sha1,
}

#[derive(Debug)]
enum Origin<'a> {
    Bytes(Held<'a>),
    File { file: File, path: &'a Path },
    Blob(RefCell<BlobReader>),
}

const READ_SIZE: usize = 1 << 20;

/// Memory for the content of local files in a commit, in bytes: content within it is read and
/// hashed once, other content is read twice.
pub(crate) const HELD: u64 = 48 << 20;

impl<'a> Data<'a> {
    /// `memory_budget` is the unused part of [`HELD`].
    pub(crate) fn new(
        content: &'a Content,
        archive: &Archive,
        memory_budget: &mut u64,
    ) -> Result<Self, WimError> {
        match content {
            Content::Bytes(bytes) => Ok(Self::bytes(bytes)),
            Content::File(path) => Self::file(path, memory_budget),
            Content::Blob(sha1) => Ok(Self::blob(archive.blob_reader(sha1)?, *sha1)),
        }
    }

    pub(crate) fn bytes(bytes: &'a [u8]) -> Self {
        Self::held(Held::Borrowed(bytes))
    }

    /// Data of a WIM.
    pub(crate) fn blob(reader: BlobReader, sha1: Sha1) -> Self {
        let size = reader.size();
        Self { origin: Origin::Blob(RefCell::new(reader)), size, sha1 }
    }

    fn held(bytes: Held<'a>) -> Self {
        let sha1 = if bytes.is_empty() { EMPTY } else { Sha1Hasher::digest(&*bytes).into() };
        let size = bytes.len() as u64;
        Self { origin: Origin::Bytes(bytes), size, sha1 }
    }

    fn file(path: &'a Path, memory_budget: &mut u64) -> Result<Self, WimError> {
        let failed = |error| WimError::io(path, "read", error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(std::io::Error::other("it is not a regular file")));
        }
        if metadata.len() <= *memory_budget {
            *memory_budget -= metadata.len();
            let size = usize::try_from(metadata.len()).expect("below the budget");
            // If it grows in the meantime, the additional bytes are not read.
            return match Held::read(&file, size) {
                Ok(bytes) => Ok(Self::held(bytes)),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    Err(WimError::Commit(CommitError::Changed { path: path.to_path_buf() }))
                }
                Err(error) => Err(failed(error)),
            };
        }
        let mut data =
            Self { origin: Origin::File { file, path }, size: metadata.len(), sha1: EMPTY };
        let mut hasher = Sha1Hasher::new();
        let mut buffer = Vec::new();
        let mut at = 0;
        while at < data.size {
            let part = data.read(at, READ_SIZE, &mut buffer)?;
            hasher.update(part);
            at += part.len() as u64;
        }
        data.sha1 = hasher.finalize().into();
        Ok(data)
    }

    /// At most `most` bytes from `at` on. `buffer` is used for data that is not in memory.
    pub(crate) fn read<'b>(
        &'b self,
        at: u64,
        most: usize,
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], WimError> {
        let left = self.size.saturating_sub(at);
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(most);
        match &self.origin {
            Origin::Bytes(bytes) => {
                let start = usize::try_from(at).expect("within the bytes");
                Ok(&bytes[start..start + size])
            }
            Origin::File { file, path } => {
                buffer.resize(size, 0);
                file.read_exact_at(buffer, at)
                    .map_err(|error| WimError::io(path, "read", error))?;
                Ok(buffer)
            }
            Origin::Blob(reader) => {
                buffer.resize(size, 0);
                reader.borrow_mut().read_at(at, buffer)?;
                Ok(buffer)
            }
        }
    }

    /// Whether the data may not match `sha1` when it is read: a file can change, and a WIM can be
    /// damaged.
    pub(crate) fn is_unproven(&self) -> bool {
        !matches!(self.origin, Origin::Bytes(_))
    }

    /// Compares the SHA-1 of the data read with the expected one.
    pub(crate) fn prove(&self, found: &Sha1) -> Result<(), WimError> {
        match &self.origin {
            Origin::File { path, .. } if *found != self.sha1 => {
                Err(WimError::Commit(CommitError::Changed { path: path.to_path_buf() }))
            }
            Origin::Blob(reader) => reader.borrow().compare(found),
            _ => Ok(()),
        }
    }
}

/// Data in memory.
#[derive(Debug)]
enum Held<'a> {
    Borrowed(&'a [u8]),
    Vec(Vec<u8>),
    /// The first bytes of the map, which is in huge pages if the kernel supports them: allocating
    /// the small pages of a hive one by one takes as long as hashing it.
    Map(MmapMut, usize),
}

impl Held<'_> {
    /// The first bytes of a file.
    fn read(file: &File, size: usize) -> std::io::Result<Self> {
        const LARGE_PAGE: usize = 2 << 20;
        if size >= 2 * LARGE_PAGE
            && let Ok(mut map) = MmapMut::map_anon(size.next_multiple_of(LARGE_PAGE))
        {
            // Without huge pages, small ones are used.
            let _ = map.advise(Advice::HugePage);
            file.read_exact_at(&mut map[..size], 0)?;
            return Ok(Self::Map(map, size));
        }
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(Self::Vec(bytes))
    }
}

impl Deref for Held<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Vec(bytes) => bytes,
            Self::Map(map, size) => &map[..*size],
        }
    }
}
