//! The metadata resource of an image: security descriptors and the tree of directory entries.
//!
//! ```text
//! bytes ── read ──► Metadata ── edit ──► Metadata ── write ──► bytes
//! ```
//! Every entry keeps its bytes; an edit patches or replaces those of one entry, and writing only
//! moves entries. Fields that this crate does not know (tagged items, unused fields) are preserved.

mod dentry;
mod edit;
mod layout;
mod read;
mod write;

use std::collections::HashMap;
use std::ops::Range;

use crate::blobs::Sha1;
use crate::name::{self, ImagePath};

pub(crate) use dentry::{Dentry, NewDentry};
pub(crate) use edit::{Edited, Refused, Stamp, display};

/// Index of an entry in [`Metadata`].
pub(crate) type Id = usize;

pub(crate) const ROOT: Id = 0;

#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    /// As read; unchanged entries point into it.
    bytes: Vec<u8>,
    /// The security descriptors at the start of `bytes`.
    security: Vec<Range<usize>>,
    /// The offset of the root's entry: the size of the security data, including padding.
    root: usize,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
struct Node {
    bytes: Bytes,
    parent: Id,
    /// In their order in the file.
    children: Vec<Id>,
    /// The offset at which the list of children was read.
    list: Option<u64>,
}

#[derive(Debug, Clone)]
enum Bytes {
    Read(Range<usize>),
    Edited(Vec<u8>),
}

impl Metadata {
    pub(crate) fn dentry(&self, id: Id) -> Dentry<'_> {
        Dentry::new(match &self.nodes[id].bytes {
            Bytes::Read(range) => &self.bytes[range.clone()],
            Bytes::Edited(bytes) => bytes,
        })
    }

    /// The visible children: WIMs may hold entries without a name, or named `..`, which every
    /// reader skips.
    pub(crate) fn children(&self, id: Id) -> impl DoubleEndedIterator<Item = Id> + '_ {
        let children = self.nodes[id].children.iter().copied();
        children.filter(|child| self.dentry(*child).is_listed())
    }

    /// All children, including those that readers skip.
    pub(crate) fn entries(&self, id: Id) -> &[Id] {
        &self.nodes[id].children
    }

    pub(crate) fn child(&self, id: Id, wanted: &[u16]) -> Option<Id> {
        // An exact match is preferred: some images hold names that differ only by case.
        let mut found = None;
        for child in self.children(id) {
            let name = self.dentry(child).name();
            if name.clone().eq(wanted.iter().copied()) {
                return Some(child);
            }
            if found.is_none() && name::same(name, wanted) {
                found = Some(child);
            }
        }
        found
    }

    /// The number of entries of a folder, including those that readers skip.
    pub(crate) fn child_count(&self, id: Id) -> usize {
        self.nodes[id].children.len()
    }

    /// The folder of an entry; the root is its own folder.
    pub(crate) fn parent(&self, id: Id) -> Id {
        self.nodes[id].parent
    }

    pub(crate) fn find(&self, path: &ImagePath) -> Option<Id> {
        path.names().iter().try_fold(ROOT, |folder, name| self.child(folder, name))
    }

    /// The path of an entry as written in the image, with a leading `\`.
    pub(crate) fn path(&self, mut id: Id) -> String {
        let mut names = Vec::new();
        while id != ROOT {
            names.push(self.dentry(id).name_lossy());
            id = self.nodes[id].parent;
        }
        if names.is_empty() {
            return "\\".to_owned();
        }
        names.iter().rev().fold(String::new(), |path, name| path + "\\" + name)
    }

    /// Every entry reachable from the root.
    pub(crate) fn all(&self) -> impl Iterator<Item = Id> + '_ {
        let mut left = vec![ROOT];
        std::iter::from_fn(move || {
            let id = left.pop()?;
            left.extend(self.nodes[id].children.iter().rev());
            Some(id)
        })
    }

    /// All names of the file that `id` belongs to; only `id` if it has one name.
    pub(crate) fn links(&self, id: Id) -> Vec<Id> {
        match self.dentry(id).link_group() {
            None => vec![id],
            Some(group) => {
                self.all().filter(|other| self.dentry(*other).link_group() == Some(group)).collect()
            }
        }
    }

    /// The resource as it was read.
    pub(crate) fn into_read(self) -> Vec<u8> {
        self.bytes
    }

    /// The security descriptor with that number.
    pub(crate) fn security(&self, id: Option<usize>) -> Option<&[u8]> {
        let range = self.security.get(id?)?;
        Some(&self.bytes[range.clone()])
    }

    /// The number of references to each blob.
    pub(crate) fn references(&self) -> HashMap<Sha1, u32> {
        let mut references = HashMap::new();
        for id in self.all() {
            for sha1 in self.dentry(id).blobs() {
                let count: &mut u32 = references.entry(sha1).or_default();
                *count = count.saturating_add(1);
            }
        }
        references
    }
}

/// Files with these names in the root, in that order, even if an edit would refuse them.
#[cfg(test)]
pub(crate) fn with_children(names: &[String]) -> Metadata {
    let mut metadata = Metadata::empty(None, Stamp(1));
    for name in names {
        let name: Vec<u16> = name.encode_utf16().collect();
        let sha1 = crate::blobs::EMPTY;
        let new = NewDentry { name: &name, attributes: 0x20, security_id: None, time: 1, sha1 };
        let bytes = Bytes::Edited(new.to_bytes());
        metadata.nodes.push(Node { bytes, parent: ROOT, children: Vec::new(), list: None });
        let id = metadata.nodes.len() - 1;
        metadata.nodes[ROOT].children.push(id);
    }
    metadata
}
