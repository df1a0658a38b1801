//! The profile of the project on every real SYSTEM and SOFTWARE hive.

use std::fs;

use winpe_hive::Hive;
use winpe_inject::Profile;
use winpe_registry::Edit;
use winpe_tests::regipy;

use crate::corpus::samples;
use crate::edited::Edited;
use crate::edits::{cells_are_kept, nt_hive_agrees};
use crate::oracles;

/// Each hive, and the hive file of Windows that it is.
const HIVES: &[(&str, &str)] = &[
    ("aiowinreg/nt_software", "SOFTWARE"),
    ("aiowinreg/nt_system", "SYSTEM"),
    ("dissect/SYSTEM", "SYSTEM"),
    ("hackfortress/xp_software", "SOFTWARE"),
    ("reactos/ros_software", "SOFTWARE"),
    ("reactos/ros_system", "SYSTEM"),
    ("regipy/SYSTEM", "SYSTEM"),
    ("regipy/SYSTEM_oldrev", "SYSTEM"),
];

/// The edits of the profile for one hive file.
fn edits(file: &str) -> Vec<Edit> {
    let profile = Profile::builtin("iscsi-winpe3").unwrap();
    let edits = profile.reg().iter().flat_map(|part| &part.edits);
    let located = edits.filter_map(|sourced| {
        let place = profile.roots().locate(&sourced.edit.key)?;
        let here = place.file.file_name().eq_ignore_ascii_case(file);
        here.then(|| Edit { key: place.key, ..sourced.edit.clone() })
    });
    located.collect()
}

#[test]
fn the_profile_makes_its_changes_and_every_reader_reads_the_result() {
    let folder = tempfile::tempdir().unwrap();
    for sample in samples() {
        let Some((name, file)) = HIVES.iter().find(|(name, _)| *name == sample.name) else {
            continue;
        };
        let edits = edits(file);
        assert!(edits.len() > 1, "the profile has edits for {file}");
        let edited = Edited::new(&sample, |_| edits.clone()).unwrap();

        let mut hive = Hive::open(edited.after.clone()).unwrap();
        assert_eq!(hive.root().tree().unwrap(), edited.tree, "{name}");
        assert!(hive.check().is_sound(), "{name}: {:?}", hive.check());
        cells_are_kept(&edited);

        let grown = edited.after.len() - edited.before.len();
        assert!(grown <= 40 << 10, "{name} grew by {grown} bytes");
        for edit in &edits {
            assert!(hive.apply(edit).unwrap().is_noop(), "{name}: {edit:?}");
        }
        assert!(hive.into_bytes() == edited.after, "the second run changes nothing in {name}");

        nt_hive_agrees(&edited);
        let path = folder.path().join(file);
        fs::write(&path, &edited.after).unwrap();
        oracles::hivexregedit_sees(&path, &edited.tree);
        if regipy::is_quick(edited.after.len()) {
            regipy::counts(&path, &edited.tree);
        }
    }
}
