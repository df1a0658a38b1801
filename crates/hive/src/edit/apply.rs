//! One edit of the vocabulary: precondition, deed, and what was there before.

use winpe_registry::{Before, Edit, KeyPath, Op, Precondition, Value, ValueName};

use super::{Refusal, Store};
use crate::format::CellOffset;

impl Store {
    /// Does what the edit says, within a transaction.
    pub(crate) fn apply(&mut self, edit: &Edit) -> Result<Before, Refusal> {
        let (at, missing) = self.resolve(&edit.key)?;
        match &edit.op {
            Op::CreateKey => {
                check_key(edit.expect.as_ref(), missing == 0)?;
                self.create_keys(at, &edit.key, missing)?;
                Ok(Before::Key { missing })
            }
            Op::DeleteKey => {
                check_key(edit.expect.as_ref(), missing == 0)?;
                if missing > 0 {
                    return Ok(Before::Tree(None));
                }
                self.delete_tree(&edit.key)
            }
            Op::SetValue { name, value: new } => {
                let old = self.value_at(at, missing, name)?;
                check_value(edit.expect.as_ref(), old.as_ref())?;
                if missing > 0 || old.as_ref() != Some(new) {
                    let key = self.create_keys(at, &edit.key, missing)?;
                    self.set_value(key, name, new)?;
                }
                Ok(Before::Value { missing, value: old })
            }
            Op::DeleteValue { name } => {
                let old = self.value_at(at, missing, name)?;
                check_value(edit.expect.as_ref(), old.as_ref())?;
                if old.is_some() {
                    self.delete_value(at, name)?;
                }
                Ok(Before::Value { missing, value: old })
            }
        }
    }

    /// The key at a path and its parent; the root has none to change.
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

    fn value_at(
        &self,
        key: CellOffset,
        missing: usize,
        name: &ValueName,
    ) -> Result<Option<Value>, Refusal> {
        if missing > 0 {
            return Ok(None);
        }
        Ok(self.key(key)?.value(name)?)
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
