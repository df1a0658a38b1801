//! [`Metadata`] to bytes.

use super::layout::{List, order};
use super::{Id, Metadata, ROOT};

/// Ends a list of children.
const END: [u8; 8] = [0; 8];

impl Metadata {
    /// The uncompressed metadata resource, laid out for chunks of that size.
    pub(crate) fn to_bytes(&self, chunk_size: u32) -> Vec<u8> {
        let start = self.root + self.dentry(ROOT).bytes().len() + END.len();
        let folders = self.all().filter(|id| self.has_list(*id));
        let lists = folders
            .map(|folder| {
                let size = self.list_size(folder);
                List { folder, old: self.nodes[folder].list.clone(), size }
            })
            .collect();
        let folders = order(lists, start, chunk_size as usize);
        let offsets = self.place(&folders, start);
        let mut out = self.bytes[..self.root].to_vec();
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

    /// As it was read; empty for a new one.
    pub(crate) fn into_read_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// A folder without children may have an empty list, or none.
    fn has_list(&self, id: Id) -> bool {
        self.nodes[id].list.is_some() || !self.nodes[id].children.is_empty()
    }

    fn list_size(&self, folder: Id) -> usize {
        let children = self.nodes[folder].children.iter();
        children.map(|child| self.dentry(*child).bytes().len()).sum::<usize>() + END.len()
    }

    /// Where the list of each entry's children will stand; 0 without one.
    fn place(&self, folders: &[Id], start: usize) -> Vec<u64> {
        let mut offsets = vec![0; self.nodes.len()];
        let mut at = start;
        for folder in folders {
            offsets[*folder] = at as u64;
            at += self.list_size(*folder);
        }
        offsets
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crate::metadata::{Metadata, Stamp};
    use crate::name::ImagePath;

    const CHUNK: u32 = 4096;

    fn put(metadata: &mut Metadata, path: &str, seed: u32) {
        let mut sha1 = [1; 20];
        sha1[..4].copy_from_slice(&seed.to_le_bytes());
        metadata.put(&ImagePath::parse(path), sha1, Stamp(5)).expect("a new file");
    }

    /// Many files in a folder near the front, and more in many small ones.
    fn read_back() -> Metadata {
        let mut metadata = Metadata::empty(None, Stamp(1));
        for number in 0..300 {
            put(&mut metadata, &format!("front/file{number}"), number);
        }
        for number in 0..800 {
            let name = "x".repeat(number as usize * 7 % 23);
            let small = format!("small/dir{}/file{number}{name}", number % 190);
            put(&mut metadata, &small, number + 10_000);
        }
        Metadata::parse(metadata.to_bytes(CHUNK)).expect("own metadata")
    }

    #[test]
    fn what_was_read_is_written_again_byte_for_byte() {
        let metadata = read_back();
        let bytes = metadata.to_bytes(CHUNK);
        assert!(bytes == metadata.into_read_bytes());
    }

    #[test]
    fn an_added_file_leaves_most_chunks_as_they_are() {
        let mut metadata = read_back();
        let old = metadata.to_bytes(CHUNK);
        put(&mut metadata, "front/a new file", 1);
        let new = metadata.to_bytes(CHUNK);
        let known: HashSet<&[u8]> = old.chunks(CHUNK as usize).collect();
        let changed = new.chunks(CHUNK as usize).filter(|chunk| !known.contains(chunk)).count();
        // The list that grew, and little else.
        let all = new.len() / CHUNK as usize;
        assert!(changed < all * 6 / 10, "{changed} of {all}");
        // 102 bytes, a name of 10 characters, a NUL; rounded up to 8. No byte is left unused.
        assert_eq!(new.len(), old.len() + 128);
    }
}
