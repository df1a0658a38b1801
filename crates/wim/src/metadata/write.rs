//! [`Metadata`] to bytes.

use super::{Id, Metadata, ROOT};

/// Ends a list of children.
const END: [u8; 8] = [0; 8];

impl Metadata {
    /// The uncompressed metadata resource.
    ///
    /// Lists of children stand in the order in which they were read, new ones behind them, so that
    /// an edit leaves what stands before it in place.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut folders: Vec<Id> = self.all().filter(|id| self.has_list(*id)).collect();
        folders.sort_by_key(|id| self.nodes[*id].list.unwrap_or(u64::MAX));
        let offsets = self.place(&folders);
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

    /// A folder without children may have an empty list, or none.
    fn has_list(&self, id: Id) -> bool {
        self.nodes[id].list.is_some() || !self.nodes[id].children.is_empty()
    }

    /// Where the list of each entry's children will stand; 0 without one.
    fn place(&self, folders: &[Id]) -> Vec<u64> {
        let mut offsets = vec![0; self.nodes.len()];
        let mut at = self.root + self.dentry(ROOT).bytes().len() + END.len();
        for folder in folders {
            offsets[*folder] = at as u64;
            let children = &self.nodes[*folder].children;
            at += children.iter().map(|child| self.dentry(*child).bytes().len()).sum::<usize>();
            at += END.len();
        }
        offsets
    }
}
