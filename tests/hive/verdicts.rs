//! The verdict for every file of the corpus, and the findings of the whole-hive check.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use winpe_hive::{Hive, Severity};

use crate::corpus::{rows, samples};
use crate::dump::content;

/// The result of our engine for each file; this test writes it if it differs.
const VERDICTS: &str = include_str!("verdicts.tsv");

/// The findings of an independent checker, written from the specification, for each file.
const LINT: &str = include_str!("lint.tsv");

#[test]
fn the_verdict_of_every_file_is_known() {
    let mut table = String::from("file\tverdict\tfindings\n");
    for sample in samples() {
        let bytes = sample.read();
        let verdict = match Hive::open(bytes.clone()) {
            Ok(hive) => match content(&hive) {
                Ok(content) => format!("{} keys, {} values", content.keys, content.values),
                Err(error) => format!("opened, but: {error}"),
            },
            Err(error) => format!("refused: {error}"),
        };
        let findings = match Hive::open_lenient(bytes) {
            Ok(hive) => rules(&hive),
            Err(_) => "-".to_owned(),
        };
        let _ = writeln!(table, "{}\t{verdict}\t{findings}", sample.name);
    }
    if table.lines().count() == 1 || table == VERDICTS {
        return;
    }
    let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verdicts.tsv");
    fs::write(&found, &table).unwrap();
    let differing = table.lines().find(|line| !VERDICTS.lines().any(|known| known == *line));
    panic!("{}: differs from tests/hive/verdicts.tsv, first in {differing:?}", found.display());
}

/// `rule=count` for each rule with findings.
fn rules(hive: &Hive) -> String {
    let findings = hive.check();
    let counts = findings.counts().iter().filter_map(|(rule, count)| {
        let severity = match rule.severity() {
            Severity::Error => 'E',
            Severity::Warning => 'W',
            Severity::Info => return None,
        };
        Some(format!("{severity}:{rule}={count}"))
    });
    let mut counts: Vec<_> = counts.collect();
    counts.sort();
    counts.join(" ")
}

/// Hives in which both checkers find errors, but differ in consequences of the first one.
const DAMAGED: &[&str] = &[
    "parse-win32registry/fake_system.rf",
    "parse-win32registry/winnt_security_tests.rf",
    "parse-win32registry/winnt_value_tests.rf",
    "regipy/corrupted_system_hive",
    "yarp/BadListHive",
    "yarp/BadSubkeyHive",
    "yarp/TruncatedHive",
    "yarp/TruncatedNameHive",
];

#[test]
fn the_check_agrees_with_an_independent_checker() {
    let lint: BTreeMap<_, _> = rows(LINT).into_iter().map(|row| (row[0], row)).collect();
    for sample in samples() {
        let row = &lint[sample.name.as_str()];
        // Files that we do not open even leniently have many errors according to the other checker.
        let Ok(hive) = Hive::open_lenient(sample.read()) else {
            assert_ne!(row[1], "0", "errors in {}", sample.name);
            continue;
        };
        let found = rules(&hive);
        assert_eq!(hive.check().is_sound(), row[1] == "0", "errors in {}: {found}", sample.name);
        if !DAMAGED.contains(&&*sample.name) {
            assert_eq!(found, row[3], "findings in {}", sample.name);
        }
    }
}
