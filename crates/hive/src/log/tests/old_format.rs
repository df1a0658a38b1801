//! Tests of logs in the old format: dirty pages, torn base blocks, stale and incomplete logs.

use super::fixture::{TIME, bins, dirty, hive, old_log};
use crate::log::{LogFormat, RecoverError, Unfit, recover};

fn reasons(hive: Vec<u8>, logs: &[&[u8]]) -> Vec<(usize, Unfit)> {
    match recover(hive, logs) {
        Err(RecoverError::NoLogFits { unfit, .. }) => unfit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn dirty_pages_are_written_and_the_hive_is_clean() {
    let before = hive(4, 3, 1);
    let mut after = before.clone();
    after[4096 + 512..4096 + 1024].fill(2);
    after[4096 + 8192 + 3584..].fill(3);
    let log = old_log(&before, &after, 5, TIME);

    let (bytes, recovery) = recover(dirty(before), &[&log]).unwrap();

    assert_eq!(bytes[4096..], after[4096..]);
    assert_eq!(bytes[..512], hive(6, 3, 1)[..512]);
    assert_eq!((recovery.sequence_before, recovery.sequence_after), (Some(4), 6));
    let replayed = &recovery.replayed[0];
    assert_eq!((replayed.log, replayed.format, replayed.pages), (0, LogFormat::Old, 2));
}

#[test]
fn a_torn_base_block_comes_from_the_log() {
    let (before, after) = (hive(4, 2, 1), hive(4, 2, 9));
    let log = old_log(&before, &after, 5, TIME);
    let mut primary = before;
    primary[..300].fill(0xdb);

    let (bytes, recovery) = recover(primary, &[b"", &log]).unwrap();

    assert_eq!(bytes, hive(6, 2, 9));
    assert_eq!((recovery.base_block_from, recovery.sequence_before), (Some(1), None));
    assert_eq!(recovery.unfit, [(0, Unfit::Empty)]);
}

#[test]
fn the_hive_grows() {
    let (before, after) = (hive(4, 1, 1), hive(4, 300, 1));
    let log = old_log(&before, &after, 5, TIME);
    let (bytes, _) = recover(dirty(before), &[&log]).unwrap();
    assert_eq!(bytes, hive(6, 300, 1));
}

#[test]
fn a_log_of_another_write_does_not_fit() {
    let (before, after) = (hive(4, 1, 1), hive(4, 1, 2));
    for time in [TIME - 1, TIME + 1] {
        let log = old_log(&before, &after, 5, time);
        assert_eq!(
            reasons(dirty(before.clone()), &[&log]),
            [(0, Unfit::Timestamp { expected: TIME, actual: time })]
        );
    }
}

#[test]
fn the_second_log_is_used_if_its_write_is_later() {
    let before = hive(4, 1, 1);
    let first = old_log(&before, &hive(4, 1, 2), 5, TIME);
    let second = old_log(&before, &hive(4, 1, 3), 6, TIME + 10);

    let (bytes, recovery) = recover(dirty(before.clone()), &[&first, &second]).unwrap();
    assert_eq!(bins(&bytes), bins(&hive(4, 1, 3)));
    assert_eq!(bytes[12..20], (TIME + 10).to_le_bytes());
    assert_eq!(recovery.unfit, [(0, Unfit::Superseded { by: 1 })]);

    let stale = old_log(&before, &hive(4, 1, 3), 3, TIME - 10);
    let (bytes, recovery) = recover(dirty(before), &[&first, &stale]).unwrap();
    assert_eq!(bins(&bytes), bins(&hive(4, 1, 2)));
    assert_eq!(recovery.unfit, [(1, Unfit::Timestamp { expected: TIME, actual: TIME - 10 })]);
}

#[test]
fn a_log_that_lacks_a_page_changes_nothing() {
    let (before, after) = (hive(4, 2, 1), hive(4, 2, 2));
    let log = old_log(&before, &after, 5, TIME);
    assert_eq!(log.len(), 1024 + 8192);
    assert_eq!(
        reasons(dirty(before.clone()), &[&log[..log.len() - 1]]),
        [(0, Unfit::Truncated { expected: log.len(), actual: log.len() - 1 })]
    );
    assert_eq!(
        reasons(dirty(before), &[&log[..517]]),
        [(0, Unfit::Truncated { expected: 518, actual: 517 })]
    );
}

#[test]
fn a_log_without_a_dirty_vector_does_not_fit() {
    let (before, after) = (hive(4, 1, 1), hive(4, 1, 2));
    let mut log = old_log(&before, &after, 5, TIME);
    log[512..516].copy_from_slice(b"BIRD");
    assert_eq!(
        reasons(dirty(before), &[&log]),
        [(0, Unfit::Signature { offset: 512, expected: "DIRT", actual: *b"BIRD" })]
    );
}

#[test]
fn a_log_cannot_claim_more_than_hive_and_log_hold() {
    let (before, after) = (hive(4, 1, 1), hive(4, 1, 2));
    for claim in [0, 4095, 0x7fff_f000, 0xffff_f000] {
        let mut log = old_log(&before, &after, 5, TIME);
        log[40..44].copy_from_slice(&u32::to_le_bytes(claim));
        super::fixture::fix_checksum(&mut log);
        let limit = 4096 + log.len();
        assert_eq!(
            reasons(dirty(before.clone()), &[&log]),
            [(0, Unfit::BinsSize { offset: 40, actual: claim, limit })]
        );
    }
}
