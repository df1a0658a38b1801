//! Random sequences of edits, compared with a model.

use crate::{Hive, Refusal};
use proptest::prelude::*;
use winpe_registry::{Change, KeyTree, NtString};

use super::model::{self, Step, apply, edit, empty_hive, lines, step};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// After every step the hive equals the model, the check finds nothing at all, and a refused
    /// step has changed nothing.
    #[test]
    fn a_hive_equals_its_model(
        minor in 3_u32..=6,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut hive = empty_hive(minor);
        let mut tree = KeyTree::default();
        for step in &steps {
            let expected = apply(&mut tree, step);
            let actual = match step {
                Step::Apply(edit) => hive.apply(edit).map(|change| Some(change.before)),
                Step::Rename(path, name) => hive.rename(path, name).map(|_| None),
                Step::SetClass(path, class) => hive.set_class(path, class).map(|_| None),
            };
            prop_assert_eq!(actual.as_ref().ok(), expected.as_ref(), "{:?}: {:?}", step, actual);
            prop_assert_eq!(lines(&hive.root().tree().unwrap(), false), lines(&tree, false));
            let findings: Vec<_> = hive.check().into_iter().map(|f| f.to_string()).collect();
            prop_assert_eq!(findings, Vec::<String>::new(), "after {:?}", step);
        }
        let reopened = Hive::open(hive.into_bytes()).unwrap();
        prop_assert!(reopened.check().iter().next().is_none());
        prop_assert_eq!(lines(&reopened.root().tree().unwrap(), false), lines(&tree, false));
    }

    /// The inverse changes in reverse order restore the tree, except for the order of values.
    #[test]
    fn inverse_edits_restore_the_tree(
        first in prop::collection::vec(edit(), 0..25),
        then in prop::collection::vec(edit(), 1..25),
    ) {
        let mut hive = empty_hive(5);
        for edit in &first {
            let _ = hive.apply(edit);
        }
        let before = hive.root().tree().unwrap();
        let changes: Vec<Change> = then.iter().filter_map(|edit| hive.apply(edit).ok()).collect();
        for change in changes.iter().rev() {
            for edit in change.inverse() {
                hive.apply(&edit).unwrap();
            }
        }
        prop_assert_eq!(lines(&hive.root().tree().unwrap(), true), lines(&before, true));
    }

    /// An edit that is applied a second time reports no change and writes no byte.
    #[test]
    fn the_second_time_changes_nothing(edits in prop::collection::vec(edit(), 1..25)) {
        let mut hive = empty_hive(5);
        for edit in &edits {
            if hive.apply(edit).is_err() {
                continue;
            }
            let mut again = Hive::open(hive_bytes(&mut hive)).unwrap();
            let bytes = hive_bytes(&mut again);
            let change = again.apply(edit).unwrap();
            prop_assert!(change.is_noop());
            prop_assert!(!again.is_modified());
            prop_assert!(again.into_bytes() == bytes);
        }
    }

    /// A compacted hive has the same content, has no free space except in the last bin, and
    /// compacting it again changes nothing.
    #[test]
    fn compacting_keeps_the_content(steps in prop::collection::vec(step(), 1..40)) {
        let mut hive = empty_hive(5);
        for step in &steps {
            let _ = match step {
                Step::Apply(edit) => hive.apply(edit).is_ok(),
                Step::Rename(path, name) => hive.rename(path, name).is_ok(),
                Step::SetClass(path, class) => hive.set_class(path, class).is_ok(),
            };
        }
        let small = hive.compact().unwrap();
        prop_assert_eq!(
            lines(&small.root().tree().unwrap(), false),
            lines(&hive.root().tree().unwrap(), false)
        );
        prop_assert!(small.check().iter().next().is_none());
        let again = small.compact().unwrap();
        let (small, again) = (small.into_bytes(), again.into_bytes());
        prop_assert!(small.len() <= hive.into_bytes().len());
        prop_assert_eq!(small.len(), again.len());
    }

    /// A tree that is copied into another hive, even of another version, is the same tree there.
    #[test]
    fn a_copied_tree_is_the_same(
        (from, to) in (3_u32..=6, 3_u32..=6),
        steps in prop::collection::vec(step(), 1..30),
        path in model::path(),
        class in ".{0,8}",
    ) {
        let mut source = empty_hive(from);
        for step in &steps {
            if let Step::Apply(edit) = step {
                let _ = source.apply(edit);
            }
        }
        source.set_class(&winpe_registry::KeyPath::root(), &NtString::from(class)).unwrap();
        let tree = source.root().tree().unwrap();
        let mut hive = empty_hive(to);
        match hive.copy_tree(&source.root(), &path) {
            Ok(count) => prop_assert_eq!(count, tree.count().0),
            Err(error) => {
                prop_assert!(path.is_root() && error.reason == Refusal::Exists);
                return Ok(());
            }
        }
        let copy = hive.key(&path).unwrap().unwrap();
        prop_assert_eq!(lines(&copy.tree().unwrap(), false), lines(&tree, false));
        let findings: Vec<_> = hive.check().into_iter().map(|f| f.to_string()).collect();
        prop_assert_eq!(findings, Vec::<String>::new());
    }
}

/// The bytes that would be written, without consuming the hive.
fn hive_bytes(hive: &mut Hive) -> Vec<u8> {
    let name = winpe_registry::KeyName::new("x").unwrap();
    let other = Hive::create(5, &name, crate::FileTime(0)).unwrap();
    let bytes = std::mem::replace(hive, other).into_bytes();
    *hive = Hive::open(bytes.clone()).unwrap();
    bytes
}
