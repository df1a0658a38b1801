//! A dirty hive and its log.

use crate::bench::{Bench, set, system};
use winpe_registry::Value;

/// A bench with a dirty `SYSTEM`: one value is only in `SYSTEM.LOG1`, in the old format.
fn dirty() -> Bench {
    let bench = Bench::new();
    let before = bench.bytes("SYSTEM");
    let mut hive = system();
    hive.apply(&set("Setup", "CmdLine", Value::sz("from the log"))).unwrap();
    let after = hive.into_bytes();
    assert_eq!(before.len(), after.len(), "the test does not log growth");

    let mut log = after[..512].to_vec();
    log[28] = 1;
    log[12..20].copy_from_slice(&before[12..20]);
    fix_checksum(&mut log);
    log.extend(b"DIRT");
    log.extend(vec![0xff; (after.len() - 4096) / 512 / 8]);
    log.resize(log.len().next_multiple_of(512), 0);
    log.extend(&after[4096..]);

    let mut torn = before;
    torn[4] += 1;
    fix_checksum(&mut torn);
    bench.put("SYSTEM", &torn);
    bench.put("system.log1", &log);
    bench
}

fn fix_checksum(file: &mut [u8]) {
    let words = file[..508].chunks_exact(4);
    let sum = words.fold(0, |sum, word| sum ^ u32::from_le_bytes(word.try_into().unwrap()));
    file[508..512].copy_from_slice(&sum.to_le_bytes());
}

const FROM_LOG: &str = "    CmdLine    REG_SZ    from the log\n";

#[test]
fn a_dirty_hive_is_read_through_its_logs() {
    let bench = dirty();
    let query = ["query", "SYSTEM", "Setup", "--value", "CmdLine"];
    let ran = bench.hive(&query);
    assert_eq!((ran.code, ran.out.as_str()), (0, FROM_LOG), "{}", ran.err);
    assert!(ran.err.contains("transaction logs"), "{}", ran.err);

    let without = bench.hive(&[&query[..], &["--lenient"]].concat());
    assert_eq!(without.out, "    CmdLine    REG_SZ    winpeshl.exe\n");
    assert!(without.err.contains("warning: "), "{}", without.err);
}

#[test]
fn recover_makes_the_hive_clean() {
    let bench = dirty();
    let before = bench.bytes("SYSTEM");
    let ran = bench.hive(&["recover", "SYSTEM", "-o", "OUT"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("  system.log1: 1 writes, "), "{}", ran.out);
    assert_eq!(bench.bytes("SYSTEM"), before);

    let (code, json) = bench.json(&["recover", "SYSTEM", "system.log1"]);
    assert_eq!((code, &json["replayed"][0]["format"]), (0, &"old".into()));
    assert_eq!(bench.bytes("SYSTEM"), bench.bytes("OUT"));
    std::fs::remove_file(bench.path("system.log1")).unwrap();
    let ran = bench.hive(&["query", "SYSTEM", "Setup", "--value", "CmdLine"]);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), (FROM_LOG, ""));
    let ran = bench.hive(&["recover", "SYSTEM"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "SYSTEM is at rest: nothing to do\n"));
}

#[test]
fn without_a_log_that_fits_nothing_is_read_or_written() {
    let bench = dirty();
    let mut log = bench.bytes("system.log1");
    log[508] ^= 1;
    bench.put("system.log1", &log);
    let before = bench.bytes("SYSTEM");
    for words in [&["recover", "SYSTEM"][..], &["query", "SYSTEM"], &["export", "SYSTEM"]] {
        let ran = bench.hive(words);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains("checksum at 0x1fc"), "{}", ran.err);
    }
    assert_eq!(bench.bytes("SYSTEM"), before);
}
