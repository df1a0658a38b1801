//! What the boot managers of Windows do not read.

use thiserror::Error;

use crate::archive::Header;
use crate::coding::Compression;

/// Why no boot manager reads a WIM. Source: wimboot's and GRUB's readers have a buffer for chunks of 32 KiB and
/// know XPRESS and LZX, like Microsoft's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BootObstacle {
    /// The compression is another one than XPRESS or LZX.
    #[error("it is compressed with {0}, expected LZX or XPRESS")]
    Compression(Compression),
    /// The chunks have another size.
    #[error("its chunks have {0} bytes, expected {BOOT_CHUNK}")]
    ChunkSize(u32),
    /// Files are compressed together.
    #[error("it is solid")]
    Solid,
    /// The parts of the file are in another order.
    #[error("it is pipable")]
    Pipable,
    /// The data is in several files.
    #[error("it is one of {0} parts")]
    Split(u16),
}

/// The size of a chunk that boot managers read, in bytes.
const BOOT_CHUNK: u32 = 32 << 10;

impl Header {
    /// Why no boot manager reads the WIM; empty if they do.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("winpe.wim");
    /// # winpe_wim::create(&path, winpe_wim::Compression::Lzx, &[winpe_wim::NewImage::new("PE")])?;
    /// let wim = winpe_wim::Archive::open(&path)?;
    /// assert!(wim.header().boot_obstacles().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn boot_obstacles(&self) -> Vec<BootObstacle> {
        let is_known =
            matches!(self.compression, Compression::None | Compression::Xpress | Compression::Lzx);
        let is_chunked = self.compression != Compression::None;
        [
            (!is_known).then_some(BootObstacle::Compression(self.compression)),
            (is_chunked && self.chunk_size != BOOT_CHUNK)
                .then_some(BootObstacle::ChunkSize(self.chunk_size)),
            self.solid.then_some(BootObstacle::Solid),
            self.pipable.then_some(BootObstacle::Pipable),
            (self.parts > 1).then_some(BootObstacle::Split(self.parts)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
