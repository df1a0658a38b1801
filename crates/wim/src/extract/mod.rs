//! Files and folders of an image, written to a folder of this machine.
//!
//! ```text
//! tree of the image ── faults ──► refused as a whole, or ──► Extraction: folder by folder, links last
//! ```
//! An image is the word of its author, and so are the names and links in it. All of the tree is checked
//! before anything is written; a tree that passes has no name that is not one, no name twice in a folder,
//! and nothing below a link. Writing goes from one open folder to the next by single names and follows
//! no link, so neither does a link that another process makes meanwhile lead outside.

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
pub(crate) use fault::faults;

/// How files are extracted. `ExtractOptions::default()` overwrites nothing.
#[derive(Default)]
pub struct ExtractOptions<'a> {
    /// Reports how far it is.
    pub progress: Option<&'a mut dyn FnMut(Progress)>,
    /// Files and links that are in the way are replaced. Folders never are, and what a link leads to is
    /// left alone.
    pub overwrite: bool,
}

/// How many alternate data streams [`Extracted`] names. An image of 1 MiB can have 100,000, each below a
/// path of 32,767 characters.
pub const MOST_NAMED_STREAMS: usize = 1000;

/// What was written, and what was lost.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Extracted {
    /// Files, each hard link counted, and links to files.
    pub files: u64,
    /// Alternate data streams, which a file system of Linux cannot hold: path of the file, and name of the
    /// stream. At most [`MOST_NAMED_STREAMS`] of them.
    pub streams: Vec<(String, String)>,
    /// How many streams are left out beyond those in `streams`.
    pub more_streams: u64,
    /// Where times could not be set.
    pub untimed: Option<Untimed>,
}

/// Files and folders whose times could not be set.
#[derive(Debug)]
pub struct Untimed {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: PathBuf,
    /// The operating system's reason, of the first.
    pub error: io::Error,
}

impl Archive {
    /// Writes the file or folder at `path` into `folder`, under `name`. A folder of that name is merged
    /// with; without a name, the content of the folder at `path` goes into `folder` itself.
    ///
    /// Symbolic links and junctions become symbolic links (see [`Archive::link_target`]), hard links stay
    /// hard links, times are kept. Nothing is written outside of `folder`: no link is followed, neither
    /// one of the image nor one that is there already.
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
    /// [`WimError::NoSuchPath`]; [`WimError::BadEntry`], before anything is written;
    /// [`WimError::Folder`] where the folder refuses a name or the system a write; those of reading the
    /// image. What was written before an error stays, without the file that it concerns.
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
