//! The blob table: where the data of each SHA-1 is stored.

use std::collections::HashMap;
use std::sync::Arc;

use zerocopy::{FromBytes, IntoBytes};

use crate::chunks::{ChunkReader, Chunks, Source};
use crate::coding::Coding;
use crate::error::WimError;
use crate::format::resource::{DiskBlob, ResourceHeader, SOLID_RESOURCE, flags};

pub(crate) type Sha1 = [u8; 20];

/// The SHA-1 that represents an empty stream.
pub(crate) const EMPTY: Sha1 = [0; 20];

/// The table as stored in the file, in its order, with an index.
#[derive(Debug, Default)]
pub(crate) struct BlobTable {
    entries: Vec<DiskBlob>,
    by_sha1: HashMap<Sha1, Blob>,
    metadata: Vec<usize>,
    solid: Vec<Arc<Chunks>>,
    /// Bytes of the file that the resources in `solid` take.
    solid_stored: u64,
}

/// The location of the data of a SHA-1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blob {
    entry: usize,
    /// Uncompressed size in bytes.
    pub(crate) size: u64,
    pub(crate) place: BlobPlace,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum BlobPlace {
    /// A separate resource.
    Own(ResourceHeader),
    /// A range of a solid resource.
    Solid {
        /// Index into [`BlobTable::solid`].
        resource: usize,
        /// Offset in the uncompressed data.
        offset: u64,
    },
}

impl BlobPlace {
    /// Sort key for the order of blobs in the file; blobs in solid resources come after all others.
    pub(crate) fn order(&self) -> (usize, u64) {
        match self {
            Self::Own(resource) => (0, resource.offset.get()),
            Self::Solid { resource, offset } => (resource + 1, *offset),
        }
    }
}

impl BlobTable {
    pub(crate) fn read(
        source: Source<'_>,
        header: &ResourceHeader,
        coding: Coding,
        pipable: bool,
        part: u16,
    ) -> Result<Self, WimError> {
        if header.is_absent() {
            return Ok(Self::default());
        }
        let chunks = Chunks::find(source, header, coding, pipable)?;
        // wimlib and imagex store it uncompressed, so its size cannot exceed that of the file.
        if chunks.size > source.size {
            return Err(WimError::corrupt(
                source.path,
                "the blob table",
                header.offset.get(),
                format!("at most {} bytes", source.size),
                format!("{} bytes", chunks.size),
            ));
        }
        let bytes = ChunkReader::new(source, chunks)?.all()?;
        let entries: Vec<DiskBlob> = bytes
            .chunks_exact(size_of::<DiskBlob>())
            .map(|entry| DiskBlob::read_from_bytes(entry).expect("chunks of its size"))
            .collect();
        let mut table = Self { entries, ..Self::default() };
        table.index(source, part)?;
        Ok(table)
    }

    fn index(&mut self, source: Source<'_>, part: u16) -> Result<(), WimError> {
        // A run of solid entries: first its resources (some may follow later in the run), and blobs
        // whose offsets count through all resources of the run.
        let mut run: Vec<usize> = Vec::new();
        let mut in_run = false;
        for at in 0..self.entries.len() {
            let entry = self.entries[at];
            let resource = entry.resource;
            let place = if resource.has(flags::SOLID) {
                if !in_run {
                    run = self.solid_run(source, at)?;
                    in_run = true;
                }
                if resource.size.get() == SOLID_RESOURCE {
                    continue;
                }
                self.solid_place(source, &run, &resource)?
            } else {
                in_run = false;
                BlobPlace::Own(resource)
            };
            if entry.sha1 == EMPTY || entry.part.get() != part {
                continue;
            }
            if resource.has(flags::METADATA) {
                // Some WIMs of the AIK keep the entries of deleted images.
                if entry.references.get() > 0 {
                    self.metadata.push(at);
                }
                continue;
            }
            let size = match place {
                BlobPlace::Own(resource) => resource.size.get(),
                BlobPlace::Solid { .. } => resource.stored(),
            };
            if size > 0 {
                self.by_sha1.entry(entry.sha1).or_insert(Blob { entry: at, size, place });
            }
        }
        Ok(())
    }

    /// Reads the solid resources of the run that begins at `start`.
    fn solid_run(&mut self, source: Source<'_>, start: usize) -> Result<Vec<usize>, WimError> {
        let mut run = Vec::new();
        let entries = self.entries[start..].iter().map(|entry| entry.resource);
        for resource in entries.take_while(|resource| resource.has(flags::SOLID)) {
            if resource.size.get() == SOLID_RESOURCE {
                // Resources do not overlap, so a table that repeats one is refused before it takes
                // memory.
                self.solid_stored = self.solid_stored.saturating_add(resource.stored());
                source.check("the solid resources", 0, self.solid_stored)?;
                run.push(self.solid.len());
                self.solid.push(Arc::new(Chunks::find(source, &resource, Coding::NONE, false)?));
            }
        }
        Ok(run)
    }

    fn solid_place(
        &self,
        source: Source<'_>,
        run: &[usize],
        blob: &ResourceHeader,
    ) -> Result<BlobPlace, WimError> {
        let mut offset = blob.offset.get();
        for resource in run {
            let size = self.solid[*resource].size;
            if offset.saturating_add(blob.stored()) <= size {
                return Ok(BlobPlace::Solid { resource: *resource, offset });
            }
            offset = offset.saturating_sub(size);
        }
        Err(WimError::corrupt(
            source.path,
            "the blob table",
            blob.offset.get(),
            "a place within a solid resource",
            format!("{} bytes outside of all", blob.stored()),
        ))
    }

    pub(crate) fn get(&self, sha1: &Sha1) -> Option<&Blob> {
        self.by_sha1.get(sha1)
    }

    /// The entry of a blob, as stored in the table.
    pub(crate) fn entry(&self, blob: &Blob) -> &DiskBlob {
        &self.entries[blob.entry]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Sha1, &Blob)> {
        self.by_sha1.iter()
    }

    /// The metadata resource of the `index`-th image, counted from 0.
    pub(crate) fn metadata(&self, index: usize) -> Option<&DiskBlob> {
        self.metadata.get(index).map(|at| &self.entries[*at])
    }

    pub(crate) fn solid(&self, resource: usize) -> &Arc<Chunks> {
        &self.solid[resource]
    }

    /// Bytes that all solid resources take in the file, and bytes of their data.
    pub(crate) fn solid_sizes(&self) -> (u64, u64) {
        (self.solid_stored, self.solid.iter().map(|chunks| chunks.size).sum())
    }

    pub(crate) fn has_solid(&self) -> bool {
        !self.solid.is_empty()
    }

    /// The reference count of a blob in the table.
    pub(crate) fn references(&self, sha1: &Sha1) -> u32 {
        self.by_sha1.get(sha1).map_or(0, |blob| self.entries[blob.entry].references.get())
    }

    pub(crate) fn set_references(&mut self, sha1: &Sha1, references: u32) {
        if let Some(blob) = self.by_sha1.get(sha1) {
            self.entries[blob.entry].references.set(references);
        }
    }

    pub(crate) fn insert(&mut self, entry: DiskBlob) {
        let place = BlobPlace::Own(entry.resource);
        let blob = Blob { entry: self.entries.len(), size: entry.resource.size.get(), place };
        self.by_sha1.insert(entry.sha1, blob);
        self.entries.push(entry);
    }

    /// Replaces the metadata resource of the `index`-th image, or adds one.
    pub(crate) fn set_metadata(&mut self, index: usize, entry: DiskBlob) {
        if let Some(at) = self.metadata.get(index) {
            self.entries[*at] = entry;
        } else {
            self.metadata.push(self.entries.len());
            self.entries.push(entry);
        }
    }

    /// The table to be written, without the blobs in `dropped`.
    pub(crate) fn to_bytes(&self, dropped: &[Sha1]) -> Vec<u8> {
        self.without(dropped).flat_map(|entry| entry.as_bytes()).copied().collect()
    }

    /// The resources of the file that the table names after removal of the blobs in `dropped`.
    pub(crate) fn resources(&self, dropped: &[Sha1]) -> impl Iterator<Item = ResourceHeader> {
        self.without(dropped).map(|entry| entry.resource).filter(is_in_file)
    }

    fn without(&self, dropped: &[Sha1]) -> impl Iterator<Item = &DiskBlob> {
        let dropped: std::collections::HashSet<usize> = dropped
            .iter()
            .filter_map(|sha1| self.by_sha1.get(sha1))
            .map(|blob| blob.entry)
            .collect();
        let kept = self.entries.iter().enumerate().filter(move |(at, _)| !dropped.contains(at));
        kept.map(|(_, entry)| entry)
    }

    /// One past the last byte that any entry refers to.
    pub(crate) fn end(&self) -> u64 {
        let own = self.entries.iter().map(|entry| entry.resource).filter(is_in_file);
        own.map(|resource| resource.end()).max().unwrap_or(0)
    }
}

/// Whether the offset of a resource is one in the file, not one in a solid resource.
fn is_in_file(resource: &ResourceHeader) -> bool {
    !resource.has(flags::SOLID) || resource.size.get() == SOLID_RESOURCE
}
