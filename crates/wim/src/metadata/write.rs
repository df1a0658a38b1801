//! Serialises [`Metadata`] to bytes.

use super::layout::{self, List};
use super::{Id, Metadata, ROOT};

/// Ends a list of children.
const END: [u8; 8] = [0; 8];

impl Metadata {
    /// The uncompressed metadata resource. Lists of children keep their offsets if possible.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut folders: Vec<Id> = self.all().filter(|id| self.has_list(*id)).collect();
        folders.sort_by_key(|id| (*id != ROOT, self.nodes[*id].list.unwrap_or(u64::MAX)));
        let offsets = self.place(&folders);
        folders.sort_by_key(|id| offsets[*id]);
        let mut out = Vec::with_capacity(self.bytes.len());
        out.extend_from_slice(&self.bytes[..self.root]);
        self.dentry(ROOT).write_with_children(offsets[ROOT], &mut out);
        out.extend(END);
        for folder in folders {
            for child in &self.nodes[folder].children {
                self.dentry(*child).write_with_children(offsets[*child], &mut out);
            }
            out.extend(END);
        }
        out
    }

    /// A folder without children may have an empty list, or none.
    fn has_list(&self, id: Id) -> bool {
        self.nodes[id].list.is_some() || !self.nodes[id].children.is_empty()
    }

    /// The offset of the list of each entry's children; 0 without one. `folders` are those that
    /// have a list, the root first.
    fn place(&self, folders: &[Id]) -> Vec<u64> {
        let mut offsets = vec![0; self.nodes.len()];
        let mut start = (self.root + self.dentry(ROOT).bytes().len() + END.len()) as u64;
        let mut folders = folders;
        if let [ROOT, others @ ..] = folders {
            offsets[ROOT] = start;
            start += self.list_size(ROOT);
            folders = others;
        }
        let list = |id: &Id| List { was: self.nodes[*id].list, size: self.list_size(*id) };
        let lists: Vec<List> = folders.iter().map(list).collect();
        for (folder, offset) in folders.iter().zip(layout::place(&lists, start)) {
            offsets[*folder] = offset;
        }
        offsets
    }

    fn list_size(&self, id: Id) -> u64 {
        let children = self.nodes[id].children.iter();
        let size = children.map(|child| self.dentry(*child).bytes().len()).sum::<usize>();
        (size + END.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metadata::Stamp;
    use crate::name::ImagePath;

    /// Path and bytes of each entry (without the offset of its children), in the order of a walk.
    fn tree(metadata: &Metadata) -> Vec<(String, Vec<u8>)> {
        let entry = |id: Id| {
            let mut bytes = Vec::new();
            metadata.dentry(id).write_with_children(0, &mut bytes);
            (metadata.path(id), bytes)
        };
        metadata.all().map(entry).collect()
    }

    fn read_back(metadata: &Metadata) -> Metadata {
        Metadata::parse(metadata.to_bytes()).expect("own metadata")
    }

    /// Start and end of each list, in the order of the bytes.
    fn lists(metadata: &Metadata) -> Vec<(usize, usize)> {
        let size = |id: &Id| metadata.dentry(*id).bytes().len();
        let mut lists: Vec<(usize, usize)> = metadata
            .nodes
            .iter()
            .filter_map(|node| {
                let start = usize::try_from(node.list?).expect("within the bytes");
                Some((start, start + node.children.iter().map(size).sum::<usize>() + END.len()))
            })
            .collect();
        lists.sort_unstable();
        lists
    }

    fn path() -> impl Strategy<Value = ImagePath> {
        prop::collection::vec("[A-C]|d[0-9]{1,9}|x{30}", 1..4)
            .prop_map(|names| ImagePath::parse(&names.join("\\")))
    }

    #[derive(Debug, Clone)]
    enum Edit {
        Put(ImagePath),
        AddFolder(ImagePath),
        Delete(ImagePath),
        Rename(ImagePath, ImagePath),
    }

    fn edit() -> impl Strategy<Value = Edit> {
        prop_oneof![
            4 => path().prop_map(Edit::Put),
            1 => path().prop_map(Edit::AddFolder),
            1 => path().prop_map(Edit::Delete),
            1 => (path(), path()).prop_map(|(from, to)| Edit::Rename(from, to)),
        ]
    }

    fn apply(metadata: &mut Metadata, edits: &[Edit]) {
        for edit in edits {
            // A refused edit changes nothing.
            let _ = match edit {
                Edit::Put(path) => metadata.put(path, [7; 20], Stamp(1)).map(drop),
                Edit::AddFolder(path) => metadata.add_folder(path, Stamp(1)).map(drop),
                Edit::Delete(path) => metadata.delete(path, true),
                Edit::Rename(from, to) => metadata.rename(from, to),
            };
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_edited_tree_is_read_back_and_has_no_hole(
            first in prop::collection::vec(edit(), 0..120),
            rounds in prop::collection::vec(prop::collection::vec(edit(), 0..12), 1..4),
        ) {
            let mut metadata = Metadata::empty(None, Stamp(1));
            apply(&mut metadata, &first);
            for edits in rounds {
                metadata = read_back(&metadata);
                apply(&mut metadata, &edits);
                let after = read_back(&metadata);
                prop_assert_eq!(tree(&after), tree(&metadata));
                let mut at = after.root + after.dentry(ROOT).bytes().len() + END.len();
                if let Some(root) = after.nodes[ROOT].list {
                    prop_assert_eq!(root, at as u64);
                }
                for (start, end) in lists(&after) {
                    prop_assert_eq!(start, at);
                    at = end;
                }
                prop_assert_eq!(at, after.bytes.len());
            }
        }
    }

    #[test]
    fn an_edit_of_a_large_image_moves_few_lists() {
        let mut metadata = Metadata::empty(None, Stamp(1));
        let put = |metadata: &mut Metadata, path: &str| {
            metadata.put(&ImagePath::parse(path), [7; 20], Stamp(1)).expect("a new file");
        };
        for number in 0..2000_usize {
            let (folder, name) = (number % 300, "x".repeat(number * number % 17));
            put(&mut metadata, &format!(r"Windows\{folder:03}\{number}{name}.dll"));
        }
        let mut metadata = read_back(&metadata);
        let before = metadata.to_bytes();
        put(&mut metadata, r"Windows\150\new.dll");
        put(&mut metadata, r"Windows\000\new folder\new.dll");
        let after = metadata.to_bytes();
        let same = before.iter().zip(&after).filter(|(before, after)| before == after).count();
        assert!(same > before.len() * 9 / 10, "{same} of {}", before.len());
    }
}
