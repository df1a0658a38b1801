//! Security cells: shared by new keys, freed with their last user, found again by a copy.

use std::mem::offset_of;

use winpe_registry::Edit;

use super::{hive, path, poke};
use crate::format::{CellOffset, SecurityNode};
use crate::{Hive, Key, Rule};

fn of<'h>(hive: &'h Hive, key: &str) -> Key<'h> {
    hive.key(&path(key)).unwrap().unwrap()
}

#[test]
fn new_keys_share_the_descriptor_of_their_parent() {
    let mut hive = hive(5);
    for key in ["a", "b"] {
        hive.apply(&Edit::create_key(path(key))).unwrap();
    }
    let own = hive.with_own_security(&path("a"));
    hive.apply(&Edit::create_key(path(r"a\x\y"))).unwrap();
    let security = of(&hive, r"a\x\y").security().unwrap().unwrap();
    assert_eq!((security.offset(), security.references()), (own, 3));
    assert_eq!(of(&hive, "b").security().unwrap().unwrap().references(), 2);

    hive.apply(&Edit::delete_key(path(r"a\x"))).unwrap();
    assert_eq!(of(&hive, "a").security().unwrap().unwrap().references(), 1);
    hive.apply(&Edit::delete_key(path("a"))).unwrap();
    let root = hive.root().security().unwrap().unwrap();
    assert_eq!(root.node().next.get(), root.offset().get(), "the last user takes its cell along");
    assert_eq!(hive.check().iter().next(), None);
}

/// Some writers add keys without counting them. The descriptor must stay until no key uses it.
#[test]
fn a_descriptor_stays_while_any_key_uses_it() {
    let mut hive = hive(5);
    hive.apply(&Edit::create_key(path(r"a\x\y"))).unwrap();
    hive.apply(&Edit::create_key(path(r"a\z"))).unwrap();
    let at = CellOffset::new(hive.root().node().security.get());
    let field = offset_of!(SecurityNode, references);
    let mut hive = poke(hive, at, field, &1_u32.to_le_bytes());
    assert_eq!(hive.check().counts().keys().collect::<Vec<_>>(), [&Rule::SecurityCount]);
    hive.apply(&Edit::delete_key(path(r"a\x"))).unwrap();
    assert_eq!(hive.root().security().unwrap().unwrap().references(), 3, "root, a, a\\z");
    assert_eq!(hive.check().iter().next(), None);
}

/// Keys with the same descriptor share a cell after a copy too.
#[test]
fn a_copy_reuses_an_existing_descriptor() {
    let mut source = hive(5);
    for key in [r"a\b", "c"] {
        source.apply(&Edit::create_key(path(key))).unwrap();
    }
    source.with_own_security(&path(r"a\b"));
    let mut hive = hive(5);
    hive.copy_tree(&source.root(), &path("copy")).unwrap();
    let security = |key: &str| of(&hive, key).security().unwrap().unwrap();
    assert_eq!(security(r"copy\c").offset(), hive.root().security().unwrap().unwrap().offset());
    assert_eq!(
        security(r"copy\a\b").descriptor(),
        of(&source, r"a\b").security().unwrap().unwrap().descriptor()
    );
    assert_eq!(hive.check().iter().next(), None);
}
