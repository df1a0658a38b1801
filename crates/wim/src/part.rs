//! A WIM file as a store of resources: the whole of a WIM, or one part of a split one.

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1 as Sha1Hasher};
use zerocopy::FromBytes;

use crate::blobs::{Blob, BlobPlace, BlobTable, Sha1};
use crate::chunks::{ChunkReader, Chunks, Source};
use crate::coding::Coding;
use crate::error::WimError;
use crate::format::header::{self, DiskHeader};
use crate::format::resource::ResourceHeader;

/// An opened file with its header and blob table.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) size: u64,
    pub(crate) disk: DiskHeader,
    pub(crate) pipable: bool,
    pub(crate) coding: Coding,
    pub(crate) blobs: BlobTable,
    /// The chunk of a solid resource that was read last: neighbours are mostly read together.
    solid_chunk: RefCell<Option<SolidChunk>>,
}

#[derive(Debug)]
struct SolidChunk {
    resource: usize,
    index: usize,
    plain: Vec<u8>,
}

impl Part {
    pub(crate) fn open(path: &Path) -> Result<Self, WimError> {
        let failed = |error| WimError::io(path, "open", error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(std::io::ErrorKind::IsADirectory.into()));
        }
        let source = Source { file: &file, path, size: metadata.len() };
        let (disk, pipable) = read_header(source)?;
        let coding = Coding::of(path, &disk)?;
        let blobs = BlobTable::read(source, &disk.blob_table, coding, pipable, disk.part.get())?;
        Ok(Self {
            path: path.to_path_buf(),
            size: metadata.len(),
            disk,
            pipable,
            coding,
            blobs,
            solid_chunk: RefCell::new(None),
            file,
        })
    }

    /// The other parts of a split WIM that stand beside this one: `install.swm`, `install2.swm`, ….
    /// What cannot be opened, or belongs to another WIM, is left out.
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

    pub(crate) fn source(&self) -> Source<'_> {
        Source { file: &self.file, path: &self.path, size: self.size }
    }

    /// The chunks of a resource of this file that is not solid.
    pub(crate) fn chunks(&self, resource: &ResourceHeader) -> Result<Chunks, WimError> {
        Chunks::find(self.source(), resource, self.coding, self.pipable)
    }

    /// The data of a resource, compared with its SHA-1. The caller has compared its size with a limit.
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

    /// The data of a blob, as [`Part::read_resource`].
    pub(crate) fn read_blob(&self, blob: &Blob, sha1: &Sha1) -> Result<Vec<u8>, WimError> {
        const WHAT: &str = "the data of a file";
        match blob.place {
            BlobPlace::Own(resource) => self.read_resource(WHAT, &resource, sha1),
            BlobPlace::Solid { resource, offset } => {
                let data = self.read_solid(resource, offset, blob.size)?;
                self.check_sha1(WHAT, offset, sha1, &data)?;
                Ok(data)
            }
        }
    }

    fn read_solid(&self, resource: usize, offset: u64, size: u64) -> Result<Vec<u8>, WimError> {
        let chunks = self.blobs.solid(resource);
        let step = u64::from(chunks.coding.chunk_size);
        let mut reader = ChunkReader::new(self.source(), chunks.clone())?;
        let mut data = Vec::new();
        let mut at = offset;
        while at < offset + size {
            let index = usize::try_from(at / step).expect("chunks are counted in memory");
            let start = usize::try_from(at % step).expect("a chunk size is 32 bits");
            let mut cache = self.solid_chunk.borrow_mut();
            let cached = cache.take_if(|chunk| (chunk.resource, chunk.index) == (resource, index));
            let mut plain = cached.map(|chunk| chunk.plain).unwrap_or_default();
            if plain.is_empty() {
                reader.chunk(index, &mut plain)?;
            }
            let left = usize::try_from(offset + size - at).unwrap_or(usize::MAX);
            let end = plain.len().min(start.saturating_add(left));
            data.extend_from_slice(&plain[start..end]);
            at += (end - start) as u64;
            *cache = Some(SolidChunk { resource, index, plain });
        }
        Ok(data)
    }

    fn check_sha1(
        &self,
        what: &'static str,
        offset: u64,
        sha1: &Sha1,
        data: &[u8],
    ) -> Result<(), WimError> {
        let found: Sha1 = Sha1Hasher::digest(data).into();
        if found == *sha1 {
            return Ok(());
        }
        Err(WimError::corrupt(&self.path, what, offset, sha1_text(sha1), sha1_text(&found)))
    }
}

/// What the names of the files of a split WIM have in common: all but a number at the end of the stem.
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
    let mut magic = vec![0; usize::try_from(source.size.min(8)).expect("at most 8")];
    source
        .file
        .read_exact_at(&mut magic, 0)
        .map_err(|error| WimError::io(source.path, "read", error))?;
    let pipable = magic == header::MAGIC_PIPABLE;
    if magic != header::MAGIC && !pipable {
        return Err(WimError::NotAWim { path, found: magic });
    }
    // wimlib writes the header of a pipable WIM, which cannot go back, again at its end.
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
        return Err(WimError::UnsupportedVersion { path, version });
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

fn sha1_text(sha1: &Sha1) -> String {
    sha1.iter().fold("SHA-1 ".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
