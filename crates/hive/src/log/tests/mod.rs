//! Tests of recovery: which hives are dirty, and which files are not logs.

mod fixture;
mod laws;
mod new_format;
mod old_format;

use super::marvin::marvin32;
use super::{Dirt, RecoverError, recover};
use fixture::{Entry, dirty, hive, new_log, old_log};

#[test]
fn marvin32_with_the_seed_of_windows() {
    let bytes: Vec<u8> = (0..32).collect();
    assert_eq!(marvin32(b""), 0xb39e_fca4_0396_6e08);
    assert_eq!(marvin32(b"abcd"), 0x2009_4fb1_1a6c_d086);
    assert_eq!(marvin32(&bytes), 0xc64f_eee4_25c2_e24c);
}

#[test]
fn a_clean_hive_is_not_changed_by_any_log() {
    let (before, after) = (hive(7, 2, 1), hive(7, 2, 2));
    let old = old_log(&before, &after, 7, fixture::TIME);
    let mut new = new_log(&before, 7);
    Entry::between(&before, &after, 7, 512).append_to(&mut new);

    let (bytes, recovery) = recover(before.clone(), &[&old, &new]).unwrap();

    assert_eq!(bytes, before);
    assert_eq!(recovery.dirt, None);
    assert_eq!((recovery.sequence_before, recovery.sequence_after), (Some(7), 7));
    assert!(recovery.replayed.is_empty());
}

#[test]
fn the_reason_why_a_hive_is_dirty_is_reported() {
    let sound = hive(7, 1, 1);
    let mut torn = sound.clone();
    torn[50] ^= 0xff;
    let mut foreign = sound.clone();
    foreign[..4].copy_from_slice(b"CREG");
    let found = |bytes: Vec<u8>| match recover(bytes, &[]) {
        Err(RecoverError::NoLogs(dirt)) => dirt,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(dirty(sound)), Dirt::Sequences { primary: 8, secondary: 7 });
    assert!(matches!(found(torn), Dirt::Checksum { expected, actual } if expected != actual));
    assert_eq!(found(foreign), Dirt::Signature { actual: *b"CREG" });
}

#[test]
fn a_hive_has_at_least_one_bin() {
    let short = hive(7, 1, 1)[..8191].to_vec();
    assert_eq!(
        recover(short, &[]).unwrap_err(),
        RecoverError::TooShort { expected: 8192, actual: 8191 }
    );
}

#[test]
fn files_that_are_no_logs_are_listed_with_the_reason() {
    let primary = dirty(hive(7, 1, 1));
    let mut log = new_log(&primary, 7);
    log[28] = 5;
    fixture::fix_checksum(&mut log);
    let mut torn = new_log(&primary, 7);
    torn[60] ^= 1;
    let mut unequal = new_log(&primary, 7);
    unequal[4] += 1;
    fixture::fix_checksum(&mut unequal);
    let error = recover(primary, &[b"", &[0; 1024], b"regf", &[7; 512], &log, &torn, &unequal])
        .unwrap_err();
    let text = error.to_string();
    for part in [
        "sequence numbers at 0x4 and 0x8 are 8 and 7",
        "log 1: it is empty; log 2: it is empty; ",
        "log 3: it ends at 0x4, expected at least 0x200 bytes; ",
        r#"log 4: signature at 0x0 is "\\x07\\x07\\x07\\x07", expected "regf"; "#,
        "log 5: file type at 0x1c is 5, expected 1, 2 or 6; ",
        "log 6: checksum at 0x1fc is 0x",
        "log 7: sequence numbers at 0x4 and 0x8 are 8 and 7, expected equal ones",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}
