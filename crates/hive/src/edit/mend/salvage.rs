//! Reads a damaged hive: what can be read whole, and a note of everything else.
//!
//! A cell has one owner, the first that names it, so the work is bounded by the size of the hive and loops end.

use std::cmp::Ordering;

use winpe_registry::{KeyName, KeyPath, NtString, Value, ValueName};

use super::{Losses, LostPart, LostReason};
use crate::format::{CellOffset, ListKind, Record};
use crate::read::{Claims, Image, Key, List, ReadError, Security, ValueEntry};

pub(super) struct Salvage<'o, 'l> {
    old: Image<'o>,
    claims: Claims,
    /// The keys from the root to the one that is read.
    path: Vec<Key<'o>>,
    losses: &'l mut Losses,
    /// Bytes of names, classes, descriptors and data that may still be read. Cells that do not overlap hold less
    /// than all bins.
    room: usize,
}

impl<'o, 'l> Salvage<'o, 'l> {
    pub(super) fn new(old: Image<'o>, losses: &'l mut Losses) -> Self {
        let (claims, room) = (Claims::new(old), old.bins().len());
        Self { old, claims, path: Vec::new(), losses, room }
    }

    /// What is read next belongs to a subkey of the last key.
    pub(super) fn enter(&mut self, key: Key<'o>) {
        if self.path.is_empty() {
            self.claims.claim(key.offset());
        }
        self.path.push(key);
    }

    pub(super) fn leave(&mut self) {
        self.path.pop();
    }

    pub(super) fn lose(&mut self, part: LostPart, reason: impl Into<LostReason>) {
        let path = &self.path;
        let names = || path.iter().skip(1).map(|key| KeyName::from_stored(key.name()));
        self.losses.add(|| names().collect::<KeyPath>(), part, reason.into());
    }

    /// The subkeys of the last key, in the order of their names, each name once.
    pub(super) fn subkeys(&mut self, key: &Key<'o>) -> Vec<Key<'o>> {
        if key.subkey_count() == 0 {
            return Vec::new();
        }
        if self.path.len() > KeyPath::MAX_DEPTH {
            let (at, limit) = (key.offset(), KeyPath::MAX_DEPTH);
            self.lose(LostPart::Subkeys, ReadError::TooDeep { at, limit });
            return Vec::new();
        }
        let mut found = Vec::new();
        for list in self.lists(key) {
            for index in 0..list.len() {
                let at = list.cell(index).unwrap_or(CellOffset::NIL);
                match self.subkey(at) {
                    Ok(subkey) => found.push(subkey),
                    Err((name, reason)) => self.lose(LostPart::Key(name), reason),
                }
            }
        }
        found.sort_by(by_name);
        self.each_name_once(found)
    }

    /// Without keys that have the name of the key before them.
    fn each_name_once(&mut self, sorted: Vec<Key<'o>>) -> Vec<Key<'o>> {
        let mut once: Vec<Key<'o>> = Vec::with_capacity(sorted.len());
        for key in sorted {
            match once.last() {
                Some(first) if by_name(first, &key).is_eq() => {
                    let (at, first) = (key.offset(), first.offset());
                    self.lose(LostPart::Key(Some(key.name())), ReadError::SameName { at, first });
                }
                _ => once.push(key),
            }
        }
        once
    }

    fn subkey(&mut self, at: CellOffset) -> Result<Key<'o>, (Option<NtString>, LostReason)> {
        let key = Key::new(self.old, at).map_err(|error| (None, error.into()))?;
        let (name, stored) = (key.stored_name(), key.node().name_len.get());
        if name.is_empty() {
            return Err((None, LostReason::NoName { at }));
        }
        if name.len() > KeyName::MAX_LEN {
            return Err((None, LostReason::LongName { at, actual: name.len() }));
        }
        if !name.is_latin1() && stored % 2 != 0 {
            return Err((Some(key.name()), LostReason::OddName { at, actual: stored }));
        }
        if !self.claims.claim(at) {
            let twice = ReadError::Twice { record: Record::Key, at };
            return Err((Some(key.name()), twice.into()));
        }
        Ok(key)
    }

    /// The lists of a key that hold its subkeys.
    fn lists(&mut self, key: &Key<'o>) -> Vec<List<'o>> {
        let top = match self.list(CellOffset::new(key.node().subkey_list.get())) {
            Some(top) if top.kind == ListKind::Root => top,
            other => return other.into_iter().collect(),
        };
        let mut lists = Vec::new();
        for index in 0..top.len() {
            match self.list(top.cell(index).unwrap_or(CellOffset::NIL)) {
                Some(list) if list.kind == ListKind::Root => {
                    let (record, at) = (Record::SubkeyList, list.at);
                    let (expected, actual) = (b"li|lf|lh", list.kind.signature());
                    let reason = ReadError::Signature { record, at, expected, actual };
                    self.lose(LostPart::Subkeys, reason);
                }
                list => lists.extend(list),
            }
        }
        lists
    }

    /// A list as far as its cell goes.
    fn list(&mut self, at: CellOffset) -> Option<List<'o>> {
        let list = match List::new(self.old, at) {
            Ok(list) => list,
            Err(error) => {
                let rest = List::as_far_as_it_goes(self.old, at);
                self.lose(LostPart::Subkeys, error);
                rest?
            }
        };
        if !self.claims.claim(at) {
            let record = Record::SubkeyList;
            self.lose(LostPart::Subkeys, ReadError::Twice { record, at });
            return None;
        }
        Some(list)
    }

    /// The values of the last key in the order of its list, each name once.
    pub(super) fn values(&mut self, key: &Key<'o>) -> Vec<ValueEntry<'o>> {
        let mut found = Vec::new();
        for offset in self.value_list(key).as_chunks::<4>().0 {
            let at = CellOffset::new(u32::from_le_bytes(*offset));
            match ValueEntry::new(self.old, at) {
                Ok(entry) if self.claims.claim(at) => found.push(entry),
                Ok(entry) => {
                    let reason = ReadError::Twice { record: Record::Value, at };
                    self.lose(LostPart::Value(Some(name_of(&entry))), reason);
                }
                Err(error) => self.lose(LostPart::Value(None), error),
            }
        }
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by(|&a, &b| by_value_name(&found[a], &found[b]));
        let mut later = vec![false; found.len()];
        for same in order.chunk_by(|&a, &b| by_value_name(&found[a], &found[b]).is_eq()) {
            for &value in &same[1..] {
                later[value] = true;
                let (at, first) = (found[value].offset(), found[same[0]].offset());
                let part = LostPart::Value(Some(name_of(&found[value])));
                self.lose(part, LostReason::SameName { at, first });
            }
        }
        let mut later = later.into_iter();
        found.retain(|_| !later.next().unwrap_or(false));
        found
    }

    /// The offsets of a key's values, as far as their cell goes.
    fn value_list(&mut self, key: &Key<'o>) -> &'o [u8] {
        let count = key.value_count();
        if count == 0 {
            return &[];
        }
        let at = CellOffset::new(key.node().value_list.get());
        let list = match self.old.prefix(at, Record::ValueList, u64::from(count) * 4) {
            Ok(list) => list,
            Err(error) => {
                self.lose(LostPart::Values, error);
                self.old.cell(at, Record::ValueList).unwrap_or_default()
            }
        };
        if !list.is_empty() && !self.claims.claim(at) {
            self.lose(LostPart::Values, ReadError::Twice { record: Record::ValueList, at });
            return &[];
        }
        list
    }

    /// Type and data of a value.
    pub(super) fn value(&mut self, entry: &ValueEntry<'o>) -> Option<Value> {
        let value = self.try_value(entry);
        value.map_err(|reason| self.lose(LostPart::Value(Some(name_of(entry))), reason)).ok()
    }

    fn try_value(&mut self, entry: &ValueEntry<'o>) -> Result<Value, LostReason> {
        // What cannot be read must not claim the cells of something else. Segments are claimed before they are
        // read: a value can name one cell many times.
        if !entry.may_be_segmented() {
            entry.data()?;
        }
        self.claims.data(entry)?;
        let len = entry.data_len() as usize + entry.stored_name().len() * 2;
        self.take(len, entry.offset())?;
        Ok(entry.value()?)
    }

    /// The class of the last key, if it has one.
    pub(super) fn class(&mut self, key: &Key<'o>) -> Option<NtString> {
        let class = self.try_class(key);
        let class = class.map_err(|reason| self.lose(LostPart::Class, reason)).ok()?;
        Some(class).filter(|class| !class.is_empty())
    }

    fn try_class(&mut self, key: &Key<'o>) -> Result<NtString, LostReason> {
        let bytes = key.class_bytes()?;
        let at = CellOffset::new(key.node().class.get());
        if bytes.is_empty() {
            return Ok(NtString::default());
        }
        if !self.claims.claim(at) {
            return Err(ReadError::Twice { record: Record::Class, at }.into());
        }
        self.take(bytes.len(), at)?;
        Ok(NtString::from_utf16le(bytes))
    }

    /// The descriptor of the last key.
    pub(super) fn security(&mut self, key: &Key<'o>) -> Option<&'o [u8]> {
        let descriptor = self.try_security(key);
        descriptor.map_err(|reason| self.lose(LostPart::Security, reason)).ok()
    }

    fn try_security(&mut self, key: &Key<'o>) -> Result<&'o [u8], LostReason> {
        let at = CellOffset::new(key.node().security.get());
        if at.is_nil() {
            return Err(LostReason::NoSecurity { at: key.offset() });
        }
        let security = Security::new(self.old, at)?;
        // Many keys share one.
        if self.claims.claim(at) {
            self.take(security.descriptor().len(), at)?;
        }
        Ok(security.descriptor())
    }

    fn take(&mut self, len: usize, at: CellOffset) -> Result<(), LostReason> {
        self.room = self.room.checked_sub(len).ok_or(LostReason::Overlap { at })?;
        Ok(())
    }
}

fn name_of(entry: &ValueEntry<'_>) -> ValueName {
    ValueName::from_stored(entry.name())
}

fn by_name(a: &Key<'_>, b: &Key<'_>) -> Ordering {
    a.stored_name().cmp_ignore_case(b.stored_name().units())
}

fn by_value_name(a: &ValueEntry<'_>, b: &ValueEntry<'_>) -> Ordering {
    a.stored_name().cmp_ignore_case(b.stored_name().units())
}
