//! Compression formats and chunk sizes.

use std::fmt;
use std::path::Path;

use crate::error::{FormatError, WimError};
use crate::ffi::{Compressor, Decompressor};
use crate::format::header::{DiskHeader, flags};

/// The compression of the resources of a WIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// No compression.
    None,
    /// Fast; `imagex /compress fast` writes it.
    Xpress,
    /// `imagex /compress maximum`; boot images use it.
    Lzx,
    /// `recovery`; `.esd` files use it.
    Lzms,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Xpress => "XPRESS",
            Self::Lzx => "LZX",
            Self::Lzms => "LZMS",
        })
    }
}

/// A compression format with its chunk size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coding {
    pub(crate) compression: Compression,
    /// Uncompressed size of a chunk in bytes, a power of 2. Without compression, the size of a
    /// read.
    pub(crate) chunk_size: u32,
}

/// wimlib's default level, with about the ratio of Microsoft's tools.
const LEVEL: u32 = 50;
const READ_SIZE: u32 = 1 << 20;
const SMALLEST_CHUNK: u32 = 1 << 12;
/// Chunks are held in memory; DISM makes solid chunks of 2^26 bytes.
const LARGEST_CHUNK: u32 = 1 << 27;

impl Coding {
    pub(crate) const NONE: Self = Self { compression: Compression::None, chunk_size: READ_SIZE };

    /// The default of the Windows tools.
    pub(crate) fn usual(compression: Compression) -> Self {
        let chunk_size = match compression {
            Compression::None => READ_SIZE,
            Compression::Xpress | Compression::Lzx => 1 << 15,
            Compression::Lzms => 1 << 17,
        };
        Self { compression, chunk_size }
    }

    /// The coding that the header of a WIM states.
    pub(crate) fn of(path: &Path, header: &DiskHeader) -> Result<Self, WimError> {
        let bits = header.flags.get();
        if bits & flags::COMPRESSION == 0 {
            return Ok(Self::NONE);
        }
        let compression = if bits & flags::COMPRESS_LZX != 0 {
            Compression::Lzx
        } else if bits & (flags::COMPRESS_XPRESS | flags::COMPRESS_XPRESS_2) != 0 {
            Compression::Xpress
        } else if bits & flags::COMPRESS_LZMS != 0 {
            Compression::Lzms
        } else {
            return Err(unsupported(path, "compression (flags)", &format!("{bits:#x}")));
        };
        Self::checked(path, compression, header.chunk_size.get())
    }

    /// `number` is that of the header of a solid resource.
    pub(crate) fn numbered(path: &Path, number: u32, chunk_size: u32) -> Result<Self, WimError> {
        let compression = match number {
            0 => Compression::None,
            1 => Compression::Xpress,
            2 => Compression::Lzx,
            3 => Compression::Lzms,
            _ => return Err(unsupported(path, "compression", &number.to_string())),
        };
        Self::checked(path, compression, chunk_size)
    }

    fn checked(path: &Path, compression: Compression, chunk_size: u32) -> Result<Self, WimError> {
        let allowed = SMALLEST_CHUNK..=LARGEST_CHUNK;
        if !chunk_size.is_power_of_two() || !allowed.contains(&chunk_size) {
            return Err(unsupported(path, "chunk size", &chunk_size.to_string()));
        }
        Ok(Self { compression, chunk_size })
    }

    /// The header flags for this coding.
    pub(crate) fn header_flags(self) -> u32 {
        match self.compression {
            Compression::None => 0,
            Compression::Xpress => flags::COMPRESSION | flags::COMPRESS_XPRESS,
            Compression::Lzx => flags::COMPRESSION | flags::COMPRESS_LZX,
            Compression::Lzms => flags::COMPRESSION | flags::COMPRESS_LZMS,
        }
    }

    /// `None` without compression.
    pub(crate) fn compressor(self, path: &Path) -> Result<Option<Compressor>, WimError> {
        self.number()
            .map(|number| Compressor::new(number, self.chunk_size as usize, LEVEL))
            .transpose()
            .map_err(|failure| unsupported(path, "compression", &failure.to_string()))
    }

    /// `None` without compression.
    pub(crate) fn decompressor(self, path: &Path) -> Result<Option<Decompressor>, WimError> {
        self.number()
            .map(|number| Decompressor::new(number, self.chunk_size as usize))
            .transpose()
            .map_err(|failure| unsupported(path, "compression", &failure.to_string()))
    }

    fn number(self) -> Option<u32> {
        match self.compression {
            Compression::None => None,
            Compression::Xpress => Some(1),
            Compression::Lzx => Some(2),
            Compression::Lzms => Some(3),
        }
    }
}

fn unsupported(path: &Path, what: &'static str, found: &str) -> WimError {
    WimError::Format(FormatError::Unsupported {
        path: path.to_path_buf(),
        what,
        found: found.to_owned(),
    })
}
