//! Creates, deletes and resolves keys for editing.

use std::collections::BTreeMap;

use winpe_registry::{KeyName, KeyPath, NtString};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use super::{Refusal, Store};
use crate::format::{CellOffset, KeyFlags, KeyNode, Signed};
use crate::read::{Key, ReadError};

impl Store {
    pub(super) fn key(&self, at: CellOffset) -> Result<Key<'_>, ReadError> {
        Key::new(self.image(), at)
    }

    /// A copy of a key's record, to be changed and written back.
    pub(super) fn node(&self, at: CellOffset) -> Result<KeyNode, Refusal> {
        self.require_allocated(at)?;
        Ok(*self.key(at)?.node())
    }

    /// Resolves a path: the last key that exists, and the number of missing names.
    pub(super) fn resolve(&self, path: &KeyPath) -> Result<(CellOffset, usize), ReadError> {
        let mut key = self.key(self.root())?;
        for (depth, name) in path.names().iter().enumerate() {
            match key.subkey(name)? {
                Some(subkey) => key = subkey,
                None => return Ok((key.offset(), path.depth() - depth)),
            }
        }
        Ok((key.offset(), 0))
    }

    /// Creates the last `missing` keys of a path below the key `at`; returns the last one.
    pub(super) fn create_keys(
        &mut self,
        mut at: CellOffset,
        path: &KeyPath,
        missing: usize,
    ) -> Result<CellOffset, Refusal> {
        if path.depth() > KeyPath::MAX_DEPTH {
            return Err(Refusal::TooDeep { actual: path.depth() });
        }
        for name in &path.names()[path.depth() - missing..] {
            at = self.create_key(at, name)?;
        }
        Ok(at)
    }

    /// Creates a key that does not exist. It shares its parent's security descriptor.
    pub(super) fn create_key(
        &mut self,
        parent: CellOffset,
        name: &KeyName,
    ) -> Result<CellOffset, Refusal> {
        let security = CellOffset::new(self.node(parent)?.security.get());
        self.put_key(KeyNode::empty(parent, security), name)
    }

    /// Stores a key below the parent named in its node, and counts it as a user of its security
    /// cell.
    pub(super) fn put_key(
        &mut self,
        mut node: KeyNode,
        name: &KeyName,
    ) -> Result<CellOffset, Refusal> {
        let parent = CellOffset::new(node.parent.get());
        let security = CellOffset::new(node.security.get());
        node.last_written = U64::new(self.now.0);
        let at = self.allocate_key(node, name.text())?;
        if !security.is_nil() {
            self.add_reference(security)?;
        }
        self.link(parent, at, name.units())?;
        let mut owner = self.node(parent)?;
        owner.raise_max_subkey_name(name.units().len() * 2);
        owner.last_written.set(self.now.0);
        self.put(parent, &owner);
        Ok(at)
    }

    /// Stores a key node in a new cell, with its name as Latin-1 if possible.
    pub(super) fn allocate_key(
        &mut self,
        mut node: KeyNode,
        name: &NtString,
    ) -> Result<CellOffset, Refusal> {
        let stored = node.set_name(name)?;
        self.allocate_with(&[node.as_bytes(), &stored].concat())
    }

    /// Deletes a key with everything below it.
    pub(super) fn delete_key(&mut self, parent: CellOffset, at: CellOffset) -> Result<(), Refusal> {
        let key = self.key(at)?;
        let name = key.name();
        let mut keys = Vec::new();
        for visit in key.walk() {
            keys.push(visit?.key.offset());
        }
        self.unlink(parent, at, name.units())?;
        let mut securities = BTreeMap::new();
        for &key in &keys {
            let security = CellOffset::new(self.node(key)?.security.get());
            if !security.is_nil() {
                *securities.entry(security).or_default() += 1;
            }
            self.free_key(key)?;
        }
        self.drop_references(&securities)?;
        let mut owner = self.node(parent)?;
        owner.last_written.set(self.now.0);
        self.put(parent, &owner);
        Ok(())
    }

    /// Frees the cells of one key with its values and lists, but not its subkeys and its security
    /// cell.
    fn free_key(&mut self, at: CellOffset) -> Result<(), Refusal> {
        let key = self.key(at)?;
        let node = *key.node();
        let values: Vec<CellOffset> =
            key.values().map(|entry| Ok(entry?.offset())).collect::<Result<_, ReadError>>()?;
        for &value in &values {
            self.free_value(value)?;
        }
        if node.values() > 0 {
            self.free(CellOffset::new(node.value_list.get()))?;
        }
        self.free_lists(&node)?;
        if node.class_len.get() > 0 && node.class.get() != u32::MAX {
            self.free(CellOffset::new(node.class.get()))?;
        }
        self.free(at)
    }

    pub(crate) fn set_class_at(
        &mut self,
        path: &KeyPath,
        class: &NtString,
    ) -> Result<bool, Refusal> {
        match self.resolve(path)? {
            (at, 0) => self.set_class(at, class),
            _ => Err(Refusal::NoKey),
        }
    }

    /// Sets the class name of a key; an empty name removes it.
    pub(super) fn set_class(&mut self, at: CellOffset, class: &NtString) -> Result<bool, Refusal> {
        let bytes = class.to_utf16le();
        let key = self.key(at)?;
        if key.class_bytes()? == bytes {
            return Ok(false);
        }
        let mut node = self.node(at)?;
        let len = u16::try_from(bytes.len()).map_err(|_| Refusal::TooLong {
            what: "class name",
            limit: u16::MAX.into(),
            actual: bytes.len() as u64,
        })?;
        if node.class_len.get() > 0 && node.class.get() != u32::MAX {
            self.free(CellOffset::new(node.class.get()))?;
        }
        let cell = if bytes.is_empty() { CellOffset::NIL } else { self.allocate_with(&bytes)? };
        node.class.set(cell.get());
        node.class_len.set(len);
        node.last_written.set(self.now.0);
        self.put(at, &node);
        if at != self.root() {
            let parent = CellOffset::new(node.parent.get());
            let mut owner = self.node(parent)?;
            owner.max_subkey_class.set(owner.max_subkey_class.get().max(len.into()));
            self.put(parent, &owner);
        }
        Ok(true)
    }
}

impl KeyNode {
    /// A key with no name, values or subkeys.
    pub(super) fn empty(parent: CellOffset, security: CellOffset) -> Self {
        Self {
            signature: Self::SIGNATURE,
            flags: U16::new(0),
            last_written: U64::new(0),
            access_bits: 0,
            layer: 0,
            spare: U16::new(0),
            parent: U32::new(parent.get()),
            subkey_count: U32::new(0),
            volatile_subkey_count: U32::new(0),
            subkey_list: U32::new(u32::MAX),
            volatile_subkey_list: U32::new(u32::MAX),
            value_count: U32::new(0),
            value_list: U32::new(u32::MAX),
            security: U32::new(security.get()),
            class: U32::new(u32::MAX),
            max_subkey_name: U16::new(0),
            user_flags: [0; 2],
            max_subkey_class: U32::new(0),
            max_value_name: U32::new(0),
            max_value_data: U32::new(0),
            work_var: U32::new(0),
            name_len: U16::new(0),
            class_len: U16::new(0),
        }
    }

    /// Sets length and flag of the name; returns the bytes to store after the node.
    pub(super) fn set_name(&mut self, name: &NtString) -> Result<Vec<u8>, Refusal> {
        let (stored, latin1) = store_name(name);
        let len = u16::try_from(stored.len()).map_err(|_| Refusal::TooLong {
            what: "key name",
            limit: u16::MAX.into(),
            actual: stored.len() as u64,
        })?;
        let others = self.flags.get() & !KeyFlags::COMPRESSED_NAME.0;
        self.flags.set(if latin1 { others | KeyFlags::COMPRESSED_NAME.0 } else { others });
        self.name_len.set(len);
        Ok(stored)
    }

    /// Names have at most 255 units, so the maximum fits; longer names from other writers are
    /// capped at the limit of the field.
    pub(super) fn raise_max_subkey_name(&mut self, len: usize) {
        let len = u16::try_from(len).unwrap_or(u16::MAX);
        self.max_subkey_name.set(self.max_subkey_name.get().max(len));
    }
}

/// A name as a hive stores it, and whether it is Latin-1.
pub(super) fn store_name(name: &NtString) -> (Vec<u8>, bool) {
    match name.to_latin1() {
        Some(bytes) => (bytes, true),
        None => (name.to_utf16le(), false),
    }
}
