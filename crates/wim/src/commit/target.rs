//! The two destinations of a commit: the WIM itself, or a new file that appears when it is
//! complete.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock, ioctl_ficlone};
use rustix::io::Errno;
use winpe_disk::newfile::Options;
use zerocopy::IntoBytes;

use super::append::{Appender, Tables};
use super::confirm::confirm;
use super::erase::{self, LaterTable};
use super::import::Import;
use super::integrity::Digests;
use super::new_file::{NewFile, not_writable};
use super::pack::{Base, Packer};
use super::plan::{NewMetadata, Plan};
use super::storage::{Output, Storage};
use super::{CommitOptions, Committed, Erasure};
use crate::archive::Archive;
use crate::error::{CommitError, WimError};
use crate::format::header::{DiskHeader, SIZE, flags};
use crate::format::resource::DiskBlob;
use crate::part::Part;
use crate::progress::Progress;

/// Commits into the WIM itself.
pub(super) fn in_place(
    archive: Archive,
    plan: &Plan<'_>,
    options: &mut CommitOptions<'_>,
) -> Result<Committed, WimError> {
    let path = archive.part.path.clone();
    let adds_integrity = options.add_integrity && archive.part.disk.integrity.is_absent();
    if plan.is_empty() && archive.leftover().is_none() && !adds_integrity {
        return Ok(committed(path, plan, &Written::default()));
    }
    let file = open_for_writing(&path)?;
    lock(&file, &path, FlockOperation::NonBlockingLockExclusive)?;
    check_same(&archive, &file)?;
    append_and_switch(archive, plan, &file, options)
}

/// Appends, makes durable, switches the header; on an error restores the old WIM.
pub(super) fn append_and_switch(
    mut archive: Archive,
    plan: &Plan<'_>,
    storage: &dyn Storage,
    options: &mut CommitOptions<'_>,
) -> Result<Committed, WimError> {
    let path = archive.part.path.clone();
    let leftover = archive.leftover();
    let cancel = options.cancel.clone();
    let output = Output { storage, path: &path, cancel: Some(&cancel) };
    let (header, end) = (archive.part.disk.clone(), archive.end());
    let mut undo = Undo { storage, header, end, switched: false, armed: true };
    output.set_len(end)?;
    let mut written = write(&mut archive, plan, output, end, options)?;
    report(options, Progress::Sync);
    output.sync()?;
    // From here on the file is the new one.
    output.go_on()?;
    let output = output.uncancelled();
    undo.switched = true;
    output.write(0, written.header(&archive.part.disk).as_bytes())?;
    output.sync()?;
    report(options, Progress::Confirm);
    confirm(&path, &path, plan)?;
    undo.armed = false;
    drop(undo);
    let mut erased = Erasure::NotAsked;
    if options.erase && !plan.is_empty() {
        report(options, Progress::Sync);
        let header = written.header(&archive.part.disk);
        let unused = erase::unused(header, &archive.part.blobs, &plan.dropped, written.end);
        erased = erase::in_place(output, &header.clone(), &unused, written.table.take());
    }
    Ok(Committed { repaired: leftover, erased, ..committed(path, plan, &written) })
}

/// Commits into another file.
pub(super) fn to_file(
    archive: &mut Archive,
    plan: &Plan<'_>,
    path: &Path,
    overwrite: bool,
    options: &mut CommitOptions<'_>,
) -> Result<Committed, WimError> {
    let like = archive.part.file.metadata();
    let like = like.map_err(|error| WimError::io(&archive.part.path, "read", error))?;
    let new = Options { overwrite, like: Some(&like), private: options.private };
    let mut new = NewFile::create(path, new)?;
    let cancel = options.cancel.clone();
    lock(&archive.part.file, &archive.part.path, FlockOperation::NonBlockingLockShared)?;
    check_same(archive, &archive.part.file)?;
    let end = archive.end();
    copy(archive, new.file(), path, end, options)?;
    let leftover = archive.leftover();
    let adds_integrity = options.add_integrity && archive.part.disk.integrity.is_absent();
    let mut written = Written::default();
    let mut erased = Erasure::NotAsked;
    if !plan.is_empty() || leftover.is_some() || adds_integrity {
        let output = Output { storage: new.file(), path, cancel: Some(&cancel) };
        written = write(archive, plan, output, end, options)?;
        let mut header = written.header(&archive.part.disk).clone();
        if options.erase && !plan.is_empty() {
            let unused = erase::unused(&header, &archive.part.blobs, &plan.dropped, written.end);
            erased = erase::in_new_file(output, &mut header, &unused, written.table.take())?;
        }
        output.write(0, header.as_bytes())?;
    }
    report(options, Progress::Sync);
    let readable = new.settle()?;
    report(options, Progress::Confirm);
    confirm(&readable, path, plan)?;
    Output { storage: new.file(), path, cancel: Some(&cancel) }.go_on()?;
    let swept = new.swept();
    let path = new.finish()?;
    Ok(Committed { repaired: leftover, erased, swept, ..committed(path, plan, &written) })
}

/// The result of appending.
#[derive(Default)]
pub(super) struct Written {
    pub(super) header: Option<DiskHeader>,
    /// The offset after the last byte that the header refers to.
    end: u64,
    /// The integrity table, which is written later if data is erased first.
    table: Option<LaterTable>,
    appended: u64,
    kept: u64,
    packed: u64,
}

impl Written {
    fn header<'a>(&'a self, old: &'a DiskHeader) -> &'a DiskHeader {
        self.header.as_ref().unwrap_or(old)
    }
}

/// Appends everything but the header.
pub(super) fn write(
    archive: &mut Archive,
    plan: &Plan<'_>,
    output: Output<'_>,
    at: u64,
    options: &mut CommitOptions<'_>,
) -> Result<Written, WimError> {
    let mut disk = archive.part.disk.clone();
    disk.flags.set(disk.flags.get() & !flags::WRITE_IN_PROGRESS);
    let has_integrity = !archive.part.disk.integrity.is_absent();
    if plan.is_empty() && (has_integrity || !options.add_integrity) {
        // Only the mark of an interrupted write is removed. An integrity table does not cover the
        // header.
        return Ok(Written { header: Some(disk), ..Written::default() });
    }
    let packer = Packer::new(&archive.part.path, archive.part.coding, options.threads)?;
    let mut appender = Appender { output, at, packer };
    let own: u64 = plan.blobs.iter().map(|blob| blob.data.size).sum();
    let total = own + plan.import.as_ref().map_or(0, Import::size);
    let mut done = 0;
    let mut inserted = Vec::new();
    for blob in &plan.blobs {
        let source = archive.part.source();
        let base = blob.base.as_ref().map(|chunks| Base { source, chunks, plain: None });
        let mut count = |bytes| {
            done += bytes;
            report(options, Progress::Write { done, total });
        };
        inserted.push(appender.blob(&blob.data, blob.references, base, &mut count)?);
    }
    let mut metadata = append_metadata(archive, plan, &mut appender)?;
    if let Some(import) = &plan.import {
        let mut count = |bytes| {
            done += bytes;
            report(options, Progress::Write { done, total });
        };
        inserted.extend(import.write_blobs(&mut appender, &mut count)?);
        for (index, entry) in import.write_metadata(&mut appender)? {
            metadata.push((index as usize - 1, entry));
        }
        import.enter(&mut disk);
    }
    let integrity = digests(archive, options)?;
    let blobs = &mut archive.part.blobs;
    plan.references.iter().for_each(|(sha1, count)| blobs.set_references(sha1, *count));
    inserted.into_iter().for_each(|entry| blobs.insert(entry));
    metadata.into_iter().for_each(|(index, entry)| blobs.set_metadata(index, entry));
    let (integrity, later) =
        if options.erase && !plan.is_empty() { (None, integrity) } else { (integrity, None) };
    let tables = Tables { blobs, dropped: &plan.dropped, xml: plan.xml.clone(), integrity };
    appender.tables(&mut disk, tables)?;
    // Removes the rest of a compressed attempt that was longer than the plain resource that
    // replaced it.
    output.set_len(appender.at)?;
    let end = appender.at;
    let later = later.map(|digests| LaterTable::reserve(output, digests, &disk, end));
    let table = later.transpose()?;
    let Packer { kept, packed, .. } = appender.packer;
    Ok(Written { header: Some(disk), end, table, appended: end - at, kept, packed })
}

/// Appends the metadata of the images that change: for each its position in the table, and its entry.
fn append_metadata(
    archive: &Archive,
    plan: &Plan<'_>,
    appender: &mut Appender<'_>,
) -> Result<Vec<(usize, DiskBlob)>, WimError> {
    let mut metadata = Vec::new();
    for image in &plan.images {
        let NewMetadata { base, before, .. } = image;
        let base = Base { source: archive.part.source(), chunks: base, plain: Some(before) };
        metadata.push((image.image as usize - 1, appender.metadata(&image.bytes, Some(base))?));
    }
    Ok(metadata)
}

/// The known digests for the integrity table, if one is to be written.
fn digests(archive: &Archive, options: &CommitOptions<'_>) -> Result<Option<Digests>, WimError> {
    let disk = &archive.part.disk;
    if !disk.integrity.is_absent() {
        let kept = Digests::kept(archive.part.source(), &disk.integrity, disk.blob_table.end());
        return kept.map(Some);
    }
    Ok(options.add_integrity.then(Digests::none))
}

/// Restores the WIM when a commit in place fails by an error or a panic.
struct Undo<'a> {
    storage: &'a dyn Storage,
    header: DiskHeader,
    end: u64,
    /// Whether the header on disk may already be the new one.
    switched: bool,
    armed: bool,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        // The new data must stay as long as the header may refer to it.
        let restored = !self.switched
            || self
                .storage
                .write_all_at(self.header.as_bytes(), 0)
                .and_then(|()| self.storage.sync())
                .is_ok();
        if restored {
            // If this fails, unused bytes remain after the end.
            let _ = self.storage.set_len(self.end);
        }
    }
}

/// Checks that the file may be written to, even though another file replaces it.
pub(super) fn check_writable(path: &Path) -> Result<(), WimError> {
    open_for_writing(path).map(drop)
}

fn open_for_writing(path: &Path) -> Result<File, WimError> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.map_err(|error| not_writable(path, "open for writing", error))
}

/// For how long a lock of another is waited for. A process that another thread starts holds the locks of this
/// one from fork(2) to execve(2), so a WIM that was closed a moment ago can still be locked.
const PATIENCE: Duration = Duration::from_millis(250);

/// Locks as wimlib does, so that each sees the other. On a file system without locks it does nothing.
pub(super) fn lock(file: &File, path: &Path, operation: FlockOperation) -> Result<(), WimError> {
    let start = Instant::now();
    loop {
        match flock(file, operation) {
            Err(Errno::WOULDBLOCK) if start.elapsed() < PATIENCE => thread::sleep(PATIENCE / 50),
            Err(Errno::WOULDBLOCK) => {
                return Err(WimError::Commit(CommitError::Locked { path: path.to_path_buf() }));
            }
            _ => return Ok(()),
        }
    }
}

/// Checks that `file` is the one that the archive was read from, and has not changed since.
pub(super) fn check_same(archive: &Archive, file: &File) -> Result<(), WimError> {
    let Part { path, base, disk, .. } = &archive.part;
    let failed = |error| WimError::io(path, "read", error);
    let [old, new] = [&archive.part.file, file].map(File::metadata);
    let (old, new) = (old.map_err(failed)?, new.map_err(failed)?);
    let mut header = [0; SIZE as usize];
    file.read_exact_at(&mut header, *base).map_err(failed)?;
    let same = (old.dev(), old.ino()) == (new.dev(), new.ino())
        && (*base > 0 || new.len() == archive.part.size)
        && header == disk.as_bytes();
    if same { Ok(()) } else { Err(WimError::Commit(CommitError::Changed { path: path.clone() })) }
}

/// Copies the WIM without bytes after its end; shares its blocks if the file system can.
fn copy(
    archive: &Archive,
    to: &File,
    path: &Path,
    end: u64,
    options: &mut CommitOptions<'_>,
) -> Result<(), WimError> {
    const STEP: u64 = 16 << 20;
    if archive.part.base == 0 && ioctl_ficlone(to, &archive.part.file).is_ok() {
        return to.set_len(end).map_err(|error| WimError::io(path, "set the size", error));
    }
    let to_file = to;
    let (mut from, mut to): (&File, &File) = (&archive.part.file, to);
    from.seek(SeekFrom::Start(archive.part.base))
        .map_err(|error| WimError::io(&archive.part.path, "read", error))?;
    let mut done = 0;
    while done < end {
        Output { storage: to_file, path, cancel: Some(&options.cancel) }.go_on()?;
        report(options, Progress::Copy { done, total: end });
        let copied = io::copy(&mut from.take(STEP.min(end - done)), &mut to)
            .map_err(|error| WimError::io(path, "write", error))?;
        if copied == 0 {
            return Err(WimError::Commit(CommitError::Changed { path: archive.part.path.clone() }));
        }
        done += copied;
    }
    Ok(())
}

pub(super) fn report(options: &mut CommitOptions<'_>, progress: Progress) {
    if let Some(callback) = &mut options.progress {
        callback(progress);
    }
}

fn committed(path: PathBuf, plan: &Plan<'_>, written: &Written) -> Committed {
    Committed {
        path,
        changed: !plan.is_empty(),
        added: plan.added,
        replaced: plan.replaced,
        same: plan.same,
        appended: written.appended,
        chunks_kept: written.kept,
        chunks_packed: written.packed,
        repaired: None,
        erased: Erasure::NotAsked,
        swept: Vec::new(),
    }
}
