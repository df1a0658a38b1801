//! What edits come to.

use std::collections::BTreeMap;

use winpe_registry::{Edit, KeyPath, Op, Value, ValueName};

/// The keys and values that edits are about, and what each is in the end.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Whether each key is there.
    pub(crate) keys: BTreeMap<KeyPath, bool>,
    /// What each value is; `None` is not there.
    values: BTreeMap<KeyPath, BTreeMap<ValueName, Option<Value>>>,
}

impl Outcome {
    pub(crate) fn of<'a>(edits: impl IntoIterator<Item = &'a Edit>) -> Self {
        let mut outcome = Self::default();
        for edit in edits {
            outcome.add(edit);
        }
        outcome
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = (&KeyPath, &ValueName, Option<&Value>)> {
        self.values.iter().flat_map(|(key, values)| {
            values.iter().map(move |(name, value)| (key, name, value.as_ref()))
        })
    }

    fn add(&mut self, edit: &Edit) {
        let Edit { key, op, .. } = edit;
        match op {
            Op::CreateKey => self.create(key),
            Op::DeleteKey => {
                remove_below(&mut self.keys, key);
                remove_below(&mut self.values, key);
                self.keys.insert(key.clone(), false);
            }
            Op::SetValue { name, value } => {
                self.create(key);
                self.set(key, name, Some(value.clone()));
            }
            Op::DeleteValue { name } => self.set(key, name, None),
        }
    }

    /// What makes a key makes those above it.
    fn create(&mut self, key: &KeyPath) {
        for depth in 0..key.depth() {
            if let Some(is_there) = self.keys.get_mut(&key.prefix(depth)) {
                *is_there = true;
            }
        }
        self.keys.insert(key.clone(), true);
    }

    fn set(&mut self, key: &KeyPath, name: &ValueName, value: Option<Value>) {
        self.values.entry(key.clone()).or_default().insert(name.clone(), value);
    }
}

/// Paths are ordered name by name, so that what lies below a key follows it.
fn remove_below<T>(map: &mut BTreeMap<KeyPath, T>, key: &KeyPath) {
    let below = map.range(key.clone()..).map(|(path, _)| path);
    let gone: Vec<_> = below.take_while(|path| path.starts_with(key)).cloned().collect();
    for path in gone {
        map.remove(&path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &str) -> KeyPath {
        path.parse().unwrap()
    }

    fn set(path: &str, name: &str, number: u32) -> Edit {
        Edit::set_value(key(path), ValueName::new(name).unwrap(), Value::dword(number))
    }

    #[test]
    fn the_outcome_of_edits_is_their_last_word() {
        let edits = [
            set(r"a\b", "x", 1),
            set(r"a\b", "x", 2),
            set(r"a\bb", "x", 1),
            Edit::delete_key(key(r"A\B")),
            set(r"a\b\c", "y", 3),
        ];
        let outcome = Outcome::of(&edits);
        let keys: Vec<_> = outcome.keys.clone().into_iter().collect();
        assert_eq!(keys, [(key(r"a\b"), true), (key(r"a\b\c"), true), (key(r"a\bb"), true)]);
        let values: Vec<_> = outcome.values().map(|(key, _, value)| (key.clone(), value)).collect();
        let (one, three) = (Value::dword(1), Value::dword(3));
        assert_eq!(values, [(key(r"a\b\c"), Some(&three)), (key(r"a\bb"), Some(&one))]);
    }

    /// A record of an image can be hostile, and is as large as it may be.
    #[test]
    fn many_edits_are_summed_up_soon() {
        let edits = (0..300_000).map(|number| set(&format!(r"a\{}", number % 70_000), "x", number));
        let edits: Vec<_> = edits.chain([Edit::delete_key(key("a"))]).collect();
        assert_eq!(Outcome::of(&edits).keys.len(), 1);
    }
}
