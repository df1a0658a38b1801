//! Writes the tree of an image as folders, files and links.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::FileTimes;
use std::path::PathBuf;

use winpe_disk::folder::{Folder, FolderError, Identity};

use super::{ExtractOptions, Extracted, MOST_NAMED_STREAMS, Untimed};
use crate::archive::Archive;
use crate::blobs::BlobPlace;
use crate::entry::{Entry, EntryPath};
use crate::error::WimError;
use crate::metadata::Id;
use crate::name;
use crate::progress::Progress;
use crate::reparse::is_link;
use crate::tree::Tree;

/// Number of folders kept open, besides the first: a tree may be deeper than the limit of open
/// files.
const OPEN: usize = 64;

pub(super) struct Extraction<'a, 'p> {
    archive: &'a Archive,
    tree: &'a Tree,
    base: &'a Folder,
    /// The names of the path that is copied.
    top: Vec<String>,
    options: ExtractOptions<'p>,
    /// The folders from the first one down to the current one.
    levels: Vec<Level>,
    /// Link group → the first written name.
    links: HashMap<u64, First>,
    bytes: Bytes,
    done: Extracted,
}

/// A folder that is being filled.
struct Level {
    id: Id,
    /// The path in the image.
    path: EntryPath,
    /// Empty for the content of the base itself.
    name: OsString,
    /// Closed while many folders below it are open.
    folder: Option<Folder>,
    /// Entries still to be written, the next one last. Links come after all others.
    left: Vec<Id>,
}

/// A name of a hard-linked file.
struct First {
    /// Its folder, relative to the base.
    way: PathBuf,
    name: OsString,
    identity: Identity,
}

#[derive(Default)]
struct Bytes {
    done: u64,
    total: u64,
}

impl<'a, 'p> Extraction<'a, 'p> {
    pub(super) fn new(
        archive: &'a Archive,
        tree: &'a Tree,
        base: &'a Folder,
        options: ExtractOptions<'p>,
    ) -> Self {
        let (levels, links, done) = (Vec::new(), HashMap::new(), Extracted::default());
        let (top, bytes) = (Vec::new(), Bytes::default());
        Self { archive, tree, base, top, options, levels, links, bytes, done }
    }

    /// `top` and everything below it have been checked.
    pub(super) fn run(mut self, top: Id, name: &OsStr) -> Result<Extracted, WimError> {
        self.bytes.total = self.size(top);
        self.top = self.tree.path(top).names().into_iter().map(str::to_owned).collect();
        self.place(top, name.to_owned())?;
        while let Some(level) = self.levels.last_mut() {
            match level.left.pop() {
                Some(id) => {
                    let name = name::on_disk(self.tree.metadata.dentry(id).name());
                    self.place(id, name)?;
                }
                None => self.leave()?,
            }
        }
        Ok(self.done)
    }

    fn size(&self, top: Id) -> u64 {
        let metadata = &self.tree.metadata;
        let mut left = vec![top];
        let mut total = 0_u64;
        while let Some(id) = left.pop() {
            let data = metadata.dentry(id).data();
            let blob = data.and_then(|sha1| self.archive.blob(&sha1));
            total = total.saturating_add(blob.map_or(0, |(_, blob)| blob.size));
            left.extend(metadata.entries(id));
        }
        total
    }

    /// Writes a file or link, or starts a folder.
    fn place(&mut self, id: Id, name: OsString) -> Result<(), WimError> {
        let path = match self.levels.last() {
            Some(level) => level.path.clone().join(&self.tree.metadata.dentry(id).name_lossy()),
            None => self.tree.path(id),
        };
        let entry = self.archive.entry_of(self.tree, id, path);
        self.leave_out_streams(&entry);
        if let Some(target) = self.archive.link_target_below(&entry, &self.top)? {
            self.done.files += u64::from(!entry.is_dir);
            return self.symlink(&entry, &target, &name);
        }
        if entry.is_dir {
            return self.begin(id, entry.path, name);
        }
        if let Some(tag) = entry.foreign_data() {
            self.done.foreign.push((entry.path.to_string(), tag));
            return Ok(());
        }
        self.file(&entry, name)
    }

    fn leave_out_streams(&mut self, entry: &Entry) {
        let done = &mut self.done;
        let named = entry.streams.len().min(MOST_NAMED_STREAMS - done.streams.len());
        let streams = entry.streams.iter().take(named);
        done.streams.extend(streams.map(|stream| (entry.path.to_string(), stream.name.clone())));
        done.more_streams += (entry.streams.len() - named) as u64;
    }

    fn symlink(&mut self, entry: &Entry, target: &str, name: &OsStr) -> Result<(), WimError> {
        let folder = self.folder();
        folder.symlink(target.as_ref(), name, self.options.overwrite)?;
        let untimed = folder.set_link_times(name, entry.accessed, entry.written).err();
        untimed.map_or(Ok(()), |error| self.untimed(error))
    }

    fn begin(&mut self, id: Id, path: EntryPath, name: OsString) -> Result<(), WimError> {
        let folder = if self.levels.is_empty() && name.is_empty() {
            self.base.descend("".as_ref())?
        } else {
            self.folder().make(&name)?
        };
        let metadata = &self.tree.metadata;
        let mut entries = metadata.entries(id).to_vec();
        entries.sort_by_cached_key(|id| self.place_in_solid_data(*id));
        let (links, mut left): (Vec<Id>, Vec<Id>) =
            entries.iter().rev().partition(|id| is_link(metadata.dentry(**id).reparse_tag()));
        left.splice(0..0, links);
        self.levels.push(Level { id, path, name, folder: Some(folder), left });
        if let Some(far) = self.levels.len().checked_sub(OPEN + 2).filter(|far| *far > 0) {
            self.levels[far].folder = None;
        }
        Ok(())
    }

    /// The position of an entry's data in a solid resource; entries with other data come first.
    ///
    /// A chunk of solid data holds data of unrelated files. The last chunk is cached, so that files
    /// in the order of their data decompress each chunk once.
    fn place_in_solid_data(&self, id: Id) -> Option<(usize, u64)> {
        let (_, blob) = self.archive.blob(&self.tree.metadata.dentry(id).data()?)?;
        matches!(blob.place, BlobPlace::Solid { .. }).then(|| blob.place.order())
    }

    /// Finishes the current folder. Its times are set last, since writing into it changes them.
    fn leave(&mut self) -> Result<(), WimError> {
        let Some(Level { id, path, folder: Some(folder), .. }) = self.levels.pop() else {
            return Ok(());
        };
        let entry = self.archive.entry_of(self.tree, id, path);
        if let Err(error) = folder.set_times(times(&entry)) {
            self.untimed(error)?;
        }
        if self.levels.last().is_some_and(|level| level.folder.is_none()) {
            self.reopen()?;
        }
        Ok(())
    }

    /// Reopens the current folder, and those directly above it, after [`OPEN`] closed them.
    fn reopen(&mut self) -> Result<(), WimError> {
        let keep = self.levels.len().saturating_sub(OPEN);
        let mut way: Option<Folder> = None;
        for index in 1..self.levels.len() {
            let above = way.as_ref().or(self.levels[index - 1].folder.as_ref());
            let above =
                above.expect("the first level stays open, and each next one was just opened");
            let folder = above.enter(&self.levels[index].name)?;
            if index < keep {
                way = Some(folder);
            } else {
                self.levels[index].folder = Some(folder);
                way = None;
            }
        }
        Ok(())
    }

    fn file(&mut self, entry: &Entry, name: OsString) -> Result<(), WimError> {
        self.done.files += 1;
        let size = entry.size;
        if !self.link(entry, &name)? {
            self.copy(entry, name)?;
        }
        self.bytes.done = self.bytes.done.saturating_add(size);
        self.report(self.bytes.done);
        Ok(())
    }

    /// Adds a name to a hard-linked file that was already written, and returns whether that
    /// succeeded.
    fn link(&self, entry: &Entry, name: &OsStr) -> Result<bool, WimError> {
        let Some(first) = entry.link_group.and_then(|group| self.links.get(&group)) else {
            return Ok(false);
        };
        let folder = self.base.descend(&first.way)?;
        let at = (&folder, first.name.as_os_str(), first.identity);
        match self.folder().hard_link(at, name, self.options.overwrite) {
            Err(error @ FolderError::Exists { .. }) => Err(error.into()),
            // A file system without hard links, or too many links of this file: write the file
            // again.
            Err(_) => Ok(false),
            Ok(linked) => Ok(linked),
        }
    }

    fn copy(&mut self, entry: &Entry, name: OsString) -> Result<(), WimError> {
        let folder = self.folder();
        let mut new = match folder.create(&name) {
            Err(FolderError::Exists { .. }) if self.options.overwrite => {
                folder.replacement(&name)?
            }
            new => new?,
        };
        let path = new.path();
        let failed = |source| FolderError::Io { path: path.clone(), source };
        if let Some(sha1) = entry.sha1 {
            self.archive.blob_reader(&sha1)?.copy_to(new.file())?.map_err(failed)?;
        }
        let untimed = new.file().set_times(times(entry)).err();
        let identity = entry.link_group.map(|_| new.identity()).transpose()?;
        new.finish()?;
        if let (Some(group), Some(identity)) = (entry.link_group, identity) {
            let way = self.levels.iter().map(|level| &level.name).collect();
            self.links.insert(group, First { way, name, identity });
        }
        untimed.map_or(Ok(()), |source| self.untimed(FolderError::Io { path, source }))
    }

    /// A time that cannot be set is no reason to fail.
    fn untimed(&mut self, error: FolderError) -> Result<(), WimError> {
        let FolderError::Io { path: first, source: error } = error else {
            return Err(error.into());
        };
        let first = || Untimed { count: 0, first, error };
        self.done.untimed.get_or_insert_with(first).count += 1;
        Ok(())
    }

    fn report(&mut self, done: u64) {
        let total = self.bytes.total;
        if let Some(progress) = &mut self.options.progress {
            progress(Progress::Extract { done, total });
        }
    }

    /// The current folder.
    fn folder(&self) -> &Folder {
        let level = self.levels.last();
        level.map_or(self.base, |level| level.folder.as_ref().expect("the last level is open"))
    }
}

fn times(entry: &Entry) -> FileTimes {
    let mut times = FileTimes::new();
    if let Some(written) = entry.written {
        times = times.set_modified(written);
    }
    if let Some(accessed) = entry.accessed {
        times = times.set_accessed(accessed);
    }
    times
}
