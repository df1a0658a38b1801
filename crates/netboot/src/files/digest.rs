//! Computes the SHA-256 of a file.

use std::io;
use std::ops::ControlFlow;

use sha2::{Digest as _, Sha256};

use super::File;
use crate::digest::Digest;

/// Bytes of one read.
pub(super) const READ_SIZE: usize = 256 * 1024;

impl Digest {
    /// Reads a file from its beginning to its end, and reports to `progress` how many bytes each read
    /// gave. None where `progress` stopped it.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use winpe_netboot::files::{Digest, File};
    ///
    /// let go_on = |_bytes| ControlFlow::Continue(());
    /// let digest = Digest::of(&File::from_bytes("abc"), go_on)?.expect("it was not stopped");
    /// assert!(digest.to_string().starts_with("ba7816bf8f01cfea414140de5dae2223b00361a396177a9c"));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// Where the file cannot be read, or ends before it should.
    pub fn of(
        file: &File,
        mut progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> io::Result<Option<Self>> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; READ_SIZE];
        let mut offset = 0;
        while offset < file.len() {
            let left = usize::try_from(file.len() - offset).unwrap_or(usize::MAX);
            let piece = &mut buffer[..left.min(READ_SIZE)];
            file.read_exact_at(offset, piece)?;
            hasher.update(&*piece);
            offset += piece.len() as u64;
            if progress(piece.len() as u64).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(Digest(hasher.finalize().into())))
    }
}
