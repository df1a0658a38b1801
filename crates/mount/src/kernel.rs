//! `Kernel`: translates FUSE requests to calls of [`ImageFs`].

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow,
    WriteFlags,
};

use crate::fs::{Attributes, EntryKind, ImageFs};

/// A mounted file system.
pub(crate) struct Kernel {
    fs: Arc<Mutex<ImageFs>>,
    uid: u32,
    gid: u32,
    write: bool,
}

type Result<T> = std::result::Result<T, rustix::io::Errno>;

impl Kernel {
    pub(crate) fn new(fs: Arc<Mutex<ImageFs>>) -> Self {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        let write = lock(&fs).staging().is_some();
        Self { fs, uid: uid.as_raw(), gid: gid.as_raw(), write }
    }

    fn fs(&self) -> MutexGuard<'_, ImageFs> {
        lock(&self.fs)
    }

    /// How long the kernel may cache a name. Two names that differ only by case are the same to us
    /// but not to the kernel, which would still show the one after the other is removed.
    fn name_lives(&self) -> Duration {
        if self.write { Duration::ZERO } else { Duration::from_secs(3600) }
    }

    fn shown(&self, attributes: &Attributes) -> FileAttr {
        let Attributes { ino, kind, size, created, accessed, written, links, readonly } =
            *attributes;
        let perm = match kind {
            EntryKind::Folder => 0o755,
            EntryKind::Link => 0o777,
            EntryKind::File if readonly => 0o444,
            EntryKind::File => 0o644,
        };
        FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: size.div_ceil(512),
            atime: accessed,
            mtime: written,
            ctime: written,
            crtime: created,
            kind: file_type(kind),
            perm,
            nlink: links,
            uid: self.uid,
            gid: self.gid,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }

    fn entry(&self, found: Result<Attributes>, reply: ReplyEntry) {
        match found {
            Ok(found) => reply.entry(&self.name_lives(), &self.shown(&found), Generation(0)),
            Err(error) => reply.error(number(error)),
        }
    }
}

fn lock(fs: &Mutex<ImageFs>) -> MutexGuard<'_, ImageFs> {
    // A change is in the journal or not, so a panic leaves nothing half done.
    fs.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(error: rustix::io::Errno) -> Errno {
    Errno::from_i32(error.raw_os_error())
}

fn file_type(kind: EntryKind) -> FileType {
    match kind {
        EntryKind::Folder => FileType::Directory,
        EntryKind::File => FileType::RegularFile,
        EntryKind::Link => FileType::Symlink,
    }
}

/// Names in an image are UTF-16; other names cannot occur in it.
fn text(name: &OsStr) -> Result<&str> {
    name.to_str().ok_or(rustix::io::Errno::ILSEQ)
}

fn done(result: Result<()>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(number(error)),
    }
}

fn time(time: TimeOrNow) -> SystemTime {
    match time {
        TimeOrNow::SpecificTime(time) => time,
        TimeOrNow::Now => SystemTime::now(),
    }
}

/// A request with an empty buffer asks for the size.
fn attribute(value: Result<Vec<u8>>, size: u32, reply: ReplyXattr) {
    match value {
        Err(error) => reply.error(number(error)),
        Ok(value) => match u32::try_from(value.len()) {
            Ok(needed) if size == 0 => reply.size(needed),
            Ok(needed) if needed <= size => reply.data(&value),
            _ => reply.error(Errno::ERANGE),
        },
    }
}

impl Filesystem for Kernel {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = text(name).and_then(|name| self.fs().lookup(parent.0, name));
        self.entry(found, reply);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.fs().attributes(ino.0) {
            Ok(found) => reply.attr(&self.name_lives(), &self.shown(&found)),
            Err(error) => reply.error(number(error)),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        written: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        // All files belong to the user who mounted the image.
        let owned = uid.is_none_or(|uid| uid == self.uid) && gid.is_none_or(|gid| gid == self.gid);
        if !owned {
            return reply.error(Errno::EPERM);
        }
        let mut fs = self.fs();
        let readonly = mode.map(|mode| mode & 0o200 == 0);
        let changed = size
            .map_or(Ok(()), |size| fs.truncate(ino.0, size))
            .and_then(|()| fs.set_info(ino.0, readonly, accessed.map(time), written.map(time)))
            .and_then(|()| fs.attributes(ino.0));
        match changed {
            Ok(found) => reply.attr(&self.name_lives(), &self.shown(&found)),
            Err(error) => reply.error(number(error)),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        match self.fs().link_target(ino.0) {
            Ok(target) => reply.data(target.as_bytes()),
            Err(error) => reply.error(number(error)),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        let made = text(name).and_then(|name| self.fs().mkdir(parent.0, name));
        self.entry(made, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(text(name).and_then(|name| self.fs().remove(parent.0, name, false)), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(text(name).and_then(|name| self.fs().remove(parent.0, name, true)), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        to: INodeNo,
        new: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if flags.intersects(RenameFlags::RENAME_EXCHANGE | RenameFlags::RENAME_WHITEOUT) {
            return reply.error(Errno::EINVAL);
        }
        let replaces = !flags.contains(RenameFlags::RENAME_NOREPLACE);
        let names = text(name).and_then(|name| Ok((name, text(new)?)));
        let renamed =
            names.and_then(|(name, new)| self.fs().rename(parent.0, name, to.0, new, replaces));
        done(renamed, reply);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // The kernel may cache files that cannot change.
        let flags = if self.write { FopenFlags::empty() } else { FopenFlags::FOPEN_KEEP_CACHE };
        reply.opened(FileHandle(0), flags);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match text(name).and_then(|name| self.fs().create(parent.0, name)) {
            Ok(made) => reply.created(
                &self.name_lives(),
                &self.shown(&made),
                Generation(0),
                FileHandle(0),
                FopenFlags::empty(),
            ),
            Err(error) => reply.error(number(error)),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.fs().read(ino.0, offset, size as usize) {
            Ok(data) => reply.data(&data),
            Err(error) => reply.error(number(error)),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.fs().write(ino.0, offset, data) {
            Ok(()) => reply.written(u32::try_from(data.len()).expect("requests are short")),
            Err(error) => reply.error(number(error)),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.fs().close(ino.0);
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.fs().sync(ino.0), reply);
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let entries = match self.fs().list(ino.0) {
            Ok(entries) => entries,
            Err(error) => return reply.error(number(error)),
        };
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        for (next, (name, ino, kind)) in (1..).zip(entries).skip(skipped) {
            if reply.add(INodeNo(ino), next, file_type(kind), OsStr::from_bytes(name.as_bytes())) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        // Writes go to the staging folder, so the free space is that of its file system.
        let space = self.fs().staging().and_then(|staging| {
            let space = rustix::fs::statvfs(staging.folder()).ok()?;
            let size = u32::try_from(space.f_frsize).ok()?;
            Some((space.f_blocks, space.f_bfree, space.f_bavail, size))
        });
        let (blocks, free, available, size) = space.unwrap_or((0, 0, 0, 4096));
        reply.statfs(blocks, free, available, 0, 0, size, 255, size);
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let value = text(name).and_then(|name| self.fs().attribute(ino.0, name));
        attribute(value, size, reply);
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let names = self.fs().attribute_names(ino.0);
        let names =
            names.map(|names| names.into_iter().flat_map(|name| (name + "\0").into_bytes()));
        attribute(names.map(Iterator::collect), size, reply);
    }
}
