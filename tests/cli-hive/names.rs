//! Names that a `.reg` file cannot hold, and names that differ in case: shown, counted, never dropped.

use winpe_registry::{Edit, KeyName, KeyPath, NtString, Value, ValueName};

use crate::bench::{Bench, set, system};

/// Names with a line break and with an unpaired surrogate.
fn odd() -> [KeyName; 2] {
    let lone: NtString = [u16::from(b'a'), 0xd800, u16::from(b'b')].into_iter().collect();
    [KeyName::new("two\nlines").unwrap(), KeyName::new(lone).unwrap()]
}

/// SYSTEM with two such keys, each with a value, and a plain change.
fn with_odd_names() -> Bench {
    let bench = Bench::new();
    let mut hive = system();
    for name in odd() {
        let key = "Setup".parse::<KeyPath>().unwrap().child(name);
        let edit = Edit::set_value(key, ValueName::new("v").unwrap(), Value::dword(1));
        hive.apply(&edit).unwrap();
    }
    hive.apply(&set("Setup", "line\nbreak", Value::dword(2))).unwrap();
    hive.apply(&set("Setup", "plain", Value::dword(3))).unwrap();
    bench.put("ODD", &hive.into_bytes());
    bench
}

#[test]
fn a_diff_lists_what_a_reg_file_cannot_say() {
    let bench = with_odd_names();
    let ran = bench.hive(&["diff", "SYSTEM", "ODD"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("+\"plain\"=dword:00000003\n"), "{}", ran.out);
    let unsaid = ran.out.lines().filter(|line| line.starts_with(" ; not among the lines: "));
    // Two keys with a value each, and a value.
    assert_eq!(unsaid.count(), 5, "{}", ran.out);
    let (code, json) = bench.json(&["diff", "SYSTEM", "ODD"]);
    assert_eq!((code, json["changes"].as_array().unwrap().len()), (1, 6));

    // The other way round everything can be said but the keys that go.
    let ran = bench.hive(&["diff", "ODD", "SYSTEM"]);
    assert!(ran.code == 1 && ran.out.contains("+\"plain\"=-\n"), "{}", ran.out);
    assert!(ran.out.contains("cannot hold the name of the key HKEY_LOCAL_MACHINE"), "{}", ran.out);
}

#[test]
fn an_export_that_leaves_something_out_fails() {
    let bench = with_odd_names();
    for words in [&["export", "ODD"][..], &["export", "ODD", "-o", "odd.reg"]] {
        let ran = bench.hive(words);
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains("what the warnings name is not in the file"), "{}", ran.err);
        assert!(!ran.err.contains("KeyPath("), "{}", ran.err);
    }
    assert_eq!(bench.hive(&["export", "SYSTEM"]).code, 0);
}

/// UTF-16 can hold an unpaired surrogate. That the diff, which is UTF-8, cannot is no reason not to import it.
#[test]
fn an_import_is_not_stopped_by_what_its_diff_cannot_say() {
    let bench = with_odd_names();
    bench.hive(&["export", "ODD", "-o", "odd.reg", "--root", r"HKLM\SYSTEM"]);
    let ran = bench.hive(&["import", "SYSTEM", "odd.reg"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains(" ; not among the lines: "), "{}", ran.out);
    let (_, json) = bench.json(&["query", "SYSTEM", "Setup"]);
    assert_eq!(json["subkeys"].as_array().unwrap().len(), 1, "{json}");
}

#[test]
fn case_is_a_difference_beside_the_lines() {
    let bench = Bench::new();
    let mut hive = system();
    hive.rename(&"Setup".parse().unwrap(), &KeyName::new("SETUP").unwrap()).unwrap();
    bench.put("OTHER", &hive.into_bytes());
    let ran = bench.hive(&["diff", "SYSTEM", "OTHER"]);
    let line = " ; name of HKEY_LOCAL_MACHINE\\OTHER\\SETUP: was \"Setup\"\n";
    assert_eq!((ran.code, ran.out.as_str()), (1, line));
    let ran = bench.hive(&["diff", "SYSTEM", "OTHER", "--stat"]);
    assert_eq!(ran.out, "       1 names in other case\n");
}

/// A pipeline goes on with OUT, whether or not there was something to do.
#[test]
fn a_result_in_another_file_is_always_written() {
    let bench = Bench::new();
    bench.hive(&["export", "SYSTEM", "-o", "same.reg"]);
    for words in [&["recover", "SYSTEM"][..], &["import", "SYSTEM", "same.reg"]] {
        let ran = bench.hive(&[words, &["-o", "OUT"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(bench.bytes("OUT") == bench.bytes("SYSTEM"), "{words:?}");
        std::fs::remove_file(bench.path("OUT")).unwrap();
        assert_eq!(bench.hive(&[words, &["-o", "OUT", "--dry-run"]].concat()).code, 0);
        assert!(!bench.path("OUT").exists());
    }
}
