//! A hive before and after edits, and the expected result.

use std::collections::HashSet;

use winpe_hive::Hive;
use winpe_registry::{Edit, KeyPath, KeyTree};

use crate::corpus::Sample;
use crate::model;

pub(crate) struct Edited {
    pub(crate) name: String,
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
    /// The expected content of the hive.
    pub(crate) tree: KeyTree,
    /// The keys whose cells may have changed.
    pub(crate) touched: HashSet<KeyPath>,
}

impl Edited {
    /// `None` if the hive does not open, or has errors.
    pub(crate) fn new(sample: &Sample, edits: impl Fn(&KeyTree) -> Vec<Edit>) -> Option<Self> {
        let before = sample.read();
        let mut hive = Hive::open(before.clone()).ok()?;
        if !hive.check().is_sound() {
            return None;
        }
        let mut tree = hive.root().tree().ok()?;
        let mut touched = HashSet::new();
        for edit in edits(&tree) {
            touched.extend(model::touched(&tree, &edit));
            model::apply(&mut tree, &edit);
            hive.apply(&edit).unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        }
        let after = hive.into_bytes();
        Some(Self { name: sample.name.clone(), before, after, tree, touched })
    }
}
