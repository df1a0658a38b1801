//! New WIMs from files in memory: for demonstrations, tests and pipelines.

use std::path::Path;
use std::time::SystemTime;

use sha1::{Digest, Sha1 as Sha1Hasher};
use winpe_disk::newfile::Options;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use crate::blobs::{BlobTable, EMPTY};
use crate::coding::{Coding, Compression};
use crate::commit::{Appender, NewFile, Output, Packer, Tables, TreeStats};
use crate::content::Data;
use crate::error::{CommitError, ReadError, WimError};
use crate::format::header::{DiskHeader, MAGIC, SIZE, VERSION_DEFAULT, VERSION_SOLID};
use crate::format::resource::ResourceHeader;
use crate::format::time;
use crate::image::{Arch, Image, Stats, Version};
use crate::metadata::{Metadata, Refused, Stamp, display};
use crate::name::ImagePath;
use crate::xml::Xml;

/// An image for a new WIM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewImage {
    /// Its name.
    pub name: String,
    /// Its description; may be empty.
    pub description: String,
    /// Whether it is the boot image. If several are, the last one.
    pub boot: bool,
    /// Folders, created with their parents; only empty folders need to be listed.
    pub dirs: Vec<String>,
    /// Files, each with its path and content.
    pub files: Vec<(String, Vec<u8>)>,
    /// The self-relative security descriptor of every entry, if any.
    pub security: Option<Vec<u8>>,
    /// The time of every entry; by default the current time. The same input with the same time
    /// gives the same bytes.
    pub time: Option<SystemTime>,
    /// The architecture of the Windows in it.
    pub arch: Option<Arch>,
    /// The version of the Windows in it; written only with an architecture.
    pub version: Option<Version>,
    /// Its languages, the default one first; written only with an architecture.
    pub languages: Vec<String>,
    /// Its edition, such as `WindowsPE`; written only with an architecture.
    pub edition: Option<String>,
    /// Its installation type, such as `WindowsPE`; written only with an architecture.
    pub installation_type: Option<String>,
}

impl NewImage {
    /// An empty image with that name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// Creates a WIM. It appears under its name when it is complete, and never replaces a file.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("demo.wim");
/// use winpe_wim::{Archive, Compression, NewImage, create};
///
/// let mut image = NewImage::new("Windows PE");
/// image.boot = true;
/// image.files.push(("Windows/System32/startnet.cmd".into(), b"wpeinit\r\n".to_vec()));
/// create(&path, Compression::Lzx, &[image])?;
/// assert_eq!(Archive::open(&path)?.header().boot_index, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`CommitError::TargetExists`], [`InvalidName`](CommitError::InvalidName) and
/// [`WrongKind`](ReadError::WrongKind) for an impossible path, [`NoSpace`](CommitError::NoSpace),
/// [`NotWritable`](CommitError::NotWritable) and [`Io`](WimError::Io).
pub fn create(path: &Path, compression: Compression, images: &[NewImage]) -> Result<(), WimError> {
    let new = NewFile::create(path, Options::default())?;
    let coding = Coding::usual(compression);
    let output = Output { storage: new.file(), path, cancel: None };
    let packer = Packer::new(path, coding, None)?;
    let mut appender = Appender { output, at: SIZE.into(), packer };
    let mut blobs = BlobTable::default();
    let mut described = Vec::new();
    let mut times = Vec::new();
    for (index, image) in (0..).zip(images) {
        let time = time::from_system(image.time.unwrap_or_else(SystemTime::now));
        let metadata = build(path, index + 1, image, Stamp(time), &mut blobs, &mut appender)?;
        let stats = TreeStats::of(&metadata, &|sha1| blobs.get(sha1).map_or(0, |blob| blob.size));
        let entry = appender.metadata(&metadata.to_bytes(), None)?;
        blobs.set_metadata(index as usize, entry);
        described.push(describe(index + 1, image, stats));
        times.push(time);
    }
    let boot = images.iter().rposition(|image| image.boot).map_or(0, |index| index + 1);
    let mut disk = new_header(coding, images.len(), boot);
    let xml = Xml::new(&described, &times);
    // The GUID is derived from the content, so that the same input gives the same bytes.
    let identity = Sha1Hasher::new().chain_update(blobs.to_bytes(&[])).chain_update(xml.encode());
    disk.guid.copy_from_slice(&identity.finalize()[..16]);
    appender.tables(&mut disk, Tables { blobs: &blobs, dropped: &[], xml, integrity: None })?;
    output.set_len(appender.at)?;
    output.write(0, disk.as_bytes())?;
    new.finish()?;
    Ok(())
}

/// Appends the data of an image, and returns its tree.
fn build(
    path: &Path,
    index: u32,
    image: &NewImage,
    now: Stamp,
    blobs: &mut BlobTable,
    appender: &mut Appender<'_>,
) -> Result<Metadata, WimError> {
    let refuse = |at: &ImagePath, refused: Refused| {
        let (path, at) = (path.to_path_buf(), display(at));
        match refused {
            Refused::WrongKind { expected, actual, .. } => {
                WimError::Read(ReadError::WrongKind { path, image: index, at, expected, actual })
            }
            Refused::Invalid { why, .. } => {
                WimError::Commit(CommitError::InvalidName { path, image: index, at, why })
            }
            Refused::Missing(_) | Refused::Exists(_) => {
                WimError::Commit(CommitError::PathExists { path, image: index, at })
            }
        }
    };
    let mut metadata = Metadata::empty(image.security.as_deref(), now);
    for dir in &image.dirs {
        let dir = ImagePath::parse(dir);
        metadata.add_folder(&dir, now).map_err(|refused| refuse(&dir, refused))?;
    }
    for (file, content) in &image.files {
        let file = ImagePath::parse(file);
        let data = Data::bytes(content);
        metadata.put(&file, data.sha1, now).map_err(|refused| refuse(&file, refused))?;
        if data.sha1 == EMPTY {
            continue;
        }
        if blobs.get(&data.sha1).is_none() {
            let entry = appender.blob(&data, 0, None, &mut |_| {})?;
            blobs.insert(entry);
        }
    }
    for (sha1, count) in metadata.references() {
        blobs.set_references(&sha1, blobs.references(&sha1) + count);
    }
    Ok(metadata)
}

fn describe(index: u32, image: &NewImage, stats: TreeStats) -> Image {
    let TreeStats { dirs, files, bytes, link_bytes } = stats;
    Image {
        index,
        name: image.name.clone(),
        description: image.description.clone(),
        arch: image.arch,
        version: image.version,
        languages: image.languages.clone(),
        edition: image.edition.clone(),
        installation_type: image.installation_type.clone(),
        stats: Stats { files, dirs, bytes, link_bytes },
        xml: String::new(),
    }
}

pub(crate) fn new_header(coding: Coding, images: usize, boot: usize) -> DiskHeader {
    let count = |number: usize| U32::new(u32::try_from(number).expect("images are few"));
    let version = match coding.compression {
        Compression::Lzms => VERSION_SOLID,
        _ => VERSION_DEFAULT,
    };
    DiskHeader {
        magic: MAGIC,
        size: U32::new(SIZE),
        version: U32::new(version),
        flags: U32::new(coding.header_flags()),
        chunk_size: U32::new(if coding == Coding::NONE { 0 } else { coding.chunk_size }),
        guid: [0; 16],
        part: U16::new(1),
        parts: U16::new(1),
        image_count: count(images),
        blob_table: ResourceHeader::default(),
        xml: ResourceHeader::default(),
        boot_metadata: ResourceHeader::default(),
        boot_index: count(boot),
        integrity: ResourceHeader::default(),
        unused: [0; 60],
    }
}
