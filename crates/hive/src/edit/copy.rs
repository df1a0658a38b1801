//! Copies a key tree from another hive, or from an earlier copy of this one.

use std::collections::BTreeMap;

use winpe_registry::{KeyName, KeyPath, ValueName};

use super::{Refusal, Store};
use crate::format::{CellOffset, KeyFlags, KeyNode, ValueFlags};
use crate::read::{Key, ValueEntry};

/// The security cells that a copy can reuse.
struct Securities {
    /// Cells of this hive by descriptor.
    here: BTreeMap<Vec<u8>, CellOffset>,
    /// Copied cells by their offset in the other hive.
    copied: BTreeMap<CellOffset, CellOffset>,
}

impl Store {
    /// Copies `from` with everything below it to a path that does not exist yet; returns the number
    /// of keys.
    pub(crate) fn copy_tree(&mut self, from: &Key<'_>, to: &KeyPath) -> Result<usize, Refusal> {
        let (Some(name), Some(parent)) = (to.name(), to.parent()) else {
            return Err(Refusal::Exists);
        };
        let (at, missing) = self.resolve(to)?;
        if missing == 0 {
            return Err(Refusal::Exists);
        }
        let top = self.create_keys(at, &parent, missing - 1)?;
        let mut securities = Securities { here: self.descriptors()?, copied: BTreeMap::new() };
        let mut parents = vec![top];
        let (mut walk, mut count) = (from.walk(), 0);
        while let Some(visit) = walk.next() {
            let visit = visit?;
            if parent.depth() + 1 + visit.depth > KeyPath::MAX_DEPTH {
                return Err(Refusal::TooDeep { actual: parent.depth() + 1 + visit.depth });
            }
            parents.truncate(visit.depth + 1);
            let security = self.copy_security(&visit.key, top, &mut securities)?;
            let name = match visit.depth {
                0 => name.clone(),
                _ => KeyName::from_stored(visit.key.name()),
            };
            let copy = self.copy_key(&visit.key, parents[visit.depth], &name, security)?;
            for entry in walk.values(&visit.key) {
                self.copy_value(&entry?, copy)?;
            }
            parents.push(copy);
            count += 1;
        }
        Ok(count)
    }

    /// The cell in this hive for the descriptor of a key that may be in another hive.
    fn copy_security(
        &mut self,
        key: &Key<'_>,
        parent: CellOffset,
        known: &mut Securities,
    ) -> Result<CellOffset, Refusal> {
        let Some(security) = key.security()? else {
            return Ok(CellOffset::new(self.node(parent)?.security.get()));
        };
        if let Some(&at) = known.copied.get(&security.offset()) {
            return Ok(at);
        }
        let at = self.intern_security(security.descriptor(), &mut known.here)?;
        known.copied.insert(security.offset(), at);
        Ok(at)
    }

    fn copy_key(
        &mut self,
        from: &Key<'_>,
        parent: CellOffset,
        name: &KeyName,
        security: CellOffset,
    ) -> Result<CellOffset, Refusal> {
        /// Flags that depend on the position of a key, not on the key.
        const OF_PLACE: u16 =
            KeyFlags::VOLATILE.0 | KeyFlags::HIVE_EXIT.0 | KeyFlags::ROOT.0 | KeyFlags::NO_DELETE.0;
        let mut node = KeyNode::empty(parent, security);
        node.flags.set(from.flags().0 & !OF_PLACE);
        node.layer = if self.image().minor() >= 6 { from.node().layer } else { 0 };
        node.user_flags = from.node().user_flags;
        if from.flags().contains(KeyFlags::PREDEFINED_HANDLE) {
            node.value_count = from.node().value_count;
        }
        let at = self.put_key(node, name)?;
        self.set_class(at, &from.class()?)?;
        Ok(at)
    }

    fn copy_value(&mut self, from: &ValueEntry<'_>, key: CellOffset) -> Result<(), Refusal> {
        let name = ValueName::from_stored(from.name());
        let at = self.append(key, &name, &from.value()?)?;
        if from.is_tombstone() && self.image().minor() >= 6 {
            let mut node = *ValueEntry::new(self.image(), at)?.node();
            node.flags.set(node.flags.get() | ValueFlags::TOMBSTONE);
            self.put(at, &node);
        }
        self.raise_value_maxima(key, name.units().len(), from.data_len())
    }
}
