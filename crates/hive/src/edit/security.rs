//! Security cells: reference counts, the ring of links, and new descriptors.

use std::collections::BTreeMap;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use super::{Refusal, Store};
use crate::format::{CellOffset, SecurityNode, Signed};
use crate::read::{ReadError, Security};

impl Store {
    /// Counts one more key that uses the cell.
    pub(super) fn add_reference(&mut self, at: CellOffset) -> Result<(), Refusal> {
        let mut node = self.security(at)?;
        node.references.set(node.references.get().saturating_add(1));
        self.put(at, &node);
        if let Some(references) = &mut self.references {
            *references.entry(at).or_default() += 1;
        }
        Ok(())
    }

    /// Subtracts the users that unlinked keys were of these security cells. A cell is freed with
    /// its last user.
    ///
    /// Some writers do not count, so before a cell is freed its users are counted: one walk over
    /// the hive for all edits.
    pub(super) fn drop_references(
        &mut self,
        dropped: &BTreeMap<CellOffset, u32>,
    ) -> Result<(), Refusal> {
        if let Some(references) = &mut self.references {
            for (at, count) in dropped {
                let users = references.entry(*at).or_default();
                *users = users.saturating_sub(*count);
            }
        }
        for (&at, count) in dropped {
            let mut node = self.security(at)?;
            let stated = node.references.get().saturating_sub(*count);
            if stated == 0 && self.references.is_none() {
                self.references = Some(self.count_references()?);
            }
            let counted = self.references.as_ref().map(|all| all.get(&at).copied().unwrap_or(0));
            if counted == Some(0) {
                self.remove_from_ring(at, &node)?;
            } else {
                node.references.set(if stated == 0 { counted.unwrap_or(1) } else { stated });
                self.put(at, &node);
            }
        }
        Ok(())
    }

    /// The security cells of the ring by their descriptors.
    pub(super) fn descriptors(&self) -> Result<BTreeMap<Vec<u8>, CellOffset>, Refusal> {
        let mut found = BTreeMap::new();
        let start = CellOffset::new(self.node(self.root())?.security.get());
        if start.is_nil() {
            return Ok(found);
        }
        let mut at = start;
        // A ring of distinct cells closes within as many steps as cells fit in the bins.
        for _ in 0..self.image().bins().len() / size_of::<SecurityNode>() {
            let security = Security::new(self.image(), at)?;
            found.entry(security.descriptor().to_vec()).or_insert(at);
            at = CellOffset::new(security.node().next.get());
            if at == start {
                return Ok(found);
            }
        }
        Err(ReadError::Twice { record: SecurityNode::RECORD, at }.into())
    }

    /// The cell of a descriptor; `known` maps existing descriptors to cells, and a new cell is
    /// allocated for others.
    pub(super) fn intern_security(
        &mut self,
        descriptor: &[u8],
        known: &mut BTreeMap<Vec<u8>, CellOffset>,
    ) -> Result<CellOffset, Refusal> {
        if let Some(&at) = known.get(descriptor) {
            return Ok(at);
        }
        let root = CellOffset::new(self.node(self.root())?.security.get());
        let next = (!root.is_nil()).then_some(root);
        let at = self.allocate_security(descriptor, next)?;
        known.insert(descriptor.to_vec(), at);
        Ok(at)
    }

    /// Allocates a cell, linked before `next` or as a ring with only itself.
    pub(super) fn allocate_security(
        &mut self,
        descriptor: &[u8],
        next: Option<CellOffset>,
    ) -> Result<CellOffset, Refusal> {
        let mut node = SecurityNode {
            signature: SecurityNode::SIGNATURE,
            reserved: U16::new(0),
            next: U32::new(0),
            previous: U32::new(0),
            references: U32::new(0),
            descriptor_len: U32::new(descriptor.len() as u32),
        };
        let at = self.allocate_with(&[node.as_bytes(), descriptor].concat())?;
        let (next, previous) = match next {
            Some(next) => (next, CellOffset::new(self.security(next)?.previous.get())),
            None => (at, at),
        };
        node.next.set(next.get());
        node.previous.set(previous.get());
        self.put(at, &node);
        if next != at {
            self.set_ring(previous, |node| node.next.set(at.get()))?;
            self.set_ring(next, |node| node.previous.set(at.get()))?;
        }
        Ok(at)
    }

    fn remove_from_ring(&mut self, at: CellOffset, node: &SecurityNode) -> Result<(), Refusal> {
        let (next, previous) = (node.next.get(), node.previous.get());
        if next != at.get() {
            self.set_ring(CellOffset::new(previous), |node| node.next.set(next))?;
            self.set_ring(CellOffset::new(next), |node| node.previous.set(previous))?;
        }
        if let Some(references) = &mut self.references {
            references.remove(&at);
        }
        self.free(at)
    }

    fn set_ring(
        &mut self,
        at: CellOffset,
        change: impl FnOnce(&mut SecurityNode),
    ) -> Result<(), Refusal> {
        let mut node = self.security(at)?;
        change(&mut node);
        self.put(at, &node);
        Ok(())
    }

    fn security(&self, at: CellOffset) -> Result<SecurityNode, Refusal> {
        self.require_allocated(at)?;
        Ok(*Security::new(self.image(), at)?.node())
    }

    /// The number of reachable keys that use each cell.
    fn count_references(&self) -> Result<BTreeMap<CellOffset, u32>, Refusal> {
        let mut references = BTreeMap::new();
        for visit in self.key(self.root())?.walk() {
            let security = CellOffset::new(visit?.key.node().security.get());
            *references.entry(security).or_default() += 1;
        }
        Ok(references)
    }
}

#[cfg(test)]
impl crate::Hive {
    /// Gives a key a security descriptor that no other key uses.
    pub(crate) fn with_own_security(&mut self, path: &winpe_registry::KeyPath) -> CellOffset {
        self.transaction(path, |store| {
            let (at, _) = store.resolve(path)?;
            let mut node = store.node(at)?;
            let old = CellOffset::new(node.security.get());
            let own = store.intern_security(&[1; 40], &mut BTreeMap::new())?;
            store.add_reference(own)?;
            node.security.set(own.get());
            store.put(at, &node);
            store.drop_references(&BTreeMap::from([(old, 1)]))?;
            Ok(own)
        })
        .unwrap()
    }
}
