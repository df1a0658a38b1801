//! `Import`: images of one WIM, prepared to be added to another.

use std::collections::HashMap;

use super::append::Appender;
use super::plan::{Plan, Promise, PromisedEntry};
use crate::archive::Archive;
use crate::blobs::{Blob, BlobPlace, EMPTY, Sha1};
use crate::content::Data;
use crate::error::{CommitError, WimError};
use crate::format::header::DiskHeader;
use crate::format::resource::DiskBlob;
use crate::metadata::ROOT;
use crate::part::Part;
use crate::xml::Xml;

/// Images of another WIM to be added, with the data that this WIM lacks.
pub(super) struct Import<'a> {
    source: &'a Archive,
    images: Vec<Image>,
    /// In the order of the file that holds them.
    blobs: Vec<Incoming<'a>>,
    /// Whether resources of the same compression are recompressed.
    recompress: bool,
    boot: Option<u32>,
}

struct Image {
    /// The number in the source.
    from: u32,
    /// The number in the target.
    to: u32,
}

struct Incoming<'a> {
    part: &'a Part,
    blob: Blob,
    sha1: Sha1,
    references: u32,
}

/// The images to add, and the options.
pub(super) struct Order<'a> {
    pub(super) source: &'a Archive,
    pub(super) images: &'a [u32],
    /// The name of a single image.
    pub(super) name: Option<&'a str>,
    pub(super) recompress: bool,
    /// The one of `images` that becomes the boot image.
    pub(super) boot: Option<u32>,
    /// The XML data of the result, if they are not those of the target with the images added.
    pub(super) xml: Option<Xml>,
}

impl<'a> Plan<'a> {
    /// Prepares images of another WIM for `target`.
    pub(super) fn import(target: &Archive, order: Order<'a>) -> Result<Self, WimError> {
        let Order { source, images: numbers, name, recompress, boot, xml } = order;
        let mut counts: HashMap<Sha1, u32> = HashMap::new();
        let mut images = Vec::new();
        let mut promises = Vec::new();
        for (from, to) in numbers.iter().copied().zip(target.header().image_count + 1..) {
            let metadata = &source.tree(from)?.metadata;
            for (sha1, count) in metadata.references() {
                let total = counts.entry(sha1).or_default();
                *total = total.saturating_add(count);
            }
            let root = metadata.dentry(ROOT);
            let security = metadata.security(root.security_id());
            let found = PromisedEntry {
                sha1: EMPTY,
                size: 0,
                attributes: root.attributes(),
                security_size: security.map_or(0, <[u8]>::len),
            };
            promises.push(Promise { image: to, path: "/".to_owned(), found: Some(found) });
            images.push(Image { from, to });
        }
        let boot = boot.and_then(|boot| images.iter().find(|image| image.from == boot));
        let boot = boot.map(|image| image.to);
        let xml = match xml {
            Some(xml) => xml,
            None => described(target, source, &images, name)?,
        };
        let (references, blobs) = incoming(target, source, counts)?;
        Ok(Plan {
            blobs: Vec::new(),
            images: Vec::new(),
            import: Some(Import { source, images, blobs, recompress, boot }),
            references,
            dropped: Vec::new(),
            xml,
            promises,
            added: 0,
            replaced: 0,
            same: 0,
        })
    }
}

/// The XML data of `target` with the images added.
fn described(
    target: &Archive,
    source: &Archive,
    images: &[Image],
    name: Option<&str>,
) -> Result<Xml, WimError> {
    let mut xml = target.xml.clone();
    for Image { from, to } in images {
        let image = &source.images()[*from as usize - 1];
        let name = name.unwrap_or(&image.name);
        if !name.is_empty() && target.images().iter().any(|other| other.name == name) {
            let path = target.path().to_path_buf();
            return Err(WimError::Commit(CommitError::ImageExists { path, name: name.to_owned() }));
        }
        let new = (name != image.name).then_some(name);
        xml.add_image(image.xml(), *to, new).map_err(|bad| {
            let place = source.part.disk.xml.offset.get();
            WimError::corrupt(source.path(), "the XML data", place, bad.expected, bad.actual)
        })?;
    }
    Ok(xml)
}

type Counted<'a> = (Vec<(Sha1, u32)>, Vec<Incoming<'a>>);

/// The new reference counts of blobs that `target` has, and the blobs that it lacks.
fn incoming<'a>(
    target: &Archive,
    source: &'a Archive,
    counts: HashMap<Sha1, u32>,
) -> Result<Counted<'a>, WimError> {
    let mut known = Vec::new();
    let mut blobs = Vec::new();
    for (sha1, references) in counts {
        if target.part.blobs.get(&sha1).is_some() {
            let before = target.part.blobs.references(&sha1);
            known.push((sha1, before.saturating_add(references)));
            continue;
        }
        let (part, blob) = source.find_blob(&sha1)?;
        blobs.push(Incoming { part, blob: *blob, sha1, references });
    }
    blobs.sort_by_key(|incoming| (incoming.part.disk.part.get(), incoming.blob.place.order()));
    Ok((known, blobs))
}

impl Import<'_> {
    /// The new numbers of the images.
    pub(super) fn numbers(&self) -> Vec<u32> {
        self.images.iter().map(|image| image.to).collect()
    }

    /// The number of blobs copied.
    pub(super) fn blob_count(&self) -> usize {
        self.blobs.len()
    }

    /// Uncompressed size of the copied data in bytes.
    pub(super) fn size(&self) -> u64 {
        self.blobs.iter().map(|incoming| incoming.blob.size).fold(0, u64::saturating_add)
    }

    pub(super) fn write_blobs(
        &self,
        appender: &mut Appender<'_>,
        report: &mut dyn FnMut(u64),
    ) -> Result<Vec<DiskBlob>, WimError> {
        let mut entries = Vec::new();
        for Incoming { part, blob, sha1, references } in &self.blobs {
            let as_it_is = matches!(blob.place, BlobPlace::Own(_)) && self.fits(part, appender);
            let mut entry = if as_it_is {
                appender.copy(part.source(), part.blobs.entry(blob), report)?
            } else {
                let data = Data::blob(part.reader(blob, sha1)?, *sha1);
                appender.blob(&data, *references, None, report)?
            };
            entry.references.set(*references);
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Writes the metadata resources; returns them with the numbers of the images.
    pub(super) fn write_metadata(
        &self,
        appender: &mut Appender<'_>,
    ) -> Result<Vec<(u32, DiskBlob)>, WimError> {
        let part = &self.source.part;
        let mut entries = Vec::new();
        for Image { from, to } in &self.images {
            let index = *from as usize - 1;
            let old = part.blobs.metadata(index).expect("its tree was read");
            let mut entry = if self.fits(part, appender) {
                appender.copy(part.source(), old, &mut |_| {})?
            } else {
                let bytes = part.read_resource("a metadata resource", &old.resource, &old.sha1)?;
                appender.metadata(&bytes, None)?
            };
            entry.references.set(1);
            entries.push((*to, entry));
        }
        Ok(entries)
    }

    /// Whether resources of a file can be copied in compressed form.
    fn fits(&self, part: &Part, appender: &Appender<'_>) -> bool {
        !self.recompress && !part.pipable && part.coding == appender.packer.coding()
    }

    /// Adds the images to the header.
    pub(super) fn enter(&self, disk: &mut DiskHeader) {
        let added = u32::try_from(self.images.len()).expect("images are few");
        disk.image_count.set(disk.image_count.get() + added);
        if let Some(boot) = self.boot {
            disk.boot_index.set(boot);
        }
    }
}
