//! `Archive`: an opened WIM, its images, entries and data.

use std::cell::OnceCell;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use sha1::{Digest, Sha1 as Sha1Hasher};

use crate::blobs::{Blob, EMPTY, Sha1};
use crate::bounds;
use crate::chunks::{ChunkReader, Chunks};
use crate::coding::{Coding, Compression};
use crate::entry::{Entry, EntryPath};
use crate::error::{FormatError, ReadError, WimError};
use crate::format::header::flags;
use crate::format::resource::ResourceHeader;
use crate::image::{Image, ImageSelector};
use crate::iso;
use crate::metadata::{Id, Metadata, display};
use crate::name::ImagePath;
use crate::part::Part;
use crate::reader::{BlobReader, ByteRange, LastChunk, sha1_text};
use crate::reparse::is_link;
use crate::tree::Tree;
use crate::xml::{self, Xml};

/// Maximum size of what [`Archive::read`] loads into memory: 1 GiB, far above any registry hive.
/// For a small WIM the limit is lower: 8 MiB for one up to 1 MiB, and 16 bytes more for each
/// further byte of the file.
pub const READ_LIMIT: u64 = 1 << 30;

/// What is read of a file in a WIM of that size.
fn read_limit(size: u64) -> u64 {
    READ_LIMIT.min(bounds::in_memory(size))
}
/// Metadata of the largest install images has about 100 MB.
const METADATA_LIMIT: u64 = 1 << 30;

/// An opened WIM: reads images; [`Archive::commit`] changes them.
///
/// `Send` and not `Sync`: the metadata of an image is read on first use.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("winpe.wim");
/// use winpe_wim::{Archive, Compression, ImageSelector, NewImage};
///
/// let mut image = NewImage::new("Windows PE");
/// image.files.push(("Windows/System32/startnet.cmd".into(), b"wpeinit\r\n".to_vec()));
/// winpe_wim::create(&path, Compression::Lzx, &[image])?;
///
/// let wim = Archive::open(&path)?;
/// let image = wim.select(&ImageSelector::Boot)?;
/// assert_eq!(wim.read(image, r"\WINDOWS\system32\STARTNET.CMD")?, b"wpeinit\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Archive {
    /// The opened file: all of the WIM, unless it is split.
    pub(crate) part: Part,
    /// The other parts of a split WIM.
    others: OnceCell<Vec<Part>>,
    header: Header,
    pub(crate) xml: Xml,
    images: Vec<Image>,
    pub(crate) trees: Vec<OnceCell<Tree>>,
}

/// The fields of a WIM header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The number of images.
    pub image_count: u32,
    /// The number of the image that boots, from 1.
    pub boot_index: Option<u32>,
    /// The compression of resources.
    pub compression: Compression,
    /// Uncompressed size of a chunk in bytes; 0 if nothing is compressed.
    pub chunk_size: u32,
    /// Identifies the WIM; all parts of a split one have the same.
    pub guid: [u8; 16],
    /// Which part of a split WIM this is, from 1.
    pub part: u16,
    /// The number of parts; 1 for a WIM that is not split.
    pub parts: u16,
    /// The WIM can be read from a pipe; only wimlib writes such WIMs.
    pub pipable: bool,
    /// The WIM has an integrity table.
    pub integrity: bool,
    /// Files are compressed together (solid), as in an ESD.
    pub solid: bool,
    /// The WIM is marked read-only.
    pub readonly: bool,
    /// Another program began a write and did not finish it.
    pub write_in_progress: bool,
}

impl Archive {
    /// Opens a WIM for reading. Reads and checks its header, blob table and XML data; the metadata
    /// of an image is read on first use.
    ///
    /// For a split WIM, pass the first part; the other parts are found in the same folder, by their
    /// numbered names, when their data is first needed.
    ///
    /// # Errors
    /// [`FormatError::NotAWim`], [`Truncated`](FormatError::Truncated), [`Corrupt`](FormatError::Corrupt),
    /// [`Encrypted`](FormatError::Encrypted), [`UnsupportedVersion`](FormatError::UnsupportedVersion),
    /// [`Unsupported`](FormatError::Unsupported) and [`Io`](WimError::Io).
    pub fn open(path: &Path) -> Result<Self, WimError> {
        Self::from_part(Part::open(path)?)
    }

    /// Opens a WIM inside an ISO image, such as `sources/boot.wim` of Windows installation media,
    /// without unpacking it. The path is found in any case.
    ///
    /// [`Archive::commit`] can only write it, with changes, to another file.
    ///
    /// # Errors
    /// [`FormatError::NotAnIso`], [`NotInIso`](ReadError::NotInIso), and the errors of
    /// [`Archive::open`].
    pub fn open_in_iso(iso: &Path, inner: &str) -> Result<Self, WimError> {
        let window = iso::find(iso, inner)?;
        Self::from_part(Part::open_within(iso, window)?)
    }

    /// A WIM that has no name yet; `path` is for errors.
    pub(crate) fn of_file(path: &Path, file: File) -> Result<Self, WimError> {
        Self::from_part(Part::of_file(path, file)?)
    }

    fn from_part(part: Part) -> Result<Self, WimError> {
        let (xml, images) = read_xml(&part)?;
        let header = Header::new(&part);
        let trees = images.iter().map(|_| OnceCell::new()).collect();
        Ok(Self { part, others: OnceCell::new(), header, xml, images, trees })
    }

    /// The path by which it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.part.path
    }

    /// The size of the opened file, or of the WIM within an ISO image, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.part.size
    }

    /// Its header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its images; the one at index 0 has number 1.
    #[must_use]
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The number of the selected image.
    ///
    /// # Errors
    /// [`ReadError::NoSuchImage`], which lists the images that exist.
    pub fn select(&self, which: &ImageSelector) -> Result<u32, WimError> {
        let found = match which {
            ImageSelector::Boot => {
                self.header.boot_index.or_else(|| (self.images.len() == 1).then_some(1))
            }
            ImageSelector::Index(index) => Some(*index),
            ImageSelector::Name(name) => self
                .images
                .iter()
                .find(|image| image.name == *name)
                .map_or_else(|| name.parse().ok(), |image| Some(image.index)),
        };
        let known = |index: &u32| (1..=self.images.len()).contains(&(*index as usize));
        found.filter(known).ok_or_else(|| self.no_such_image(which.to_string()))
    }

    /// The file or folder at `path` of an image, or `None`. Names are found in any case, and are
    /// separated by `\` or `/`.
    ///
    /// # Errors
    /// [`ReadError::NoSuchImage`], and errors of reading the image's metadata.
    pub fn entry(&self, image: u32, path: &str) -> Result<Option<Entry>, WimError> {
        let tree = self.tree(image)?;
        let found = tree.find(&ImagePath::parse(path));
        Ok(found.map(|id| self.entry_of(tree, id, tree.path(id))))
    }

    /// The entries of the folder at `path`, in the order of the image. Each entry is created when
    /// the iterator reaches it, since all entries of a large folder take much memory.
    ///
    /// # Errors
    /// [`ReadError::NoSuchPath`], [`WrongKind`](ReadError::WrongKind) for a file, and the errors of
    /// [`Archive::entry`].
    pub fn read_dir<'a>(
        &'a self,
        image: u32,
        path: &str,
    ) -> Result<impl Iterator<Item = Entry> + use<'a>, WimError> {
        let (tree, id) = self.find(image, path)?;
        if !tree.metadata.dentry(id).is_dir() {
            return Err(self.wrong_kind(image, tree, id, "a folder", "a file"));
        }
        let folder = tree.path(id);
        let children = tree.metadata.children(id);
        Ok(children.map(move |child| self.entry_in(tree, child, &folder)))
    }

    /// The file or folder at `path` and everything below it, parents first. As for
    /// [`read_dir`](Self::read_dir), each entry is created when the iterator reaches it.
    ///
    /// # Errors
    /// Errors of [`Archive::walk`].
    pub fn below<'a>(
        &'a self,
        image: u32,
        path: &str,
    ) -> Result<impl Iterator<Item = Entry> + use<'a>, WimError> {
        let (tree, id) = self.find(image, path)?;
        // Entries still to be visited, with the paths of their folders; `None` for the first one.
        let mut left: Vec<(Id, Option<EntryPath>)> = vec![(id, None)];
        Ok(std::iter::from_fn(move || {
            let (id, folder) = left.pop()?;
            let entry = match folder {
                None => self.entry_of(tree, id, tree.path(id)),
                Some(folder) => self.entry_in(tree, id, &folder),
            };
            let children = tree.metadata.children(id).rev();
            left.extend(children.map(|child| (child, Some(entry.path.clone()))));
            Some(entry)
        }))
    }

    /// Calls `visit` for the file or folder at `path` and everything below it, parents first, until
    /// `visit` breaks.
    ///
    /// # Errors
    /// [`ReadError::NoSuchPath`], and the errors of [`Archive::entry`].
    pub fn walk(
        &self,
        image: u32,
        path: &str,
        visit: &mut dyn FnMut(&Entry) -> ControlFlow<()>,
    ) -> Result<(), WimError> {
        // A break ends the walk and is not an error.
        let _ = self.below(image, path)?.try_for_each(|entry| visit(&entry));
        Ok(())
    }

    /// Reads the data of the file at `path`, at most [`READ_LIMIT`] bytes, and checks its SHA-1.
    ///
    /// # Errors
    /// [`ReadError::NoSuchPath`], [`WrongKind`](ReadError::WrongKind) for a folder,
    /// [`TooLarge`](FormatError::TooLarge), [`Corrupt`](FormatError::Corrupt),
    /// [`MissingData`](ReadError::MissingData) and the errors of [`Archive::entry`].
    pub fn read(&self, image: u32, path: &str) -> Result<Vec<u8>, WimError> {
        let (tree, id) = self.find(image, path)?;
        let dentry = tree.metadata.dentry(id);
        if dentry.is_dir() {
            return Err(self.wrong_kind(image, tree, id, "a file", "a folder"));
        }
        let Some(sha1) = dentry.data().filter(|sha1| *sha1 != EMPTY) else {
            return Ok(Vec::new());
        };
        let name = || tree.metadata.path(id);
        let (part, blob) = self.blob(&sha1).ok_or_else(|| self.missing_data(name()))?;
        let limit = read_limit(part.size);
        if blob.size > limit {
            let path = self.part.path.clone();
            return Err(WimError::Format(FormatError::TooLarge {
                path,
                what: name(),
                size: blob.size,
                limit,
            }));
        }
        part.read_blob(blob, &sha1)
    }

    /// Bytes of the largest file that [`read`](Self::read) reads: 8 MiB, and more where the WIM is large.
    #[must_use]
    pub fn read_limit(&self) -> u64 {
        read_limit(self.part.size)
    }

    /// A reader of the data of the file at `path`, of any size.
    ///
    /// # Errors
    /// Errors of [`Archive::read`], without [`TooLarge`](FormatError::TooLarge).
    pub fn reader(&self, image: u32, path: &str) -> Result<BlobReader, WimError> {
        let (tree, id) = self.find(image, path)?;
        let dentry = tree.metadata.dentry(id);
        if dentry.is_dir() {
            return Err(self.wrong_kind(image, tree, id, "a file", "a folder"));
        }
        match dentry.data().filter(|sha1| *sha1 != EMPTY) {
            Some(sha1) if self.blob(&sha1).is_none() => {
                Err(self.missing_data(tree.metadata.path(id)))
            }
            Some(sha1) => self.blob_reader(&sha1),
            None if is_link(dentry.reparse_tag()) => {
                Err(self.wrong_kind(image, tree, id, "a file", "a link"))
            }
            None if dentry.reparse_tag().is_some() => {
                let actual = "a reparse point whose data only a driver of Windows finds";
                Err(self.wrong_kind(image, tree, id, "a file", actual))
            }
            None => self.empty_reader(),
        }
    }

    /// A reader of the data with that SHA-1, which an [`Entry`] names.
    ///
    /// # Errors
    /// [`ReadError::MissingData`], and errors of locating its chunks.
    pub fn blob_reader(&self, sha1: &[u8; 20]) -> Result<BlobReader, WimError> {
        let (part, blob) = self.find_blob(sha1)?;
        part.reader(blob, sha1)
    }

    /// Frees the memory of the metadata of all images. It is read again on next use.
    pub fn forget_metadata(&mut self) {
        self.trees.iter_mut().for_each(|tree| drop(tree.take()));
    }

    fn empty_reader(&self) -> Result<BlobReader, WimError> {
        let source = self.part.source();
        let chunks = Chunks::find(source, &ResourceHeader::default(), Coding::NONE, false)?;
        let sha1 = Sha1Hasher::digest([]).into();
        let range = ByteRange { chunks: Arc::new(chunks), start: 0, size: 0, sha1 };
        BlobReader::new(&self.part.file, source, range, LastChunk::default())
    }

    pub(crate) fn tree(&self, image: u32) -> Result<&Tree, WimError> {
        let index = (image as usize).checked_sub(1);
        let cell = index.and_then(|index| self.trees.get(index));
        let (Some(index), Some(cell)) = (index, cell) else {
            return Err(self.no_such_image(image.to_string()));
        };
        if let Some(tree) = cell.get() {
            return Ok(tree);
        }
        let tree = self.read_tree(index)?;
        Ok(cell.get_or_init(|| tree))
    }

    fn read_tree(&self, index: usize) -> Result<Tree, WimError> {
        let what = || format!("the metadata of image {}", index + 1);
        let blob = self.part.blobs.metadata(index).ok_or_else(|| self.missing_data(what()))?;
        self.check_metadata_size()?;
        let bytes = self.part.read_resource("a metadata resource", &blob.resource, &blob.sha1)?;
        let metadata = Metadata::parse(bytes).map_err(|bad| {
            let actual = format!("{}, in image {}", bad.actual, index + 1);
            WimError::corrupt(&self.part.path, "metadata", bad.offset, bad.expected, actual)
        })?;
        Ok(Tree::new(metadata))
    }

    /// Checks that the metadata of all images, which is in memory together, is in proportion to the
    /// file.
    pub(crate) fn check_metadata_size(&self) -> Result<(), WimError> {
        let limit = METADATA_LIMIT.min(bounds::in_memory(self.part.size));
        let resources = (0..).map_while(|index| self.part.blobs.metadata(index));
        let size = resources.map(|blob| blob.resource.size.get()).fold(0, u64::saturating_add);
        if size > limit {
            let path = self.part.path.clone();
            let what = "the metadata of all images".to_owned();
            return Err(WimError::Format(FormatError::TooLarge { path, what, size, limit }));
        }
        Ok(())
    }

    /// The part that holds the data with that SHA-1, and its blob.
    pub(crate) fn blob(&self, sha1: &Sha1) -> Option<(&Part, &Blob)> {
        let parts = std::iter::once(&self.part).chain(self.others());
        parts.filter_map(|part| Some((part, part.blobs.get(sha1)?))).next()
    }

    /// As [`Archive::blob`], but a missing blob is an error.
    pub(crate) fn find_blob(&self, sha1: &Sha1) -> Result<(&Part, &Blob), WimError> {
        self.blob(sha1).ok_or_else(|| self.missing_data(sha1_text(sha1)))
    }

    pub(crate) fn others(&self) -> &[Part] {
        if self.header.parts == 1 || self.part.base > 0 {
            return &[];
        }
        self.others.get_or_init(|| self.part.siblings())
    }

    pub(crate) fn find(&self, image: u32, path: &str) -> Result<(&Tree, Id), WimError> {
        let tree = self.tree(image)?;
        let path = ImagePath::parse(path);
        let id = tree.find(&path).ok_or_else(|| {
            WimError::Read(ReadError::NoSuchPath {
                path: self.part.path.clone(),
                image,
                wanted: display(&path),
            })
        })?;
        Ok((tree, id))
    }

    pub(crate) fn entry_of(&self, tree: &Tree, id: Id, path: EntryPath) -> Entry {
        let size_of = |sha1: &Sha1| self.blob(sha1).map_or(0, |(_, blob)| blob.size);
        Entry::read(tree, id, path, &size_of)
    }

    fn entry_in(&self, tree: &Tree, id: Id, folder: &EntryPath) -> Entry {
        let name = tree.metadata.dentry(id).name_lossy();
        self.entry_of(tree, id, folder.clone().join(&name))
    }

    fn no_such_image(&self, wanted: String) -> WimError {
        let exist = self.images.iter().map(|image| (image.index, image.name.clone())).collect();
        WimError::Read(ReadError::NoSuchImage { path: self.part.path.clone(), wanted, exist })
    }

    pub(crate) fn missing_data(&self, what: String) -> WimError {
        let Header { part, parts, .. } = self.header;
        let path = self.part.path.clone();
        let missing = self.part.missing(self.others());
        WimError::Read(ReadError::MissingData { path, what, part, parts, missing })
    }

    fn wrong_kind(
        &self,
        image: u32,
        tree: &Tree,
        id: Id,
        expected: &'static str,
        actual: &'static str,
    ) -> WimError {
        let at = tree.metadata.path(id);
        WimError::Read(ReadError::WrongKind {
            path: self.part.path.clone(),
            image,
            at,
            expected,
            actual,
        })
    }
}

impl Header {
    fn new(part: &Part) -> Self {
        let Part { disk, coding, pipable, blobs, .. } = part;
        let bits = disk.flags.get();
        Self {
            image_count: disk.image_count.get(),
            boot_index: Some(disk.boot_index.get()).filter(|index| *index != 0),
            compression: coding.compression,
            chunk_size: if *coding == Coding::NONE { 0 } else { coding.chunk_size },
            guid: disk.guid,
            part: disk.part.get(),
            parts: disk.parts.get(),
            pipable: *pipable,
            integrity: !disk.integrity.is_absent(),
            solid: blobs.has_solid(),
            readonly: bits & flags::READONLY != 0,
            write_in_progress: bits & flags::WRITE_IN_PROGRESS != 0,
        }
    }
}

fn read_xml(part: &Part) -> Result<(Xml, Vec<Image>), WimError> {
    let (disk, source) = (&part.disk, part.source());
    let offset = disk.xml.offset.get();
    let size = disk.xml.size.get();
    if size > xml::LONGEST {
        let what = "the XML data".to_owned();
        let path = source.path.to_path_buf();
        return Err(WimError::Format(FormatError::TooLarge {
            path,
            what,
            size,
            limit: xml::LONGEST,
        }));
    }
    source.check("the XML data", offset, disk.xml.stored())?;
    let corrupt = |expected: &str, actual: String| {
        WimError::corrupt(source.path, "the XML data", offset, expected, actual)
    };
    let chunks = Chunks::find(source, &disk.xml, Coding::NONE, part.pipable)?;
    let bytes = ChunkReader::new(source, chunks)?.all()?;
    let xml = Xml::decode(&bytes).map_err(|bad| corrupt(&bad.expected, bad.actual))?;
    let (images, encrypted) = xml.read().map_err(|bad| corrupt(&bad.expected, bad.actual))?;
    if encrypted {
        return Err(WimError::Format(FormatError::Encrypted { path: source.path.to_path_buf() }));
    }
    if images.len() != disk.image_count.get() as usize {
        let actual = format!("{} of images", images.len());
        return Err(corrupt(&format!("elements of {} images", disk.image_count), actual));
    }
    Ok((xml, images))
}
