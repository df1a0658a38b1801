//! Checks of subkey lists: kinds, counts, order, hashes, and the maxima in the parent key.

use std::cmp::Ordering;

use super::{Checker, Rule};
use crate::format::{CellOffset, ListHeader, ListKind, Record, lf_hint, lh_hash};
use crate::read::{Key, List, StoredName};

impl<'h> Checker<'h> {
    /// Checks the lists of a key, and its subkeys as far as the lists describe them; returns the
    /// lists that no other key claimed.
    pub(super) fn subkeys(&mut self, key: &Key<'h>) -> Vec<List<'h>> {
        if key.subkey_count() == 0 {
            return Vec::new();
        }
        let lists = self.lists(key);
        let mut total = 0_u32;
        let mut entries = Entries::default();
        for list in &lists {
            self.kind(list);
            total = total.saturating_add(list.len() as u32);
            for index in 0..list.len() {
                self.entry(list, index, &mut entries);
            }
        }
        let (at, stated) = (key.offset(), key.subkey_count());
        if total != stated {
            self.add(at, Rule::SubkeyCount, || {
                format!("expected {stated} subkeys, the lists hold {total}")
            });
        }
        let node = key.node();
        let longest = usize::from(node.max_subkey_name.get());
        if longest < entries.longest_name {
            self.add(at, Rule::MaxSubkeyName, || {
                format!("expected at least {}, found {longest}", entries.longest_name)
            });
        }
        let longest = node.max_subkey_class.get();
        if longest < entries.longest_class.into() {
            self.add(at, Rule::MaxClass, || {
                format!("expected at least {}, found {longest}", entries.longest_class)
            });
        }
        lists
    }

    fn lists(&mut self, key: &Key<'h>) -> Vec<List<'h>> {
        let top = match self.list(CellOffset::new(key.node().subkey_list.get())) {
            Some(top) if top.kind == ListKind::Root => top,
            other => return other.into_iter().collect(),
        };
        if top.len() == 0 {
            self.add(top.at, Rule::RootListEmpty, || "expected a list".to_owned());
        }
        let mut lists = Vec::new();
        for index in 0..top.len() {
            let at = top.cell(index).unwrap_or(CellOffset::NIL);
            match self.list(at) {
                Some(list) if list.kind == ListKind::Root => {
                    self.add(at, Rule::ListSignature, || "an ri under an ri".to_owned());
                }
                list => lists.extend(list),
            }
        }
        lists
    }

    fn list(&mut self, at: CellOffset) -> Option<List<'h>> {
        self.claim(at, Record::SubkeyList, size_of::<ListHeader>() as u64)?;
        List::new(self.image, at).map_err(|error| self.add_error(&error)).ok()
    }

    fn kind(&mut self, list: &List<'h>) {
        if list.len() == 0 {
            self.add(list.at, Rule::ListEmpty, || "expected a key".to_owned());
        }
        let minor = self.image.minor();
        let rule = match list.kind {
            ListKind::Hash if minor < 5 => Rule::ListNew,
            ListKind::Fast if minor >= 5 => Rule::ListOld,
            ListKind::Fast if minor < 3 => Rule::ListHints,
            _ => return,
        };
        self.add(list.at, rule, || {
            format!("{} in version 1.{minor}", list.kind.signature().escape_ascii())
        });
    }

    fn entry(&mut self, list: &List<'h>, index: usize, entries: &mut Entries<'h>) {
        let at = list.cell(index).unwrap_or(CellOffset::NIL);
        if !at.get().is_multiple_of(8) || !self.allocated.contains(at.get() as usize / 8) {
            return;
        }
        // A cell that is no key is reported when it is visited.
        let Ok(subkey) = Key::new(self.image, at) else { return };
        let name = subkey.stored_name();
        entries.longest_name = entries.longest_name.max(name.len() * 2);
        entries.longest_class = entries.longest_class.max(subkey.node().class_len.get());
        if let Some(previous) = entries.previous.replace(name) {
            let rule = match previous.cmp_ignore_case(name.units()) {
                Ordering::Less => None,
                Ordering::Equal => Some(Rule::SubkeyTwice),
                Ordering::Greater => Some(Rule::SubkeyOrder),
            };
            if let Some(rule) = rule {
                self.add(at, rule, || format!("{name:?} after {previous:?}"));
            }
        }
        self.hint(list, index, at, name);
    }

    fn hint(&mut self, list: &List<'h>, index: usize, at: CellOffset, name: StoredName<'h>) {
        let Some(stored) = list.hint(index) else { return };
        if list.kind == ListKind::Hash {
            let (stored, expected) = (u32::from_le_bytes(stored), lh_hash(name.units()));
            if stored != expected {
                self.add(at, Rule::Hash, || {
                    format!("expected {expected:#010x} for {name:?}, found {stored:#010x}")
                });
            }
            return;
        }
        let expected = lf_hint(name.units());
        if stored == expected {
            return;
        }
        let wide = name.units().take(4).any(|unit| unit > 255);
        let harmless = (wide && stored[0] == 0) || stored.eq_ignore_ascii_case(&expected);
        let rule = if harmless { Rule::HintCase } else { Rule::Hint };
        self.add(at, rule, || {
            let (expected, stored) = (expected.escape_ascii(), stored.escape_ascii());
            format!("expected \"{expected}\" for {name:?}, found \"{stored}\"")
        });
    }
}

/// Totals over all lists of a key.
#[derive(Default)]
struct Entries<'h> {
    previous: Option<StoredName<'h>>,
    longest_name: usize,
    longest_class: u16,
}
