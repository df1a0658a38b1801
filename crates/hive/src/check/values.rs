//! Checks of values and their data.

use std::cmp::Ordering;

use super::{Checker, Rule};
use crate::format::{BigData, CellOffset, INLINE, KeyValue, Record, SEGMENT_LEN, Signed, lh_hash};
use crate::read::{Image, Key, ValueEntry};

impl<'h> Checker<'h> {
    pub(super) fn values(&mut self, key: &Key<'h>) {
        let count = key.value_count();
        if count == 0 {
            return;
        }
        let list = CellOffset::new(key.node().value_list.get());
        let len = u64::from(count) * 4;
        let Some(offsets) = self.claim(list, Record::ValueList, len) else { return };
        let mut places = Vec::with_capacity(count as usize);
        let (mut longest_name, mut longest_data) = (0, 0);
        for offset in offsets[..len as usize].chunks_exact(4) {
            let at =
                CellOffset::new(u32::from_le_bytes([offset[0], offset[1], offset[2], offset[3]]));
            let Some(entry) = self.value(at) else { continue };
            longest_name = longest_name.max(entry.stored_name().len() as u32 * 2);
            longest_data = longest_data.max(entry.data_len());
            let hash = lh_hash(entry.stored_name().units());
            places.push(Place { hash, position: places.len() as u32, offset: at });
        }
        let node = key.node();
        for (rule, stated, found) in [
            (Rule::MaxValueName, node.max_value_name.get(), longest_name),
            (Rule::MaxValueData, node.max_value_data.get(), longest_data),
        ] {
            if stated < found {
                self.add(key.offset(), rule, || {
                    format!("expected at least {found}, found {stated}")
                });
            }
        }
        self.twins(places);
    }

    fn value(&mut self, at: CellOffset) -> Option<ValueEntry<'h>> {
        self.claim(at, Record::Value, size_of::<KeyValue>() as u64)?;
        let entry = match ValueEntry::new(self.image, at) {
            Ok(entry) => entry,
            Err(error) => {
                self.add_error(&error);
                return None;
            }
        };
        let name = entry.stored_name();
        if !name.is_latin1() && !name.is_empty() && name.units().all(|unit| unit < 256) {
            self.add(at, Rule::ValueNameWide, || format!("{name:?} is UTF-16, expected Latin-1"));
        }
        self.data(&entry);
        Some(entry)
    }

    fn data(&mut self, entry: &ValueEntry<'h>) {
        let (at, len) = (entry.offset(), entry.data_len());
        let cell = CellOffset::new(entry.node().data.get());
        if entry.node().data_len.get() & INLINE != 0 {
            if len > 4 {
                self.add(at, Rule::InlineSize, || format!("expected at most 4 bytes, found {len}"));
            }
        } else if len == 0 {
            if !cell.is_nil() {
                self.add(at, Rule::EmptyData, || format!("no data, but a cell for them at {cell}"));
            }
        } else if entry.may_be_segmented() {
            self.segments(cell, len as usize);
        } else {
            self.claim(cell, Record::Data, len.into());
        }
    }

    fn segments(&mut self, at: CellOffset, len: usize) {
        let least = size_of::<BigData>() as u64;
        let Some(payload) = self.claim(at, Record::BigData, least) else { return };
        if !payload.starts_with(&BigData::SIGNATURE) {
            self.add(at, Rule::BigDataSignature, || format!("{len} bytes of data in one cell"));
            return;
        }
        let Ok((head, _)) = self.image.signed::<BigData>(at) else { return };
        let (count, expected) = (usize::from(head.segment_count.get()), len.div_ceil(SEGMENT_LEN));
        if count != expected {
            self.add(at, Rule::BigDataCount, || {
                format!("expected {expected} segments for {len} bytes, found {count}")
            });
        }
        let list = CellOffset::new(head.segment_list.get());
        let Some(offsets) = self.claim(list, Record::SegmentList, count as u64 * 4) else { return };
        let mut rest = len;
        for offset in offsets[..count * 4].chunks_exact(4) {
            let segment = u32::from_le_bytes([offset[0], offset[1], offset[2], offset[3]]);
            let need = rest.min(SEGMENT_LEN);
            self.claim(CellOffset::new(segment), Record::Segment, need as u64);
            rest -= need;
        }
    }

    /// Finds values with the same name by the hashes of their names, so that many values take
    /// little time. A name is read again where two hashes are equal, so that they take little memory too.
    fn twins(&mut self, mut places: Vec<Place>) {
        let image = self.image;
        let order = |a: &Place, b: &Place| {
            let by_name = || match (a.entry(image), b.entry(image)) {
                (Some(a), Some(b)) => a.stored_name().cmp_ignore_case(b.stored_name().units()),
                _ => Ordering::Equal,
            };
            a.hash.cmp(&b.hash).then_with(by_name)
        };
        places.sort_unstable_by(|a, b| order(a, b).then(a.position.cmp(&b.position)));
        for pair in places.windows(2) {
            if order(&pair[0], &pair[1]).is_eq()
                && let Some(entry) = pair[1].entry(image)
            {
                self.add(entry.offset(), Rule::ValueTwice, || format!("{:?}", entry.stored_name()));
            }
        }
    }
}

/// A value that could be read.
struct Place {
    /// The hash of its name.
    hash: u32,
    /// Its index among the values of its key that could be read.
    position: u32,
    offset: CellOffset,
}

impl Place {
    fn entry<'h>(&self, image: Image<'h>) -> Option<ValueEntry<'h>> {
        ValueEntry::new(image, self.offset).ok()
    }
}
