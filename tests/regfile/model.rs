//! A minimal registry that edits can be applied to.

use std::collections::BTreeMap;

use winpe_registry::{Edit, KeyPath, Op, Value, ValueName};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Registry {
    pub(crate) keys: BTreeMap<KeyPath, BTreeMap<ValueName, Value>>,
}

impl Registry {
    pub(crate) fn of(edits: impl IntoIterator<Item = Edit>) -> Self {
        let mut registry = Self::default();
        edits.into_iter().for_each(|edit| registry.apply(edit));
        registry
    }

    pub(crate) fn apply(&mut self, edit: Edit) {
        match edit.op {
            Op::CreateKey => {
                self.create(&edit.key);
            }
            Op::DeleteKey => self.keys.retain(|key, _| !key.starts_with(&edit.key)),
            Op::SetValue { name, value } => {
                self.create(&edit.key).insert(name, value);
            }
            Op::DeleteValue { name } => {
                self.keys.get_mut(&edit.key).and_then(|values| values.remove(&name));
            }
        }
    }

    fn create(&mut self, key: &KeyPath) -> &mut BTreeMap<ValueName, Value> {
        for depth in 1..key.depth() {
            self.keys.entry(key.prefix(depth)).or_default();
        }
        self.keys.entry(key.clone()).or_default()
    }
}
