//! Arbitrary bytes as a lease log: read, extended, read again.

#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use winpe_netboot::serve::{LeaseLog, parse_record, write_record};

fuzz_target!(|input: &[u8]| {
    for line in input.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok())
    {
        // A fuzzer cannot guess a checksum.
        let Some(line) = winpe_fuzz::with_checksum(line) else { continue };
        if let Ok(lease) = parse_record(&line) {
            let written = write_record(&lease).expect("a lease of a log is worth writing");
            assert_eq!(parse_record(&written), Ok(lease));
        }
    }
    let text: Vec<u8> = input
        .split_inclusive(|byte| *byte == b'\n')
        .flat_map(|line| {
            let whole = std::str::from_utf8(line).ok().and_then(|line| line.strip_suffix('\n'));
            let mended = whole.and_then(winpe_fuzz::with_checksum);
            mended.map_or_else(|| line.to_vec(), |line| format!("{line}\n").into_bytes())
        })
        .collect();
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    fs::write(folder.path().join("leases.log"), text).expect("a file in memory");
    let (log, restored) = LeaseLog::open_in(folder.path()).expect("no content stops the server");
    assert!(restored.damage.len() <= 20);
    assert!(restored.damage.iter().all(|line| line.len() < 2000));
    drop(log);
    let (_log, again) = LeaseLog::open_in(folder.path()).expect("as above");
    assert_eq!(again.leases, restored.leases);
    assert!(again.damage.is_empty(), "the log was written anew");
});
