//! `Diff`: the differences between two key trees.

use std::cmp::Ordering;

use thiserror::Error;
use winpe_registry::{Before, Change, Edit, KeyName, KeyPath, NtString, Op, Value, ValueName};

use crate::format::KeyFlags;
use crate::read::{Key, NameIndex, ReadError, Visit, Walk, WalkValues, subtree};
use crate::{StoredName, ValueEntry};

/// One difference between two trees. Paths are relative to the two compared keys.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// A key or a value: an edit that brings the old tree closer to the new one; `before` is the
    /// state in the old tree.
    Change(Change),
    /// The name of a key that is in both trees has capitals where the old one has small letters, or the other
    /// way round.
    KeyCase {
        /// The key, with its new name.
        key: KeyPath,
        /// The old name.
        old: NtString,
    },
    /// The same of a value.
    ValueCase {
        /// The key.
        key: KeyPath,
        /// The old name.
        old: ValueName,
        /// The new name.
        new: ValueName,
    },
    /// The class name of a key.
    Class {
        /// The key.
        key: KeyPath,
        /// The old class; empty for none and for a new key.
        old: NtString,
        /// The new class.
        new: NtString,
    },
    /// The security descriptor of a key that is in both trees, self-relative.
    Security {
        /// The key.
        key: KeyPath,
        /// The old descriptor.
        old: Vec<u8>,
        /// The new descriptor.
        new: Vec<u8>,
    },
    /// The flags of a key that is in both trees, except for the flag of its name's encoding.
    Flags {
        /// The key.
        key: KeyPath,
        /// The old flags.
        old: KeyFlags,
        /// The new flags.
        new: KeyFlags,
    },
}

/// A part of one of the two trees cannot be read. The comparison continues after it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DiffError {
    /// In the old tree.
    #[error("old: {0}")]
    Old(#[source] ReadError),
    /// In the new tree.
    #[error("new: {0}")]
    New(#[source] ReadError),
}

/// The edits that turn `old` into `new`, key by key in the order of the hive.
///
/// Names compare without case; a name whose case differs is a difference beside the edits, since an edit
/// keeps the name that is there. Times are not compared, and neither is the order of values. Both trees
/// are read once, side by side; no more is held than one key's values, and a deleted tree.
///
/// ```
/// use winpe_hive::{Difference, FileTime, Hive, diff};
/// use winpe_registry::{Edit, KeyName, Value, ValueName};
///
/// let name = KeyName::new("ROOT")?;
/// let old = Hive::create(5, &name, FileTime::from_unix(0))?;
/// let mut new = Hive::create(5, &name, FileTime::from_unix(0))?;
/// let start = Edit::set_value("Service".parse()?, ValueName::new("Start")?, Value::dword(2));
/// new.apply(&start)?;
///
/// let found: Vec<_> = diff(old.root(), new.root()).collect::<Result<_, _>>()?;
/// let edits = found.iter().map(|difference| match difference {
///     Difference::Change(change) => &change.edit,
///     other => panic!("{other:?}"),
/// });
/// assert!(edits.eq([&Edit::create_key("Service".parse()?), &start]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn diff<'o, 'n>(old: Key<'o>, new: Key<'n>) -> Diff<'o, 'n> {
    Diff { old: Side::new(old), new: Side::new(new), path: KeyPath::root(), ready: Vec::new() }
}

/// The differences between two trees; see [`diff`].
pub struct Diff<'o, 'n> {
    old: Side<'o>,
    new: Side<'n>,
    /// The path of the key that was compared last.
    path: KeyPath,
    /// Pending differences of that key, the next one last.
    ready: Vec<Result<Difference, DiffError>>,
}

/// A walk with a lookahead of one key.
struct Side<'h> {
    walk: Walk<'h>,
    next: Option<Visit<'h>>,
}

impl<'h> Side<'h> {
    fn new(key: Key<'h>) -> Self {
        Self { walk: key.walk().by_name(), next: None }
    }

    /// The next key, without taking it; errors are passed to `failed`.
    fn peek(&mut self, mut failed: impl FnMut(ReadError)) -> Option<Visit<'h>> {
        while self.next.is_none() {
            match self.walk.next()? {
                Ok(visit) => self.next = Some(visit),
                Err(error) => failed(error),
            }
        }
        self.next
    }
}

impl Iterator for Diff<'_, '_> {
    type Item = Result<Difference, DiffError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(difference) = self.ready.pop() {
                return Some(difference);
            }
            self.step()?;
            self.ready.reverse();
        }
    }
}

impl<'o, 'n> Diff<'o, 'n> {
    /// Takes the next key of one tree or of both. Both walks run in the order of names, whatever order the
    /// lists have, and parents come first, so the deeper of two keys lies below a key that both have seen, and only its own
    /// tree has it; of two at one depth, the lesser is missing in the other tree.
    fn step(&mut self) -> Option<()> {
        let ready = &mut self.ready;
        let old = self.old.peek(|error| ready.push(Err(DiffError::Old(error))));
        let new = self.new.peek(|error| ready.push(Err(DiffError::New(error))));
        match (old, new) {
            (None, None) if self.ready.is_empty() => return None,
            (None, None) => {}
            (Some(old), None) => self.removed(old),
            (None, Some(new)) => self.added(new),
            (Some(old), Some(new)) => match old.depth.cmp(&new.depth) {
                Ordering::Greater => self.removed(old),
                Ordering::Less => self.added(new),
                Ordering::Equal if old.depth == 0 => self.both(old, new),
                Ordering::Equal => match compare(old.key.stored_name(), new.key.stored_name()) {
                    Ordering::Less => self.removed(old),
                    Ordering::Greater => self.added(new),
                    Ordering::Equal => self.both(old, new),
                },
            },
        }
        Some(())
    }

    fn removed(&mut self, old: Visit<'o>) {
        self.enter(old);
        self.old.next = None;
        let side = &mut self.old;
        let tree = subtree(&mut side.walk, old, &mut side.next);
        let edit = Edit::delete_key(self.path.clone());
        self.ready.push(match tree {
            Ok(tree) => change(edit, Before::Tree(Some(Box::new(tree)))),
            Err(error) => Err(DiffError::Old(error)),
        });
    }

    fn added(&mut self, new: Visit<'n>) {
        self.enter(new);
        self.new.next = None;
        let edit = Edit::create_key(self.path.clone());
        self.ready.push(change(edit, Before::Key { missing: 1 }));
        match new.key.class() {
            Ok(class) => self.class(NtString::default(), class),
            Err(error) => self.ready.push(Err(DiffError::New(error))),
        }
        let values = values(self.new.walk.values(&new.key), DiffError::New, &mut self.ready);
        for value in &values {
            self.set(None, value);
        }
    }

    fn both(&mut self, old: Visit<'o>, new: Visit<'n>) {
        self.enter(new);
        (self.old.next, self.new.next) = (None, None);
        let (old_name, new_name) = (old.key.stored_name(), new.key.stored_name());
        if new.depth > 0 && !old_name.units().eq(new_name.units()) {
            let (key, old) = (self.path.clone(), old.key.name());
            self.ready.push(Ok(Difference::KeyCase { key, old }));
        }
        match (old.key.class(), new.key.class()) {
            (Ok(old), Ok(new)) => self.class(old, new),
            (Err(error), _) => self.ready.push(Err(DiffError::Old(error))),
            (_, Err(error)) => self.ready.push(Err(DiffError::New(error))),
        }
        let stored = |key: &Key<'_>| KeyFlags(key.flags().0 & !KeyFlags::COMPRESSED_NAME.0);
        if stored(&old.key) != stored(&new.key) {
            let (old, new) = (old.key.flags(), new.key.flags());
            self.ready.push(Ok(Difference::Flags { key: self.path.clone(), old, new }));
        }
        match (old.key.security(), new.key.security()) {
            (Ok(old), Ok(new)) => {
                let old = old.map(|security| security.descriptor()).unwrap_or_default();
                let new = new.map(|security| security.descriptor()).unwrap_or_default();
                if old != new {
                    let (key, old, new) = (self.path.clone(), old.to_vec(), new.to_vec());
                    self.ready.push(Ok(Difference::Security { key, old, new }));
                }
            }
            (Err(error), _) => self.ready.push(Err(DiffError::Old(error))),
            (_, Err(error)) => self.ready.push(Err(DiffError::New(error))),
        }
        let old = values(self.old.walk.values(&old.key), DiffError::Old, &mut self.ready);
        let new = values(self.new.walk.values(&new.key), DiffError::New, &mut self.ready);
        self.values(&old, &new);
    }

    fn class(&mut self, old: NtString, new: NtString) {
        if old != new {
            self.ready.push(Ok(Difference::Class { key: self.path.clone(), old, new }));
        }
    }

    fn values(&mut self, old: &[ValueEntry<'_>], new: &[ValueEntry<'_>]) {
        let (old_names, new_names) = (NameIndex::of(old), NameIndex::of(new));
        for entry in old {
            if new_names.find(new, |name| compare(name, entry.stored_name())).is_none() {
                self.delete(entry);
            }
        }
        for entry in new {
            let before = old_names.find(old, |name| compare(name, entry.stored_name()));
            if let Some(old) = before
                && !old.stored_name().units().eq(entry.stored_name().units())
            {
                let key = self.path.clone();
                let [old, new] = [old.name(), entry.name()].map(ValueName::from_stored);
                self.ready.push(Ok(Difference::ValueCase { key, old, new }));
            }
            self.set(before, entry);
        }
    }

    fn delete(&mut self, old: &ValueEntry<'_>) {
        let edit = Edit::delete_value(self.path.clone(), ValueName::from_stored(old.name()));
        self.ready.push(match old.value() {
            Ok(value) => change(edit, Before::Value { missing: 0, value: Some(value) }),
            Err(error) => Err(DiffError::Old(error)),
        });
    }

    fn set(&mut self, old: Option<&ValueEntry<'_>>, new: &ValueEntry<'_>) {
        match before(old, new) {
            Ok(Some(value)) => {
                let (name, data) = (ValueName::from_stored(new.name()), new.value());
                self.ready.push(match data {
                    Ok(data) => {
                        let edit = Edit::set_value(self.path.clone(), name, data);
                        change(edit, Before::Value { missing: 0, value })
                    }
                    Err(error) => Err(DiffError::New(error)),
                });
            }
            Ok(None) => {}
            Err(error) => self.ready.push(Err(error)),
        }
    }

    /// Sets `path` to that of the visited key.
    fn enter(&mut self, visit: Visit<'_>) {
        while self.path.depth() >= visit.depth.max(1) {
            self.path.pop();
        }
        if visit.depth > 0 {
            self.path.push(KeyName::from_stored(visit.key.name()));
        }
    }
}

/// The old state of a value, if the new one differs from it or is new.
fn before(
    old: Option<&ValueEntry<'_>>,
    new: &ValueEntry<'_>,
) -> Result<Option<Option<Value>>, DiffError> {
    let Some(old) = old else { return Ok(Some(None)) };
    let old_data = old.data().map_err(DiffError::Old)?;
    if old.ty() == new.ty() && old_data == new.data().map_err(DiffError::New)? {
        return Ok(None);
    }
    Ok(Some(Some(Value::new(old.ty(), old_data))))
}

fn change(edit: Edit, before: Before) -> Result<Difference, DiffError> {
    debug_assert!(!matches!(&edit.op, Op::DeleteKey) || !edit.key.is_root(), "roots are compared");
    Ok(Difference::Change(Change { edit, before }))
}

fn values<'h>(
    values: WalkValues<'h, '_>,
    failed: impl Fn(ReadError) -> DiffError,
    errors: &mut Vec<Result<Difference, DiffError>>,
) -> Vec<ValueEntry<'h>> {
    let mut found = Vec::new();
    for entry in values {
        match entry {
            Ok(entry) => found.push(entry),
            Err(error) => errors.push(Err(failed(error))),
        }
    }
    found
}

fn compare(a: StoredName<'_>, b: StoredName<'_>) -> Ordering {
    a.cmp_ignore_case(b.units())
}
