//! `Tree`: the metadata of an image, with indices for lookups by path.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::entry::EntryPath;
use crate::metadata::{Id, Metadata, ROOT};
use crate::name::{self, ImagePath};

/// The metadata of an image.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) metadata: Metadata,
    /// Link group → number of names.
    links: HashMap<u64, u32>,
    /// Security descriptors that were requested, by their numbers: entries share them.
    security: RefCell<HashMap<usize, Arc<[u8]>>>,
    /// The children of large folders that were searched, in the order of [`Tree::order`].
    sorted: RefCell<HashMap<Id, Arc<[Id]>>>,
}

/// Folders with up to this many children are searched linearly.
const SMALL_FOLDER: usize = 64;

impl Tree {
    pub(crate) fn new(metadata: Metadata) -> Self {
        let mut links = HashMap::new();
        for id in metadata.all().filter(|id| *id != ROOT) {
            if let Some(group) = metadata.dentry(id).link_group() {
                *links.entry(group).or_insert(0) += 1;
            }
        }
        Self { metadata, links, security: RefCell::default(), sorted: RefCell::default() }
    }

    /// The number of names of the file.
    pub(crate) fn links(&self, id: Id) -> u32 {
        let group = self.metadata.dentry(id).link_group();
        group.and_then(|group| self.links.get(&group)).copied().unwrap_or(1)
    }

    /// The security descriptor of an entry.
    pub(crate) fn security(&self, id: Id) -> Option<Arc<[u8]>> {
        let number = self.metadata.dentry(id).security_id()?;
        let bytes = self.metadata.security(Some(number))?;
        let mut known = self.security.borrow_mut();
        Some(Arc::clone(known.entry(number).or_insert_with(|| Arc::from(bytes))))
    }

    /// As [`Metadata::find`], which searches each folder linearly.
    pub(crate) fn find(&self, path: &ImagePath) -> Option<Id> {
        path.names().iter().try_fold(ROOT, |folder, name| self.child(folder, name))
    }

    /// The path of an entry, which shares that of its folder.
    pub(crate) fn path(&self, id: Id) -> EntryPath {
        let mut way = Vec::new();
        let mut at = id;
        while at != ROOT {
            way.push(at);
            at = self.metadata.parent(at);
        }
        let name = |id: &Id| self.metadata.dentry(*id).name_lossy();
        way.iter().rev().fold(EntryPath::root(), |folder, id| folder.join(&name(id)))
    }

    /// As [`Metadata::child`], in logarithmic time for a large folder.
    fn child(&self, folder: Id, wanted: &[u16]) -> Option<Id> {
        if self.metadata.child_count(folder) <= SMALL_FOLDER {
            return self.metadata.child(folder, wanted);
        }
        let sorted = self.sorted(folder);
        let name = |id: Id| self.metadata.dentry(id).name();
        let start = sorted.partition_point(|id| name::order(name(*id), wanted).is_lt());
        let alike = sorted[start..].partition_point(|id| name::order(name(*id), wanted).is_le());
        let alike = &sorted[start..start + alike];
        // Names that differ only by case are ordered by their UTF-16 units.
        let exact = alike.partition_point(|id| name(*id).lt(wanted.iter().copied()));
        let exact = alike.get(exact).filter(|id| name(**id).eq(wanted.iter().copied()));
        exact.copied().or_else(|| alike.iter().copied().min())
    }

    /// The children of a folder ordered by upper-case name, then by name, then as in the image.
    fn sorted(&self, folder: Id) -> Arc<[Id]> {
        let mut known = self.sorted.borrow_mut();
        let sorted = known.entry(folder).or_insert_with(|| {
            let name = |id: Id| self.metadata.dentry(id).name();
            let mut children: Vec<Id> = self.metadata.children(folder).collect();
            children.sort_by(|&a, &b| {
                name::folded(name(a)).cmp(name::folded(name(b))).then_with(|| name(a).cmp(name(b)))
            });
            children.into()
        });
        Arc::clone(sorted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metadata::Stamp;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Both ways of lookup find the same entry, even among names that differ only by case or
        /// are repeated.
        #[test]
        fn lookups_in_large_and_small_folders_agree(
            names in prop::collection::vec("[aA][bB]?[0-9]{0,2}", SMALL_FOLDER + 1..300),
            wanted in prop::collection::vec("[aA][bB]?[0-9]{0,2}", 20),
        ) {
            let metadata = crate::metadata::with_children(&names);
            let tree = Tree::new(metadata);
            for name in names.iter().chain(&wanted) {
                let path = ImagePath::parse(name);
                prop_assert_eq!(tree.find(&path), tree.metadata.find(&path), "{}", name);
            }
        }
    }

    #[test]
    fn entries_share_paths_and_descriptors() {
        let mut metadata = Metadata::empty(Some(&[7; 40]), Stamp(1));
        for path in [r"A\b\one", r"A\b\two"] {
            metadata.put(&ImagePath::parse(path), [1; 20], Stamp(1)).expect("a new file");
        }
        let tree = Tree::new(metadata);
        let find = |path| tree.find(&ImagePath::parse(path)).expect("it is there");
        let [one, two] = [r"a\B\one", r"a\B\two"].map(find);
        assert_eq!(tree.path(one), r"\A\b\one");
        let [first, second] = [one, two].map(|id| tree.security(id).expect("a descriptor"));
        assert!(Arc::ptr_eq(&first, &second) && first[..] == [7; 40]);
    }
}
