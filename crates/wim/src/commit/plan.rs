//! `Plan`: everything that a commit will write, computed before anything is written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::SystemTime;

use super::import::Import;
use super::{FileChange, ImageChanges};
use crate::archive::Archive;
use crate::blobs::{BlobPlace, EMPTY, Sha1};
use crate::chunks::Chunks;
use crate::content::{Data, HELD};
use crate::error::{CommitError, ReadError, WimError};
use crate::format::resource::ResourceHeader;
use crate::format::time;
use crate::metadata::{Edited, Metadata, Refused, Stamp, display};
use crate::name::ImagePath;
use crate::xml::{StatsChange, Xml};

/// The content of a commit.
pub(super) struct Plan<'c> {
    pub(super) blobs: Vec<NewBlob<'c>>,
    pub(super) images: Vec<NewMetadata>,
    /// Images of another WIM to be added.
    pub(super) import: Option<Import<'c>>,
    /// `(blob, references)` for blobs of the WIM whose reference count changes.
    pub(super) references: Vec<(Sha1, u32)>,
    pub(super) dropped: Vec<Sha1>,
    pub(super) xml: Xml,
    pub(super) promises: Vec<Promise>,
    pub(super) added: u64,
    pub(super) replaced: u64,
    pub(super) same: u64,
}

/// Data that the WIM lacks.
pub(super) struct NewBlob<'c> {
    pub(super) data: Data<'c>,
    pub(super) references: u32,
    /// The chunks of the data that it replaces.
    pub(super) base: Option<Chunks>,
}

/// The new metadata of a changed image.
pub(super) struct NewMetadata {
    pub(super) image: u32,
    pub(super) bytes: Vec<u8>,
    /// The metadata that it replaces, in stored and in uncompressed form.
    pub(super) base: Chunks,
    pub(super) before: Vec<u8>,
}

/// An entry that a reader of the result must find.
pub(super) struct Promise {
    pub(super) image: u32,
    /// With `/` between names, as wimlib expects.
    pub(super) path: String,
    pub(super) found: Option<PromisedEntry>,
}

pub(super) struct PromisedEntry {
    pub(super) sha1: Sha1,
    pub(super) size: u64,
    pub(super) attributes: u32,
    pub(super) security_size: usize,
}

impl<'c> Plan<'c> {
    pub(super) fn new(
        archive: &mut Archive,
        changes: &'c [ImageChanges],
        time: SystemTime,
    ) -> Result<Self, WimError> {
        let now = Stamp(time::from_system(time));
        let mut draft = Draft {
            archive,
            images: BTreeMap::new(),
            new: HashMap::new(),
            memory_budget: HELD,
            now,
        };
        let mut counts = Counts::default();
        for ImageChanges { image, changes } in changes {
            // The image must exist even if nothing changes.
            draft.edit(*image)?;
            for change in changes {
                draft.apply(*image, change, &mut counts)?;
            }
        }
        draft.finish(changes, &counts)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.images.is_empty() && self.import.is_none()
    }
}

/// Images while they are edited.
struct Draft<'a, 'c> {
    archive: &'a mut Archive,
    images: BTreeMap<u32, Edit>,
    /// Data that the WIM lacks, with the SHA-1 of the data that it replaces.
    new: HashMap<Sha1, (Data<'c>, Option<Sha1>)>,
    /// Memory left for content that is read from files.
    memory_budget: u64,
    now: Stamp,
}

struct Edit {
    metadata: Metadata,
    before: HashMap<Sha1, u32>,
    /// As `before`, after the edits.
    after: HashMap<Sha1, u32>,
    stats: Stats,
    changed: bool,
}

#[derive(Default)]
struct Counts {
    added: u64,
    replaced: u64,
    same: u64,
}

impl<'c> Draft<'_, 'c> {
    fn apply(
        &mut self,
        image: u32,
        change: &'c FileChange,
        counts: &mut Counts,
    ) -> Result<(), WimError> {
        let now = self.now;
        let file = self.archive.part.path.clone();
        let refuse = |refused| refusal(&file, image, refused);
        let edit = self.images.get_mut(&image).expect("taken before its changes");
        match change {
            FileChange::Put { path, content } => {
                let path = ImagePath::parse(path);
                let data = Data::new(content, self.archive, &mut self.memory_budget)?;
                let sha1 = data.sha1;
                let base = edit.metadata.find(&path).map(|id| edit.metadata.dentry(id).sha1());
                let edited = edit.metadata.put(&path, sha1, now).map_err(refuse)?;
                let count = match edited {
                    Edited::Same => &mut counts.same,
                    Edited::Replaced => &mut counts.replaced,
                    Edited::Added => &mut counts.added,
                };
                *count += 1;
                edit.changed |= edited != Edited::Same;
                if sha1 != EMPTY && self.archive.part.blobs.get(&sha1).is_none() {
                    self.new.entry(sha1).or_insert((data, base));
                }
            }
            FileChange::AddFolder { path } => {
                let path = ImagePath::parse(path);
                edit.changed |= edit.metadata.add_folder(&path, now).map_err(refuse)?;
            }
            FileChange::SetInfo { path, info } => {
                let path = ImagePath::parse(path);
                edit.changed |= edit.metadata.set_info(&path, info).map_err(refuse)?;
            }
            FileChange::Delete { path, recursive } => {
                edit.metadata.delete(&ImagePath::parse(path), *recursive).map_err(refuse)?;
                edit.changed = true;
            }
            FileChange::Rename { from, to } => {
                let (from, to) = (ImagePath::parse(from), ImagePath::parse(to));
                edit.metadata.rename(&from, &to).map_err(refuse)?;
                edit.changed = true;
            }
        }
        Ok(())
    }

    /// Takes the metadata of an image out of the archive for editing.
    fn edit(&mut self, image: u32) -> Result<(), WimError> {
        if self.images.contains_key(&image) {
            return Ok(());
        }
        self.archive.tree(image)?;
        let tree = self.archive.trees[image as usize - 1].take().expect("read just now");
        let metadata = tree.metadata;
        let before = metadata.references();
        let stats = Stats::of(&metadata, &|sha1| self.size_of(sha1));
        self.images
            .insert(image, Edit { metadata, before, after: HashMap::new(), stats, changed: false });
        Ok(())
    }

    fn size_of(&self, sha1: &Sha1) -> u64 {
        let new = || self.new.get(sha1).map(|(data, _)| data.size);
        self.archive.part.blobs.get(sha1).map(|blob| blob.size).or_else(new).unwrap_or(0)
    }

    fn finish(mut self, changes: &[ImageChanges], counts: &Counts) -> Result<Plan<'c>, WimError> {
        for edit in self.images.values_mut() {
            edit.after = edit.metadata.references();
        }
        let changed: Vec<(&u32, &Edit)> =
            self.images.iter().filter(|(_, edit)| edit.changed).collect();
        let mut xml = self.archive.xml.clone();
        for (image, edit) in &changed {
            let stats = Stats::of(&edit.metadata, &|sha1| self.size_of(sha1));
            xml.update_image(**image, &edit.stats.to(&stats), self.now.0).map_err(|bad| {
                let place = self.archive.part.disk.xml.offset.get();
                let path = &self.archive.part.path;
                WimError::corrupt(path, "the XML data", place, bad.expected, bad.actual)
            })?;
        }
        let counted = count_references(&changed);
        let promises = self.promises(changes);
        let (references, dropped) = self.reference_counts(&counted)?;
        let mut blobs = Vec::new();
        for (sha1, (data, base)) in std::mem::take(&mut self.new) {
            let references = counted.get(&sha1).map_or(0, |(_, after)| *after);
            if references > 0 {
                blobs.push(NewBlob { data, references, base: self.base(base)? });
            }
        }
        // The order of a map is random; that in the file must not be.
        blobs.sort_by_key(|blob| blob.data.sha1);
        let mut images = Vec::new();
        for (image, edit) in std::mem::take(&mut self.images) {
            if edit.changed {
                let entry =
                    self.archive.part.blobs.metadata(image as usize - 1).expect("it was read");
                let base = self.chunks(&entry.resource)?;
                let (bytes, before) = (edit.metadata.to_bytes(), edit.metadata.into_read());
                images.push(NewMetadata { image, bytes, base, before });
            }
        }
        let Counts { added, replaced, same } = *counts;
        let import = None;
        Ok(Plan {
            blobs,
            images,
            import,
            references,
            dropped,
            xml,
            promises,
            added,
            replaced,
            same,
        })
    }

    /// The new reference counts of existing blobs, and the blobs without references.
    fn reference_counts(
        &self,
        counted: &HashMap<Sha1, (u32, u32)>,
    ) -> Result<References, WimError> {
        let mut references = Vec::new();
        let mut candidates = HashSet::new();
        for (sha1, (before, after)) in counted {
            if self.archive.part.blobs.get(sha1).is_none() || before == after {
                continue;
            }
            let stored = self.archive.part.blobs.references(sha1);
            let count = stored.saturating_sub(*before).saturating_add(*after);
            references.push((*sha1, count));
            if count == 0 {
                candidates.insert(*sha1);
            }
        }
        // Reference counts written by other tools may be wrong. A blob that another image uses is
        // kept whatever the table states.
        if !candidates.is_empty() {
            for image in self.archive.images().iter().map(|image| image.index) {
                match self.images.get(&image) {
                    Some(edit) => candidates.retain(|sha1| !edit.after.contains_key(sha1)),
                    None => {
                        let used = self.archive.tree(image)?.metadata.references();
                        candidates.retain(|sha1| !used.contains_key(sha1));
                    }
                }
            }
        }
        for (sha1, count) in &mut references {
            if *count == 0 && !candidates.contains(sha1) {
                *count = 1;
            }
        }
        Ok((references, candidates.into_iter().collect()))
    }

    fn base(&self, sha1: Option<Sha1>) -> Result<Option<Chunks>, WimError> {
        let Some(blob) = sha1.and_then(|sha1| self.archive.part.blobs.get(&sha1)) else {
            return Ok(None);
        };
        match &blob.place {
            BlobPlace::Own(resource) => self.chunks(resource).map(Some),
            BlobPlace::Solid { .. } => Ok(None),
        }
    }

    fn chunks(&self, resource: &ResourceHeader) -> Result<Chunks, WimError> {
        Chunks::find(self.archive.part.source(), resource, self.archive.part.coding, false)
    }

    fn promises(&self, changes: &[ImageChanges]) -> Vec<Promise> {
        let mut promises = Vec::new();
        for ImageChanges { image, changes } in changes {
            let metadata = &self.images[image].metadata;
            for path in changes.iter().flat_map(FileChange::paths).map(ImagePath::parse) {
                let found = metadata.find(&path).map(|id| {
                    let dentry = metadata.dentry(id);
                    let security = metadata.security(dentry.security_id());
                    PromisedEntry {
                        sha1: dentry.sha1(),
                        size: self.size_of(&dentry.sha1()),
                        attributes: dentry.attributes(),
                        security_size: security.map_or(0, <[u8]>::len),
                    }
                });
                let path = display(&path).replace('\\', "/");
                promises.push(Promise { image: *image, path, found });
            }
        }
        promises
    }
}

impl FileChange {
    fn paths(&self) -> impl Iterator<Item = &str> {
        let (first, second) = match self {
            Self::Put { path, .. }
            | Self::AddFolder { path }
            | Self::SetInfo { path, .. }
            | Self::Delete { path, .. } => (path, None),
            Self::Rename { from, to } => (from, Some(to)),
        };
        std::iter::once(first).chain(second).map(String::as_str)
    }
}

/// New reference counts, and the blobs without references.
type References = (Vec<(Sha1, u32)>, Vec<Sha1>);

/// The counts of an image for the XML data.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stats {
    pub(crate) dirs: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) link_bytes: u64,
}

impl Stats {
    /// Counts as wimlib does: the root is a folder, and every name of a file counts.
    pub(crate) fn of(metadata: &Metadata, size_of: &dyn Fn(&Sha1) -> u64) -> Self {
        let mut stats = Self::default();
        let mut groups = HashSet::new();
        for id in metadata.all() {
            let dentry = metadata.dentry(id);
            let size = dentry.blobs().map(|sha1| size_of(&sha1)).fold(0, u64::saturating_add);
            stats.bytes = stats.bytes.saturating_add(size);
            if dentry.is_dir() {
                stats.dirs += 1;
            } else {
                stats.files += 1;
            }
            if dentry.link_group().is_some_and(|group| !groups.insert(group)) {
                stats.link_bytes = stats.link_bytes.saturating_add(size);
            }
        }
        stats
    }

    fn to(self, after: &Self) -> StatsChange {
        StatsChange {
            dirs: (self.dirs, after.dirs),
            files: (self.files, after.files),
            bytes: (self.bytes, after.bytes),
            link_bytes: (self.link_bytes, after.link_bytes),
        }
    }
}

/// Blob → references `(before, after)` in the images that change.
fn count_references(changed: &[(&u32, &Edit)]) -> HashMap<Sha1, (u32, u32)> {
    let mut counted: HashMap<Sha1, (u32, u32)> = HashMap::new();
    for (_, edit) in changed {
        for (sha1, count) in &edit.before {
            let (before, _) = counted.entry(*sha1).or_default();
            *before = before.saturating_add(*count);
        }
        for (sha1, count) in &edit.after {
            let (_, after) = counted.entry(*sha1).or_default();
            *after = after.saturating_add(*count);
        }
    }
    counted
}

fn refusal(file: &std::path::Path, image: u32, refused: Refused) -> WimError {
    let path = file.to_path_buf();
    match refused {
        Refused::Missing(wanted) => WimError::Read(ReadError::NoSuchPath { path, image, wanted }),
        Refused::WrongKind { at, expected, actual } => {
            WimError::Read(ReadError::WrongKind { path, image, at, expected, actual })
        }
        Refused::Exists(at) => WimError::Commit(CommitError::PathExists { path, image, at }),
        Refused::Invalid { at, why } => {
            WimError::Commit(CommitError::InvalidName { path, image, at, why })
        }
    }
}
