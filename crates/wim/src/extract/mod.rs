//! Extracts files and folders of an image to a local folder.
//!
//! ```text
//! tree of the image ── faults ──► refused as a whole, or ──► Extraction: folder by folder, links last
//! ```
//! Names and links in an image are not trusted. The whole tree is checked before anything is
//! written: every name is valid and unique in its folder, and nothing is below a link. The writer
//! moves from one open folder to the next by single names and follows no link, so even a link that
//! another process creates meanwhile cannot lead outside.

mod fault;
mod write;

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

use winpe_disk::folder::Folder;

use crate::archive::Archive;
use crate::error::WimError;
use crate::progress::Progress;

pub use fault::EntryFault;
pub(crate) use fault::{faults, other_cases};

/// Options of an extraction. `ExtractOptions::default()` overwrites nothing.
#[derive(Default)]
pub struct ExtractOptions<'a> {
    /// Called with the progress.
    pub progress: Option<&'a mut dyn FnMut(Progress)>,
    /// Existing files and links are replaced. Folders never are, and the target of a link stays
    /// unchanged.
    pub overwrite: bool,
}

/// Maximum number of alternate data streams listed in [`Extracted`]. An image of 1 MiB can have
/// 100,000, each at a path of 32,767 characters.
pub const MOST_NAMED_STREAMS: usize = 1000;

/// The result of an extraction: what was written, and what was lost.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Extracted {
    /// Number of files (each hard link counts) and links to files.
    pub files: u64,
    /// Alternate data streams, which Linux file systems cannot hold: path of the file, and name of
    /// the stream. At most [`MOST_NAMED_STREAMS`] of them.
    pub streams: Vec<(String, String)>,
    /// The number of streams not listed in `streams`.
    pub more_streams: u64,
    /// Files that are left out, since their data are in a reparse point of a kind that only a driver of Windows
    /// reads: path and reparse tag.
    pub foreign: Vec<(String, u32)>,
    /// Files whose times could not be set, if any.
    pub untimed: Option<Untimed>,
}

/// Files and folders whose times could not be set.
#[derive(Debug)]
pub struct Untimed {
    /// Their number.
    pub count: u64,
    /// The first of them.
    pub first: PathBuf,
    /// The system error of the first.
    pub error: io::Error,
}

impl Archive {
    /// Writes the file or folder at `path` into `folder`, under `name`. An existing folder with
    /// that name is merged; without a name, the content of the folder at `path` is written into
    /// `folder` itself.
    ///
    /// Symbolic links and junctions become symbolic links (see [`Archive::link_target`]), hard
    /// links stay hard links, times are kept. Nothing is written outside of `folder`: no link is
    /// followed, whether it comes from the image or existed before.
    ///
    /// ```
    /// # let outside = tempfile::tempdir()?;
    /// # let path = outside.path().join("winpe.wim");
    /// # let mut image = winpe_wim::NewImage::new("PE");
    /// # image.files.push(("Windows/notepad.exe".into(), b"MZ, and more".to_vec()));
    /// # winpe_wim::create(&path, winpe_wim::Compression::Lzx, &[image])?;
    /// use winpe_disk::folder::Folder;
    /// use winpe_wim::{Archive, ExtractOptions};
    ///
    /// let wim = Archive::open(&path)?;
    /// let folder = Folder::open(outside.path())?;
    /// let done = wim.extract(1, "Windows", &folder, "out".as_ref(), ExtractOptions::default())?;
    /// assert_eq!(done.files, 1);
    /// assert_eq!(std::fs::read(outside.path().join("out/notepad.exe"))?, b"MZ, and more");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReadError::NoSuchPath`](crate::ReadError::NoSuchPath);
    /// [`FormatError::BadEntry`](crate::FormatError::BadEntry), before anything is written;
    /// [`WimError::Folder`] if the folder refuses a name or the system a write; errors of reading
    /// the image. Files written before an error stay, but not the file that the error concerns.
    pub fn extract(
        &self,
        image: u32,
        path: &str,
        folder: &Folder,
        name: &OsStr,
        options: ExtractOptions<'_>,
    ) -> Result<Extracted, WimError> {
        let (tree, top) = self.find(image, path)?;
        if let Some(fault) = faults(&tree.metadata, top).next() {
            return Err(self.bad_entry(image, &tree.metadata, fault));
        }
        write::Extraction::new(self, tree, folder, options).run(top, name)
    }
}
