//! An open file.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use bytes::Bytes;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{ReadWriteFlags, preadv2};
use rustix::path::Arg;

use super::{Digest, OpenError};

/// Bytes that the kernel reads ahead from a disk by default.
const SHORT: u64 = 128 * 1024;

/// Bytes that can be read at any offset, by several readers at a time.
pub trait ReadAt: Send + Sync + 'static {
    /// Fills the beginning of `buffer` with the bytes at `offset` and returns how many; 0 only at the end.
    ///
    /// # Errors
    /// Where reading fails.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// An open file: its bytes, and a length that does not change while it is open. Clones share both.
///
/// ```
/// use winpe_netboot::files::File;
/// let script = File::from_bytes("#!ipxe\nshell\n");
/// let mut start = [0; 6];
/// script.read_exact_at(0, &mut start)?;
/// assert_eq!((script.len(), &start), (13, b"#!ipxe"));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct File {
    content: Content,
    length: u64,
    modified: Option<SystemTime>,
    /// Which version of which file of a disk it is.
    stamp: Option<Stamp>,
    digest: Arc<OnceLock<Digest>>,
    secret: bool,
}

/// A file that is read has been written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file changed while it was sent")]
pub(crate) struct Changed;

impl Changed {
    /// Bytes between two looks at a file that is sent.
    pub(crate) const INTERVAL: u64 = 4 << 20;

    /// Whether this is the reason of an error.
    pub(crate) fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}

/// Identifies a range of a file on a disk, and its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// The same of the last change of its names or rights, which no program can set back.
    changed: (i64, i64),
    start: u64,
    length: u64,
}

impl Stamp {
    /// Bytes of the range.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            start: 0,
            length: metadata.size(),
        }
    }
}

#[derive(Clone)]
enum Content {
    Bytes(Bytes),
    Disk { file: Arc<std::fs::File>, start: u64 },
    Other(Arc<dyn ReadAt>),
}

impl File {
    /// A file in memory, as those made from the configuration are.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::new(bytes.len() as u64, Content::Bytes(bytes))
    }

    /// A whole file of a disk.
    ///
    /// # Errors
    /// Where its length cannot be learnt.
    pub fn from_disk(file: std::fs::File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self::with_metadata(file, &metadata))
    }

    fn with_metadata(file: std::fs::File, metadata: &std::fs::Metadata) -> Self {
        let content = Content::Disk { file: Arc::new(file), start: 0 };
        Self {
            modified: metadata.modified().ok(),
            stamp: Some(Stamp::of(metadata)),
            ..Self::new(metadata.len(), content)
        }
    }

    /// A whole file of a disk, if it is one and no folder, device or pipe.
    pub(super) fn regular(file: std::fs::File) -> Result<Self, OpenError> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(OpenError::NotRegular);
        }
        Ok(Self::with_metadata(file, &metadata))
    }

    /// Opens a file that the kernel finds without asking a disk (`RESOLVE_CACHED`, since Linux 5.12);
    /// none where it does not.
    pub(super) fn open_cached(
        folder: impl AsFd,
        path: impl Arg,
        resolve: ResolveFlags,
    ) -> Option<Result<Self, OpenError>> {
        // Opening a pipe would otherwise wait for its writer.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = resolve | ResolveFlags::CACHED;
        let file = openat2(folder, path, flags, Mode::empty(), resolve).ok()?;
        Some(Self::regular(file.into()))
    }

    /// Anything else that can be read.
    pub fn from_reader(reader: Arc<dyn ReadAt>, length: u64) -> Self {
        Self::new(length, Content::Other(reader))
    }

    fn new(length: u64, content: Content) -> Self {
        let digest = Arc::default();
        Self { content, length, modified: None, stamp: None, digest, secret: false }
    }

    /// The part of this file that begins at `start`, such as a file within an image; cut short where
    /// this file ends before it.
    #[must_use]
    pub fn part(&self, start: u64, length: u64) -> Self {
        let skip = start.min(self.length);
        let length = length.min(self.length - skip);
        let content = match &self.content {
            Content::Disk { file, start } => {
                Content::Disk { file: Arc::clone(file), start: start + skip }
            }
            Content::Bytes(bytes) => {
                // Both are at most the length of the bytes, which is a usize.
                let (skip, length) = (skip as usize, length as usize);
                Content::Bytes(bytes.slice(skip..skip + length))
            }
            Content::Other(reader) => {
                Content::Other(Arc::new(Part { reader: Arc::clone(reader), start: skip }))
            }
        };
        let stamp = |stamp: Stamp| Stamp { start: stamp.start + skip, length, ..stamp };
        Self {
            modified: self.modified,
            stamp: self.stamp.map(stamp),
            secret: self.secret,
            ..Self::new(length, content)
        }
    }

    /// The same file, which is for one client alone: it is never hashed, and no cache may keep it.
    #[must_use]
    pub fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// Whether it is for one client alone.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// When it was written last; none where it is made on demand.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// The same as [`File::read_exact_at`], where no disk has to be waited for: true if `buffer` is
    /// full.
    #[must_use]
    pub fn read_now(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let length = match &self.content {
            Content::Bytes(_) => self.content.read_at(offset, buffer).ok(),
            Content::Disk { file, start } => {
                read_cached(file, start.saturating_add(offset), buffer)
            }
            Content::Other(_) => None,
        };
        length == Some(buffer.len())
    }

    /// All of it, where it is in memory.
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Disk { .. } | Content::Other(_) => None,
        }
    }

    /// Has it in memory from now on. `bytes` is all of it.
    pub(super) fn hold(&mut self, bytes: Bytes) {
        self.content = Content::Bytes(bytes);
    }

    /// Its SHA-256, once it was computed; see [`Hashed`](super::Hashed).
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digest.get().copied()
    }

    /// Where its SHA-256 is put.
    pub(super) fn cell(&self) -> Arc<OnceLock<Digest>> {
        Arc::clone(&self.digest)
    }

    pub(super) fn with_cell(self, digest: Arc<OnceLock<Digest>>) -> Self {
        Self { digest, ..self }
    }

    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// Fails if the file was written to after it was opened. A new name, or none, is no such change: who renames
    /// a new version into its place leaves this one as it is.
    ///
    /// # Errors
    /// [`Changed`], or why that cannot be known.
    pub(crate) fn check_unchanged(&self) -> io::Result<()> {
        let (Content::Disk { file, .. }, Some(stamp)) = (&self.content, self.stamp) else {
            return Ok(());
        };
        let now = Stamp::of(&file.metadata()?);
        let same = (now.size, now.modified) == (stamp.size, stamp.modified);
        if same { Ok(()) } else { Err(io::Error::other(Changed)) }
    }

    /// Whether it is the version still that was opened.
    pub(super) fn is_unchanged(&self) -> bool {
        let (Content::Disk { file, .. }, Some(stamp)) = (&self.content, self.stamp) else {
            return true;
        };
        let part = |now: Stamp| Stamp { start: stamp.start, length: stamp.length, ..now };
        file.metadata().is_ok_and(|now| part(Stamp::of(&now)) == stamp)
    }

    /// The file on a disk that has the `length` bytes from `offset`, and where in it they begin, if the kernel
    /// has them in memory. That is judged by the last byte, and by the first unless `follows` says that the
    /// bytes before them were in memory just now.
    pub(crate) fn cached(
        &self,
        offset: u64,
        length: u64,
        follows: bool,
    ) -> Option<(&std::fs::File, u64)> {
        let Content::Disk { file, start } = &self.content else { return None };
        let first = start.saturating_add(offset);
        let last = first.saturating_add(length).saturating_sub(1);
        let has = |at| read_cached(file, at, &mut [0]) == Some(1);
        // A short file comes from a disk as a whole.
        let begins = follows || length <= SHORT || has(first);
        (begins && has(last)).then_some((file, first))
    }

    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    /// Where reading fails, and `UnexpectedEof` where the file ends before, as one does that was cut
    /// short after it was opened.
    pub fn read_exact_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let length = match self.content.read_at(offset, buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            offset += length as u64;
            buffer = &mut buffer[length..];
        }
        Ok(())
    }
}

/// Reads what the kernel has in memory; none where it would have to wait, or does not know.
fn read_cached(file: &std::fs::File, offset: u64, buffer: &mut [u8]) -> Option<usize> {
    preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT).ok()
}

impl Content {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let length = buffer.len().min(bytes.len() - start);
                buffer[..length].copy_from_slice(&bytes[start..start + length]);
                Ok(length)
            }
            Self::Disk { file, start } => file.read_at(buffer, start.saturating_add(offset)),
            Self::Other(reader) => reader.read_at(offset, buffer),
        }
    }
}

struct Part {
    reader: Arc<dyn ReadAt>,
    start: u64,
}

impl ReadAt for Part {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read_at(self.start.saturating_add(offset), buffer)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("length", &self.length)
            .field("modified", &self.modified)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn all(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
        file.read_exact_at(0, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_file_that_is_written_to_is_another_and_one_that_is_renamed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let opened = || {
            std::fs::write(&path, "0123456789").unwrap();
            File::from_disk(std::fs::File::open(&path).unwrap()).unwrap()
        };
        let later = |file: &std::fs::File| {
            // The clock of a file system may be as coarse as a few milliseconds.
            file.set_modified(SystemTime::now() + std::time::Duration::from_secs(1)).unwrap();
        };
        let file = opened();
        assert!(file.check_unchanged().is_ok());
        let mut writer = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        writer.write_all(b"x").unwrap();
        later(&writer);
        assert!(Changed::is(&file.check_unchanged().unwrap_err()));
        assert!(Changed::is(&file.part(3, 4).check_unchanged().unwrap_err()), "any part of it");

        let file = opened();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"more").unwrap();
        assert!(file.check_unchanged().is_err(), "it grew");
        let file = opened();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(3).unwrap();
        assert!(file.check_unchanged().is_err(), "it shrank");

        let file = opened();
        let newer = folder.path().join("newer");
        std::fs::write(&newer, "another").unwrap();
        std::fs::hard_link(&path, folder.path().join("second name")).unwrap();
        std::fs::rename(&newer, &path).unwrap();
        assert!(file.check_unchanged().is_ok(), "renamed over");
        std::fs::remove_file(&path).unwrap();
        assert!(file.check_unchanged().is_ok(), "deleted");
        assert!(File::from_bytes("made").check_unchanged().is_ok());
    }

    #[test]
    fn a_part_is_the_same_from_memory_disk_and_reader() {
        struct Reader(Vec<u8>);
        impl ReadAt for Reader {
            fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
                // One byte at a time: short reads are legal.
                let byte = self.0.get(usize::try_from(offset).unwrap());
                Ok(byte.map_or(0, |byte| {
                    buffer[0] = *byte;
                    1
                }))
            }
        }
        let mut disk = tempfile::tempfile().unwrap();
        disk.write_all(b"0123456789").unwrap();
        for file in [
            File::from_bytes("0123456789"),
            File::from_disk(disk).unwrap(),
            File::from_reader(Arc::new(Reader(b"0123456789".to_vec())), 10),
        ] {
            assert_eq!(all(&file), b"0123456789");
            let mut now = [0; 3];
            assert!(!file.read_now(8, &mut now), "it ends before");
            if file.read_now(2, &mut now) {
                assert_eq!(&now, b"234");
            }
            assert_eq!(all(&file.part(2, 5).part(1, 3)), b"345");
            assert_eq!(all(&file.part(8, 5)), b"89");
            assert!(file.part(11, 1).is_empty());
        }
    }

    #[test]
    fn a_file_cut_short_is_an_error() {
        let disk = tempfile::tempfile().unwrap();
        disk.set_len(100).unwrap();
        let file = File::from_disk(disk.try_clone().unwrap()).unwrap();
        disk.set_len(50).unwrap();
        let error = file.read_exact_at(40, &mut [0; 20]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
