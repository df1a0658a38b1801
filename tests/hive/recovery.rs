//! Dirty hives with logs of Windows, compared with the recovery by Windows or other tools.

use winpe_hive::log::RecoverError;
use winpe_hive::{Hive, OpenError};
use winpe_tests::corpus;

use crate::corpus::{rows, sample};
use crate::dump::content;

struct Case {
    hive: Vec<u8>,
    logs: Vec<Vec<u8>>,
}

impl Case {
    /// Logs are in the same folder as their hive.
    fn load(hive: &str, logs: &str) -> Self {
        let folder = hive.rsplit_once('/').expect("hives lie in folders").0;
        let read = |name: &str| sample(name).unwrap_or_else(|| panic!("{name} is missing"));
        let logs = logs.split(',').map(|log| read(&format!("{folder}/{log}"))).collect();
        Self { hive: read(hive), logs }
    }

    fn logs(&self) -> Vec<&[u8]> {
        self.logs.iter().map(Vec::as_slice).collect()
    }
}

#[test]
fn every_dirty_hive_is_recovered_as_by_other_tools() {
    let Some(table) = corpus("RECOVERED-hives.tsv") else { return };
    let table = std::fs::read_to_string(table).unwrap();
    let (mut recovered, mut refused) = (0, 0);
    for row in rows(&table) {
        let (name, keys, values, digest) = (row[0], row[5], row[6], row[7]);
        let case = Case::load(name, row[1]);
        assert!(
            matches!(Hive::open(case.hive.clone()), Err(OpenError::Dirty { .. })),
            "{name} must not open without its logs"
        );
        let result = Hive::recover(case.hive.clone(), &case.logs());
        if digest.is_empty() {
            let error = result.expect_err(name);
            assert!(
                matches!(error, OpenError::Recover(RecoverError::NoLogFits { .. })),
                "{name}: {error}"
            );
            refused += 1;
            continue;
        }
        let (hive, recovery) = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = content(&hive).unwrap();
        assert_eq!(found.keys.to_string(), keys, "keys of {name}");
        assert_eq!(found.values.to_string(), values, "values of {name}");
        assert_eq!(found.digest, digest, "dump of {name}");
        assert_eq!(recovery.gap(), None, "{name}");

        let bytes = hive.into_bytes();
        let again = Hive::open(bytes.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(again.into_bytes(), bytes);
        let (same, nothing) = Hive::recover(bytes.clone(), &case.logs()).unwrap();
        assert_eq!(nothing.dirt, None, "{name} is at rest after its recovery");
        assert_eq!(same.into_bytes(), bytes, "{name} must not be replayed twice");
        recovered += 1;
    }
    assert_eq!((recovered, refused), (3, 2));
}

#[test]
fn windows_recovers_them_to_the_same_content() {
    for (folder, hive, twin, logs) in [
        ("yarp/OldDirtyHive", "OldDirtyHive", "RecoveredHive_Windows7", "OldDirtyHive.LOG1"),
        (
            "yarp/NewDirtyHive1",
            "NewDirtyHive",
            "RecoveredHive_Windows10",
            "NewDirtyHive.LOG1,NewDirtyHive.LOG2",
        ),
    ] {
        let Some(twin) = sample(&format!("{folder}/{twin}")) else { return };
        let case = Case::load(&format!("{folder}/{hive}"), logs);
        let (ours, _) = Hive::recover(case.hive.clone(), &case.logs()).unwrap();
        let theirs = Hive::open(twin).unwrap();
        assert_eq!(content(&ours).unwrap(), content(&theirs).unwrap(), "{hive}");
    }
}

#[test]
fn one_of_two_logs_is_used_when_the_other_is_lost() {
    let Some(_) = corpus("hives") else { return };
    let (name, logs) = ("yarp/NewDirtyHive1/NewDirtyHive", "NewDirtyHive.LOG1,NewDirtyHive.LOG2");
    let case = Case::load(name, logs);
    let (_, recovery) = Hive::recover(case.hive.clone(), &[&case.logs[0], b""]).unwrap();
    assert_eq!(recovery.replayed.len(), 1);
    assert_eq!(recovery.sequence_after, 3);
    let (_, recovery) = Hive::recover(case.hive.clone(), &[b"", &case.logs[1]]).unwrap();
    assert_eq!(recovery.gap(), Some((2, 2)), "the first write is lost, and that is told");
}
