//! Single cases that the properties do not cover: refusals, and hives with features of other
//! writers.

mod hostile;
mod opening;
mod refusals;
mod security;
mod versions;

use winpe_registry::{Edit, KeyName, KeyPath, Value, ValueName};

use crate::format::{BASE_BLOCK_LEN, CellOffset};
use crate::{FileTime, Hive};

fn hive(minor: u32) -> Hive {
    let name = KeyName::new("ROOT").unwrap();
    Hive::create(minor, &name, FileTime::from_unix(1_600_000_000)).unwrap()
}

fn path(text: &str) -> KeyPath {
    text.parse().unwrap()
}

fn name(text: &str) -> ValueName {
    ValueName::new(text).unwrap()
}

fn set(key: &str, value_name: &str, value: Value) -> Edit {
    Edit::set_value(path(key), name(value_name), value)
}

/// Overwrites bytes of a cell; `field` is the offset after the size field.
fn poke(hive: Hive, cell: CellOffset, field: usize, bytes: &[u8]) -> Hive {
    let mut file = hive.into_bytes();
    let at = BASE_BLOCK_LEN + cell.get() as usize + 4 + field;
    file[at..at + bytes.len()].copy_from_slice(bytes);
    Hive::open(file).unwrap()
}

fn cell(hive: &Hive, key: &str) -> CellOffset {
    hive.key(&path(key)).unwrap().unwrap().offset()
}
