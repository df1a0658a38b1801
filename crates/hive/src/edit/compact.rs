//! Compaction: a new hive with every cell that a key leads to, in the order of the tree, and
//! without free or orphaned cells.

use std::collections::BTreeMap;

use zerocopy::{FromBytes, IntoBytes};

use super::{Refusal, Store};
use crate::format::{
    BigData, BinHeader, CellOffset, KeyNode, KeyValue, ListKind, Record, SecurityNode,
};
use crate::read::{Claims, Image, Key, List, Placed, ReadError, Security, ValueEntry};

impl Store {
    /// A compact copy of the hive. Every record is kept unchanged except for the offsets in it.
    pub(crate) fn compacted(&self) -> Result<Self, Refusal> {
        let old = self.image();
        let mut new = self.without_bins();
        new.transaction(self.now, |new| {
            let mut copy = Copy { old, new, securities: BTreeMap::new(), lists: Claims::new(old) };
            copy.tree(self.root())?;
            copy.close_ring()
        })?;
        if let Ok((head, _)) = BinHeader::ref_from_prefix(old.bins()) {
            new.set_first_bin_time(head.timestamp);
        }
        Ok(new)
    }
}

struct Copy<'o, 'n> {
    old: Image<'o>,
    new: &'n mut Store,
    /// From old cell to new cell and its number of users.
    securities: BTreeMap<CellOffset, (CellOffset, u32)>,
    /// The lists that were copied. The walk also detects lists with two owners, but only when it
    /// reaches their keys.
    lists: Claims,
}

/// A subkey that is still to be copied, and the list entry that will name it.
struct Pending {
    key: CellOffset,
    parent: CellOffset,
    list: CellOffset,
    /// Offset from the start of the list.
    entry: usize,
}

impl<'o> Copy<'o, '_> {
    fn tree(&mut self, root: CellOffset) -> Result<(), Refusal> {
        // A key that is reached twice would be copied twice, and a loop forever.
        let mut guard = Key::new(self.old, root)?.walk();
        let mut pending: Vec<Pending> = Vec::new();
        while let Some(visit) = guard.next() {
            let key = visit?.key;
            for entry in guard.values(&key) {
                entry?;
            }
            let from = pending.pop();
            let parent = from.as_ref().map_or(key.node().parent.get(), |from| from.parent.get());
            let at = self.key(&key, parent)?;
            if let Some(from) = &from {
                debug_assert_eq!(from.key, key.offset(), "both walk in the order of the lists");
                self.new.write(from.list, from.entry, &at.get().to_le_bytes());
            }
            let first = pending.len();
            self.lists(&key, at, &mut pending)?;
            pending[first..].reverse();
        }
        Ok(())
    }

    fn key(&mut self, key: &Key<'o>, parent: u32) -> Result<CellOffset, Refusal> {
        let mut node = *key.node();
        node.parent.set(parent);
        let record = self.old.cell(key.offset(), Record::Key)?;
        let len = size_of::<KeyNode>() + usize::from(node.name_len.get());
        // Before the rest of the key: the root key has to be the first cell.
        let at = self.new.allocate_with(&record[..len])?;
        let security = CellOffset::new(node.security.get());
        if !security.is_nil() {
            node.security.set(self.security(security)?.get());
        }
        let class = key.class_bytes()?;
        if !class.is_empty() {
            node.class.set(self.new.allocate_with(class)?.get());
        }
        if key.value_count() > 0 {
            let list = self.new.allocate(key.value_count() as usize * 4)?;
            for (index, entry) in key.values().enumerate() {
                let value = self.value(&entry?)?;
                self.new.write(list, index * 4, &value.get().to_le_bytes());
            }
            node.value_list.set(list.get());
        }
        self.new.put(at, &node);
        Ok(at)
    }

    fn value(&mut self, entry: &ValueEntry<'o>) -> Result<CellOffset, Refusal> {
        let mut node = *entry.node();
        let record = self.old.cell(entry.offset(), Record::Value)?;
        let len = size_of::<KeyValue>() + usize::from(node.name_len.get());
        let at = self.new.allocate_with(&record[..len])?;
        if entry.data_cell().is_some() {
            let data = match entry.placed()? {
                Placed::Borrowed(data) => self.new.allocate_with(data)?,
                Placed::Segments(segments) => {
                    let mut offsets = Vec::new();
                    for segment in segments {
                        let (from, _) = segment?;
                        let whole = self.old.cell(from, Record::Segment)?;
                        offsets.extend(self.new.allocate_with(whole)?.get().to_le_bytes());
                    }
                    let top = CellOffset::new(node.data.get());
                    let (mut head, _) =
                        BigData::read_from_prefix(self.old.cell(top, Record::BigData)?)
                            .map_err(|_| Refusal::NotACell { at: top })?;
                    head.segment_list.set(self.new.allocate_with(&offsets)?.get());
                    self.new.allocate_with(head.as_bytes())?
                }
            };
            node.data.set(data.get());
        }
        self.new.put(at, &node);
        Ok(at)
    }

    /// Copies the lists of a key; their entries are filled in when the subkeys are copied.
    fn lists(
        &mut self,
        key: &Key<'o>,
        at: CellOffset,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Refusal> {
        if key.subkey_count() == 0 {
            return Ok(());
        }
        let top = List::new(self.old, CellOffset::new(key.node().subkey_list.get()))?;
        let copied = self.list(&top)?;
        if top.kind == ListKind::Root {
            for index in 0..top.len() {
                let leaf = List::new(self.old, top.cell(index).unwrap_or(CellOffset::NIL))?;
                let copied_leaf = self.list(&leaf)?;
                self.new.write(
                    copied,
                    List::entry_offset(top.kind, index),
                    &copied_leaf.get().to_le_bytes(),
                );
                self.entries(&leaf, copied_leaf, at, pending);
            }
        } else {
            self.entries(&top, copied, at, pending);
        }
        let mut node = self.new.node(at)?;
        node.subkey_list.set(copied.get());
        self.new.put(at, &node);
        Ok(())
    }

    fn list(&mut self, list: &List<'o>) -> Result<CellOffset, Refusal> {
        if !self.lists.claim(list.at) {
            return Err(ReadError::Twice { record: Record::SubkeyList, at: list.at }.into());
        }
        let whole = self.old.cell(list.at, Record::SubkeyList)?;
        self.new.allocate_with(&whole[..List::entry_offset(list.kind, list.len())])
    }

    fn entries(
        &self,
        list: &List<'o>,
        copied: CellOffset,
        parent: CellOffset,
        pending: &mut Vec<Pending>,
    ) {
        for index in 0..list.len() {
            let key = list.cell(index).unwrap_or(CellOffset::NIL);
            let entry = List::entry_offset(list.kind, index);
            pending.push(Pending { key, parent, list: copied, entry });
        }
    }

    fn security(&mut self, old: CellOffset) -> Result<CellOffset, Refusal> {
        if let Some((at, users)) = self.securities.get_mut(&old) {
            *users += 1;
            return Ok(*at);
        }
        let security = Security::new(self.old, old)?;
        let record = [security.node().as_bytes(), security.descriptor()].concat();
        let at = self.new.allocate_with(&record)?;
        self.securities.insert(old, (at, 1));
        Ok(at)
    }

    /// Links the security cells in the order of their old offsets.
    fn close_ring(&mut self) -> Result<(), Refusal> {
        let ring: Vec<(CellOffset, u32)> = self.securities.values().copied().collect();
        for (index, &(at, users)) in ring.iter().enumerate() {
            let (next, _) = ring[(index + 1) % ring.len()];
            let (previous, _) = ring[(index + ring.len() - 1) % ring.len()];
            let mut node: SecurityNode = *Security::new(self.new.image(), at)?.node();
            node.next.set(next.get());
            node.previous.set(previous.get());
            node.references.set(users);
            self.new.put(at, &node);
        }
        Ok(())
    }
}
