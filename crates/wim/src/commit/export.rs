//! Whole images: export to a new WIM, import into another, and optimize (rewrite without dead
//! space).

use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use sha1::{Digest, Sha1 as Sha1Hasher};
use winpe_disk::newfile::Options;
use zerocopy::IntoBytes;

use super::confirm::confirm;
use super::import::{Import, Order};
use super::new_file::NewFile;
use super::pack::write_plain;
use super::plan::Plan;
use super::storage::Output;
use super::target::{self, check_same, lock, report, write};
use super::{CommitOptions, Target};
use crate::archive::Archive;
use crate::coding::{Coding, Compression};
use crate::content::Data;
use crate::create::new_header;
use crate::error::WimError;
use crate::format::header::{DiskHeader, SIZE};
use crate::progress::Progress;
use crate::xml::Xml;

/// Options of an export. `ExportOptions::default()` keeps all properties.
#[derive(Default)]
pub struct ExportOptions<'a> {
    /// Called with the progress.
    pub progress: Option<&'a mut dyn FnMut(Progress)>,
    /// The compression of a new WIM, in chunks of the usual size, which boot managers read. The default is that
    /// of the source; a source that cannot be changed, such as an ESD, becomes LZX, as in boot images.
    pub compression: Option<Compression>,
    /// Recompress data that could be copied in compressed form.
    pub recompress: bool,
    /// The name of the image in the target; only for a single image.
    pub name: Option<String>,
    /// Make the (last) image the boot image. In a new WIM it also is if it is in the source.
    pub boot: bool,
    /// Add an integrity table to a WIM without one.
    pub add_integrity: bool,
    /// Number of threads that compress; by default the number of processors.
    pub threads: Option<usize>,
    /// Whether only its owner may read a new file that replaces none.
    pub private: bool,
}

/// The result of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The file written.
    pub path: PathBuf,
    /// The numbers of the images in that file.
    pub images: Vec<u32>,
    /// Number of blobs copied: each once, and none that the target already had.
    pub blobs: u64,
    /// Unfinished files of earlier runs next to a new file, which were removed.
    pub swept: Vec<PathBuf>,
}

/// Options for rewriting a WIM.
#[derive(Default)]
pub struct OptimizeOptions<'a> {
    /// Called with the progress.
    pub progress: Option<&'a mut dyn FnMut(Progress)>,
    /// The new compression, in chunks of the usual size, which boot managers read, if it is to change.
    pub compression: Option<Compression>,
    /// Recompress all data; otherwise it is copied in compressed form.
    pub recompress: bool,
    /// Add an integrity table to a WIM without one.
    pub add_integrity: bool,
    /// Number of threads that compress; by default the number of processors.
    pub threads: Option<usize>,
}

/// The result of rewriting a WIM.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Optimized {
    /// The file written.
    pub path: PathBuf,
    /// The previous size of the file in bytes.
    pub before: u64,
    /// The new size of the file in bytes.
    pub after: u64,
    /// Unfinished files of earlier runs next to it, which were removed.
    pub swept: Vec<PathBuf>,
}

impl Archive {
    /// Copies images into a new file. From a solid, split or pipable WIM this makes one that can be
    /// changed.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let [boot, winpe] = ["boot.wim", "winpe.wim"].map(|name| folder.path().join(name));
    /// # let images = ["PE", "Setup"].map(winpe_wim::NewImage::new);
    /// # winpe_wim::create(&boot, winpe_wim::Compression::Xpress, &images)?;
    /// use winpe_wim::{Archive, Compression, ExportOptions};
    ///
    /// let options = ExportOptions { compression: Some(Compression::Lzx), ..Default::default() };
    /// Archive::open(&boot)?.export(&[2], &winpe, false, options)?;
    /// assert_eq!(Archive::open(&winpe)?.images()[0].name, "Setup");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReadError::NoSuchImage`](crate::ReadError::NoSuchImage),
    /// [`TargetExists`](crate::CommitError::TargetExists) unless `overwrite`,
    /// [`MissingData`](crate::ReadError::MissingData), [`Corrupt`](crate::FormatError::Corrupt) for data
    /// that must be
    /// recompressed and does not match its SHA-1, and errors of writing. After an error no file
    /// remains.
    pub fn export(
        &self,
        images: &[u32],
        path: &Path,
        overwrite: bool,
        options: ExportOptions<'_>,
    ) -> Result<Exported, WimError> {
        let boots = self.header().boot_index.filter(|boot| images.contains(boot));
        let boot = if options.boot { images.last().copied() } else { boots };
        let coding = self.coding_of_copy(options.compression);
        let like = self.part.file.metadata();
        let like = like.map_err(|error| WimError::io(self.path(), "read", error))?;
        let new = Options { overwrite, like: Some(&like), private: options.private };
        let mut new = NewFile::create(path, new)?;
        let order = Order {
            source: self,
            images,
            name: options.name.as_deref(),
            recompress: options.recompress,
            boot,
            xml: None,
        };
        let mut disk = new_header(coding, 0, 0);
        disk.guid = identity(self, images, coding);
        let mut commit = CommitOptions {
            progress: options.progress,
            threads: options.threads,
            add_integrity: options.add_integrity,
            ..CommitOptions::default()
        };
        let (_, summary) = rewrite(&mut new, disk, order, path, &mut commit)?;
        let swept = new.swept();
        Ok(Exported { path: new.finish()?, swept, ..summary })
    }

    /// Adds images of another WIM to this one, in place and with the same safety as
    /// [`Archive::commit`].
    ///
    /// # Errors
    /// [`CommitError::ImageExists`](crate::CommitError::ImageExists), and the errors of [`Archive::export`]
    /// and [`Archive::commit`].
    pub fn import(
        self,
        source: &Self,
        images: &[u32],
        options: ExportOptions<'_>,
    ) -> Result<Exported, WimError> {
        let mut commit = CommitOptions {
            progress: options.progress,
            threads: options.threads,
            add_integrity: options.add_integrity,
            ..CommitOptions::default()
        };
        self.check_changeable(&Target::InPlace, &commit)?;
        let order = Order {
            source,
            images,
            name: options.name.as_deref(),
            recompress: options.recompress,
            boot: images.last().copied().filter(|_| options.boot),
            xml: None,
        };
        let plan = Plan::import(&self, order)?;
        let summary = summary(&plan);
        let done = target::in_place(self, &plan, &mut commit)?;
        Ok(Exported { path: done.path, ..summary })
    }

    /// Writes a copy of the WIM without dead space next to it, and renames it over the WIM: at any
    /// moment the file is the old one or the new one. Images, names, boot index and identity stay.
    /// Hard links to the file keep the old one.
    ///
    /// # Errors
    /// Errors of [`Archive::commit`] before anything is written, and of [`Archive::export`].
    pub fn optimize(self, options: OptimizeOptions<'_>) -> Result<Optimized, WimError> {
        let mut commit = CommitOptions {
            progress: options.progress,
            threads: options.threads,
            add_integrity: options.add_integrity || self.header().integrity,
            ..CommitOptions::default()
        };
        self.check_changeable(&Target::InPlace, &commit)?;
        let path = self.path().to_path_buf();
        target::check_writable(&path)?;
        lock(&self.part.file, &path, FlockOperation::NonBlockingLockExclusive)?;
        check_same(&self, &self.part.file)?;
        let coding = options.compression.map_or(self.part.coding, Coding::usual);
        let images: Vec<u32> = (1..=self.header().image_count).collect();
        let order = Order {
            source: &self,
            images: &images,
            name: None,
            recompress: options.recompress,
            boot: self.header().boot_index,
            xml: Some(self.xml.clone()),
        };
        let mut new = NewFile::create(&path, Options { overwrite: true, ..Options::default() })?;
        let disk = DiskHeader { guid: self.part.disk.guid, ..new_header(coding, 0, 0) };
        let (after, _) = rewrite(&mut new, disk, order, &path, &mut commit)?;
        let swept = new.swept();
        Ok(Optimized { path: new.finish()?, before: self.part.size, after, swept })
    }

    fn coding_of_copy(&self, wanted: Option<Compression>) -> Coding {
        match wanted {
            Some(compression) => Coding::usual(compression),
            None if self.header().solid => Coding::usual(Compression::Lzx),
            None => self.part.coding,
        }
    }
}

/// Writes a new WIM with the images into `new`, makes it durable, and confirms it with wimlib.
/// Returns its size.
fn rewrite(
    new: &mut NewFile,
    disk: DiskHeader,
    order: Order<'_>,
    path: &Path,
    options: &mut CommitOptions<'_>,
) -> Result<(u64, Exported), WimError> {
    let cancel = options.cancel.clone();
    let output = Output { storage: new.file(), path, cancel: Some(&cancel) };
    write_blank(output, disk)?;
    let file = new.file().try_clone().map_err(|error| WimError::io(path, "open", error))?;
    let mut blank = Archive::of_file(path, file)?;
    let plan = Plan::import(&blank, order)?;
    let written = write(&mut blank, &plan, output, SIZE.into(), options)?;
    let header = written.header.as_ref().expect("images were added");
    output.write(0, header.as_bytes())?;
    report(options, Progress::Sync);
    let readable = new.settle()?;
    report(options, Progress::Confirm);
    confirm(&readable, path, &plan)?;
    let size = new.file().metadata().map_err(|error| WimError::io(path, "read", error))?.len();
    Ok((size, summary(&plan)))
}

/// A WIM without images.
fn write_blank(output: Output<'_>, mut disk: DiskHeader) -> Result<(), WimError> {
    let xml = Xml::new(&[], &[]).encode();
    disk.xml = write_plain(output, SIZE.into(), &Data::bytes(&xml), 0, None)?;
    output.write(0, disk.as_bytes())
}

fn summary(plan: &Plan<'_>) -> Exported {
    let import = plan.import.as_ref();
    Exported {
        path: PathBuf::new(),
        images: import.map(Import::numbers).unwrap_or_default(),
        blobs: import.map_or(0, Import::blob_count) as u64,
        swept: Vec::new(),
    }
}

/// The GUID of a copy, derived from its source, so that the same export gives the same bytes.
fn identity(source: &Archive, images: &[u32], coding: Coding) -> [u8; 16] {
    let mut hasher = Sha1Hasher::new_with_prefix(source.header().guid);
    hasher.update(coding.header_flags().to_le_bytes());
    for image in images {
        let metadata = source.part.blobs.metadata((*image as usize).saturating_sub(1));
        hasher.update(metadata.map_or([0; 20], |entry| entry.sha1));
    }
    *hasher.finalize().first_chunk().expect("a digest has 20 bytes")
}
