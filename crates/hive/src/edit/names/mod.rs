//! Where a key has each of its values, by name.
//!
//! A hive lists the values of a key in the order of their making, so that a name is found by reading all.
//! For keys with many values that are edited, the store keeps an index from one edit to the next.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use winpe_registry::{ValueName, upcase};

use super::Store;
use crate::format::CellOffset;
use crate::read::{ReadError, ValueEntry};

/// A list of fewer values is read as fast as it is indexed.
const FEW: u32 = 64;

/// The indices of the keys that were looked into, by the cell of the key.
#[derive(Debug, Default)]
pub(super) struct ValueNames {
    keys: HashMap<CellOffset, Index>,
    /// With a random state: a hive cannot be made to have names of one hash.
    state: RandomState,
}

/// The first value of each name, by the hash of the name.
#[derive(Debug, Default)]
struct Index {
    values: HashMap<u64, CellOffset>,
    /// Whether several values have one hash, be it because they have one name.
    is_ambiguous: bool,
}

impl ValueNames {
    fn hash(&self, units: impl Iterator<Item = u16>) -> u64 {
        let mut hasher = self.state.build_hasher();
        units.for_each(|unit| hasher.write_u16(upcase(unit)));
        hasher.finish()
    }

    /// Forgets the key of a cell.
    pub(super) fn forget(&mut self, key: CellOffset) {
        if !self.keys.is_empty() {
            self.keys.remove(&key);
        }
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
    }

    /// A value was added to the end of the key's list.
    pub(super) fn added(&mut self, key: CellOffset, name: &ValueName, at: CellOffset) {
        if self.keys.contains_key(&key) {
            let hash = self.hash(name.units().iter().copied());
            if let Some(index) = self.keys.get_mut(&key) {
                index.add(hash, at);
            }
        }
    }

    /// A value is no longer in the key's list.
    pub(super) fn removed(&mut self, key: CellOffset, name: &ValueName) {
        match self.keys.get(&key).map(|index| index.is_ambiguous) {
            None => {}
            // Another value of this hash may now be the first.
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
    /// The cell of the first value of that name, as [`Key::entry`](crate::Key::entry) finds it.
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
                // What stands before the damage can be found even so.
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
