//! The file of a transfer, from its beginning to its end.

use std::io;

use crate::files::{Changed, Digest, File, Pool};
use crate::logic::tftp::Transfer;

/// Reads a file from its beginning to its end.
pub(super) struct Reader<'a> {
    file: File,
    offset: u64,
    /// Up to where it is known that the file has not changed.
    checked: u64,
    pool: &'a Pool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: File, pool: &'a Pool) -> Self {
        Self { file, offset: 0, checked: 0, pool }
    }

    pub(super) fn size(&self) -> u64 {
        self.file.len()
    }

    /// The digest of the whole file, where it is known by now.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.file.digest()
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Gives a transfer the next bytes, as many as it wants unless the file ends before. Only what has
    /// to come from a disk is left to another thread: going there and back takes as long as sending a
    /// window.
    pub(super) async fn supply(
        &mut self,
        transfer: &mut Transfer,
        wanted: usize,
    ) -> io::Result<()> {
        if self.supply_now(transfer, wanted) {
            return Ok(());
        }
        let (length, last) = self.next(wanted);
        let (file, offset) = (self.file.clone(), self.offset);
        let mut piece = vec![0; length];
        let read = move || file.read_exact_at(offset, &mut piece).map(|()| piece);
        let piece = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
        transfer.supply(&piece, last);
        self.offset += length as u64;
        Ok(())
    }

    /// Fails if the file was written to before its last bytes were read, or a few megabytes ago.
    pub(super) fn check(&mut self) -> io::Result<()> {
        let whole = self.offset == self.file.len();
        if self.checked < self.offset && (whole || self.offset - self.checked >= Changed::INTERVAL)
        {
            self.checked = self.offset;
            self.file.check_unchanged()?;
        }
        Ok(())
    }

    /// The same as [`Reader::supply`] where no disk has to be waited for; says whether it did.
    pub(super) fn supply_now(&mut self, transfer: &mut Transfer, wanted: usize) -> bool {
        if self.offset == 0 && self.supply_whole(transfer) {
            return true;
        }
        let (length, last) = self.next(wanted);
        let read = |room: &mut [u8]| self.file.read_now(self.offset, room);
        let supplied = transfer.supply_with(length, last, read);
        self.offset += if supplied { length as u64 } else { 0 };
        supplied
    }

    /// All of the file, if it is in memory or small.
    fn supply_whole(&mut self, transfer: &mut Transfer) -> bool {
        // Only now, so that a request for the length alone reads nothing.
        self.pool.take_in(&mut self.file);
        let supplied = self.file.bytes().is_some_and(|bytes| transfer.supply_whole(bytes));
        self.offset = if supplied { self.file.len() } else { 0 };
        supplied
    }

    /// Length of the next bytes, and whether the file ends with them.
    fn next(&self, wanted: usize) -> (usize, bool) {
        let left = self.file.len() - self.offset;
        (usize::try_from(left).unwrap_or(usize::MAX).min(wanted), left <= wanted as u64)
    }
}
