//! Keys and values as nt-hive sees them.

use std::collections::BTreeMap;

use nt_hive::{KeyNode, KeyValue, NtHiveError, NtHiveNameString};
use winpe_registry::{NtString, Value, ValueName};

/// A key of nt-hive.
pub(super) type Key<'h> = KeyNode<'h, &'h [u8]>;

/// A place of a value in the hive; its data is read when it is compared.
pub(super) type Place<'h> = KeyValue<'h, &'h [u8]>;

/// A value as nt-hive sees it. nt-hive knows few types, and treats data of more than 16,344 bytes as
/// segmented in every version of the format; a part that it cannot read is left out of the comparison.
#[derive(PartialEq)]
pub(super) struct Seen {
    ty: Option<u32>,
    size: u32,
    data: Option<Vec<u8>>,
}

impl Seen {
    pub(super) fn of(value: &Place<'_>) -> Self {
        Self {
            ty: value.data_type().ok().map(|ty| ty as u32),
            size: value.data_size(),
            data: value.data().and_then(nt_hive::KeyValueData::into_vec).ok(),
        }
    }

    pub(super) fn is(&self, value: &Value) -> bool {
        self.ty.is_none_or(|ty| ty == value.ty.0)
            && self.size as usize == value.data.len()
            && self.data.as_ref().is_none_or(|data| *data == value.data)
    }

    pub(super) fn describe(self) -> String {
        let ty = self.ty.map_or("of another type".into(), |ty| format!("of type {ty}"));
        format!("a value {ty} with {} bytes", self.size)
    }
}

/// The values of a key by name, without those that `takes` takes.
pub(super) fn values<'h>(
    key: &Key<'h>,
    mut takes: impl FnMut(&ValueName, &Place<'h>) -> bool,
) -> Result<BTreeMap<ValueName, Place<'h>>, NtHiveError> {
    let mut found = BTreeMap::new();
    if let Some(values) = key.values() {
        for value in values? {
            let value = value?;
            let name = ValueName::from_stored(text(&value.name()?));
            if !takes(&name, &value) {
                found.insert(name, value);
            }
        }
    }
    Ok(found)
}

/// A name as the registry compares it.
pub(super) fn text(name: &NtHiveNameString) -> NtString {
    match name {
        NtHiveNameString::Latin1(bytes) => NtString::from_latin1(bytes),
        NtHiveNameString::Utf16LE(bytes) => NtString::from_utf16le(bytes),
    }
}
