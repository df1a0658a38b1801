//! Index of the values of a key by name.
//!
//! A hive lists the values of a key in the order of creation, so finding a name means reading the
//! whole list. For keys with many values the store keeps an index between edits.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use winpe_registry::{ValueName, upcase};

use super::Store;
use crate::format::CellOffset;
use crate::read::{ReadError, ValueEntry};

/// Reading a shorter list takes no longer than indexing it.
const FEW: u32 = 64;

/// The indices of keys that were searched, by the cell of the key.
#[derive(Debug, Default)]
pub(super) struct ValueNames {
    keys: HashMap<CellOffset, Index>,
    /// Randomly seeded: a crafted hive cannot choose names with equal hashes.
    state: RandomState,
}

/// The first value of each name, by the hash of the name.
#[derive(Debug, Default)]
struct Index {
    values: HashMap<u64, CellOffset>,
    /// Whether several values share a hash, including values with the same name.
    is_ambiguous: bool,
}

impl ValueNames {
    fn hash(&self, units: impl Iterator<Item = u16>) -> u64 {
        let mut hasher = self.state.build_hasher();
        units.for_each(|unit| hasher.write_u16(upcase(unit)));
        hasher.finish()
    }

    /// Drops the index of a key.
    pub(super) fn forget(&mut self, key: CellOffset) {
        if !self.keys.is_empty() {
            self.keys.remove(&key);
        }
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
    }

    /// Records that a value was added to the end of the key's list.
    pub(super) fn added(&mut self, key: CellOffset, name: &ValueName, at: CellOffset) {
        if self.keys.contains_key(&key) {
            let hash = self.hash(name.units().iter().copied());
            if let Some(index) = self.keys.get_mut(&key) {
                index.add(hash, at);
            }
        }
    }

    /// Records that a value was removed from the key's list.
    pub(super) fn removed(&mut self, key: CellOffset, name: &ValueName) {
        match self.keys.get(&key).map(|index| index.is_ambiguous) {
            None => {}
            // Another value with this hash may now be the first.
            Some(true) => self.forget(key),
            Some(false) => {
                let hash = self.hash(name.units().iter().copied());
                if let Some(index) = self.keys.get_mut(&key) {
                    index.values.remove(&hash);
                }
            }
        }
    }
}

impl Index {
    fn add(&mut self, hash: u64, at: CellOffset) {
        let first = *self.values.entry(hash).or_insert(at);
        self.is_ambiguous |= first != at;
    }
}

impl Store {
    /// The cell of the first value with that name, as [`Key::entry`](crate::Key::entry) finds it.
    ///
    /// # Errors
    /// The list or a value before it cannot be read.
    pub(super) fn find_value(
        &mut self,
        key: CellOffset,
        name: &ValueName,
    ) -> Result<Option<CellOffset>, ReadError> {
        if self.key(key)?.value_count() < FEW {
            return Ok(self.key(key)?.entry(name)?.map(|entry| entry.offset()));
        }
        if !self.names.keys.contains_key(&key) {
            match self.index(key) {
                Some(index) => self.names.keys.insert(key, index),
                // Values before the damage can still be found.
                None => return Ok(self.key(key)?.entry(name)?.map(|entry| entry.offset())),
            };
        }
        let hash = self.names.hash(name.units().iter().copied());
        let Some(&at) = self.names.keys.get(&key).and_then(|index| index.values.get(&hash)) else {
            return Ok(None);
        };
        if ValueEntry::new(self.image(), at)?.stored_name().eq_ignore_case(name.units()) {
            return Ok(Some(at));
        }
        Ok(self.key(key)?.entry(name)?.map(|entry| entry.offset()))
    }

    /// The index of a key; `None` if a value or the list cannot be read.
    fn index(&self, key: CellOffset) -> Option<Index> {
        let mut index = Index::default();
        for entry in self.key(key).ok()?.values() {
            let entry = entry.ok()?;
            index.add(self.names.hash(entry.stored_name().units()), entry.offset());
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests;
