//! Checks of key nodes, from the root downwards: names, parents, flags, depth.

use winpe_registry::KeyPath;

use super::{Checker, Rule};
use crate::format::{CellOffset, KeyFlags, KeyNode, Record};
use crate::read::{Key, List, ReadError};

/// The longest name, in UTF-16 code units.
const MAX_NAME: usize = 255;

/// The lists of a key that no other key claimed, and the next entry to visit.
struct Pending<'h> {
    lists: Vec<List<'h>>,
    list: usize,
    entry: usize,
}

impl<'h> Checker<'h> {
    pub(super) fn keys(&mut self, root: CellOffset) {
        let mut pending = Vec::new();
        pending.extend(self.key(root, None));
        while let Some(lists) = pending.last_mut() {
            let next = lists.next();
            self.path.truncate(pending.len());
            match next {
                Some(at) => {
                    let parent = self.path.last().map(Key::offset);
                    pending.extend(self.key(at, parent));
                }
                None => {
                    pending.pop();
                }
            }
        }
        self.path.clear();
    }

    /// Checks one key with its values and lists; returns the subkeys to visit next.
    fn key(&mut self, at: CellOffset, parent: Option<CellOffset>) -> Option<Pending<'h>> {
        let key = self.enter(at, parent)?;
        self.path.push(key);
        self.name(&key);
        self.flags_and_parent(&key, parent);
        let security = CellOffset::new(key.node().security.get());
        *self.security_users.entry(security).or_default() += 1;
        let class_len = key.node().class_len.get();
        if class_len > 0 {
            let class = CellOffset::new(key.node().class.get());
            self.claim(class, Record::Class, class_len.into());
        }
        self.values(&key);
        Some(Pending { lists: self.subkeys(&key), list: 0, entry: 0 })
    }

    /// Claims the cell of a key that has not been visited.
    fn enter(&mut self, at: CellOffset, parent: Option<CellOffset>) -> Option<Key<'h>> {
        if self.key_cells.contains(at.get() as usize / 8) {
            self.add(at, Rule::KeyShared, || {
                let parent = parent.unwrap_or(CellOffset::NIL);
                format!("a subkey of the key at {parent} and of another")
            });
            return None;
        }
        self.claim(at, Record::Key, size_of::<KeyNode>() as u64)?;
        self.key_cells.insert(at.get() as usize / 8);
        match Key::new(self.image, at) {
            Ok(key) if self.path.len() <= KeyPath::MAX_DEPTH => Some(key),
            Ok(_) => {
                self.add_error(&ReadError::TooDeep { at, limit: KeyPath::MAX_DEPTH });
                None
            }
            Err(error) => {
                self.add_error(&error);
                None
            }
        }
    }

    fn name(&mut self, key: &Key<'h>) {
        let (at, name, len) = (key.offset(), key.stored_name(), key.node().name_len.get());
        if name.is_empty() {
            self.add(at, Rule::KeyNameEmpty, || "expected a name".to_owned());
        }
        if name.len() > MAX_NAME {
            self.add(at, Rule::KeyNameLong, || {
                format!("expected at most {MAX_NAME} characters, found {}", name.len())
            });
        }
        if !name.is_latin1() {
            if len % 2 != 0 {
                self.add(at, Rule::KeyNameOdd, || format!("{len} bytes of UTF-16"));
            }
            if !name.is_empty() && name.units().all(|unit| unit < 256) {
                self.add(at, Rule::KeyNameWide, || "expected Latin-1, found UTF-16".to_owned());
            }
        }
        if self.path.len() > 1 && name.units().any(|unit| unit == u16::from(b'\\')) {
            self.add(at, Rule::KeyNameBackslash, || format!("{name:?}"));
        }
    }

    fn flags_and_parent(&mut self, key: &Key<'h>, parent: Option<CellOffset>) {
        let (at, flags) = (key.offset(), key.flags());
        match parent {
            None if !flags.contains(KeyFlags::ROOT) => {
                self.add(at, Rule::RootFlags, || format!("expected the bit 0x4, found {flags:?}"));
            }
            Some(parent) => {
                let stored = CellOffset::new(key.node().parent.get());
                if stored != parent {
                    self.add(at, Rule::KeyParent, || {
                        format!("expected the parent at {parent}, found {stored}")
                    });
                }
                if flags.contains(KeyFlags::ROOT) {
                    self.add(at, Rule::NotRoot, || format!("{flags:?}"));
                }
            }
            None => {}
        }
        if flags.contains(KeyFlags::VOLATILE) {
            self.add(at, Rule::Volatile, || format!("{flags:?}"));
        }
    }
}

impl Iterator for Pending<'_> {
    type Item = CellOffset;

    fn next(&mut self) -> Option<CellOffset> {
        loop {
            let list = self.lists.get(self.list)?;
            match list.cell(self.entry) {
                Some(at) => {
                    self.entry += 1;
                    return Some(at);
                }
                None => (self.list, self.entry) = (self.list + 1, 0),
            }
        }
    }
}
