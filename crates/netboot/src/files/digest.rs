//! What a file's bytes are, in 32 of them.

use std::fmt;
use std::io;
use std::ops::ControlFlow;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::File;

/// Bytes read at once.
pub(super) const PIECE: usize = 256 * 1024;

/// The SHA-256 of a file, shown as `sha256sum` shows it.
///
/// ```
/// use std::ops::ControlFlow;
/// use winpe_netboot::files::{Digest, File};
///
/// let go_on = |_bytes| ControlFlow::Continue(());
/// let digest = Digest::of(&File::from_bytes("abc"), go_on)?.expect("nobody broke it off");
/// assert!(digest.to_string().starts_with("ba7816bf8f01cfea414140de5dae2223b00361a396177a9c"));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Reads a file from its beginning to its end, and tells `progress` how many bytes were read each
    /// time some were. None where `progress` broke it off.
    ///
    /// # Errors
    /// Where the file cannot be read, or ends before it should.
    pub fn of(
        file: &File,
        mut progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> io::Result<Option<Self>> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; PIECE];
        let mut offset = 0;
        while offset < file.len() {
            let left = usize::try_from(file.len() - offset).unwrap_or(usize::MAX);
            let piece = &mut buffer[..left.min(PIECE)];
            file.read_exact_at(offset, piece)?;
            hasher.update(&*piece);
            offset += piece.len() as u64;
            if progress(piece.len() as u64).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(Self(hasher.finalize().into())))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
