//! Sets and deletes values.

use winpe_registry::{Value, ValueName};
use zerocopy::little_endian::{U16, U32};

use super::keys::store_name;
use super::{Refusal, Store};
use crate::format::{CellOffset, KeyFlags, KeyValue, Record, Signed, ValueFlags};
use crate::read::ValueEntry;

impl Store {
    /// Sets a value that differs from the stored one.
    pub(super) fn set_value(
        &mut self,
        key: CellOffset,
        name: &ValueName,
        value: &Value,
    ) -> Result<(), Refusal> {
        self.has_values(key)?;
        match self.find_value(key, name)? {
            Some(at) => self.replace(at, value)?,
            None => {
                self.append(key, name, value)?;
            }
        }
        // The lengths of name and data were checked when they were stored.
        self.raise_value_maxima(key, name.units().len(), value.data.len() as u32)
    }

    /// Raises the maxima of a key that holds a value of these lengths. The key has already been
    /// written.
    pub(super) fn raise_value_maxima(
        &mut self,
        key: CellOffset,
        name_units: usize,
        data_len: u32,
    ) -> Result<(), Refusal> {
        let mut node = self.node(key)?;
        node.max_value_name.set(node.max_value_name.get().max(name_units as u32 * 2));
        node.max_value_data.set(node.max_value_data.get().max(data_len));
        node.last_written.set(self.now.0);
        self.put(key, &node);
        Ok(())
    }

    /// Deletes the value at an index of the key's list.
    pub(super) fn delete_value(
        &mut self,
        key: CellOffset,
        name: &ValueName,
    ) -> Result<(), Refusal> {
        self.has_values(key)?;
        let Some(at) = self.find_value(key, name)? else { return Ok(()) };
        let mut node = self.node(key)?;
        let (list, count) = (CellOffset::new(node.value_list.get()), node.value_count.get());
        self.require_allocated(list)?;
        let (index, mut tail) = {
            let offsets = self.image().prefix(list, Record::ValueList, u64::from(count) * 4)?;
            let place =
                offsets.as_chunks().0.iter().position(|&cell| cell == at.get().to_le_bytes());
            // It was found in this list.
            let Some(index) = place else { return Ok(()) };
            (index, offsets[(index + 1) * 4..].to_vec())
        };
        tail.extend([0; 4]);
        self.write(list, index * 4, &tail);
        if count == 1 {
            self.free(list)?;
            node.value_list.set(u32::MAX);
        }
        node.value_count.set(count - 1);
        node.last_written.set(self.now.0);
        self.put(key, &node);
        self.names.removed(key, name);
        self.free_value(at)
    }

    /// Frees a value and its data.
    pub(super) fn free_value(&mut self, at: CellOffset) -> Result<(), Refusal> {
        self.free_data(at)?;
        self.free(at)
    }

    fn replace(&mut self, at: CellOffset, value: &Value) -> Result<(), Refusal> {
        self.require_allocated(at)?;
        let mut node = *ValueEntry::new(self.image(), at)?.node();
        let (data_len, data) = self.replace_data(at, &value.data)?;
        node.data_len.set(data_len);
        node.data = data.into();
        node.ty.set(value.ty.0);
        node.flags.set(node.flags.get() & !ValueFlags::TOMBSTONE);
        self.put(at, &node);
        Ok(())
    }

    /// Adds a value to a key that lacks it.
    pub(super) fn append(
        &mut self,
        key: CellOffset,
        name: &ValueName,
        value: &Value,
    ) -> Result<CellOffset, Refusal> {
        let at = self.allocate_value(name, value)?;
        let mut node = self.node(key)?;
        let count = node.value_count.get();
        let list = if count == 0 {
            self.allocate(4)?
        } else {
            let list = CellOffset::new(node.value_list.get());
            let (need, capacity) = (count as usize * 4 + 4, self.capacity(list)?);
            if need <= capacity { list } else { self.resize(list, need + spare(capacity))? }
        };
        self.write(list, count as usize * 4, &at.get().to_le_bytes());
        node.value_list.set(list.get());
        node.value_count.set(count + 1);
        self.put(key, &node);
        self.names.added(key, name, at);
        Ok(at)
    }

    fn allocate_value(&mut self, name: &ValueName, value: &Value) -> Result<CellOffset, Refusal> {
        let (stored, latin1) = store_name(name.text());
        let name_len = u16::try_from(stored.len()).map_err(|_| Refusal::TooLong {
            what: "value name",
            limit: u16::MAX.into(),
            actual: stored.len() as u64,
        })?;
        let at = self.allocate(size_of::<KeyValue>() + stored.len())?;
        let (data_len, data) = self.store_data(&value.data)?;
        // Windows leaves the flag clear if the name is empty.
        let compressed = latin1 && !stored.is_empty();
        let node = KeyValue {
            signature: KeyValue::SIGNATURE,
            name_len: U16::new(name_len),
            data_len: U32::new(data_len),
            data: data.into(),
            ty: U32::new(value.ty.0),
            flags: U16::new(if compressed { ValueFlags::COMPRESSED_NAME } else { 0 }),
            spare: U16::new(0),
        };
        self.put(at, &node);
        self.write(at, size_of::<KeyValue>(), &stored);
        Ok(at)
    }

    fn has_values(&self, key: CellOffset) -> Result<(), Refusal> {
        if self.key(key)?.flags().contains(KeyFlags::PREDEFINED_HANDLE) {
            return Err(Refusal::PredefinedHandle);
        }
        Ok(())
    }
}

/// The spare room that a value list of `capacity` bytes gets when it grows. A list of a thousand
/// values gets a share of its size: each growth leaves the old cell free, so constant steps would
/// make the hive grow by the square of the number of values.
fn spare(capacity: usize) -> usize {
    const SMALL: usize = 4096;
    if capacity < SMALL { (capacity / 4).min(64) } else { capacity / 4 }
}
