//! The whole-hive check finds everything that makes Windows refuse a hive, repair it by dropping
//! parts of it, or misread it; and structures that Windows itself never writes.
//! Every cell is reached at most once, so the work is bounded by the size of the hive. Besides the
//! hive itself it needs four bits for each 8 bytes.

mod cells;
mod finding;
mod keys;
mod lists;
mod rule;
mod security;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;

use winpe_registry::{KeyName, KeyPath};

pub use finding::{Finding, Findings};
pub use rule::{Rule, Severity};

use crate::bitmap::Bitmap;
use crate::format::{CellOffset, Record};
use crate::read::{Header, Image, Key, OpenError, ReadError};

/// Checks a hive whose root key has been read. `damage` is the damage that opening it ignored.
pub(crate) fn check(image: Image<'_>, file: &[u8], damage: &[OpenError]) -> Findings {
    let header = Header::of(file);
    let mut checker = Checker::new(image);
    checker.file(&header, file, damage);
    checker.cells();
    checker.keys(header.root);
    checker.securities();
    checker.orphans();
    checker.findings
}

struct Checker<'h> {
    image: Image<'h>,
    findings: Findings,
    /// The starts of allocated cells.
    allocated: Bitmap,
    /// The cells that a record refers to.
    used: Bitmap,
    /// The cells that are keys.
    key_cells: Bitmap,
    /// The number of keys that use each security cell.
    security_users: BTreeMap<CellOffset, u32>,
    /// The keys from the root to the one under check.
    path: Vec<Key<'h>>,
}

impl<'h> Checker<'h> {
    fn new(image: Image<'h>) -> Self {
        let len = image.bins().len() / 8;
        Self {
            image,
            findings: Findings::with_budget((image.bins().len() / 4).max(1 << 20)),
            allocated: Bitmap::new(len),
            used: Bitmap::new(len),
            key_cells: Bitmap::new(len),
            security_users: BTreeMap::new(),
            path: Vec::new(),
        }
    }

    fn add(&mut self, at: CellOffset, rule: Rule, detail: impl FnOnce() -> String) {
        self.add_at(at.file_offset(), rule, detail);
    }

    fn add_at(&mut self, offset: u64, rule: Rule, detail: impl FnOnce() -> String) {
        let path = &self.path;
        let names = || {
            let below_root = path.iter().skip(1);
            below_root.map(|key| KeyName::from_stored(key.name())).collect::<KeyPath>()
        };
        self.findings.add(offset, rule, names, detail);
    }

    /// Claims a cell for one owner; returns its content if it is an allocated cell that was not
    /// claimed before.
    fn claim(&mut self, at: CellOffset, record: Record, least: u64) -> Option<&'h [u8]> {
        let place = at.get() as usize / 8;
        if !at.get().is_multiple_of(8) || !self.allocated.contains(place) {
            self.add(at, Rule::BadReference, || format!("expected a cell for a {record}"));
            return None;
        }
        if !self.used.insert(place) {
            self.add(at, Rule::DoubleReference, || format!("a {record} that has another owner"));
            return None;
        }
        match self.image.prefix(at, record, least) {
            Ok(_) => self.image.cell(at, record).ok(),
            Err(error) => {
                self.add(at, Rule::CellShort, || error.to_string());
                None
            }
        }
    }

    /// Reports a read error as a finding of the rule that it breaks.
    fn add_error(&mut self, error: &ReadError) {
        let rule = match error {
            ReadError::OutOfBounds { .. }
            | ReadError::Misaligned { .. }
            | ReadError::Free { .. }
            | ReadError::CellSize { .. } => Rule::BadReference,
            ReadError::Signature { record, .. } => match record {
                Record::Value => Rule::ValueSignature,
                Record::SubkeyList => Rule::ListSignature,
                Record::BigData => Rule::BigDataSignature,
                Record::Security => Rule::BadSecurity,
                _ => Rule::KeySignature,
            },
            ReadError::Short { record, .. } => match record {
                Record::Key => Rule::KeyNameLength,
                Record::Value => Rule::ValueNameLength,
                Record::SubkeyList => Rule::ListShort,
                Record::Security => Rule::SecurityLength,
                _ => Rule::CellShort,
            },
            ReadError::SubkeyCount { .. } => Rule::SubkeyCount,
            ReadError::InlineLength { .. } => Rule::InlineSize,
            ReadError::SegmentCount { .. } => Rule::BigDataCount,
            ReadError::Twice { .. } => Rule::DoubleReference,
            ReadError::SameName { .. } => Rule::SubkeyTwice,
            ReadError::TooDeep { .. } => Rule::Depth,
        };
        self.add(error.at(), rule, || error.to_string());
    }
}
