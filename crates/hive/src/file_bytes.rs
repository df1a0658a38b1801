//! `FileBytes`: the bytes of a hive file in memory, in huge pages if possible.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::{Deref, DerefMut};
use std::path::Path;

use memmap2::MmapMut;

/// The bytes of a hive file, in huge pages if the system supports them.
///
/// A `Vec` gets the pages of a large file from the kernel one by one, which costs more than copying
/// the file into them. [`FileBytes::read`] asks for huge pages if the file has more than 32 MiB; an
/// existing `Vec` is used unchanged.
///
/// ```no_run
/// use winpe_hive::{FileBytes, Hive};
/// let hive = Hive::open(FileBytes::read("SOFTWARE".as_ref())?)?;
/// std::fs::write("SOFTWARE.new", hive.into_file_bytes())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileBytes(Memory);

enum Memory {
    Vec(Vec<u8>),
    /// The first `len` bytes of the map; the others are zero and mostly not backed by memory.
    Map {
        map: MmapMut,
        len: usize,
    },
}

/// Below this size an allocator may reuse memory that needs no new pages.
const MIN_MAP: usize = 32 << 20;

const LARGE_PAGE: usize = 2 << 20;

/// The base block and as many bins as its length field can count.
const MAX_LEN: u64 = 4096 + u32::MAX as u64;

impl FileBytes {
    /// Reads a whole file.
    ///
    /// # Errors
    /// As for any file; [`io::ErrorKind::FileTooLarge`] for a file that is longer than any hive.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        // A file without a length, like a pipe, proves too long only while it is read.
        if metadata.len() > MAX_LEN {
            return Err(too_large(metadata.len()));
        }
        let len = metadata.len() as usize;
        let mut bytes = match map(len) {
            Some(map) => Self(Memory::Map { map, len }),
            None => Self(Memory::Vec(vec![0; len])),
        };
        let mut filled = 0;
        while filled < len {
            match file.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        let mut rest = Vec::new();
        file.take(MAX_LEN - filled as u64 + 1).read_to_end(&mut rest)?;
        if !rest.is_empty() {
            bytes.resize(filled + rest.len());
            bytes[filled..].copy_from_slice(&rest);
        }
        match bytes.len() as u64 {
            0..=MAX_LEN => Ok(bytes),
            len => Err(too_large(len)),
        }
    }

    /// The bytes in a vector; without a copy if they came from one.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Memory::Vec(vec) => vec,
            Memory::Map { map, len } => map[..len].to_vec(),
        }
    }

    pub(crate) fn truncate(&mut self, to: usize) {
        match &mut self.0 {
            Memory::Vec(vec) => vec.truncate(to),
            Memory::Map { map, len } if to < *len => {
                map[to..*len].fill(0);
                *len = to;
            }
            Memory::Map { .. } => {}
        }
    }

    /// Truncates, or appends zeros.
    pub(crate) fn resize(&mut self, to: usize) {
        if to <= self.len() {
            return self.truncate(to);
        }
        match &mut self.0 {
            Memory::Map { map, len } if to <= map.len() => *len = to,
            Memory::Vec(vec) => {
                // In steps that keep the work linear and the waste small.
                if to > vec.capacity() {
                    vec.reserve_exact(to - vec.len() + room(vec.len()));
                }
                vec.resize(to, 0);
            }
            Memory::Map { map: old, len } => {
                self.0 = match map(to) {
                    Some(mut map) => {
                        map[..*len].copy_from_slice(&old[..*len]);
                        Memory::Map { map, len: to }
                    }
                    None => {
                        let mut vec = Vec::with_capacity(to + room(to));
                        vec.extend_from_slice(&old[..*len]);
                        vec.resize(to, 0);
                        Memory::Vec(vec)
                    }
                };
            }
        }
    }
}

/// Zeroed memory for `len` bytes and some growth; `None` if a vector serves as well.
fn map(len: usize) -> Option<MmapMut> {
    if len < MIN_MAP {
        return None;
    }
    let map = MmapMut::map_anon((len + room(len)).next_multiple_of(LARGE_PAGE)).ok()?;
    // A kernel without huge pages refuses this; the map then works like a vector.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Some(map)
}

/// Bytes by which a hive of this length may grow before it has to move.
fn room(len: usize) -> usize {
    (len / 16).max(64 << 10)
}

fn too_large(len: u64) -> io::Error {
    let message = format!("{len} bytes; a hive has {MAX_LEN} at most");
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

impl From<Vec<u8>> for FileBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Memory::Vec(bytes))
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Memory::Vec(vec) => vec,
            Memory::Map { map, len } => &map[..*len],
        }
    }
}

impl DerefMut for FileBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Memory::Vec(vec) => vec,
            Memory::Map { map, len } => &mut map[..*len],
        }
    }
}

impl Clone for FileBytes {
    fn clone(&self) -> Self {
        let Some(mut map) = map(self.len()) else { return Self::from(self.to_vec()) };
        map[..self.len()].copy_from_slice(self);
        Self(Memory::Map { map, len: self.len() })
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for FileBytes {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl AsRef<[u8]> for FileBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileBytes").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map and a vector behave the same for callers.
    #[test]
    fn grows_and_shrinks_like_a_vector() {
        let bytes: Vec<u8> = (0..MIN_MAP + 5).map(|index| index as u8).collect();
        let mut map = map(bytes.len()).expect("memory");
        map[..bytes.len()].copy_from_slice(&bytes);
        let mut mapped = FileBytes(Memory::Map { map, len: bytes.len() });
        let mut plain = FileBytes::from(bytes.clone());
        for len in [bytes.len() + 1, 100, 4096, bytes.len(), 2 * MIN_MAP + 1, MIN_MAP] {
            mapped.resize(len);
            plain.resize(len);
            assert_eq!(mapped[..], plain[..], "{len}");
        }
        assert!(matches!(mapped.0, Memory::Map { .. }));
        assert_eq!(mapped.into_vec(), plain.into_vec());
    }

    #[test]
    fn reads_a_file_without_a_length() {
        let bytes = FileBytes::read("/proc/self/stat".as_ref()).unwrap();
        assert!(!bytes.is_empty());
    }

    #[test]
    fn refuses_a_file_longer_than_any_hive() {
        let path = std::env::temp_dir().join(format!("winpe-hive-long-{}", std::process::id()));
        let file = File::create(&path).unwrap();
        file.set_len(5 << 30).unwrap();
        let error = FileBytes::read(&path).unwrap_err();
        std::fs::remove_file(path).unwrap();
        assert_eq!(error.to_string(), "5368709120 bytes; a hive has 4294971391 at most");
    }
}
