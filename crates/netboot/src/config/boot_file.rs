//! Files that boot the image of an entry.
//!
//! This crate knows no format of images. Its caller inspects the image and hands over the files; the server
//! serves each as `images/<entry>/<name>`, gives it to wimboot, and puts it where Windows' own boot loaders
//! look. `winpe-media` has types of the same names: it is copyleft and this crate is not, and one crate for
//! three types would cost more than the one function of the program that translates them.

use std::path::PathBuf;

use bytes::Bytes;

/// A file that boots the image of an entry, such as the BCD of a Windows disc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFile {
    /// Its name for boot loaders: `BCD`, `boot.sdi`.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it holds.
    pub content: Content,
}

/// Where a boot file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The image of Windows PE, where wimboot finds it by itself.
    Image,
    /// The disc that the image is on.
    Disc,
    /// None of these: it was made.
    Made,
}

/// What a boot file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Bytes),
    /// A range of a file, which is opened again each time.
    Disk {
        /// The file.
        path: PathBuf,
        /// Where the range begins.
        start: u64,
        /// Its bytes.
        length: u64,
    },
}
