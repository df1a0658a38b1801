//! Renames a key, which moves it to another position among its siblings.

use winpe_registry::{KeyName, KeyPath};
use zerocopy::IntoBytes;

use super::{Refusal, Store};
use crate::format::{CellOffset, KeyNode};
use crate::read::ReadError;

impl Store {
    pub(crate) fn rename_key(&mut self, path: &KeyPath, name: &KeyName) -> Result<bool, Refusal> {
        let (parent, at) = self.with_parent(path)?;
        self.rename(parent, at, name)
    }

    /// Renames a key below `parent`; returns whether anything changed. The new name may differ in
    /// case only.
    fn rename(
        &mut self,
        parent: CellOffset,
        at: CellOffset,
        name: &KeyName,
    ) -> Result<bool, Refusal> {
        let old = self.key(at)?.name();
        if old == *name.text() {
            return Ok(false);
        }
        let mut node = self.node(at)?;
        self.unlink(parent, at, old.units())?;
        let stored = node.set_name(name.text())?;
        node.last_written.set(self.now.0);
        let moved = self.resize(at, size_of::<KeyNode>() + stored.len())?;
        let rest = self.capacity(moved)? - size_of::<KeyNode>();
        self.write(moved, 0, node.as_bytes());
        self.write(moved, size_of::<KeyNode>(), &padded(stored, rest));
        if moved != at {
            self.adopt_subkeys(moved)?;
        }
        self.link(parent, moved, name.units())?;
        let mut owner = self.node(parent)?;
        owner.raise_max_subkey_name(name.units().len() * 2);
        owner.last_written.set(self.now.0);
        self.put(parent, &owner);
        Ok(true)
    }

    /// Updates the parent field of a key's subkeys.
    fn adopt_subkeys(&mut self, at: CellOffset) -> Result<(), Refusal> {
        let subkeys: Vec<CellOffset> = self
            .key(at)?
            .subkeys()
            .map(|key| Ok(key?.offset()))
            .collect::<Result<_, ReadError>>()?;
        for subkey in subkeys {
            let mut node = self.node(subkey)?;
            node.parent.set(at.get());
            self.put(subkey, &node);
        }
        Ok(())
    }
}

fn padded(mut name: Vec<u8>, len: usize) -> Vec<u8> {
    name.resize(len, 0);
    name
}
