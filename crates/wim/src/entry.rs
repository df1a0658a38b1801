//! A file or folder of an image.

use std::time::SystemTime;

use crate::blobs::{EMPTY, Sha1};
use crate::format::time;
use crate::metadata::{Id, Metadata};

/// A file or folder of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// From the root, as `\Windows\System32`; the case is that of the image. Of a name that is not
    /// valid UTF-16, what cannot be expressed is U+FFFD.
    pub path: String,
    /// The last name of `path`; empty for the root.
    pub name: String,
    /// The 8.3 name, where it has one.
    pub short_name: Option<String>,
    /// `FILE_ATTRIBUTE_*` of the Windows SDK.
    pub attributes: u32,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Bytes of its data; 0 for a folder.
    pub size: u64,
    /// Of its data; `None` where there is none.
    pub sha1: Option<[u8; 20]>,
    /// When it was created.
    pub created: Option<SystemTime>,
    /// When it was last read.
    pub accessed: Option<SystemTime>,
    /// When its data was last written.
    pub written: Option<SystemTime>,
    /// How many names the file has; 1 without hard links.
    pub links: u32,
    /// What the names of one hard-linked file share.
    pub link_group: Option<u64>,
    /// Of a reparse point.
    pub reparse_tag: Option<u32>,
    /// Its security descriptor, self-relative as Windows stores it.
    pub security: Option<Vec<u8>>,
    /// The SHA-1 of the target of a reparse point, for [`Archive::blob_reader`]; its buffer without
    /// the eight bytes of tag and length.
    ///
    /// [`Archive::blob_reader`]: crate::Archive::blob_reader
    pub reparse_sha1: Option<[u8; 20]>,
    /// Alternate data streams.
    pub streams: Vec<Stream>,
}

/// An alternate data stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stream {
    /// Its name, without the `:` before it.
    pub name: String,
    /// Bytes of its data.
    pub size: u64,
    /// Of its data; `None` where there is none.
    pub sha1: Option<[u8; 20]>,
}

impl Entry {
    /// `links` is how many names the file has.
    pub(crate) fn read(
        metadata: &Metadata,
        id: Id,
        size_of: &dyn Fn(&Sha1) -> u64,
        links: u32,
    ) -> Self {
        let dentry = metadata.dentry(id);
        let sha1 = dentry.data().unwrap_or(EMPTY);
        let stream = |(name, sha1)| Stream {
            name,
            size: size_of(&sha1),
            sha1: Some(sha1).filter(|sha1| *sha1 != EMPTY),
        };
        Self {
            path: metadata.path(id),
            name: dentry.name_lossy(),
            short_name: dentry.short_name(),
            attributes: dentry.attributes(),
            is_dir: dentry.is_dir(),
            size: size_of(&sha1),
            sha1: Some(sha1).filter(|sha1| *sha1 != EMPTY),
            created: time::to_system(dentry.created()),
            accessed: time::to_system(dentry.accessed()),
            written: time::to_system(dentry.written()),
            links,
            link_group: dentry.link_group(),
            reparse_tag: dentry.reparse_tag(),
            security: metadata.security(dentry.security_id()).map(<[u8]>::to_vec),
            reparse_sha1: dentry.reparse_data(),
            streams: dentry.named_streams().map(stream).collect(),
        }
    }
}
