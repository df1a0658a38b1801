//! Arbitrary bytes as a lease log: read, extended, read again.

#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use winpe_netboot::dhcp::fuzzing::{read_lease, read_log, write_lease};

fuzz_target!(|input: &[u8]| {
    for line in input.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok())
    {
        // A fuzzer cannot guess a checksum.
        let Some(line) = winpe_fuzz::with_checksum(line) else { continue };
        if let Some(lease) = read_lease(&line) {
            let written = write_lease(&lease).expect("a lease of a log is worth writing");
            assert_eq!(read_lease(&written), Some(lease));
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
    let (leases, damage) = read_log(folder.path()).expect("no content stops the server");
    assert!(damage.len() <= 20);
    assert!(damage.iter().all(|line| line.len() < 2000));
    let (again, damage) = read_log(folder.path()).expect("as above");
    assert_eq!(again, leases);
    assert!(damage.is_empty(), "the log was rewritten");
});
