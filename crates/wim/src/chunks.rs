//! Reading a resource: a sequence of separately compressed chunks.
//!
//! | Shape | Layout |
//! |---|---|
//! | plain | the data |
//! | compressed | table of offsets (all but the first; 32 bits, or 64 from 4 GiB on), chunks |
//! | solid | head, table of sizes (32 bits), chunks |
//! | pipable | size (32 bits) and chunk, for each; table of offsets as above |
//!
//! A chunk that compression does not make smaller is stored uncompressed: its stored size is then
//! its plain size.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use zerocopy::FromBytes;

use crate::bounds;
use crate::coding::Coding;
use crate::error::{FormatError, WimError};
use crate::ffi::Decompressor;
use crate::format::resource::{DiskSolidHeader, ResourceHeader, flags};

/// A WIM as a range of a file, with the file's path for errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a File,
    pub(crate) path: &'a Path,
    /// Where the WIM begins in the file: 0 unless it is inside an ISO image.
    pub(crate) base: u64,
    pub(crate) size: u64,
}

/// The locations of the chunks of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Chunks {
    pub(crate) coding: Coding,
    /// Uncompressed size in bytes.
    pub(crate) size: u64,
    places: Vec<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) stored: u32,
}

/// From this size on, chunk tables have 64-bit entries.
const WIDE_TABLE_FROM: u64 = 1 << 32;

/// Size of an entry of the chunk table of a resource that is not solid, in bytes.
pub(crate) fn table_entry_size(size: u64) -> u64 {
    if size < WIDE_TABLE_FROM { 4 } else { 8 }
}

impl Source<'_> {
    /// Reads exactly `size` bytes; `what` names them in errors.
    pub(crate) fn read(
        &self,
        what: &'static str,
        offset: u64,
        size: usize,
    ) -> Result<Vec<u8>, WimError> {
        self.check(what, offset, size as u64)?;
        let mut bytes = vec![0; size];
        self.file
            .read_exact_at(&mut bytes, self.base + offset)
            .map_err(|error| WimError::io(self.path, "read", error))?;
        Ok(bytes)
    }

    /// Checks that the range is inside the file, before memory is allocated for it.
    pub(crate) fn check(&self, what: &'static str, offset: u64, size: u64) -> Result<(), WimError> {
        let end = offset.saturating_add(size);
        if end > self.size {
            let path = self.path.to_path_buf();
            return Err(WimError::Format(FormatError::Truncated {
                path,
                what,
                offset,
                expected: end,
                actual: self.size,
            }));
        }
        Ok(())
    }
}

impl Chunks {
    /// Locates the chunks of a resource; if it is compressed, `coding` is its format.
    pub(crate) fn find(
        source: Source<'_>,
        resource: &ResourceHeader,
        coding: Coding,
        pipable: bool,
    ) -> Result<Self, WimError> {
        let (offset, stored, size) =
            (resource.offset.get(), resource.stored(), resource.size.get());
        source.check("a resource", offset, stored)?;
        if resource.has(flags::SOLID) {
            return Self::find_solid(source, offset, stored);
        }
        if !resource.has(flags::COMPRESSED) {
            return Self::find_plain(source, offset, stored, size);
        }
        check_chunk_size(source, size, coding)?;
        let entry = table_entry_size(size);
        let count = size.div_ceil(coding.chunk_size.into());
        let table = count.saturating_sub(1).saturating_mul(entry);
        let marks = if pipable { count.saturating_mul(4) } else { 0 };
        let Some(data) = stored.checked_sub(table.saturating_add(marks)) else {
            return Err(bad_table(source, offset, "a chunk table within the resource", table));
        };
        let table_at = if pipable { offset + data + marks } else { offset };
        let bytes = source.read("a chunk table", table_at, fits(source, offset, table)?)?;
        let starts = std::iter::once(0).chain(
            bytes.chunks_exact(fits(source, offset, entry)?).map(|entry| {
                let mut wide = [0; 8];
                wide[..entry.len()].copy_from_slice(entry);
                u64::from_le_bytes(wide)
            }),
        );
        let first = if pipable { offset } else { offset + table };
        let mut chunks = Self { coding, size, places: Vec::new() };
        chunks.place(source, offset, first, starts.chain([data]), if pipable { 4 } else { 0 })?;
        Ok(chunks)
    }

    fn find_plain(
        source: Source<'_>,
        offset: u64,
        stored: u64,
        size: u64,
    ) -> Result<Self, WimError> {
        if stored != size {
            let expected = format!("{size} bytes, as it is not compressed");
            return Err(bad_table(source, offset, &expected, stored));
        }
        let mut chunks = Self { coding: Coding::NONE, size, places: Vec::new() };
        let step = u64::from(chunks.coding.chunk_size);
        let starts = (0..size.div_ceil(step)).map(|index| index * step).chain([size]);
        chunks.place(source, offset, offset, starts, 0)?;
        Ok(chunks)
    }

    fn find_solid(source: Source<'_>, offset: u64, stored: u64) -> Result<Self, WimError> {
        const HEAD: u64 = size_of::<DiskSolidHeader>() as u64;
        let head = source.read("a solid resource", offset, size_of::<DiskSolidHeader>())?;
        let head = DiskSolidHeader::read_from_bytes(&head).expect("read with its size");
        let size = head.size.get();
        let coding = Coding::numbered(source.path, head.compression.get(), head.chunk_size.get())?;
        check_chunk_size(source, size, coding)?;
        let table = size.div_ceil(coding.chunk_size.into()).saturating_mul(4);
        let Some(data) = stored.checked_sub(table.saturating_add(HEAD)) else {
            return Err(bad_table(source, offset, "a chunk table within the resource", table));
        };
        let bytes = source.read("a chunk table", offset + HEAD, fits(source, offset, table)?)?;
        let mut end = 0_u64;
        let mut starts = vec![0];
        for entry in bytes.as_chunks::<4>().0 {
            end += u64::from(u32::from_le_bytes(*entry));
            starts.push(end);
        }
        if end != data {
            return Err(bad_table(source, offset, &format!("chunks of {data} bytes"), end));
        }
        let mut chunks = Self { coding, size, places: Vec::new() };
        chunks.place(source, offset, offset + HEAD + table, starts.into_iter(), 0)?;
        Ok(chunks)
    }

    /// Fills `places` from the starts of the chunks, relative to `first`, and the end of the last.
    /// Each chunk is preceded by `mark` bytes that the starts do not include.
    fn place(
        &mut self,
        source: Source<'_>,
        resource: u64,
        first: u64,
        starts: impl Iterator<Item = u64>,
        mark: u64,
    ) -> Result<(), WimError> {
        let mut starts = starts.peekable();
        let mut shift = first;
        while let Some(start) = starts.next() {
            let Some(end) = starts.peek() else { break };
            shift += mark;
            let plain = self.plain_size(self.places.len()) as u64;
            match end.checked_sub(start) {
                Some(stored @ 1..) if stored <= plain => self.places.push(Place {
                    offset: shift.saturating_add(start),
                    stored: u32::try_from(stored).expect("at most the chunk size"),
                }),
                _ => {
                    let expected = format!("a chunk of 1 to {plain} bytes");
                    let found = format!("{start} to {end}");
                    return Err(WimError::corrupt(
                        source.path,
                        "a chunk table",
                        resource,
                        expected,
                        found,
                    ));
                }
            }
        }
        match self.places.last() {
            Some(last) => source.check("a chunk", last.offset, last.stored.into()),
            None => Ok(()),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn place_of(&self, index: usize) -> Option<Place> {
        self.places.get(index).copied()
    }

    /// Uncompressed size of a chunk in bytes; 0 after the last chunk.
    pub(crate) fn plain_size(&self, index: usize) -> usize {
        let step = u64::from(self.coding.chunk_size);
        let left = self.size.saturating_sub((index as u64).saturating_mul(step));
        usize::try_from(left.min(step)).expect("a chunk size is 32 bits")
    }
}

/// Reads chunks one after the other.
pub(crate) struct ChunkReader<'a> {
    source: Source<'a>,
    pub(crate) chunks: Chunks,
    codec: Option<Decompressor>,
}

impl<'a> ChunkReader<'a> {
    pub(crate) fn new(source: Source<'a>, chunks: Chunks) -> Result<Self, WimError> {
        let codec = chunks.coding.decompressor(source.path)?;
        Ok(Self { source, chunks, codec })
    }

    /// Appends a chunk's data to `plain`.
    pub(crate) fn chunk(&mut self, index: usize, plain: &mut Vec<u8>) -> Result<(), WimError> {
        decode(self.source, &self.chunks, self.codec.as_mut(), index, plain)
    }

    /// Reads all chunks. The caller has compared the size with a limit.
    pub(crate) fn all(&mut self) -> Result<Vec<u8>, WimError> {
        // A buffer of up to this size is allocated in advance; a larger one grows while it is
        // filled, since the size in a damaged WIM may be false.
        const BELIEVED: u64 = 16 << 20;
        let size = usize::try_from(self.chunks.size.min(BELIEVED)).expect("some megabytes");
        let mut plain = Vec::with_capacity(size);
        for index in 0..self.chunks.count() {
            self.chunk(index, &mut plain)?;
        }
        Ok(plain)
    }
}

/// Appends the data of a chunk, which must exist, to `plain`.
pub(crate) fn decode(
    source: Source<'_>,
    chunks: &Chunks,
    codec: Option<&mut Decompressor>,
    index: usize,
    plain: &mut Vec<u8>,
) -> Result<(), WimError> {
    let place = chunks.place_of(index).expect("the caller counts");
    let stored = source.read("a chunk", place.offset, place.stored as usize)?;
    let size = chunks.plain_size(index);
    if stored.len() == size {
        plain.extend_from_slice(&stored);
        return Ok(());
    }
    if let Some(codec) = codec {
        let start = plain.len();
        plain.resize(start + size, 0);
        if codec.decompress(&stored, &mut plain[start..]) {
            return Ok(());
        }
    }
    let expected = format!("{} bytes of {}", stored.len(), chunks.coding.compression);
    Err(WimError::corrupt(source.path, "compressed data", place.offset, expected, "something else"))
}

/// Checks that the largest chunk of a resource of `size` bytes is in proportion to the file.
fn check_chunk_size(source: Source<'_>, size: u64, coding: Coding) -> Result<(), WimError> {
    let size = size.min(coding.chunk_size.into());
    let limit = bounds::chunk(source.size);
    if size <= limit {
        return Ok(());
    }
    let what = format!("a chunk of {} data", coding.compression);
    Err(WimError::Format(FormatError::TooLarge {
        path: source.path.to_path_buf(),
        what,
        size,
        limit,
    }))
}

fn bad_table(source: Source<'_>, offset: u64, expected: &str, actual: u64) -> WimError {
    WimError::corrupt(source.path, "a resource", offset, expected, format!("{actual} bytes"))
}

fn fits(source: Source<'_>, offset: u64, size: u64) -> Result<usize, WimError> {
    usize::try_from(size).map_err(|_| bad_table(source, offset, "a size that fits memory", size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coding::Compression;

    #[test]
    fn a_chunk_is_in_proportion_to_the_file() {
        let file = tempfile::tempfile().expect("a file");
        let coding = Coding { compression: Compression::Lzms, chunk_size: 1 << 26 };
        let check = |file_size, size| {
            let source = Source { file: &file, path: Path::new("a.wim"), base: 0, size: file_size };
            check_chunk_size(source, size, coding).map_err(|error| error.to_string())
        };
        assert_eq!(check(1000, 16 << 20), Ok(()));
        let expected = "a.wim: a chunk of LZMS data has 16777217 bytes; at most 16777216 are read into \
                        memory";
        assert_eq!(check(1000, (16 << 20) + 1), Err(expected.to_owned()));
        // 64 MiB, as in an ESD.
        assert_eq!(check(4 << 20, u64::MAX), Ok(()));
    }
}
