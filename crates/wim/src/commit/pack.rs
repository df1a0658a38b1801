//! Compresses content into a resource, on all processors.
//!
//! Each chunk is compressed separately. When new content replaces old content of the same WIM,
//! unchanged chunks are copied in compressed form; only the others are compressed.

use std::path::Path;
use std::sync::Mutex;
use std::thread;

use sha1::{Digest, Sha1 as Sha1Hasher};

use super::storage::Output;
use crate::chunks::{Chunks, Source, table_entry_size};
use crate::coding::Coding;
use crate::content::Data;
use crate::error::WimError;
use crate::ffi::{Compressor, Decompressor};
use crate::format::resource::{ResourceHeader, flags};

/// Uncompressed bytes processed at a time; at least a chunk for each worker.
const BATCH: usize = 1 << 20;

/// Compressors, one for each thread, and counters of their work.
pub(crate) struct Packer {
    coding: Coding,
    workers: Vec<Worker>,
    pub(crate) kept: u64,
    pub(crate) packed: u64,
}

struct Worker {
    compressor: Option<Compressor>,
    decompressor: Option<Decompressor>,
    scratch: Vec<u8>,
}

/// The stored chunks of the replaced content.
#[derive(Clone, Copy)]
pub(crate) struct Base<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) chunks: &'a Chunks,
    /// Their uncompressed data, if it is in memory.
    pub(crate) plain: Option<&'a [u8]>,
}

/// The destination of a resource.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    pub(crate) output: Output<'a>,
    pub(crate) at: u64,
    /// Flags of the resource other than that of compression.
    pub(crate) flags: u8,
}

impl Packer {
    /// `path` is for errors. Without `threads`, the number of processors.
    pub(crate) fn new(
        path: &Path,
        coding: Coding,
        threads: Option<usize>,
    ) -> Result<Self, WimError> {
        /// More threads do not help: one thread reads and writes.
        const MOST: usize = 16;
        let available = || thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = threads.unwrap_or_else(available).clamp(1, MOST);
        let worker = || {
            let compressor = coding.compressor(path)?;
            let decompressor = coding.decompressor(path)?;
            Ok(Worker { compressor, decompressor, scratch: Vec::new() })
        };
        let workers = (0..count).map(|_| worker()).collect::<Result<_, WimError>>()?;
        Ok(Self { coding, workers, kept: 0, packed: 0 })
    }

    /// Writes `data` as a resource. `report` is called with the number of uncompressed bytes of each
    /// batch.
    pub(crate) fn write(
        &mut self,
        Slot { output, at, flags: extra }: Slot<'_>,
        data: &Data<'_>,
        base: Option<Base<'_>>,
        report: &mut dyn FnMut(u64),
    ) -> Result<ResourceHeader, WimError> {
        if self.coding == Coding::NONE {
            return write_plain(output, at, data, extra, Some(report));
        }
        let step = self.coding.chunk_size as usize;
        let count = usize::try_from(data.size.div_ceil(step as u64)).map_err(|_| {
            WimError::io(output.path, "write", std::io::ErrorKind::FileTooLarge.into())
        })?;
        let entry_size = table_entry_size(data.size);
        let first = at + count.saturating_sub(1) as u64 * entry_size;
        let base = base.filter(|base| base.chunks.coding == self.coding);
        let per_batch = (BATCH / step).max(self.workers.len());
        let mut hasher = data.is_unproven().then(Sha1Hasher::new);
        let mut buffer = Vec::new();
        let mut out = Vec::new();
        let mut table = Vec::with_capacity(count);
        let mut end = first;
        let (kept, packed) = (self.kept, self.packed);
        for start in (0..count).step_by(per_batch) {
            let plain = data.read(start as u64 * step as u64, per_batch * step, &mut buffer)?;
            if let Some(hasher) = &mut hasher {
                hasher.update(plain);
            }
            let old = base.map(|base| OldBatch::read(base, start, per_batch)).transpose()?;
            let mut jobs: Vec<Job<'_>> = plain
                .chunks(step)
                .enumerate()
                .map(|(index, plain)| {
                    Job::new(plain, old.as_ref().and_then(|old| old.get(index, plain)))
                })
                .collect();
            self.run(&mut jobs);
            out.clear();
            for job in &jobs {
                table.push(end + out.len() as u64 - first);
                out.extend_from_slice(job.stored());
                match job.outcome {
                    Outcome::Kept => self.kept += 1,
                    Outcome::Packed | Outcome::Plain => self.packed += 1,
                }
            }
            output.write(end, &out)?;
            end += out.len() as u64;
            report(plain.len() as u64);
        }
        check_unchanged(data, hasher)?;
        if end - at >= data.size {
            (self.kept, self.packed) = (kept, packed);
            return write_plain(output, at, data, extra, None);
        }
        output.write(at, &encode_table(&table, entry_size))?;
        Ok(ResourceHeader::new(at, end - at, data.size, flags::COMPRESSED | extra))
    }

    /// The compression format of its output.
    pub(crate) fn coding(&self) -> Coding {
        self.coding
    }

    fn run(&mut self, jobs: &mut [Job<'_>]) {
        if let [job] = jobs {
            return self.workers[0].run(job);
        }
        let workers = self.workers.len().min(jobs.len());
        let queue = Mutex::new(jobs.iter_mut());
        let next = || queue.lock().expect("no worker panics while it takes a job").next();
        thread::scope(|scope| {
            let mut workers = self.workers[..workers].iter_mut();
            let own = workers.next();
            for worker in workers {
                scope.spawn(|| {
                    while let Some(job) = next() {
                        worker.run(job);
                    }
                });
            }
            if let Some(worker) = own {
                while let Some(job) = next() {
                    worker.run(job);
                }
            }
        });
    }
}

/// A chunk to be compressed.
struct Job<'a> {
    plain: &'a [u8],
    /// The previous chunk at the same position.
    old: Option<Old<'a>>,
    packed: Vec<u8>,
    outcome: Outcome,
}

struct Old<'a> {
    stored: &'a [u8],
    /// Its uncompressed data, if it is in memory.
    plain: Option<&'a [u8]>,
}

#[derive(Clone, Copy)]
enum Outcome {
    /// The old chunk is copied.
    Kept,
    Packed,
    /// Compression does not make it smaller.
    Plain,
}

impl<'a> Job<'a> {
    fn new(plain: &'a [u8], old: Option<Old<'a>>) -> Self {
        Self { plain, old, packed: Vec::new(), outcome: Outcome::Plain }
    }

    fn stored(&self) -> &[u8] {
        match self.outcome {
            Outcome::Kept => self.old.as_ref().map_or(self.plain, |old| old.stored),
            Outcome::Packed => &self.packed,
            Outcome::Plain => self.plain,
        }
    }
}

impl Worker {
    fn run(&mut self, job: &mut Job<'_>) {
        if let Some(old) = &job.old
            && old
                .plain
                .map_or_else(|| self.expands_to(old.stored, job.plain), |old| old == job.plain)
        {
            job.outcome = Outcome::Kept;
            return;
        }
        let Some(compressor) = &mut self.compressor else { return };
        let packed = compressor.compress(job.plain, &mut job.packed).is_some();
        // A chunk that does not decompress to the same data is stored plain. The check takes little
        // time compared with compressing.
        let packed = packed && {
            let stored = std::mem::take(&mut job.packed);
            let same = self.expands_to(&stored, job.plain);
            job.packed = stored;
            same
        };
        job.outcome = if packed { Outcome::Packed } else { Outcome::Plain };
    }

    fn expands_to(&mut self, stored: &[u8], plain: &[u8]) -> bool {
        if stored.len() == plain.len() {
            return stored == plain;
        }
        let Some(decompressor) = &mut self.decompressor else { return false };
        if self.scratch.len() < plain.len() {
            self.scratch.resize(plain.len(), 0);
        }
        let scratch = &mut self.scratch[..plain.len()];
        decompressor.decompress(stored, scratch) && scratch == plain
    }
}

/// The stored chunks that a batch replaces, read in one piece.
struct OldBatch<'a> {
    bytes: Vec<u8>,
    chunks: Vec<OldChunk<'a>>,
}

struct OldChunk<'a> {
    /// Range in the bytes of the batch.
    stored: std::ops::Range<usize>,
    /// Uncompressed size in bytes.
    size: usize,
    plain: Option<&'a [u8]>,
}

impl<'a> OldBatch<'a> {
    fn read(base: Base<'a>, start: usize, count: usize) -> Result<Self, WimError> {
        let places: Vec<_> =
            (start..start + count).map_while(|index| base.chunks.place_of(index)).collect();
        let Some((first, last)) = places.first().zip(places.last()) else {
            return Ok(Self { bytes: Vec::new(), chunks: Vec::new() });
        };
        let from = first.offset;
        let size = usize::try_from(last.offset + u64::from(last.stored) - from)
            .expect("a batch is some megabytes");
        let bytes = base.source.read("a chunk", from, size)?;
        let step = base.chunks.coding.chunk_size as usize;
        let chunks = (start..)
            .zip(places)
            .map(|(index, place)| {
                let at = usize::try_from(place.offset - from).expect("within the batch");
                let stored = at..at + place.stored as usize;
                let plain = base.plain.and_then(|plain| plain.chunks(step).nth(index));
                OldChunk { stored, size: base.chunks.plain_size(index), plain }
            })
            .collect();
        Ok(Self { bytes, chunks })
    }

    fn get(&self, index: usize, plain: &[u8]) -> Option<Old<'_>> {
        let chunk = self.chunks.get(index).filter(|chunk| chunk.size == plain.len())?;
        Some(Old { stored: &self.bytes[chunk.stored.clone()], plain: chunk.plain })
    }
}

/// Writes a resource that is not compressed.
pub(crate) fn write_plain(
    output: Output<'_>,
    at: u64,
    data: &Data<'_>,
    extra: u8,
    mut report: Option<&mut dyn FnMut(u64)>,
) -> Result<ResourceHeader, WimError> {
    let mut hasher = data.is_unproven().then(Sha1Hasher::new);
    let mut buffer = Vec::new();
    let mut done = 0;
    while done < data.size {
        let plain = data.read(done, BATCH, &mut buffer)?;
        if let Some(hasher) = &mut hasher {
            hasher.update(plain);
        }
        output.write(at + done, plain)?;
        done += plain.len() as u64;
        if let Some(report) = &mut report {
            report(plain.len() as u64);
        }
    }
    check_unchanged(data, hasher)?;
    Ok(ResourceHeader::new(at, data.size, data.size, extra))
}

fn check_unchanged(data: &Data<'_>, hasher: Option<Sha1Hasher>) -> Result<(), WimError> {
    hasher.map_or(Ok(()), |hasher| data.prove(&hasher.finalize().into()))
}

/// The offsets of all chunks but the first.
fn encode_table(offsets: &[u64], entry_size: u64) -> Vec<u8> {
    let size = usize::try_from(entry_size).expect("4 or 8");
    offsets.iter().skip(1).flat_map(|offset| offset.to_le_bytes().into_iter().take(size)).collect()
}
