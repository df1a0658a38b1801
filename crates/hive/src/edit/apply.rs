//! Applies one `Edit`: checks the precondition, performs the operation, and returns the previous
//! state.

use winpe_registry::{Before, Change, Edit, KeyName, KeyPath, Op, Precondition, Value, ValueName};

use super::{Refusal, Store};
use crate::format::CellOffset;
use crate::read::{ReadError, ValueEntry};

impl Store {
    /// Applies the edit within a transaction. The returned change spells names as the hive stores
    /// them.
    pub(crate) fn apply(&mut self, edit: &Edit) -> Result<Change, Refusal> {
        let (at, missing, path) = self.resolve_spelled(&edit.key)?;
        let path = self.shared(path);
        let expect = edit.expect.as_deref();
        let mut edit = Edit { key: path, ..edit.clone() };
        let before = match &mut edit.op {
            Op::CreateKey => {
                check_key(expect, missing == 0)?;
                self.create_keys(at, &edit.key, missing)?;
                Before::Key { missing }
            }
            Op::DeleteKey => {
                check_key(expect, missing == 0)?;
                if missing == 0 { self.delete_tree(&edit.key)? } else { Before::Tree(None) }
            }
            Op::SetValue { name, value } => {
                let old = self.value_at(at, missing, name)?;
                check_value(expect, old.as_ref())?;
                if missing > 0 || old.as_ref() != Some(value) {
                    let key = self.create_keys(at, &edit.key, missing)?;
                    self.set_value(key, name, value)?;
                }
                Before::Value { missing, value: old }
            }
            Op::DeleteValue { name } => {
                let old = self.value_at(at, missing, name)?;
                check_value(expect, old.as_ref())?;
                if old.is_some() {
                    self.delete_value(at, name)?;
                }
                Before::Value { missing, value: old }
            }
        };
        Ok(Change { edit, before })
    }

    /// As [`Store::resolve`], but also returns the path, with existing names spelled as in the
    /// hive.
    fn resolve_spelled(&self, path: &KeyPath) -> Result<(CellOffset, usize, KeyPath), ReadError> {
        let mut key = self.key(self.root())?;
        let mut spelled = KeyPath::root();
        for name in path.names() {
            match key.subkey(name)? {
                Some(subkey) => key = subkey,
                None => break,
            }
            spelled.push(KeyName::from_stored(key.name()));
        }
        let missing = path.depth() - spelled.depth();
        path.names()[spelled.depth()..].iter().for_each(|name| spelled.push(name.clone()));
        Ok((key.offset(), missing, spelled))
    }

    /// Returns the path of the last edit if this one is spelled the same: many changes of one key
    /// then share the memory of one path.
    fn shared(&mut self, path: KeyPath) -> KeyPath {
        if !path.is_spelled_as(&self.spelled) {
            self.spelled = path;
        }
        self.spelled.clone()
    }

    /// The key at a path and its parent; fails for the root, which has no parent.
    pub(super) fn with_parent(&self, path: &KeyPath) -> Result<(CellOffset, CellOffset), Refusal> {
        let parent = path.parent().ok_or(Refusal::Root)?;
        match (self.resolve(&parent)?, self.resolve(path)?) {
            ((parent, _), (at, 0)) => Ok((parent, at)),
            _ => Err(Refusal::NoKey),
        }
    }

    fn delete_tree(&mut self, path: &KeyPath) -> Result<Before, Refusal> {
        let (parent, at) = self.with_parent(path)?;
        let tree = self.key(at)?.tree()?;
        self.delete_key(parent, at)?;
        Ok(Before::Tree(Some(Box::new(tree))))
    }

    /// The current value of a key; sets `name` to the stored spelling.
    fn value_at(
        &mut self,
        key: CellOffset,
        missing: usize,
        name: &mut ValueName,
    ) -> Result<Option<Value>, Refusal> {
        if missing > 0 {
            return Ok(None);
        }
        let Some(at) = self.find_value(key, name)? else { return Ok(None) };
        let entry = ValueEntry::new(self.image(), at)?;
        *name = ValueName::from_stored(entry.name());
        Ok(Some(entry.value()?))
    }
}

fn check_key(expected: Option<&Precondition>, exists: bool) -> Result<(), Refusal> {
    let holds = match expected {
        None => true,
        Some(Precondition::Present) => exists,
        Some(Precondition::Absent) => !exists,
        Some(Precondition::Equals(_)) => false,
    };
    settle(holds, expected, None, exists)
}

fn check_value(expected: Option<&Precondition>, found: Option<&Value>) -> Result<(), Refusal> {
    let holds = match expected {
        None => true,
        Some(Precondition::Present) => found.is_some(),
        Some(Precondition::Absent) => found.is_none(),
        Some(Precondition::Equals(value)) => found == Some(value),
    };
    settle(holds, expected, found, false)
}

fn settle(
    holds: bool,
    expected: Option<&Precondition>,
    found: Option<&Value>,
    is_key: bool,
) -> Result<(), Refusal> {
    match expected {
        Some(expected) if !holds => {
            Err(Refusal::Precondition { expected: expected.clone(), found: found.cloned(), is_key })
        }
        _ => Ok(()),
    }
}
