//! A sound hive made of everything that can be read of a damaged one.
//!
//! The new hive is built from keys and values, as edits build one, so its lists, hashes, counts, maxima, links
//! and reference counts cannot be wrong. Then it is compacted, which puts its cells into the order of the tree.

mod lost;
mod salvage;

use std::collections::BTreeMap;

use winpe_registry::{KeyName, Value, ValueName};
use zerocopy::FromBytes;
use zerocopy::little_endian::U64;

pub(crate) use lost::Losses;
pub use lost::{Lost, LostPart, LostReason};
use salvage::Salvage;

use super::create::default_descriptor;
use super::{Refusal, Store};
use crate::format::{BinHeader, CellOffset, KeyFlags, KeyNode, ValueFlags};
use crate::read::{FileTime, Key, ValueEntry};

/// The name of a root key that has none. It has no meaning.
const ROOT_NAME: &str = "ROOT";

/// A hive that was mended, and what it lost.
#[derive(Debug)]
pub(crate) struct MendedStore {
    pub(crate) store: Store,
    pub(crate) losses: Losses,
    pub(crate) keys: usize,
    pub(crate) values: usize,
}

impl Store {
    pub(crate) fn mended(&self, now: FileTime) -> Result<MendedStore, Refusal> {
        let old = self.image();
        let mut new = self.without_bins();
        new.correct_base_block();
        let (mut losses, mut values) = (Losses::default(), 0);
        let keys = new.transaction(now, |new| {
            let salvage = Salvage::new(old, &mut losses);
            let mut build =
                Build { salvage, new, descriptors: BTreeMap::new(), times: Vec::new(), values: 0 };
            build.tree(Key::new(old, self.root())?)?;
            values = build.values;
            build.set_times()
        })?;
        let mut store = new.compacted()?;
        if let Ok((head, _)) = BinHeader::ref_from_prefix(old.bins()) {
            let time = if head.signature == BinHeader::SIGNATURE {
                head.timestamp
            } else {
                U64::new(now.0)
            };
            store.transaction(now, |store| {
                store.set_first_bin_time(time);
                Ok(())
            })?;
        }
        Ok(MendedStore { store, losses, keys, values })
    }
}

struct Build<'o, 'n, 'l> {
    salvage: Salvage<'o, 'l>,
    new: &'n mut Store,
    /// The security cells of the new hive by their descriptors.
    descriptors: BTreeMap<Vec<u8>, CellOffset>,
    /// When each new key was last written. Adding what is in a key sets its time.
    times: Vec<(CellOffset, U64)>,
    values: usize,
}

/// A new key, and the old subkeys that are still to be copied into it.
struct Level<'o> {
    at: CellOffset,
    subkeys: std::vec::IntoIter<Key<'o>>,
}

impl<'o> Build<'o, '_, '_> {
    fn tree(&mut self, root: Key<'o>) -> Result<(), Refusal> {
        self.salvage.enter(root);
        let at = self.root(&root)?;
        let mut open = vec![Level { at, subkeys: self.salvage.subkeys(&root).into_iter() }];
        while let Some(level) = open.last_mut() {
            let Some(key) = level.subkeys.next() else {
                open.pop();
                self.salvage.leave();
                continue;
            };
            let parent = level.at;
            self.salvage.enter(key);
            let at = self.key(&key, parent)?;
            open.push(Level { at, subkeys: self.salvage.subkeys(&key).into_iter() });
        }
        Ok(())
    }

    fn root(&mut self, key: &Key<'o>) -> Result<CellOffset, Refusal> {
        let mut node = self.node(key, CellOffset::NIL, CellOffset::NIL);
        node.flags.set(node.flags.get() | KeyFlags::ROOT.0 | KeyFlags::NO_DELETE.0);
        let name = key.name();
        let is_name = !name.is_empty() && name.len() <= KeyName::MAX_LEN;
        let at = self.new.allocate_key(node, &if is_name { name } else { ROOT_NAME.into() })?;
        let descriptor = self.salvage.security(key);
        let descriptor = descriptor.map_or_else(default_descriptor, <[u8]>::to_vec);
        let security = self.new.allocate_security(&descriptor, None)?;
        self.new.add_reference(security)?;
        self.descriptors.insert(descriptor, security);
        let mut node = self.new.node(at)?;
        node.security.set(security.get());
        self.new.put(at, &node);
        self.content(key, at)?;
        Ok(at)
    }

    fn key(&mut self, key: &Key<'o>, parent: CellOffset) -> Result<CellOffset, Refusal> {
        let security = match self.salvage.security(key) {
            Some(descriptor) => self.new.intern_security(descriptor, &mut self.descriptors)?,
            None => CellOffset::new(self.new.node(parent)?.security.get()),
        };
        let node = self.node(key, parent, security);
        let at = self.new.put_key(node, &KeyName::from_stored(key.name()))?;
        self.content(key, at)?;
        Ok(at)
    }

    /// A node with what a key has besides the things that it refers to.
    fn node(&self, key: &Key<'o>, parent: CellOffset, security: CellOffset) -> KeyNode {
        /// Flags that are not for a key in a file, or depend on its place.
        const DROPPED: u16 = KeyFlags::VOLATILE.0 | KeyFlags::HIVE_EXIT.0 | KeyFlags::ROOT.0;
        let (old, mut node) = (key.node(), KeyNode::empty(parent, security));
        node.flags.set(key.flags().0 & !DROPPED);
        (node.access_bits, node.layer, node.spare) = (old.access_bits, old.layer, old.spare);
        node.user_flags = old.user_flags;
        if key.flags().contains(KeyFlags::PREDEFINED_HANDLE) {
            node.value_count = old.value_count;
        }
        node
    }

    /// The class and the values of a key.
    fn content(&mut self, key: &Key<'o>, at: CellOffset) -> Result<(), Refusal> {
        self.times.push((at, key.node().last_written));
        if let Some(class) = self.salvage.class(key) {
            self.new.set_class(at, &class)?;
        }
        for entry in self.salvage.values(key) {
            if let Some(value) = self.salvage.value(&entry) {
                self.value(&entry, &value, at)?;
            }
        }
        Ok(())
    }

    fn value(
        &mut self,
        entry: &ValueEntry<'o>,
        value: &Value,
        key: CellOffset,
    ) -> Result<(), Refusal> {
        let name = ValueName::from_stored(entry.name());
        let at = match self.new.append(key, &name, value) {
            Ok(at) => at,
            Err(refusal @ Refusal::TooLong { .. }) => {
                self.salvage.lose(LostPart::Value(Some(name)), refusal);
                return Ok(());
            }
            Err(other) => return Err(other),
        };
        if entry.is_tombstone() {
            let mut node = *ValueEntry::new(self.new.image(), at)?.node();
            node.flags.set(node.flags.get() | ValueFlags::TOMBSTONE);
            self.new.put(at, &node);
        }
        self.values += 1;
        self.new.raise_value_maxima(key, name.units().len(), value.data.len() as u32)
    }

    /// Gives each key the time that it had; returns the number of keys.
    fn set_times(self) -> Result<usize, Refusal> {
        for &(at, time) in &self.times {
            let mut node = self.new.node(at)?;
            node.last_written = time;
            self.new.put(at, &node);
        }
        Ok(self.times.len())
    }
}
