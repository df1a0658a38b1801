//! The file of a transfer, from its beginning to its end.

use std::io;

use crate::files::{Digest, File};

/// Reads a file from its beginning to its end.
pub(super) struct Reader {
    file: File,
    offset: u64,
    /// What was read last; used again and again.
    piece: Vec<u8>,
}

impl Reader {
    pub(super) fn new(file: File) -> Self {
        Self { file, offset: 0, piece: Vec::new() }
    }

    pub(super) fn size(&self) -> u64 {
        self.file.len()
    }

    /// What the whole file is, where that is known by now.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.file.digest()
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that were not read yet.
    pub(super) fn left(&self) -> u64 {
        self.file.len() - self.offset
    }

    /// The next bytes, as many as are wanted unless the file ends before. Only what has to come from
    /// a disk is left to another thread: going there and back takes as long as sending a window.
    pub(super) async fn read(&mut self, wanted: usize) -> io::Result<&[u8]> {
        let length = usize::try_from(self.left()).unwrap_or(usize::MAX).min(wanted);
        self.piece.resize(length, 0);
        if !self.file.read_now(self.offset, &mut self.piece) {
            let (file, offset) = (self.file.clone(), self.offset);
            let mut piece = std::mem::take(&mut self.piece);
            let read = move || file.read_exact_at(offset, &mut piece).map(|()| piece);
            self.piece = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
        }
        self.offset += length as u64;
        Ok(&self.piece)
    }
}
