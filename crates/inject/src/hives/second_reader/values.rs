//! Compares the values of a key with those before, and with what the edits say of them.

use std::collections::BTreeMap;
use std::ptr;

use winpe_registry::{KeyPath, Value, ValueName};

use super::disagreement::{Disagreement, NEW, differs, unreadable};
use super::seen::{Key, Place, Seen, values};
use crate::hives::ExpectedState;

pub(super) fn compare_values(
    old: Option<&Key>,
    new: &Key,
    expected: Option<&ExpectedState>,
    path: &KeyPath,
) -> Result<(), Disagreement> {
    let nothing = BTreeMap::new();
    let edited = expected.map_or(&nothing, |expected| &expected.values);
    let mut edits = SeenEdits { edited, found: vec![], wrong: None };
    // nt-hive reads the value list even of a key without values, where its offset may be anything. A list
    // that it could not read before the edit either is accepted, unless an edit concerns it.
    let old = old.map(|old| values(old, |name, _| edited.contains_key(name)));
    let (old, mut new) = match (old, values(new, |name, value| edits.see(name, value))) {
        (old, Ok(new)) => (old.and_then(Result::ok).unwrap_or_default(), new),
        (Some(Err(old)), Err(new)) if old == new && edited.is_empty() => return Ok(()),
        (_, Err(error)) => return Err(unreadable(NEW, path)(error)),
    };
    if let Some((expected, seen)) = edits.difference() {
        return Err(differs(path, &expected, &seen));
    }
    for (name, was) in old {
        let (seen, was) = (new.remove(&name).as_ref().map(Seen::of), Seen::of(&was));
        if seen.as_ref() != Some(&was) {
            let expected = format!("value {name:?} as before, {}", was.describe());
            return Err(differs(path, &expected, &seen.map_or("none".into(), Seen::describe)));
        }
    }
    match new.into_keys().next() {
        Some(name) => Err(differs(path, &format!("no value {name:?}"), "one")),
        None => Ok(()),
    }
}

/// The edited values of a key, and which of them are seen in the hive.
struct SeenEdits<'m, 'e> {
    edited: &'m BTreeMap<&'e ValueName, Option<&'e Value>>,
    found: Vec<&'e ValueName>,
    /// What is expected of the first value that differs, and what it is.
    wrong: Option<(String, String)>,
}

impl SeenEdits<'_, '_> {
    /// Compares a value that the hive has, if it is an edited one.
    fn see(&mut self, name: &ValueName, place: &Place<'_>) -> bool {
        let Some((&name, &value)) = self.edited.get_key_value(name) else { return false };
        self.found.push(name);
        let seen = Seen::of(place);
        if !value.is_some_and(|value| seen.is(value)) {
            self.wrong.get_or_insert_with(|| (wanted(name, value), seen.describe()));
        }
        true
    }

    /// What is expected of a value, and what is seen instead.
    fn difference(mut self) -> Option<(String, String)> {
        // The names are those of the edits, so one name is one address.
        let address = |name: &ValueName| ptr::from_ref(name).addr();
        self.found.sort_unstable_by_key(|name| address(name));
        let is_found =
            |name| self.found.binary_search_by_key(&address(name), |it| address(it)).is_ok();
        let twice = self.found.windows(2).find(|pair| ptr::eq(pair[0], pair[1]));
        let twice = twice.map(|pair| (format!("one value {:?}", pair[0]), "several".to_owned()));
        let mut set = self.edited.iter().filter(|(_, value)| value.is_some());
        let gone = set.find(|(name, _)| !is_found(name));
        let gone = gone.map(|(&name, &value)| (wanted(name, value), "none".to_owned()));
        self.wrong.or(twice).or(gone)
    }
}

fn wanted(name: &ValueName, value: Option<&Value>) -> String {
    match value {
        Some(value) => format!("value {name:?} = {value:?}"),
        None => format!("no value {name:?}"),
    }
}
