//! `BlobReader`: random access to the data of a file.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sha1::{Digest, Sha1 as Sha1Hasher};

use crate::blobs::Sha1;
use crate::chunks::{Chunks, Source, decode};
use crate::error::WimError;
use crate::ffi::Decompressor;

/// Reads the data of a file, decompressing only the requested chunks.
///
/// It is independent of the [`Archive`](crate::Archive) that created it, and can be sent to another
/// thread. [`copy_to`](Self::copy_to) reads all of the data and checks its SHA-1;
/// [`read_at`](Self::read_at) returns a part and cannot check it.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("winpe.wim");
/// # let mut image = winpe_wim::NewImage::new("PE");
/// # image.files.push(("Windows/notepad.exe".into(), b"MZ, and more".to_vec()));
/// # winpe_wim::create(&path, winpe_wim::Compression::Lzx, &[image])?;
/// let wim = winpe_wim::Archive::open(&path)?;
/// let mut reader = wim.reader(1, r"\Windows\notepad.exe")?;
/// let mut magic = [0; 2];
/// assert_eq!(reader.read_at(0, &mut magic)?, 2);
/// assert_eq!(&magic, b"MZ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BlobReader {
    file: Arc<File>,
    path: PathBuf,
    /// The offset of the WIM in the file, and its size.
    window: (u64, u64),
    chunks: Arc<Chunks>,
    /// The offset of the data in the uncompressed `chunks`: 0 unless it is a range of a solid
    /// resource.
    start: u64,
    size: u64,
    sha1: Sha1,
    codec: Option<Decompressor>,
    last: LastChunk,
}

/// The last decompressed chunk, since most reads are sequential. Readers of solid data of one file
/// share it, since neighbouring files are in the same chunk of up to 128 MiB.
pub(crate) type LastChunk = Arc<Mutex<Option<Decoded>>>;

pub(crate) struct Decoded {
    /// Its offset in the file, which identifies the chunk.
    offset: u64,
    plain: Vec<u8>,
}

/// The location of a reader's data.
pub(crate) struct ByteRange {
    pub(crate) chunks: Arc<Chunks>,
    pub(crate) start: u64,
    pub(crate) size: u64,
    pub(crate) sha1: Sha1,
}

impl BlobReader {
    pub(crate) fn new(
        file: &Arc<File>,
        source: Source<'_>,
        range: ByteRange,
        last: LastChunk,
    ) -> Result<Self, WimError> {
        let ByteRange { chunks, start, size, sha1 } = range;
        let codec = chunks.coding.decompressor(source.path)?;
        Ok(Self {
            file: Arc::clone(file),
            path: source.path.to_path_buf(),
            window: (source.base, source.size),
            chunks,
            start,
            size,
            sha1,
            codec,
            last,
        })
    }

    /// Size of the data in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Maximum number of bytes that are decompressed, and held in memory, for a read of one byte.
    #[must_use]
    pub fn chunk_size(&self) -> u32 {
        self.chunks.coding.chunk_size
    }

    /// Fills `buffer` with the data from `offset` on, and returns the number of bytes read: fewer
    /// than the length of `buffer` only at the end.
    ///
    /// # Errors
    /// [`FormatError::Corrupt`](crate::FormatError::Corrupt) for data that cannot be decompressed,
    /// [`WimError::Io`].
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, WimError> {
        let mut done = 0;
        while done < buffer.len() && offset + (done as u64) < self.size {
            let rest = &mut buffer[done..];
            done += self.with_chunk(offset + done as u64, |piece| {
                let size = piece.len().min(rest.len());
                rest[..size].copy_from_slice(&piece[..size]);
                size
            })?;
        }
        Ok(done)
    }

    /// Writes all of the data to `out`, and checks its SHA-1.
    ///
    /// # Errors
    /// [`FormatError::Corrupt`](crate::FormatError::Corrupt), [`WimError::Io`] of the WIM; errors of `out`
    /// are returned as the
    /// inner result.
    pub fn copy_to(&mut self, out: &mut dyn Write) -> Result<std::io::Result<()>, WimError> {
        let mut hasher = Sha1Hasher::new();
        let mut at = 0;
        while at < self.size {
            let (size, written) = self.with_chunk(at, |piece| {
                hasher.update(piece);
                (piece.len() as u64, out.write_all(piece))
            })?;
            if written.is_err() {
                return Ok(written);
            }
            at += size;
        }
        self.compare(&hasher.finalize().into())?;
        Ok(Ok(()))
    }

    /// Calls `take` with the data from `offset`, which must be below the size, to the end of its
    /// chunk.
    fn with_chunk<T>(&mut self, offset: u64, take: impl FnOnce(&[u8]) -> T) -> Result<T, WimError> {
        let at = self.start + offset;
        let step = u64::from(self.chunks.coding.chunk_size);
        let index = usize::try_from(at / step).expect("chunks are counted in memory");
        let skip = usize::try_from(at % step).expect("a chunk size is 32 bits");
        let place = self.chunks.place_of(index).ok_or_else(|| {
            let expected = format!("{} chunks", self.chunks.count());
            WimError::corrupt(&self.path, "the data of a file", at, expected, format!("{index}"))
        })?;
        // After a panic elsewhere the cache holds a complete chunk, or none.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let decoded = match last.take_if(|decoded| decoded.offset == place.offset) {
            Some(decoded) => decoded,
            None => {
                let mut plain = last.take().map(|decoded| decoded.plain).unwrap_or_default();
                plain.clear();
                let (base, size) = self.window;
                let source = Source { file: &self.file, path: &self.path, base, size };
                decode(source, &self.chunks, self.codec.as_mut(), index, &mut plain)?;
                Decoded { offset: place.offset, plain }
            }
        };
        let left = usize::try_from(self.size - offset).unwrap_or(usize::MAX);
        let end = decoded.plain.len().min(skip.saturating_add(left));
        let taken = take(&decoded.plain[skip..end]);
        *last = Some(decoded);
        Ok(taken)
    }

    pub(crate) fn compare(&self, found: &Sha1) -> Result<(), WimError> {
        if *found == self.sha1 {
            return Ok(());
        }
        let place = self.chunks.place_of(0).map_or(0, |place| place.offset);
        let [expected, found] = [&self.sha1, found].map(sha1_text);
        Err(WimError::corrupt(&self.path, "the data of a file", place, expected, found))
    }
}

impl fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sha1 = sha1_text(&self.sha1);
        f.debug_struct("BlobReader").field("size", &self.size).field("sha1", &sha1).finish()
    }
}

pub(crate) fn sha1_text(sha1: &Sha1) -> String {
    sha1.iter().fold("SHA-1 ".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
