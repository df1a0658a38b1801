//! A dirty hive and two arbitrary logs: the result is a clean hive that is no longer than the
//! input, and nothing is replayed twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use winpe_hive::Hive;
use winpe_hive::log::recover;

fuzz_target!(|data: &[u8]| {
    let Some((&flags, mut data)) = data.split_first() else { return };
    let mut logs = [winpe_fuzz::part(&mut data).to_vec(), winpe_fuzz::part(&mut data).to_vec()];
    let mut hive = data.to_vec();
    if flags & 1 == 0 {
        winpe_fuzz::fix_checksum(&mut hive);
    }
    for log in &mut logs {
        if flags & 2 == 0 {
            if log.len() >= 12 {
                log.copy_within(4..8, 8);
            }
            winpe_fuzz::fix_checksum(log);
        }
        if flags & 4 == 0 {
            winpe_fuzz::fix_hashes(log);
        }
    }
    let given = hive.len() + logs[0].len() + logs[1].len();
    let logs = [&logs[0][..], &logs[1]];
    let Ok((bytes, recovery)) = recover(hive, &logs) else { return };
    assert!(bytes.len() <= given, "{} bytes of {given}", bytes.len());
    let (again, nothing) = recover(bytes.clone(), &logs).expect("a recovered hive is at rest");
    assert_eq!(nothing.dirt, None);
    assert!(again == bytes, "nothing is replayed twice");
    if recovery.dirt.is_some() {
        assert!(!recovery.replayed.is_empty());
    }
    if let Ok(hive) = Hive::open(bytes) {
        winpe_fuzz::read_all(&hive);
    }
});
