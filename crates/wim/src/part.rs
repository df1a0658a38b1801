//! A WIM file as a store of resources: a whole WIM, or one part of a split one.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::sink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha1::{Digest, Sha1 as Sha1Hasher};
use zerocopy::FromBytes;

use crate::blobs::{Blob, BlobPlace, BlobTable, Sha1};
use crate::chunks::{ChunkReader, Chunks, Source};
use crate::coding::Coding;
use crate::error::{FormatError, WimError};
use crate::format::header::{self, DiskHeader};
use crate::format::resource::ResourceHeader;
use crate::iso::Window;
use crate::reader::{BlobReader, ByteRange, LastChunk, sha1_text};

/// An opened file with its header and blob table.
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<File>,
    /// The offset of the WIM in the file: 0 unless it is inside an ISO image.
    pub(crate) base: u64,
    pub(crate) size: u64,
    pub(crate) disk: DiskHeader,
    pub(crate) pipable: bool,
    pub(crate) coding: Coding,
    pub(crate) blobs: BlobTable,
    /// Cache for the readers of solid data.
    last: LastChunk,
}

impl Part {
    /// Opens the whole file at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, WimError> {
        let failed = |error| WimError::io(path, "open", error);
        Self::of_file(path, File::open(path).map_err(failed)?)
    }

    /// Uses a whole open file; `path` is for errors.
    pub(crate) fn of_file(path: &Path, file: File) -> Result<Self, WimError> {
        let failed = |error| WimError::io(path, "open", error);
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(std::io::ErrorKind::IsADirectory.into()));
        }
        Self::read(path, file, 0, metadata.len())
    }

    /// Opens a range of the file at `path`; the range must be inside the file.
    pub(crate) fn open_within(path: &Path, window: Window) -> Result<Self, WimError> {
        let file = File::open(path).map_err(|error| WimError::io(path, "open", error))?;
        Self::read(path, file, window.offset, window.size)
    }

    fn read(path: &Path, file: File, base: u64, size: u64) -> Result<Self, WimError> {
        let source = Source { file: &file, path, base, size };
        let (disk, pipable) = read_header(source)?;
        let coding = Coding::of(path, &disk)?;
        let blobs = BlobTable::read(source, &disk.blob_table, coding, pipable, disk.part.get())?;
        Ok(Self {
            path: path.to_path_buf(),
            base,
            size,
            disk,
            pipable,
            coding,
            blobs,
            last: LastChunk::default(),
            file: Arc::new(file),
        })
    }

    /// The other parts of a split WIM in the same folder: `install.swm`, `install2.swm`, …. Files
    /// that cannot be opened or belong to another WIM are skipped.
    pub(crate) fn siblings(&self) -> Vec<Self> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let Some(name) = SetName::of(&self.path) else { return Vec::new() };
        let mut found: Vec<Self> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| SetName::of(path).is_some_and(|other| other == name))
            .filter_map(|path| Self::open(&path).ok())
            .filter(|other| other.disk.guid == self.disk.guid)
            .filter(|other| other.disk.part != self.disk.part)
            .collect();
        found.sort_by_key(|part| part.disk.part.get());
        found.dedup_by_key(|part| part.disk.part.get());
        found
    }

    /// The parts of a split WIM that are neither this one nor among `others`, by the names that they would have:
    /// the first five of them.
    pub(crate) fn missing(&self, others: &[Self]) -> Vec<PathBuf> {
        let number = |part: &Self| part.disk.part.get();
        let stem = self.path.file_stem().and_then(OsStr::to_str);
        let extension = self.path.extension().and_then(OsStr::to_str);
        let (Some(stem), Some(extension)) = (stem, extension) else { return Vec::new() };
        // `install.swm` is the first, but `boot1.swm` can be too.
        let own = number(self).to_string();
        let stem = if number(self) == 1 { stem } else { stem.strip_suffix(&own).unwrap_or(stem) };
        (1..=self.disk.parts.get())
            .filter(|part| number(self) != *part && others.iter().all(|it| number(it) != *part))
            .map(|part| match part {
                1 => format!("{stem}.{extension}"),
                part => format!("{stem}{part}.{extension}"),
            })
            .map(|name| self.path.with_file_name(name))
            .take(5)
            .collect()
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source { file: &self.file, path: &self.path, base: self.base, size: self.size }
    }

    /// The chunks of a resource of this file that is not solid.
    pub(crate) fn chunks(&self, resource: &ResourceHeader) -> Result<Chunks, WimError> {
        Chunks::find(self.source(), resource, self.coding, self.pipable)
    }

    /// Reads the data of a resource and checks its SHA-1. The caller has compared its size with a
    /// limit.
    pub(crate) fn read_resource(
        &self,
        what: &'static str,
        resource: &ResourceHeader,
        sha1: &Sha1,
    ) -> Result<Vec<u8>, WimError> {
        let data = ChunkReader::new(self.source(), self.chunks(resource)?)?.all()?;
        self.check_sha1(what, resource.offset.get(), sha1, &data)?;
        Ok(data)
    }

    /// A reader for a blob of any size, which reads it piece by piece.
    pub(crate) fn reader(&self, blob: &Blob, sha1: &Sha1) -> Result<BlobReader, WimError> {
        let (size, sha1) = (blob.size, *sha1);
        let (range, last) = match blob.place {
            BlobPlace::Own(resource) => {
                let chunks = Arc::new(self.chunks(&resource)?);
                (ByteRange { chunks, start: 0, size, sha1 }, LastChunk::default())
            }
            BlobPlace::Solid { resource, offset } => {
                let chunks = Arc::clone(self.blobs.solid(resource));
                (ByteRange { chunks, start: offset, size, sha1 }, Arc::clone(&self.last))
            }
        };
        BlobReader::new(&self.file, self.source(), range, last)
    }

    /// The data of a blob, as [`Part::read_resource`].
    pub(crate) fn read_blob(&self, blob: &Blob, sha1: &Sha1) -> Result<Vec<u8>, WimError> {
        let mut data = Vec::new();
        let written = self.reader(blob, sha1)?.copy_to(&mut data)?;
        written.expect("memory takes all");
        Ok(data)
    }

    /// Reads each blob, in the order of the file, and checks its SHA-1. Errors are passed to
    /// `found`, and reading continues if possible. `watch` is called with `(done, total)` bytes.
    pub(crate) fn check_blobs(
        &self,
        watch: &mut dyn FnMut(u64, u64),
        found: &mut dyn FnMut(WimError) -> Result<(), WimError>,
    ) -> Result<(), WimError> {
        let mut blobs: Vec<(&Sha1, &Blob)> = self.blobs.iter().collect();
        blobs.sort_by_key(|(_, blob)| blob.place.order());
        let total = blobs.iter().map(|(_, blob)| blob.size).fold(0, u64::saturating_add);
        let mut done = 0;
        for (sha1, blob) in blobs {
            let read = self.reader(blob, sha1).and_then(|mut reader| reader.copy_to(&mut sink()));
            if let Err(error) = read {
                found(error)?;
            }
            done += blob.size;
            watch(done, total);
        }
        Ok(())
    }

    fn check_sha1(
        &self,
        what: &'static str,
        offset: u64,
        sha1: &Sha1,
        data: &[u8],
    ) -> Result<(), WimError> {
        let found = Sha1Hasher::digest(data).into();
        if *sha1 == found {
            return Ok(());
        }
        Err(WimError::corrupt(&self.path, what, offset, sha1_text(sha1), sha1_text(&found)))
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("path", &self.path).field("base", &self.base).finish()
    }
}

/// The common part of the file names of a split WIM: everything but a number at the end of the
/// stem.
#[derive(PartialEq, Eq)]
struct SetName {
    stem: String,
    extension: String,
}

impl SetName {
    fn of(path: &Path) -> Option<Self> {
        let stem = path.file_stem()?.to_str()?.trim_end_matches(|c: char| c.is_ascii_digit());
        let extension = path.extension()?.to_str()?;
        Some(Self { stem: stem.to_lowercase(), extension: extension.to_lowercase() })
    }
}

/// The header, and whether the WIM is pipable.
fn read_header(source: Source<'_>) -> Result<(DiskHeader, bool), WimError> {
    let path = source.path.to_path_buf();
    let magic =
        source.read("the header", 0, usize::try_from(source.size.min(8)).expect("at most 8"))?;
    let pipable = magic == header::MAGIC_PIPABLE;
    if magic != header::MAGIC && !pipable {
        return Err(WimError::Format(FormatError::NotAWim { path, found: magic }));
    }
    // wimlib writes a pipable WIM sequentially, so the complete header is at its end.
    let offset = if pipable { source.size.saturating_sub(header::SIZE.into()) } else { 0 };
    let bytes = source.read("the header", offset, header::SIZE as usize)?;
    let disk = DiskHeader::read_from_bytes(&bytes).expect("read with its size");
    let corrupt = |expected: String, actual: String| {
        WimError::corrupt(source.path, "the header", offset, expected, actual)
    };
    if disk.magic[..] != magic {
        return Err(corrupt(
            "the magic of a pipable WIM".to_owned(),
            format!("{:02x?}", disk.magic),
        ));
    }
    let version = disk.version.get();
    if ![header::VERSION_DEFAULT, header::VERSION_SOLID].contains(&version) {
        return Err(WimError::Format(FormatError::UnsupportedVersion { path, version }));
    }
    if disk.size.get() != header::SIZE {
        return Err(corrupt(format!("a header of {} bytes", header::SIZE), disk.size.to_string()));
    }
    let (part, parts) = (disk.part.get(), disk.parts.get());
    if !(1..=parts).contains(&part) {
        return Err(corrupt(
            "a part from 1 to their number".to_owned(),
            format!("{part} of {parts}"),
        ));
    }
    if disk.boot_index.get() > disk.image_count.get() {
        let expected = format!("a boot index of at most {}", disk.image_count.get());
        return Err(corrupt(expected, disk.boot_index.to_string()));
    }
    Ok((disk, pipable))
}
