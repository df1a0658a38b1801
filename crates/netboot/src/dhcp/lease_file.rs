//! The file of the lease log, on a disk that may refuse.
//!
//! After the last line come spaces, which the next lines overwrite: a write into blocks that a file has
//! already costs the disk one step, a longer file several.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::state::{StateError, StateFolder};

/// Bytes of spaces that are added after the last line when they are used up.
pub(super) const ROOM: u64 = 256 * 1024;

/// Bytes of a new log that are written with one call.
const CHUNK: usize = 64 * 1024;

/// The names of the log, and of a new one until it is complete.
pub(super) const LOG: &str = "leases.log";
pub(super) const NEW: &str = "leases.new";

/// Where logs are kept: the state folder, or in tests one that refuses.
pub(super) trait Storage: fmt::Debug + Send + Sync {
    /// An empty file beside the log.
    fn fresh(&self) -> Result<Box<dyn Medium>, StateError>;
    /// Removes that file, which would take room that a full disk lacks.
    fn discard(&self);
    /// Gives that file the name of the log.
    fn publish(&self) -> Result<(), StateError>;
    /// Waits until the name is on the disk.
    fn sync(&self) -> Result<(), StateError>;
    /// The error of a failed operation on the log's file.
    fn failed(&self, source: io::Error) -> StateError;
}

/// An open file.
pub(super) trait Medium: fmt::Debug + Send + Sync {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn set_len(&self, length: u64) -> io::Result<()>;
    fn sync_data(&self) -> io::Result<()>;
    fn sync_all(&self) -> io::Result<()>;
}

impl Storage for StateFolder {
    fn fresh(&self) -> Result<Box<dyn Medium>, StateError> {
        Ok(Box::new(StateFolder::fresh(self, NEW)?))
    }

    fn discard(&self) {
        // It is removed before the next one is made, too.
        let _ = self.remove(NEW);
    }

    fn publish(&self) -> Result<(), StateError> {
        self.rename(NEW, LOG)
    }

    fn sync(&self) -> Result<(), StateError> {
        StateFolder::sync(self)
    }

    fn failed(&self, source: io::Error) -> StateError {
        StateError::Io { path: self.join(LOG), source }
    }
}

impl Medium for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        File::set_len(self, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn sync_all(&self) -> io::Result<()> {
        File::sync_all(self)
    }
}

/// A file and the room in it.
#[derive(Debug)]
pub(super) struct Space {
    file: Box<dyn Medium>,
    /// Where the next line begins.
    next: u64,
    /// Where the spaces end.
    end: u64,
    /// Whether there may be other bytes than spaces after `next`, which a failed write left.
    torn: bool,
}

impl Space {
    /// Writes lines into an empty file, with spaces after them, and waits until they are on the disk.
    pub(super) fn begin(
        file: Box<dyn Medium>,
        lines: impl Iterator<Item = String>,
    ) -> io::Result<Self> {
        let mut space = Self { file, next: 0, end: 0, torn: false };
        let mut chunk = String::new();
        for line in lines {
            chunk.push_str(&line);
            chunk.push('\n');
            if chunk.len() >= CHUNK {
                space.put(&mut chunk)?;
            }
        }
        space.put(&mut chunk)?;
        space.reserve(space.next)?;
        Ok(space)
    }

    /// A file that was written earlier, up to the end of its last line.
    pub(super) fn resume(file: Box<dyn Medium>, next: u64) -> Self {
        Self { file, next, end: next, torn: true }
    }

    fn put(&mut self, chunk: &mut String) -> io::Result<()> {
        self.file.write_all_at(chunk.as_bytes(), self.next)?;
        self.next += chunk.len() as u64;
        chunk.clear();
        Ok(())
    }

    /// Writes text after the last line and waits until it is on the disk. Where that fails the file ends with
    /// its last line as before, or will when it is next written to.
    pub(super) fn append(&mut self, text: &[u8]) -> io::Result<()> {
        if self.torn {
            self.cut()?;
        }
        self.torn = true;
        let next = self.next + text.len() as u64;
        self.file.write_all_at(text, self.next)?;
        if next > self.end {
            self.reserve(next)?;
        } else {
            self.file.sync_data()?;
        }
        self.next = next;
        self.torn = false;
        Ok(())
    }

    /// Bytes of spaces.
    pub(super) fn room(&self) -> u64 {
        self.end - self.next
    }

    /// Makes the room this long; leaves it unchanged where that fails.
    pub(super) fn extend(&mut self, room: u64) -> io::Result<()> {
        let missing = room.saturating_sub(self.room());
        let spaces = vec![b' '; CHUNK.min(usize::try_from(missing).unwrap_or(CHUNK))];
        let mut end = self.end;
        let written = (0..missing.div_ceil(CHUNK as u64)).try_for_each(|_| {
            self.file.write_all_at(&spaces, end)?;
            end += spaces.len() as u64;
            Ok(())
        });
        if written.is_err() {
            // Others may have use for what was got.
            self.file.set_len(self.end)?;
        } else {
            self.end = end;
        }
        self.file.sync_all()?;
        written
    }

    /// Gives up the room, which may be what a full disk lacks, and what a failed write left there: whole
    /// lines among it would be read as newer than they are.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.next)?;
        self.end = self.next;
        self.torn = false;
        Ok(())
    }

    /// Writes spaces after `next`, and waits until they are on the disk.
    fn reserve(&mut self, next: u64) -> io::Result<()> {
        // Without room all goes on, only slower.
        let reserved = self.file.write_all_at(&[b' '; ROOM as usize], next);
        self.end = if reserved.is_ok() { next + ROOM } else { next };
        self.file.sync_all()
    }
}
