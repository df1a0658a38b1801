//! `ImageFs`: an image and its changes as a file system, without the kernel.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::time::SystemTime;

use rustix::io::Errno;
use winpe_wim::{Archive, BlobReader, Stream, WimError};

use crate::staging::Staging;
use crate::tree::{Ino, Kind, Op, READONLY, ROOT, Stamp, Tree};

/// Bytes that cached readers may hold (a chunk each), which also limits their number.
const CACHED: usize = 64 << 20;
const READERS: usize = 64;
/// Maximum size of an extended attribute in the kernel.
const LARGEST_ATTRIBUTE: u64 = 64 << 10;

/// An image as a file system.
#[derive(Debug)]
pub(crate) struct ImageFs {
    archive: Archive,
    tree: Tree,
    readers: Readers,
    /// Receives changes; `None` for a read-only file system.
    staging: Option<Staging>,
    /// Open files of the staging folder.
    files: HashMap<Ino, File>,
}

/// The attributes of a file that are requested most often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) ino: Ino,
    pub(crate) kind: EntryKind,
    pub(crate) size: u64,
    pub(crate) created: SystemTime,
    pub(crate) accessed: SystemTime,
    pub(crate) written: SystemTime,
    pub(crate) links: u32,
    pub(crate) readonly: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Folder,
    File,
    Link,
}

impl ImageFs {
    pub(crate) fn new(
        mut archive: Archive,
        image: u32,
        staging: Option<Staging>,
    ) -> Result<Self, WimError> {
        let tree = Tree::load(&archive, image)?;
        // Only data is read from here on.
        archive.forget_metadata();
        Ok(Self { archive, tree, readers: Readers::default(), staging, files: HashMap::new() })
    }

    pub(crate) fn staging(&self) -> Option<&Staging> {
        self.staging.as_ref()
    }

    pub(crate) fn lookup(&self, folder: Ino, name: &str) -> Result<Attributes, Errno> {
        self.attributes(self.tree.lookup(folder, name)?)
    }

    pub(crate) fn attributes(&self, ino: Ino) -> Result<Attributes, Errno> {
        let node = self.tree.node(ino)?;
        let (kind, size, written) = match &node.kind {
            Kind::Folder(_) => (EntryKind::Folder, 0, node.written),
            Kind::File { size, .. } => (EntryKind::File, *size, node.written),
            Kind::Link(target) => (EntryKind::Link, target.len() as u64, node.written),
            Kind::Staged => {
                let data = self.staging.as_ref().ok_or(Errno::ROFS)?.data(ino);
                let metadata = data.metadata().map_err(errno)?;
                (EntryKind::File, metadata.len(), metadata.modified().map_err(errno)?)
            }
        };
        let links = u32::try_from(node.links()).unwrap_or(u32::MAX);
        Ok(Attributes {
            ino,
            kind,
            size,
            created: node.created,
            accessed: node.accessed,
            written,
            links: if kind == EntryKind::Folder { 2 } else { links },
            readonly: node.attributes & READONLY != 0 && kind == EntryKind::File,
        })
    }

    /// The entries of a folder, with `.` and `..`.
    pub(crate) fn list(&self, folder: Ino) -> Result<Vec<(String, Ino, EntryKind)>, Errno> {
        let above = if folder == ROOT { ROOT } else { self.tree.parent(folder) };
        let mut entries = vec![
            (".".to_owned(), folder, EntryKind::Folder),
            ("..".to_owned(), above, EntryKind::Folder),
        ];
        for (name, ino) in self.tree.list(folder)? {
            let kind = match self.tree.node(ino)?.kind {
                Kind::Folder(_) => EntryKind::Folder,
                Kind::Link(_) => EntryKind::Link,
                Kind::File { .. } | Kind::Staged => EntryKind::File,
            };
            entries.push((name.to_owned(), ino, kind));
        }
        Ok(entries)
    }

    pub(crate) fn link_target(&self, ino: Ino) -> Result<String, Errno> {
        match &self.tree.node(ino)?.kind {
            Kind::Link(target) => Ok(target.clone()),
            _ => Err(Errno::INVAL),
        }
    }

    /// At most `size` bytes from `offset` on; fewer only at the end.
    pub(crate) fn read(&mut self, ino: Ino, offset: u64, size: usize) -> Result<Vec<u8>, Errno> {
        let mut buffer = vec![0; size];
        let read = match &self.tree.node(ino)?.kind {
            Kind::Folder(_) => return Err(Errno::ISDIR),
            Kind::Link(_) => return Err(Errno::INVAL),
            Kind::File { sha1: None, .. } => 0,
            Kind::File { sha1: Some(sha1), .. } => {
                let sha1 = *sha1;
                let reader =
                    self.readers.of(&self.archive, &sha1).map_err(|error| report_error(&error))?;
                reader.read_at(offset, &mut buffer).map_err(|error| report_error(&error))?
            }
            Kind::Staged => read_full(self.staged(ino)?, offset, &mut buffer).map_err(errno)?,
        };
        buffer.truncate(read);
        Ok(buffer)
    }

    pub(crate) fn write(&mut self, ino: Ino, offset: u64, data: &[u8]) -> Result<(), Errno> {
        self.stage(ino, true)?;
        self.staged(ino)?.write_all_at(data, offset).map_err(errno)
    }

    pub(crate) fn truncate(&mut self, ino: Ino, size: u64) -> Result<(), Errno> {
        self.stage(ino, size > 0)?;
        self.staged(ino)?.set_len(size).map_err(errno)
    }

    /// Makes written data of a file durable.
    pub(crate) fn sync(&mut self, ino: Ino) -> Result<(), Errno> {
        match self.tree.node(ino)?.kind {
            Kind::Staged => self.staged(ino)?.sync_all().map_err(errno),
            _ => Ok(()),
        }
    }

    /// Closes a file that no program has open any more.
    pub(crate) fn close(&mut self, ino: Ino) {
        self.files.remove(&ino);
    }

    pub(crate) fn create(&mut self, folder: Ino, name: &str) -> Result<Attributes, Errno> {
        let time = Stamp::of(SystemTime::now());
        let staging = self.staging.as_ref().ok_or(Errno::ROFS)?;
        // The data is stored first: the journal never names data that do not exist.
        let ino = self.tree.next();
        File::create(staging.data(ino)).map_err(errno)?;
        self.change(&Op::Create { folder, name: name.to_owned(), time })?;
        self.lookup(folder, name)
    }

    pub(crate) fn mkdir(&mut self, folder: Ino, name: &str) -> Result<Attributes, Errno> {
        let time = Stamp::of(SystemTime::now());
        self.change(&Op::Mkdir { folder, name: name.to_owned(), time })?;
        self.lookup(folder, name)
    }

    pub(crate) fn remove(&mut self, folder: Ino, name: &str, as_folder: bool) -> Result<(), Errno> {
        let is_folder = self.lookup(folder, name)?.kind == EntryKind::Folder;
        match (is_folder, as_folder) {
            (true, false) => return Err(Errno::ISDIR),
            (false, true) => return Err(Errno::NOTDIR),
            _ => {}
        }
        self.change(&Op::Remove { folder, name: name.to_owned() })
    }

    /// Renames a file or folder. An existing one with the new name is replaced if that is allowed.
    pub(crate) fn rename(
        &mut self,
        folder: Ino,
        name: &str,
        to: Ino,
        new: &str,
        replaces: bool,
    ) -> Result<(), Errno> {
        let same = self.tree.lookup(folder, name)?;
        let there = self.tree.lookup(to, new).is_ok_and(|other| other != same);
        if there && !replaces {
            return Err(Errno::EXIST);
        }
        self.change(&Op::Rename { folder, name: name.to_owned(), to, new: new.to_owned() })
    }

    pub(crate) fn set_info(
        &mut self,
        ino: Ino,
        readonly: Option<bool>,
        accessed: Option<SystemTime>,
        written: Option<SystemTime>,
    ) -> Result<(), Errno> {
        let node = self.tree.node(ino)?;
        let before = node.attributes;
        let wanted = readonly.filter(|_| !matches!(node.kind, Kind::Folder(_)));
        let wanted = wanted.map(|on| if on { before | READONLY } else { before & !READONLY });
        let attributes = wanted.filter(|attributes| *attributes != before);
        if let (Kind::Staged, Some(written)) = (&node.kind, written) {
            // The time of last write of staged data is that of its file.
            self.staged(ino)?.set_modified(written).map_err(errno)?;
        }
        let [accessed, written] = [accessed, written].map(|time| time.map(Stamp::of));
        if attributes.is_none() && accessed.is_none() && written.is_none() {
            return Ok(());
        }
        self.change(&Op::SetInfo { ino, attributes, accessed, written })
    }

    /// The value of an extended attribute.
    pub(crate) fn attribute(&mut self, ino: Ino, name: &str) -> Result<Vec<u8>, Errno> {
        let node = self.tree.node(ino)?;
        let found = match name {
            "system.ntfs_acl" => node.security.as_ref().map(|security| security.to_vec()),
            "system.ntfs_attrib" => Some(node.attributes.to_le_bytes().to_vec()),
            "system.ntfs_dos_name" => {
                node.short_name.as_ref().map(|name| name.clone().into_bytes())
            }
            _ => {
                let stream = name.strip_prefix("user.").ok_or(Errno::NODATA)?;
                let is_it = |found: &&Stream| found.name == stream;
                let found = node.streams.iter().find(is_it).ok_or(Errno::NODATA)?.clone();
                Some(self.stream(&found)?)
            }
        };
        found.ok_or(Errno::NODATA)
    }

    /// The names of alternate streams. `system.` attributes are not listed, as in NTFS-3G: programs
    /// that copy attributes would try to copy them.
    pub(crate) fn attribute_names(&self, ino: Ino) -> Result<Vec<String>, Errno> {
        let streams = self.tree.node(ino)?.streams.iter();
        Ok(streams.map(|stream| format!("user.{}", stream.name)).collect())
    }

    fn stream(&mut self, stream: &Stream) -> Result<Vec<u8>, Errno> {
        let Some(sha1) = &stream.sha1 else { return Ok(Vec::new()) };
        if stream.size > LARGEST_ATTRIBUTE {
            return Err(Errno::TOOBIG);
        }
        let mut data = Vec::new();
        let reader = self.readers.of(&self.archive, sha1).map_err(|error| report_error(&error))?;
        let copied = reader.copy_to(&mut data).map_err(|error| report_error(&error))?;
        copied.map_err(errno)?;
        Ok(data)
    }

    /// Applies a change, and adds it to the journal.
    fn change(&mut self, op: &Op) -> Result<(), Errno> {
        let staging = self.staging.as_mut().ok_or(Errno::ROFS)?;
        self.tree.apply(op)?;
        staging.record(op).map_err(errno)
    }

    /// Copies the data of a file to the staging folder, or starts with empty data there.
    fn stage(&mut self, ino: Ino, with_data: bool) -> Result<(), Errno> {
        let staging = self.staging.as_ref().ok_or(Errno::ROFS)?;
        let sha1 = match &self.tree.node(ino)?.kind {
            Kind::Staged => return Ok(()),
            Kind::File { sha1, .. } => *sha1,
            Kind::Folder(_) => return Err(Errno::ISDIR),
            Kind::Link(_) => return Err(Errno::INVAL),
        };
        let mut file = File::create(staging.data(ino)).map_err(errno)?;
        if let Some(sha1) = sha1.filter(|_| with_data) {
            let reader =
                self.readers.of(&self.archive, &sha1).map_err(|error| report_error(&error))?;
            reader.copy_to(&mut file).map_err(|error| report_error(&error))?.map_err(errno)?;
        }
        self.change(&Op::Stage { ino })
    }

    fn staged(&mut self, ino: Ino) -> Result<&File, Errno> {
        let staging = self.staging.as_ref().ok_or(Errno::ROFS)?;
        match self.files.entry(ino) {
            std::collections::hash_map::Entry::Occupied(open) => Ok(open.into_mut()),
            std::collections::hash_map::Entry::Vacant(place) => {
                let opened = OpenOptions::new().read(true).write(true).open(staging.data(ino));
                Ok(place.insert(opened.map_err(errno)?))
            }
        }
    }
}

/// The readers used last, the most recent first.
#[derive(Debug, Default)]
struct Readers(VecDeque<([u8; 20], BlobReader)>);

impl Readers {
    fn of(&mut self, archive: &Archive, sha1: &[u8; 20]) -> Result<&mut BlobReader, WimError> {
        let known = self.0.iter().position(|(other, _)| other == sha1);
        let reader = match known.and_then(|at| self.0.remove(at)) {
            Some((_, reader)) => reader,
            None => archive.blob_reader(sha1)?,
        };
        let most = (CACHED / (reader.chunk_size() as usize).max(1)).clamp(1, READERS);
        self.0.truncate(most - 1);
        self.0.push_front((*sha1, reader));
        Ok(&mut self.0[0].1)
    }
}

fn read_full(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64)? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}

fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// A damaged WIM is only an input error for the program that reads; the reason is logged for the
/// user of the mount.
fn report_error(error: &WimError) -> Errno {
    use io::Write;
    let _ = writeln!(io::stderr(), "{error}");
    Errno::IO
}

#[cfg(test)]
mod tests;
