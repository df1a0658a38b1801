//! Edits of a registry, their preconditions, and the changes (with the old state) that applied
//! edits return.

use crate::{KeyPath, NtString, Value, ValueName};

/// One edit of a registry, and its precondition.
///
/// ```
/// use winpe_registry::{Edit, Precondition, Value, ValueName};
/// let key = r"ControlSet001\Services\MSiSCSI".parse()?;
/// let edit = Edit::set_value(key, ValueName::new("Start")?, Value::dword(2))
///     .expecting(Precondition::Equals(Value::dword(3)));
/// assert!(edit.expect.is_some());
/// # Ok::<(), winpe_registry::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Edit {
    /// The key concerned.
    pub key: KeyPath,
    /// What to do.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub op: Op,
    /// Checked before the edit. An edit whose precondition fails is refused and changes nothing. In a box, because few
    /// edits have one and each edit would be a third larger.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub expect: Option<Box<Precondition>>,
}

impl Edit {
    /// Creates the key and its missing parents. Changes nothing if the key exists.
    #[must_use]
    pub fn create_key(key: KeyPath) -> Self {
        Self { key, op: Op::CreateKey, expect: None }
    }

    /// Deletes the key with all its values and subkeys. Changes nothing if the key does not exist.
    #[must_use]
    pub fn delete_key(key: KeyPath) -> Self {
        Self { key, op: Op::DeleteKey, expect: None }
    }

    /// Sets a value, creating the key and its missing parents.
    #[must_use]
    pub fn set_value(key: KeyPath, name: ValueName, value: Value) -> Self {
        Self { key, op: Op::SetValue { name, value }, expect: None }
    }

    /// Deletes a value. Changes nothing if the key or the value does not exist.
    #[must_use]
    pub fn delete_value(key: KeyPath, name: ValueName) -> Self {
        Self { key, op: Op::DeleteValue { name }, expect: None }
    }

    /// The same edit with a precondition.
    #[must_use]
    pub fn expecting(mut self, precondition: Precondition) -> Self {
        self.expect = Some(Box::new(precondition));
        self
    }
}

/// What an [`Edit`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "op", rename_all = "kebab-case")
)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Op {
    /// Create a key and its missing parents.
    CreateKey,
    /// Delete a key with everything below it.
    DeleteKey,
    /// Set a value.
    SetValue {
        /// The name of the value.
        name: ValueName,
        /// The new type and data.
        value: Value,
    },
    /// Delete a value.
    DeleteValue {
        /// The name of the value.
        name: ValueName,
    },
}

/// A condition on the value (for value edits) or on the key (for key edits) that an edit concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "is", content = "value", rename_all = "kebab-case")
)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Precondition {
    /// It exists.
    Present,
    /// It does not exist.
    Absent,
    /// It exists and is exactly this; never true of a key.
    Equals(Value),
}

/// An edit that was applied, and what was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Change {
    /// The edit.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub edit: Edit,
    /// The state before the edit.
    pub before: Before,
}

/// The state that an edit found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Before {
    /// For [`Op::CreateKey`].
    Key {
        /// How many keys at the end of the path did not exist; 0 if the key was there.
        missing: usize,
    },
    /// For [`Op::SetValue`] and [`Op::DeleteValue`].
    Value {
        /// How many keys at the end of the path did not exist.
        missing: usize,
        /// The value that was there.
        value: Option<Value>,
    },
    /// For [`Op::DeleteKey`]: the tree that was there.
    Tree(Option<Box<KeyTree>>),
}

impl Change {
    /// Whether the edit left everything as it was.
    ///
    /// ```
    /// use winpe_registry::{Before, Change, Edit, Value, ValueName};
    /// let edit = Edit::set_value("K".parse()?, ValueName::default(), Value::dword(1));
    /// let before = Before::Value { missing: 0, value: Some(Value::dword(1)) };
    /// assert!(Change { edit, before }.is_noop());
    /// # Ok::<(), winpe_registry::NameError>(())
    /// ```
    #[must_use]
    pub fn is_noop(&self) -> bool {
        match (&self.edit.op, &self.before) {
            (Op::SetValue { value: new, .. }, Before::Value { value: old, .. }) => {
                old.as_ref() == Some(new)
            }
            (_, Before::Value { value, .. }) => value.is_none(),
            (_, Before::Key { missing }) => *missing == 0,
            (_, Before::Tree(tree)) => tree.is_none(),
        }
    }

    /// The edits that undo this one, in order. They restore names, values and classes, but not what
    /// a `.reg` file cannot express (times, security, the position of a value among its siblings).
    ///
    /// ```
    /// use winpe_registry::{Before, Change, Edit};
    /// let change = Change {
    ///     edit: Edit::create_key(r"a\b\c".parse()?),
    ///     before: Before::Key { missing: 2 },
    /// };
    /// assert_eq!(change.inverse(), [Edit::delete_key(r"a\b".parse()?)]);
    /// # Ok::<(), winpe_registry::NameError>(())
    /// ```
    #[must_use]
    pub fn inverse(&self) -> Vec<Edit> {
        let edits = self.inverse_by_key();
        match (&self.before, edits.last()) {
            // Deleting the topmost created key deletes all that is below it.
            (Before::Key { missing: 1.. } | Before::Value { missing: 1.., .. }, Some(topmost)) => {
                vec![topmost.clone()]
            }
            _ => edits,
        }
    }

    /// As [`inverse`](Self::inverse), but a value is deleted by itself and each created key by itself, the
    /// innermost first, so that a caller can leave a key alone that holds something else by now.
    ///
    /// ```
    /// use winpe_registry::{Before, Change, Edit};
    /// let change = Change {
    ///     edit: Edit::create_key(r"a\b\c".parse()?),
    ///     before: Before::Key { missing: 2 },
    /// };
    /// let [inner, outer] = [r"a\b\c".parse()?, r"a\b".parse()?].map(Edit::delete_key);
    /// assert_eq!(change.inverse_by_key(), [inner, outer]);
    /// # Ok::<(), winpe_registry::NameError>(())
    /// ```
    #[must_use]
    pub fn inverse_by_key(&self) -> Vec<Edit> {
        if self.is_noop() {
            return vec![];
        }
        let key = &self.edit.key;
        let (mut edits, missing) = match (&self.before, &self.edit.op) {
            (
                Before::Value { missing, value },
                Op::SetValue { name, .. } | Op::DeleteValue { name },
            ) => {
                let edit = match value {
                    Some(value) => Edit::set_value(key.clone(), name.clone(), value.clone()),
                    None => Edit::delete_value(key.clone(), name.clone()),
                };
                (vec![edit], *missing)
            }
            (Before::Key { missing }, _) => (vec![], *missing),
            (Before::Tree(Some(tree)), _) => (tree.edits(key), 0),
            _ => (vec![], 0),
        };
        let above = key.depth().saturating_sub(missing);
        let created = (above + 1..=key.depth()).rev();
        edits.extend(created.map(|depth| Edit::delete_key(key.prefix(depth))));
        edits
    }
}

/// A key with all its values and subkeys, in the hive's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct KeyTree {
    /// The class name; empty for nearly every key.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "NtString::is_empty"))]
    pub class: NtString,
    /// Names and values.
    pub values: Vec<(ValueName, Value)>,
    /// Names and subkeys.
    pub subkeys: Vec<(crate::KeyName, KeyTree)>,
}

impl KeyTree {
    /// The edits that create this tree at `key`, parents before children.
    #[must_use]
    pub fn edits(&self, key: &KeyPath) -> Vec<Edit> {
        let mut edits = vec![Edit::create_key(key.clone())];
        for (name, value) in &self.values {
            edits.push(Edit::set_value(key.clone(), name.clone(), value.clone()));
        }
        for (name, subkey) in &self.subkeys {
            edits.extend(subkey.edits(&key.child(name.clone())));
        }
        edits
    }

    /// The number of keys (itself included) and of values.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        self.subkeys.iter().fold((1, self.values.len()), |(keys, values), (_, subkey)| {
            let (below, held) = subkey.count();
            (keys + below, values + held)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyName;

    #[test]
    fn the_inverse_of_a_deletion_creates_parents_before_children() {
        let leaf =
            KeyTree { values: vec![(ValueName::default(), Value::dword(1))], ..KeyTree::default() };
        let tree =
            KeyTree { subkeys: vec![(KeyName::new("sub").unwrap(), leaf)], ..KeyTree::default() };
        assert_eq!(tree.count(), (2, 1));
        let key: KeyPath = r"top\gone".parse().unwrap();
        let change = Change {
            edit: Edit::delete_key(key.clone()),
            before: Before::Tree(Some(Box::new(tree))),
        };
        let sub: KeyPath = r"top\gone\sub".parse().unwrap();
        assert_eq!(
            change.inverse(),
            [
                Edit::create_key(key),
                Edit::create_key(sub.clone()),
                Edit::set_value(sub, ValueName::default(), Value::dword(1)),
            ]
        );
    }

    #[test]
    fn setting_a_value_in_a_new_key_is_undone_by_deleting_the_key() {
        let edit = Edit::set_value("k".parse().unwrap(), ValueName::default(), Value::dword(1));
        let change = Change { edit, before: Before::Value { missing: 1, value: None } };
        assert_eq!(change.inverse(), [Edit::delete_key("k".parse().unwrap())]);
        let value = Edit::delete_value("k".parse().unwrap(), ValueName::default());
        let key = Edit::delete_key("k".parse().unwrap());
        assert_eq!(change.inverse_by_key(), [value, key]);
        assert!(!change.is_noop());
    }

    #[test]
    fn deleting_a_missing_key_or_value_changes_nothing() {
        for (edit, before) in [
            (Edit::delete_key("k".parse().unwrap()), Before::Tree(None)),
            (
                Edit::delete_value("k".parse().unwrap(), ValueName::default()),
                Before::Value { missing: 1, value: None },
            ),
        ] {
            let change = Change { edit, before };
            assert!(change.is_noop());
            assert_eq!(change.inverse(), []);
        }
    }
}
