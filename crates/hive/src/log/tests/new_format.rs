//! Tests of logs in the new format: order, gaps, torn entries, and false sizes.

use super::fixture::{Entry, bins, dirty, fix_checksum, hash, hive, new_log, old_log};
use crate::FileBytes;
use crate::log::{LogFormat, RecoverError, Recovery, Stop, Unfit, recover};

/// A log with one entry for each step, from `states[0]` to the last.
fn log_of(states: &[Vec<u8>], first: u32) -> Vec<u8> {
    let mut log = new_log(&states[0], first);
    for (step, pair) in states.windows(2).enumerate() {
        let sequence = first.wrapping_add(u32::try_from(step).unwrap());
        Entry::between(&pair[0], &pair[1], sequence, 512).append_to(&mut log);
    }
    log
}

fn recovered(hive: &[u8], logs: &[&[u8]]) -> (FileBytes, Recovery) {
    recover(dirty(hive.to_vec()), logs).unwrap()
}

fn reasons(hive: &[u8], logs: &[&[u8]]) -> Vec<(usize, Unfit)> {
    match recover(dirty(hive.to_vec()), logs) {
        Err(RecoverError::NoLogFits { unfit, .. }) => unfit,
        other => panic!("{other:?}"),
    }
}

/// Three states of a growing hive.
fn states() -> Vec<Vec<u8>> {
    [(1, 1), (1, 2), (3, 2), (4, 5)].map(|(bins, fill)| hive(9, bins, fill)).into()
}

#[test]
fn entries_are_replayed_in_order_and_the_hive_grows() {
    let states = states();
    let log = log_of(&states, 9);
    let (bytes, recovery) = recovered(&states[0], &[&log]);
    assert_eq!(bytes, hive(12, 4, 5));
    assert_eq!((recovery.sequence_before, recovery.sequence_after), (Some(9), 12));
    let replayed = &recovery.replayed[0];
    assert_eq!((replayed.format, replayed.entries), (LogFormat::New, 3));
    assert_eq!((replayed.first_sequence, replayed.last_sequence), (9, 11));
    assert_eq!(replayed.stop, Some(Stop::End { offset: log.len() }));
}

#[test]
fn two_logs_are_replayed_in_the_order_of_their_numbers() {
    let states = states();
    let (early, late) = (log_of(&states[..2], 9), log_of(&states[1..], 10));
    for (logs, order) in [([&early[..], &late], [0, 1]), ([&late, &early], [1, 0])] {
        let (bytes, recovery) = recovered(&states[0], &logs);
        assert_eq!(bytes, hive(12, 4, 5));
        assert_eq!(recovery.replayed.iter().map(|log| log.log).collect::<Vec<_>>(), order);
    }
}

#[test]
fn a_log_whose_writes_the_hive_holds_is_skipped() {
    let states = states();
    let (past, next) = (log_of(&states[2..], 7), log_of(&states[..2], 9));
    let (bytes, recovery) = recovered(&states[0], &[&past, &next]);
    assert_eq!(bins(&bytes), bins(&states[1]));
    assert_eq!(recovery.unfit, [(0, Unfit::Past { expected: 9, actual: 7 })]);
    assert_eq!(reasons(&states[0], &[&past]), [(0, Unfit::Past { expected: 9, actual: 7 })]);
}

#[test]
fn a_second_log_that_does_not_continue_the_first_is_left_out() {
    let states = states();
    let (early, late) = (log_of(&states[..2], 9), log_of(&states[1..], 11));
    let (bytes, recovery) = recovered(&states[0], &[&early, &late]);
    assert_eq!(bins(&bytes), bins(&states[1]));
    assert_eq!(recovery.unfit, [(1, Unfit::NotNext { expected: 10, actual: 11 })]);
}

#[test]
fn a_log_cannot_continue_one_whose_first_entry_is_bad() {
    let states = states();
    let (mut early, late) = (log_of(&states[..2], 9), log_of(&states[1..], 10));
    early[600] ^= 1;
    match &reasons(&states[0], &[&early, &late])[..] {
        [(0, Unfit::Entry(_)), (1, Unfit::NotNext { expected: 9, actual: 10 })] => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn writes_missing_from_all_logs_are_reported() {
    let states = states();
    let (early, late) = (log_of(&states[..2], 9), log_of(&states[1..], 11));
    assert_eq!(recovered(&states[0], &[&early]).1.gap(), None);
    assert_eq!(recovered(&states[0], &[&late]).1.gap(), Some((9, 10)));
}

#[test]
fn sequence_numbers_wrap_around() {
    let states: Vec<_> = (1..=4).map(|fill| hive(u32::MAX - 1, 1, fill)).collect();
    let (early, late) = (log_of(&states[..3], u32::MAX - 1), log_of(&states[2..], 0));
    let (bytes, recovery) = recovered(&states[0], &[&late, &early]);
    assert_eq!(bytes, hive(1, 1, 4));
    assert_eq!(recovery.replayed.len(), 2);
}

#[test]
fn a_torn_last_entry_is_left_out_whole() {
    let states = states();
    let whole = log_of(&states, 9);
    let last = log_of(&states[..3], 9).len();
    let (least, most) = (512, whole.len() - last);
    let cut = &whole[..whole.len() - 512];
    let (bytes, recovery) = recovered(&states[0], &[cut]);
    assert_eq!(bytes, hive(11, 3, 2));
    let stop = recovery.replayed[0].stop.clone().unwrap();
    assert_eq!(stop, Stop::Size { offset: last, actual: most, least, most: most - 512 });
    assert!(stop.is_loss());
}

#[test]
fn a_wrong_hash_stops_replay_before_the_entry() {
    let states = states();
    let second = log_of(&states[..2], 9).len();
    for (byte, which) in [(second + 100, 1), (second + 8, 2), (second + 30, 2)] {
        let mut log = log_of(&states, 9);
        log[byte] ^= 0x40;
        let (bytes, recovery) = recovered(&states[0], &[&log]);
        assert_eq!(bins(&bytes), bins(&states[1]));
        match recovery.replayed[0].stop {
            Some(Stop::Hash { offset, which: found, .. }) => {
                assert_eq!((offset, found), (second, which));
            }
            ref other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_gap_in_the_sequence_stops_replay() {
    let states = states();
    let mut log = log_of(&states[..2], 9);
    let gap = log.len();
    Entry::between(&states[1], &states[2], 11, 4096).append_to(&mut log);
    let (bytes, recovery) = recovered(&states[0], &[&log]);
    assert_eq!(bins(&bytes), bins(&states[1]));
    let stop = recovery.replayed[0].stop.clone().unwrap();
    assert_eq!(stop, Stop::Sequence { offset: gap, expected: 10, actual: 11 });
    assert!(!stop.is_loss());
}

#[test]
fn a_log_whose_first_entry_is_bad_does_not_fit() {
    let states = states();
    let mut log = log_of(&states, 9);
    log[600] ^= 1;
    match &reasons(&states[0], &[&log])[..] {
        [(0, Unfit::Entry(Stop::Hash { offset: 512, which: 1, .. }))] => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(
        reasons(&states[0], &[&new_log(&states[0], 9)]),
        [(0, Unfit::Entry(Stop::End { offset: 512 }))]
    );
}

#[test]
fn with_a_torn_base_block_only_the_latest_log_is_replayed() {
    let states: Vec<_> = [1, 2, 3].map(|fill| hive(9, 2, fill)).into();
    let (early, late) = (log_of(&states[..2], 9), log_of(&states[1..], 10));
    let mut torn = states[1].clone();
    torn[8] ^= 0xff;
    let (bytes, recovery) = recover(torn, &[&late, &early]).unwrap();
    assert_eq!(bytes, hive(11, 2, 3));
    assert_eq!(recovery.base_block_from, Some(0));
    assert_eq!(recovery.unfit, [(1, Unfit::Superseded { by: 0 })]);
}

#[test]
fn the_new_format_is_preferred_to_the_old() {
    let states = states();
    let old = old_log(&states[0], &states[3], 9, super::fixture::TIME);
    let new = log_of(&states[..2], 9);
    let (bytes, recovery) = recovered(&states[0], &[&old, &new]);
    assert_eq!(bins(&bytes), bins(&states[1]));
    assert_eq!(recovery.unfit, [(0, Unfit::Superseded { by: 1 })]);
}

#[test]
fn only_one_flag_is_taken_from_an_entry() {
    let mut before = hive(9, 1, 1);
    for (flags, entry, expected) in [(0x2_u8, 0xff, 0x3), (0x3, 0xfe, 0x2)] {
        before[144] = flags;
        fix_checksum(&mut before);
        let mut log = new_log(&before, 9);
        Entry { flags: entry, ..Entry::between(&before, &before, 9, 512) }.append_to(&mut log);
        let (bytes, _) = recovered(&before, &[&log]);
        assert_eq!(bytes[144], expected);
    }
}

#[test]
fn a_hive_that_shrank_keeps_its_length() {
    let (before, after) = (hive(9, 3, 1), hive(9, 2, 1));
    let log = log_of(&[before.clone(), after], 9);
    let (bytes, _) = recovered(&before, &[&log]);
    assert_eq!(bytes.len(), before.len());
    assert_eq!(bins(&bytes), &before[4096..][..8192]);
}

/// A log with one entry whose header was changed, with correct hashes.
fn with_field(field: usize, value: u32) -> (Vec<u8>, Vec<u8>) {
    let (before, after) = (hive(9, 1, 1), hive(9, 1, 2));
    let mut log = log_of(&[before.clone(), after], 9);
    log[512 + field..][..4].copy_from_slice(&value.to_le_bytes());
    hash(&mut log[512..]);
    (before, log)
}

#[test]
fn an_entry_cannot_claim_more_than_hive_and_entry_hold() {
    for claim in [0, 100, 0x7fff_f000, 0xffff_f000] {
        let (before, log) = with_field(16, claim);
        let limit = 4096 + log.len() - 512;
        assert_eq!(
            reasons(&before, &[&log]),
            [(0, Unfit::Entry(Stop::BinsSize { offset: 512, actual: claim, limit }))]
        );
    }
}

#[test]
fn an_entry_cannot_have_more_pages_than_bytes() {
    for (field, value) in [(20, u32::MAX), (20, 0x2000_0000), (44, 4096 - 511)] {
        let (before, log) = with_field(field, value);
        match &reasons(&before, &[&log])[..] {
            [(0, Unfit::Entry(Stop::Size { offset: 512, least, most, .. }))] => {
                assert!(least > most, "{least} {most}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_page_outside_the_hive_is_refused() {
    for (field, value, page, size) in
        [(40, 4096 - 511, 4096 - 511, 512), (40, u32::MAX, u32::MAX, 512), (44, 4097, 0, 4097)]
    {
        let (before, log) = with_field(field, value);
        assert_eq!(
            reasons(&before, &[&log]),
            [(0, Unfit::Entry(Stop::Page { offset: 512, page, size, bins_size: 4096 }))]
        );
    }
}

#[test]
fn an_entry_is_made_of_whole_sectors() {
    for size in [0, 40, 511, 513] {
        let (before, log) = with_field(4, size);
        let most = log.len() - 512;
        let actual = size as usize;
        assert_eq!(
            reasons(&before, &[&log]),
            [(0, Unfit::Entry(Stop::Size { offset: 512, actual, least: 512, most }))]
        );
    }
}
