//! What a file is to hold.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1 as Sha1Hasher};

use crate::blobs::{EMPTY, Sha1};
use crate::error::WimError;

/// What a file of an image is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What the file at that path holds. It must not change before the commit is over.
    File(PathBuf),
}

/// Content with its size and SHA-1, ready to be read.
#[derive(Debug)]
pub(crate) struct Data<'a> {
    origin: Origin<'a>,
    pub(crate) size: u64,
    /// [`EMPTY`] where there is no data.
    pub(crate) sha1: Sha1,
}

#[derive(Debug)]
enum Origin<'a> {
    Bytes(&'a [u8]),
    File { file: File, path: &'a Path },
}

const READ_SIZE: usize = 1 << 20;

impl<'a> Data<'a> {
    pub(crate) fn new(content: &'a Content) -> Result<Self, WimError> {
        match content {
            Content::Bytes(bytes) => Ok(Self::bytes(bytes)),
            Content::File(path) => Self::file(path),
        }
    }

    pub(crate) fn bytes(bytes: &'a [u8]) -> Self {
        let sha1 = if bytes.is_empty() { EMPTY } else { Sha1Hasher::digest(bytes).into() };
        Self { origin: Origin::Bytes(bytes), size: bytes.len() as u64, sha1 }
    }

    fn file(path: &'a Path) -> Result<Self, WimError> {
        let failed = |error| WimError::io(path, "read", error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(std::io::Error::other("it is not a regular file")));
        }
        let mut data =
            Self { origin: Origin::File { file, path }, size: metadata.len(), sha1: EMPTY };
        if data.size == 0 {
            return Ok(data);
        }
        let mut hasher = Sha1Hasher::new();
        let mut buffer = vec![0; READ_SIZE];
        let mut at = 0;
        while at < data.size {
            let part = data.read(at, &mut buffer)?;
            hasher.update(part);
            at += part.len() as u64;
        }
        data.sha1 = hasher.finalize().into();
        Ok(data)
    }

    /// The bytes from `at` on, as many as fit into `buffer` or are there.
    pub(crate) fn read<'b>(&'b self, at: u64, buffer: &'b mut [u8]) -> Result<&'b [u8], WimError> {
        let left = self.size.saturating_sub(at);
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        match &self.origin {
            Origin::Bytes(bytes) => {
                let start = usize::try_from(at).expect("within the bytes");
                Ok(&bytes[start..start + size])
            }
            Origin::File { file, path } => {
                let buffer = &mut buffer[..size];
                file.read_exact_at(buffer, at)
                    .map_err(|error| WimError::io(path, "read", error))?;
                Ok(buffer)
            }
        }
    }

    /// The file that could change while it is read.
    pub(crate) fn may_change(&self) -> Option<&Path> {
        match &self.origin {
            Origin::Bytes(_) => None,
            Origin::File { path, .. } => Some(path),
        }
    }
}
