//! Mended hives: always sound, and the same as the hive where only bookkeeping was wrong.

use proptest::prelude::*;

use super::damage::{damage, damaged};
use super::model::{Step, empty_hive, step};
use crate::{FileTime, Hive, Mended, Rule, Severity};

const LATER: FileTime = FileTime(140_000_000_000_000_000);

fn mend(mut hive: Hive) -> Mended {
    hive.set_time(LATER);
    hive.mend().unwrap()
}

/// Path, time, class, descriptor, and values of each key.
fn content(hive: &Hive) -> Vec<String> {
    let mut lines = Vec::new();
    let mut export = hive.root().export("R".parse().unwrap());
    while let Some(exported) = export.next() {
        let exported = exported.unwrap();
        let key = exported.key;
        let security = key.security().unwrap().unwrap().descriptor().to_vec();
        let about = (key.last_written(), key.class().unwrap(), key.flags(), security);
        lines.push(format!("{} {about:?}", exported.path));
        for entry in exported.values {
            let entry = entry.unwrap();
            lines.push(format!("{:?} {:?}", entry.name(), entry.value().unwrap()));
        }
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was damaged, the result is sound without a warning, and mending it again changes nothing.
    #[test]
    fn a_mended_hive_is_sound(damages in prop::collection::vec(damage(), 1..60)) {
        let Ok(hive) = Hive::open_lenient(damaged(&damages)) else { return Ok(()) };
        let mended = mend(hive);
        let findings = mended.hive.check();
        let wrong = findings.iter().find(|finding| {
            // The damage can be a backslash in a name, which stays.
            finding.severity() != Severity::Info && finding.rule != Rule::KeyNameBackslash
        });
        prop_assert!(wrong.is_none(), "{}", wrong.unwrap());
        prop_assert_eq!(mended.lost.len(), mended.lost_count.min(1000));
        let keys = content(&mended.hive);
        let hive = Hive::open(mended.hive.into_bytes()).unwrap();
        prop_assert_eq!(&content(&hive), &keys);
        let again = mend(hive);
        prop_assert!(again.lost.is_empty(), "{}", again.lost[0]);
        prop_assert_eq!(content(&again.hive), keys);
    }

    /// Of a sound hive nothing is lost.
    #[test]
    fn a_sound_hive_stays_the_same(
        minor in 3_u32..=6,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut hive = empty_hive(minor);
        for step in &steps {
            match step {
                Step::Apply(edit) => drop(hive.apply(edit)),
                Step::Rename(path, name) => drop(hive.rename(path, name)),
                Step::SetClass(path, class) => drop(hive.set_class(path, class)),
            }
        }
        let before = content(&hive);
        let values = before.iter().filter(|line| !line.starts_with('R')).count();
        let mended = mend(hive);
        prop_assert!(mended.lost.is_empty(), "{}", mended.lost[0]);
        prop_assert_eq!((mended.keys, mended.values), (before.len() - values, values));
        prop_assert_eq!(content(&mended.hive), before);
    }
}
