//! What a hive must hold after edits, computed from the edits alone and never from what the editor reports.

use std::collections::BTreeMap;

use winpe_registry::{Edit, KeyName, KeyPath, Op, Value, ValueName};

/// What edits say of one key and of those below it. Values are those of the edits, not copies.
#[derive(Debug, Default)]
pub(crate) struct ExpectedState<'e> {
    /// Whether the key must exist; `None` if that is as before.
    pub(super) exists: Option<bool>,
    /// Whether an edit creates or deletes this key itself, or sets a value in it.
    named: bool,
    /// Whether the key was deleted by an edit, so that nothing of the old key may be left.
    pub(super) emptied: bool,
    /// Values that are set (`Some`) and deleted (`None`).
    pub(super) values: BTreeMap<&'e ValueName, Option<&'e Value>>,
    pub(super) subkeys: BTreeMap<KeyName, ExpectedState<'e>>,
}

impl<'e> ExpectedState<'e> {
    /// The state after these edits, in order.
    pub(crate) fn of(edits: impl IntoIterator<Item = &'e Edit>) -> Self {
        let mut state = Self::default();
        edits.into_iter().for_each(|edit| state.add(&edit.key, &edit.op));
        state
    }

    /// Adds one more edit of a key, which is relative to this one.
    pub(crate) fn add(&mut self, key: &KeyPath, op: &'e Op) {
        match op {
            Op::CreateKey => {
                self.create(key);
            }
            Op::SetValue { name, value } => {
                self.create(key).values.insert(name, Some(value));
            }
            Op::DeleteValue { name } => {
                self.at(key).values.insert(name, None);
            }
            Op::DeleteKey => {
                let deleted =
                    Self { exists: Some(false), named: true, emptied: true, ..Self::default() };
                *self.at(key) = deleted;
            }
        }
    }

    /// Whether this key must exist, if an edit names it. A key that is only above a named one is not.
    pub(crate) fn named_key(&self) -> Option<bool> {
        self.exists.filter(|_| self.named)
    }

    /// The values of this key that edits set, and `None` for those that they delete.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'e ValueName, Option<&'e Value>)> {
        self.values.iter().map(|(name, value)| (*name, *value))
    }

    /// Shows this key and all below it, each key before its subkeys.
    pub(crate) fn visit<E>(
        &self,
        see: &mut impl FnMut(&KeyPath, &Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.visit_below(&mut KeyPath::root(), see)
    }

    fn visit_below<E>(
        &self,
        path: &mut KeyPath,
        see: &mut impl FnMut(&KeyPath, &Self) -> Result<(), E>,
    ) -> Result<(), E> {
        see(path, self)?;
        for (name, below) in &self.subkeys {
            path.push(name.clone());
            below.visit_below(path, see)?;
            path.pop();
        }
        Ok(())
    }

    fn at(&mut self, key: &KeyPath) -> &mut Self {
        key.names().iter().fold(self, |state, name| state.subkeys.entry(name.clone()).or_default())
    }

    /// Creates a key with the missing keys above it.
    fn create(&mut self, key: &KeyPath) -> &mut Self {
        let created = key.names().iter().fold(self, |state, name| {
            let emptied = state.emptied;
            let state = state.subkeys.entry(name.clone()).or_default();
            state.exists = Some(true);
            state.emptied |= emptied;
            state
        });
        created.named = true;
        created
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn key(path: &str) -> KeyPath {
        path.parse().unwrap()
    }

    fn set(path: &str, name: &str, number: u32) -> Edit {
        Edit::set_value(key(path), ValueName::new(name).unwrap(), Value::dword(number))
    }

    #[test]
    fn the_last_edit_of_a_key_or_value_decides() {
        let edits = [
            set(r"a\b", "x", 1),
            set(r"a\b", "x", 2),
            set(r"a\bb", "x", 1),
            Edit::delete_key(key(r"A\B")),
            set(r"a\b\c", "y", 3),
        ];
        let (keys, values) = listed(&ExpectedState::of(&edits));
        assert_eq!(keys, [(key(r"a\b"), true), (key(r"a\b\c"), true), (key(r"a\bb"), true)]);
        let (one, three) = (Some(Value::dword(1)), Some(Value::dword(3)));
        assert_eq!(values, [(key(r"a\b\c"), three), (key(r"a\bb"), one)]);
    }

    type Keys = Vec<(KeyPath, bool)>;
    type Values = Vec<(KeyPath, Option<Value>)>;

    /// The keys that edits name, and the values, in the order of the visit.
    fn listed(state: &ExpectedState) -> (Keys, Values) {
        let (mut keys, mut values) = (vec![], vec![]);
        let seen: Result<(), Infallible> = state.visit(&mut |path, state| {
            keys.extend(state.named_key().map(|exists| (path.clone(), exists)));
            values.extend(state.values().map(|(_, value)| (path.clone(), value.cloned())));
            Ok(())
        });
        seen.unwrap();
        (keys, values)
    }

    #[test]
    fn a_key_above_a_new_key_is_expected_only_if_an_edit_names_it() {
        let deleted = Edit::delete_key(key("a"));
        let (keys, _) = listed(&ExpectedState::of(&[deleted, set(r"a\b\c", "x", 1)]));
        assert_eq!(keys, [(key("a"), true), (key(r"a\b\c"), true)]);
        let gone = Edit::delete_value(key("z"), ValueName::new("x").unwrap());
        let (keys, values) = listed(&ExpectedState::of(&[gone]));
        assert_eq!((keys, values), (vec![], vec![(key("z"), None)]));
    }

    /// The record of a hostile image is as large as the limit allows.
    #[test]
    fn many_edits_are_summed_up_quickly() {
        let edits = (0..300_000).map(|number| set(&format!(r"a\{}", number % 70_000), "x", number));
        let edits: Vec<_> = edits.chain([Edit::delete_key(key("a"))]).collect();
        assert_eq!(listed(&ExpectedState::of(&edits)), (vec![(key("a"), false)], vec![]));
    }
}
