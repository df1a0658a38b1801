//! The second reader: an independent check of an edited hive.
//!
//! `nt-hive` shares no code with our editor. It reads the hive before and after the edits, and must see
//! each key and value as the [`ExpectedState`] says, and everything else unchanged. Subtrees that no edit
//! names are compared item by item, without collecting them.

mod disagreement;
mod seen;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nt_hive::{Hive, NtHiveError};
use winpe_registry::{KeyName, KeyPath};

use super::ExpectedState;
pub use disagreement::Disagreement;
use disagreement::{NEW, OLD, differs, unreadable};
use seen::{Key, Seen, text};
use values::compare_values;

/// Confirms that `new` is `old` with exactly the expected edits applied.
pub(crate) fn confirm(
    old: &[u8],
    new: &[u8],
    expected: &ExpectedState,
) -> Result<(), Disagreement> {
    // nt-hive has assertions on what it reads. The hive has passed our own check by now, so catching a
    // panic is the last line of defence and not a way to handle bad input.
    catch_unwind(AssertUnwindSafe(|| {
        let old = Hive::new(old).map_err(unreadable(OLD, &KeyPath::root()))?;
        let new = Hive::new(new).map_err(unreadable(NEW, &KeyPath::root()))?;
        let old = old.root_key_node().map_err(unreadable(OLD, &KeyPath::root()))?;
        let new = new.root_key_node().map_err(unreadable(NEW, &KeyPath::root()))?;
        let key = &mut KeyPath::root();
        compare(Some(&old), Some(&new), Some(expected), key)
    }))
    .unwrap_or(Err(Disagreement::Panicked))
}

fn compare(
    old: Option<&Key>,
    new: Option<&Key>,
    expected: Option<&ExpectedState>,
    path: &mut KeyPath,
) -> Result<(), Disagreement> {
    let old = old.filter(|_| !expected.is_some_and(|expected| expected.emptied));
    let exists = expected.and_then(|expected| expected.exists).unwrap_or(old.is_some());
    let Some(new) = new else {
        return if exists { Err(differs(path, "the key", "none")) } else { Ok(()) };
    };
    if !exists {
        return Err(differs(path, "no such key", "one"));
    }
    compare_values(old, new, expected, path)?;

    let old = match old {
        Some(old) => subkeys(old, OLD, path)?,
        None => BTreeMap::new(),
    };
    let new = subkeys(new, NEW, path)?;
    let named = expected.map(|expected| &expected.subkeys);
    let names: BTreeSet<&KeyName> =
        old.keys().chain(new.keys()).chain(named.into_iter().flat_map(BTreeMap::keys)).collect();
    for name in names {
        path.push(name.clone());
        match (old.get(name), new.get(name), named.and_then(|named| named.get(name))) {
            (Some(old), Some(new), None) => same(old, new, path)?,
            (old, new, expected) => compare(old, new, expected, path)?,
        }
        path.pop();
    }
    Ok(())
}

/// Compares a key that no edit names, nor any below it: names, values and their order must be unchanged.
fn same(old: &Key, new: &Key, path: &mut KeyPath) -> Result<(), Disagreement> {
    let mut pairs = Paired::new(old.values(), new.values());
    while let Some((old, new)) = pairs.next(path)? {
        let (name, new_name) = (
            old.name().map_err(unreadable(OLD, path))?,
            new.name().map_err(unreadable(NEW, path))?,
        );
        if name != new_name || Seen::of(&old) != Seen::of(&new) {
            return Err(differs(
                path,
                &format!("value {:?} as before", text(&name)),
                "a difference",
            ));
        }
    }
    let mut pairs = Paired::new(old.subkeys(), new.subkeys());
    while let Some((old, new)) = pairs.next(path)? {
        let (name, new_name) = (
            old.name().map_err(unreadable(OLD, path))?,
            new.name().map_err(unreadable(NEW, path))?,
        );
        if name != new_name {
            let expected = format!("subkey {:?}", text(&name));
            return Err(differs(path, &expected, &format!("subkey {:?}", text(&new_name))));
        }
        path.push(KeyName::from_stored(text(&name)));
        same(&old, &new, path)?;
        path.pop();
    }
    Ok(())
}

/// Two lists, item by item.
struct Paired<I> {
    old: Option<Result<I, NtHiveError>>,
    new: Option<Result<I, NtHiveError>>,
}

impl<T, I: Iterator<Item = Result<T, NtHiveError>>> Paired<I> {
    fn new(old: Option<Result<I, NtHiveError>>, new: Option<Result<I, NtHiveError>>) -> Self {
        Self { old, new }
    }

    fn next(&mut self, path: &KeyPath) -> Result<Option<(T, T)>, Disagreement> {
        match (item(&mut self.old), item(&mut self.new)) {
            (Ok(Some(old)), Ok(Some(new))) => Ok(Some((old, new))),
            (Ok(None), Ok(None)) => Ok(None),
            // Nothing here was to change, and what nt-hive cannot read is unchanged too.
            (Err(old), Err(new)) if old == new => Ok(None),
            (_, Err(error)) => Err(unreadable(NEW, path)(error)),
            (Err(error), _) => Err(unreadable(OLD, path)(error)),
            (Ok(old), Ok(_)) => {
                let (expected, seen) =
                    if old.is_some() { ("more", "less") } else { ("less", "more") };
                Err(differs(path, &format!("{expected} subkeys or values"), seen))
            }
        }
    }
}

fn item<T, I: Iterator<Item = Result<T, NtHiveError>>>(
    list: &mut Option<Result<I, NtHiveError>>,
) -> Result<Option<T>, NtHiveError> {
    match list {
        None => Ok(None),
        Some(Ok(items)) => items.next().transpose(),
        Some(Err(error)) => Err(error.clone()),
    }
}

/// The subkeys by name. In the edited hive, two of one name are an error.
fn subkeys<'h>(
    key: &Key<'h>,
    side: &'static str,
    path: &KeyPath,
) -> Result<BTreeMap<KeyName, Key<'h>>, Disagreement> {
    let unreadable = |source| unreadable(side, path)(source);
    let mut found = BTreeMap::new();
    if let Some(subkeys) = key.subkeys() {
        for subkey in subkeys.map_err(unreadable)? {
            let subkey = subkey.map_err(unreadable)?;
            let name = KeyName::from_stored(text(&subkey.name().map_err(unreadable)?));
            if found.insert(name.clone(), subkey).is_some() && side == NEW {
                return Err(differs(path, &format!("one subkey {name:?}"), "several"));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use winpe_hive::FileTime;
    use winpe_registry::{Edit, Value, ValueName};

    use super::*;

    fn key(path: &str) -> KeyPath {
        path.parse().unwrap()
    }

    fn set(path: &str, name: &str, number: u32) -> Edit {
        Edit::set_value(key(path), ValueName::new(name).unwrap(), Value::dword(number))
    }

    fn delete_value(path: &str, name: &str) -> Edit {
        Edit::delete_value(key(path), ValueName::new(name).unwrap())
    }

    /// A hive after these edits.
    fn hive(edits: &[Edit]) -> Vec<u8> {
        let name = KeyName::new("ROOT").unwrap();
        let mut hive = winpe_hive::Hive::create(5, &name, FileTime::from_unix(0)).unwrap();
        for edit in edits {
            hive.apply(edit).unwrap();
        }
        hive.into_bytes()
    }

    fn before() -> Vec<Edit> {
        vec![
            set(r"a\b", "one", 1),
            set(r"a\b", "two", 2),
            set(r"a\c\d", "deep", 3),
            set("z", "", 4),
        ]
    }

    /// What the reader says if `done` was done to the hive and `asked` was asked for.
    fn verdict(done: &[Edit], asked: &[Edit]) -> Result<(), Disagreement> {
        let old = hive(&before());
        let new = hive(&[&before()[..], done].concat());
        confirm(&old, &new, &ExpectedState::of(asked))
    }

    #[test]
    fn edits_that_were_done_are_confirmed() {
        for edits in [
            vec![],
            vec![set(r"a\b", "one", 7), set(r"A\B", "ONE", 8)],
            vec![set(r"new\key", "x", 1), Edit::create_key(key(r"new\other"))],
            vec![delete_value(r"a\b", "two"), delete_value("nowhere", "x")],
            vec![Edit::delete_key(key(r"a\c")), Edit::delete_key(key("nowhere"))],
            vec![Edit::delete_key(key("a")), set(r"a\b", "one", 1)],
            vec![set(r"q\r", "x", 1), Edit::delete_key(key("q"))],
        ] {
            verdict(&edits, &edits).unwrap();
        }
    }

    #[test]
    fn anything_else_is_an_error_that_names_the_key() {
        let one = [set(r"a\b", "one", 7)];
        for (done, asked, at) in [
            // Asked for and not done.
            (vec![], vec![set(r"a\b", "one", 7)], r"a\b"),
            (vec![], vec![delete_value(r"a\b", "two")], r"a\b"),
            (vec![], vec![Edit::create_key(key(r"a\n"))], r"a\n"),
            (vec![], vec![Edit::delete_key(key(r"a\c"))], r"a\c"),
            // Done differently.
            (vec![set(r"a\b", "one", 8)], one.to_vec(), r"a\b"),
            // Done and not asked for, beside the key and within it.
            (vec![one[0].clone(), set(r"a\b", "two", 9)], one.to_vec(), r"a\b"),
            (vec![one[0].clone(), set(r"a\c\d", "deep", 9)], one.to_vec(), r"a\c\d"),
            (vec![one[0].clone(), set(r"a\c\d", "more", 9)], one.to_vec(), r"a\c\d"),
            (vec![one[0].clone(), delete_value("z", "")], one.to_vec(), "z"),
            (vec![one[0].clone(), Edit::create_key(key(r"a\c\e"))], one.to_vec(), r"a\c"),
            (vec![one[0].clone(), Edit::delete_key(key("z"))], one.to_vec(), "z"),
            // Deleted and created again, but something of the old key is left.
            (
                vec![set(r"a\b", "one", 1)],
                vec![Edit::delete_key(key("a")), set(r"a\b", "one", 1)],
                r"a\b",
            ),
        ] {
            match verdict(&done, &asked) {
                Err(Disagreement::Differs { key, .. }) => assert_eq!(key, at, "{done:?}"),
                other => panic!("{done:?}, asked for {asked:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_hive_that_it_cannot_read_is_not_confirmed() {
        let old = hive(&before());
        let mut new = hive(&before());
        new[4] ^= 1; // sequence numbers that differ: a dirty hive
        assert!(matches!(
            confirm(&old, &new, &ExpectedState::default()),
            Err(Disagreement::Unreadable { .. })
        ));
        assert!(matches!(
            confirm(&old, &[], &ExpectedState::default()),
            Err(Disagreement::Unreadable { .. })
        ));
    }
}
