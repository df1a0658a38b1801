//! Subkey lists, maintained as NT maintains them.
//!
//! A key's first subkey gets a list of the kind of the hive's version. A full `lf` is converted to
//! an `li`; a full `li` or `lh` is split in two under a new `ri`, and so is any full list under an
//! `ri`. An empty list is freed, and so is an `ri` with its last list.

use zerocopy::IntoBytes;
use zerocopy::little_endian::U16;

use super::{Refusal, Store};
use crate::format::{CellOffset, KeyNode, ListHeader, ListKind, Record, lf_hint, lh_hash};
use crate::read::{List, Lists, ReadError, locate};

const HEAD: usize = size_of::<ListHeader>();

impl Store {
    /// Adds a key to the lists of its parent, and counts it.
    pub(super) fn link(
        &mut self,
        parent: CellOffset,
        key: CellOffset,
        name: &[u16],
    ) -> Result<(), Refusal> {
        let mut owner = self.node(parent)?;
        match self.place(&owner, name)? {
            None => {
                let kind = ListKind::for_minor(self.image().minor());
                let list = self.allocate_list(kind, &entry(kind, key, name))?;
                owner.subkey_list.set(list.get());
            }
            Some(place) if place.taken.is_some() => return Err(Refusal::Exists),
            Some(mut place) => {
                self.make_room(&mut owner, &mut place)?;
                let leaf = place.leaf;
                let grown =
                    self.insert_entry(leaf.at, place.index, &entry(leaf.kind, key, name))?;
                if grown != leaf.at {
                    match place.root {
                        None => owner.subkey_list.set(grown.get()),
                        Some((root, index)) => {
                            self.write(root, HEAD + index * 4, &grown.get().to_le_bytes());
                        }
                    }
                }
            }
        }
        // The count has 32 bits, and so have the offsets of that many keys.
        owner.subkey_count.set(owner.subkey_count.get().saturating_add(1));
        self.put(parent, &owner);
        Ok(())
    }

    /// Removes a key from the lists of its parent.
    pub(super) fn unlink(
        &mut self,
        parent: CellOffset,
        key: CellOffset,
        name: &[u16],
    ) -> Result<(), Refusal> {
        let mut owner = self.node(parent)?;
        let Some(place) = self.place(&owner, name)?.filter(|place| place.taken == Some(key)) else {
            return Err(Refusal::Read(ReadError::Free { record: Record::Key, at: key, size: 0 }));
        };
        let left = self.remove_entry(place.leaf.at, place.index)?;
        let mut last_list = left == 0;
        if left == 0 {
            self.free(place.leaf.at)?;
            if let Some((root, index)) = place.root {
                last_list = self.remove_entry(root, index)? == 0;
                if last_list {
                    self.free(root)?;
                }
            }
        }
        let count = owner.subkey_count.get() - 1;
        if last_list != (count == 0) {
            let (expected, actual) = (owner.subkey_count.get(), u32::from(!last_list));
            return Err(ReadError::SubkeyCount { at: parent, expected, actual }.into());
        }
        if last_list {
            owner.subkey_list.set(u32::MAX);
        }
        owner.subkey_count.set(count);
        self.put(parent, &owner);
        Ok(())
    }

    /// Frees all lists of a key.
    pub(super) fn free_lists(&mut self, node: &KeyNode) -> Result<(), Refusal> {
        if node.subkey_count.get() == 0 {
            return Ok(());
        }
        let mut lists = Lists::new(self.image(), node);
        let mut cells = Vec::new();
        while let Some(list) = lists.next(&mut |_| true) {
            cells.push(list?.at);
        }
        let top = CellOffset::new(node.subkey_list.get());
        if cells != [top] {
            cells.push(top);
        }
        cells.into_iter().try_for_each(|cell| self.free(cell))
    }

    /// The position of a name in the lists of a key, or where it would be inserted; `None` without
    /// a list.
    fn place(&self, owner: &KeyNode, name: &[u16]) -> Result<Option<Slot>, Refusal> {
        let Some(place) = locate(self.image(), owner, name)? else { return Ok(None) };
        self.require_allocated(place.leaf.at)?;
        if let Some((root, _)) = &place.root {
            self.require_allocated(root.at)?;
        }
        Ok(Some(Slot {
            root: place.root.map(|(root, index)| (root.at, index)),
            leaf: Leaf::of(&place.leaf),
            index: place.index,
            taken: place.key.map(|key| key.offset()),
        }))
    }

    /// Makes room for one more entry in the leaf.
    fn make_room(&mut self, owner: &mut KeyNode, slot: &mut Slot) -> Result<(), Refusal> {
        if slot.leaf.len < slot.leaf.kind.full_at() {
            return Ok(());
        }
        if slot.root.is_none() && slot.leaf.kind == ListKind::Fast {
            return self.turn_into_index(&mut slot.leaf);
        }
        let (root, place) = match slot.root {
            Some(found) => found,
            None => {
                let root = self.allocate_list(ListKind::Root, &slot.leaf.at.get().to_le_bytes())?;
                owner.subkey_list.set(root.get());
                (root, 0)
            }
        };
        let (kind, at) = (slot.leaf.kind, slot.leaf.at);
        let keep = slot.leaf.len / 2;
        let moved = {
            let list = List::new(self.image(), at)?;
            list.entries()[keep * kind.entry_len()..].to_vec()
        };
        let upper = self.allocate_list(kind, &moved)?;
        self.set_len(at, keep);
        self.resize(at, HEAD + keep * kind.entry_len())?;
        let grown = self.insert_entry(root, place + 1, &upper.get().to_le_bytes())?;
        if grown != root {
            owner.subkey_list.set(grown.get());
        }
        if slot.index > keep {
            slot.leaf = Leaf { at: upper, kind, len: slot.leaf.len - keep };
            slot.index -= keep;
            slot.root = Some((grown, place + 1));
        } else {
            slot.leaf.len = keep;
            slot.root = Some((grown, place));
        }
        Ok(())
    }

    /// Converts a list with hints to one without, in its cell.
    fn turn_into_index(&mut self, leaf: &mut Leaf) -> Result<(), Refusal> {
        let keys: Vec<u8> = {
            let list = List::new(self.image(), leaf.at)?;
            let offsets = list.entries().chunks_exact(leaf.kind.entry_len());
            offsets.flat_map(|entry| &entry[..4]).copied().collect()
        };
        leaf.kind = ListKind::Index;
        let head =
            ListHeader { signature: leaf.kind.signature(), count: U16::new(leaf.len as u16) };
        self.put(leaf.at, &head);
        self.write(leaf.at, HEAD, &keys);
        let shrunk = self.resize(leaf.at, HEAD + keys.len())?;
        debug_assert_eq!(shrunk, leaf.at, "a cell shrinks in place");
        Ok(())
    }

    fn allocate_list(&mut self, kind: ListKind, entries: &[u8]) -> Result<CellOffset, Refusal> {
        let count = (entries.len() / kind.entry_len()) as u16;
        let head = ListHeader { signature: kind.signature(), count: U16::new(count) };
        self.allocate_with(&[head.as_bytes(), entries].concat())
    }

    /// Inserts an entry; returns the list's cell, which may have moved.
    fn insert_entry(
        &mut self,
        at: CellOffset,
        index: usize,
        entry: &[u8],
    ) -> Result<CellOffset, Refusal> {
        let (tail, len) = {
            let list = List::new(self.image(), at)?;
            (list.entries()[index * entry.len()..].to_vec(), list.len())
        };
        if len == usize::from(u16::MAX) {
            return Err(Refusal::TooLong {
                what: "subkey list",
                limit: len as u64,
                actual: len as u64 + 1,
            });
        }
        let need = HEAD + (len + 1) * entry.len();
        let capacity = self.capacity(at)?;
        let at = if need <= capacity {
            at
        } else {
            // Spare room, so that a growing list does not move each time.
            self.resize(at, need + (capacity / 2).min(SPARE))?
        };
        let start = HEAD + index * entry.len();
        self.write(at, start, entry);
        self.write(at, start + entry.len(), &tail);
        self.set_len(at, len + 1);
        Ok(at)
    }

    /// Removes an entry; returns the number of entries left.
    fn remove_entry(&mut self, at: CellOffset, index: usize) -> Result<usize, Refusal> {
        let (mut tail, len, size) = {
            let list = List::new(self.image(), at)?;
            let size = list.kind.entry_len();
            (list.entries()[(index + 1) * size..].to_vec(), list.len(), size)
        };
        tail.resize(tail.len() + size, 0);
        self.write(at, HEAD + index * size, &tail);
        self.set_len(at, len - 1);
        Ok(len - 1)
    }

    /// `len` was read from a list, or is one more than a length below 65,535.
    fn set_len(&mut self, at: CellOffset, len: usize) {
        self.write(at, 2, &(len as u16).to_le_bytes());
    }
}

/// The maximum of spare room that a growing list gets, in bytes.
const SPARE: usize = 256;

/// The position of a name in the lists of a key, without a borrow of the hive.
struct Slot {
    root: Option<(CellOffset, usize)>,
    leaf: Leaf,
    index: usize,
    taken: Option<CellOffset>,
}

#[derive(Clone, Copy)]
struct Leaf {
    at: CellOffset,
    kind: ListKind,
    len: usize,
}

impl Leaf {
    fn of(list: &List<'_>) -> Self {
        Self { at: list.at, kind: list.kind, len: list.len() }
    }
}

/// The list entry of a key.
fn entry(kind: ListKind, key: CellOffset, name: &[u16]) -> Vec<u8> {
    let mut entry = key.get().to_le_bytes().to_vec();
    match kind {
        ListKind::Fast => entry.extend(lf_hint(name.iter().copied())),
        ListKind::Hash => entry.extend(lh_hash(name.iter().copied()).to_le_bytes()),
        ListKind::Index | ListKind::Root => {}
    }
    entry
}
