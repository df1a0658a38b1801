//! Reads keys and values of a Windows, from whichever hive holds them.

use std::collections::BTreeMap;

use winpe_hive::{Key, ReadError};
use winpe_registry::{KeyName, KeyPath, KeyTree, Value, ValueName, ValueType};

use super::control_set::ControlSets;
use super::{HiveError, HiveRoots, Opened, Origin, open_hive};
use crate::image::{ImagePath, Tree, pattern};

/// The hives of a Windows, each opened once. Keys are named as in a profile, under a hive root.
pub(crate) struct Hives<'a> {
    pub(crate) tree: Tree<'a>,
    roots: &'a HiveRoots,
    open: BTreeMap<ImagePath, Option<Opened>>,
}

impl<'a> Hives<'a> {
    pub(crate) fn new(tree: Tree<'a>, roots: &'a HiveRoots) -> Self {
        Self { tree, roots, open: BTreeMap::new() }
    }

    /// Expands `*` in a key path to the keys that exist. Plain names keep the given spelling.
    pub(crate) fn keys(&mut self, pattern: &KeyPath) -> Result<Vec<KeyPath>, HiveError> {
        let is_pattern = |name: &KeyName| pattern::is_pattern(&name.to_string());
        let Some(first) = pattern.names().iter().position(is_pattern) else {
            let found = self.with_key(pattern, |_| Ok(()))?;
            return Ok(found.map(|()| pattern.clone()).into_iter().collect());
        };
        let above = pattern.prefix(first);
        let wanted = &pattern.names()[first];
        let fitting = self.with_key(&above, |key| {
            let mut found = Vec::new();
            for subkey in key.subkeys() {
                let name = KeyName::from_stored(subkey?.name());
                if pattern::fits(wanted.units(), name.units()) {
                    found.push(name);
                }
            }
            Ok(found)
        })?;
        let mut keys = Vec::new();
        for name in fitting.unwrap_or_default() {
            let rest = pattern.names()[first + 1..].iter().cloned();
            let deeper = above.names().iter().cloned().chain([name]).chain(rest).collect();
            keys.extend(self.keys(&deeper)?);
        }
        Ok(keys)
    }

    /// As [`keys`](Self::keys), each with its values and subkeys.
    pub(crate) fn trees(
        &mut self,
        pattern: &KeyPath,
    ) -> Result<Vec<(KeyPath, KeyTree)>, HiveError> {
        let mut trees = Vec::new();
        for key in self.keys(pattern)? {
            if let Some(tree) = self.tree_at(&key)? {
                trees.push((key, tree));
            }
        }
        Ok(trees)
    }

    /// A key with its values and subkeys.
    pub(crate) fn tree_at(&mut self, key: &KeyPath) -> Result<Option<KeyTree>, HiveError> {
        self.with_key(key, |key| key.tree())
    }

    /// A value; `None` if the key or the value does not exist.
    pub(crate) fn value(
        &mut self,
        key: &KeyPath,
        name: &ValueName,
    ) -> Result<Option<Value>, HiveError> {
        Ok(self.with_key(key, |key| key.value(name))?.flatten())
    }

    /// The values of these names, in their order; `None` for each that does not exist.
    pub(crate) fn values<'n>(
        &mut self,
        key: &KeyPath,
        names: impl Iterator<Item = &'n ValueName>,
    ) -> Result<Vec<Option<Value>>, HiveError> {
        let names: Vec<_> = names.collect();
        let found = self.with_key(key, |key| key.values_named(names.iter().copied()))?;
        Ok(found.unwrap_or_else(|| vec![None; names.len()]))
    }

    /// Shows `visit` each value of the type of a text below a key: the path of its key, its name, its content.
    pub(crate) fn texts_below(
        &mut self,
        top: &KeyPath,
        visit: &mut dyn FnMut(&[KeyName], ValueName, Value),
    ) -> Result<(), HiveError> {
        let texts = [ValueType::SZ, ValueType::EXPAND_SZ, ValueType::MULTI_SZ];
        let read = |key: Key<'_>| {
            let mut path: Vec<KeyName> = Vec::new();
            let mut walk = key.walk();
            while let Some(found) = walk.next() {
                let found = found?;
                if let Some(above) = found.depth.checked_sub(1) {
                    path.truncate(above);
                    path.push(KeyName::from_stored(found.key.name()));
                }
                for value in walk.values(&found.key) {
                    let value = value?;
                    if texts.contains(&value.ty()) {
                        visit(&path, ValueName::from_stored(value.name()), value.value()?);
                    }
                }
            }
            Ok(())
        };
        self.with_key(top, read).map(drop)
    }

    /// Reads from a key; `None` if no root covers it, or the hive or key does not exist.
    fn with_key<T>(
        &mut self,
        key: &KeyPath,
        read: impl FnOnce(Key<'_>) -> Result<T, ReadError>,
    ) -> Result<Option<T>, HiveError> {
        let Some(location) = self.roots.locate(key) else { return Ok(None) };
        let file = &location.file;
        if !self.open.contains_key(file) {
            let opened = open_hive(self.tree, file)?;
            self.open.insert(file.clone(), opened);
        }
        let Some(opened) = self.open.get(file).and_then(Option::as_ref) else { return Ok(None) };
        let failed = |source| HiveError::Read { hive: file.clone(), source };
        let sets = ControlSets::of(&opened.hive, file)?;
        let origin = Origin::whole(self.tree.name());
        let within = sets.resolve(&location, &origin)?;
        let found = opened.hive.key(&within).map_err(failed)?;
        found.map(read).transpose().map_err(failed)
    }
}
