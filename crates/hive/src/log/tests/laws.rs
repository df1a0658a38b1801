//! Properties that hold for any hive, any write and any moment of a power cut.

use proptest::prelude::*;

use super::fixture::{Entry, TIME, bin_at, bins, dirty, hive, new_log, old_log};
use crate::log::header::{BASE_BLOCK, BIN, Header, seal};
use crate::log::recover;

/// The changes of one write: offset, length and content of each, and the number of added bins.
#[derive(Debug, Clone)]
struct Write {
    patches: Vec<(prop::sample::Index, usize, u8)>,
    added: usize,
}

fn write() -> impl Strategy<Value = Write> {
    let patch = (any::<prop::sample::Index>(), 1..3000_usize, any::<u8>());
    (prop::collection::vec(patch, 0..6), 0..3_usize)
        .prop_map(|(patches, added)| Write { patches, added })
}

fn after(before: &[u8], write: &Write) -> Vec<u8> {
    let mut hive = before[..BASE_BLOCK + bins(before).len()].to_vec();
    for _ in 0..write.added {
        let offset = hive.len() - BASE_BLOCK;
        hive.extend(bin_at(offset, 0x55));
    }
    let sequence = Header::of(before).unwrap().primary_sequence();
    let size = hive.len() - BASE_BLOCK;
    for (place, length, byte) in &write.patches {
        let start = BASE_BLOCK + place.index(size);
        let end = hive.len().min(start + length);
        hive[start..end].fill(*byte);
    }
    // The first bin repeats the timestamp of the base block.
    hive[BASE_BLOCK + 20..][..8].copy_from_slice(&TIME.to_le_bytes());
    seal(&mut hive, sequence, u32::try_from(size).unwrap());
    hive
}

/// A partly written hive: some sectors are new, some old, and the base block may be half written.
fn torn(before: &[u8], after: &[u8], written: &[bool], base_block: Option<u8>) -> Vec<u8> {
    let mut hive = dirty(before.to_vec());
    for (sector, _) in written.iter().enumerate().filter(|(_, written)| **written) {
        let start = BASE_BLOCK + sector * 512;
        if start + 512 <= hive.len().min(after.len()) {
            hive[start..start + 512].copy_from_slice(&after[start..start + 512]);
        }
    }
    if let Some(garbage) = base_block {
        hive[64..256].fill(garbage);
        hive[508] ^= 0x80;
    }
    hive
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_old_log_completes_the_write_at_any_moment(
        write in write(),
        written in prop::collection::vec(any::<bool>(), 40),
        base_block in prop::option::of(1..=255_u8),
    ) {
        let before = hive(4, 4, 0x11);
        let after = after(&before, &write);
        let log = old_log(&before, &after, 5, TIME);
        let hive = torn(&before, &after, &written, base_block);
        // Pages that are equal before and after are not logged; they are correct whether written or
        // not.
        let (bytes, recovery) = recover(hive, &[&log]).unwrap();
        prop_assert_eq!(bins(&bytes), bins(&after));
        prop_assert_eq!(recovery.base_block_from.is_some(), base_block.is_some());
        let again = recover(bytes.clone(), &[&log]).unwrap();
        prop_assert_eq!(again.0, bytes);
    }

    #[test]
    fn new_logs_bring_every_whole_write_back(
        writes in prop::collection::vec(write(), 1..8),
        split in any::<prop::sample::Index>(),
        swapped in any::<bool>(),
        damage in prop::option::of(any::<prop::sample::Index>()),
        page in prop::sample::select(vec![512_usize, 4096, 12_288]),
        first in prop::sample::select(vec![1_u32, 566, u32::MAX - 2]),
        written in prop::collection::vec(any::<bool>(), 40),
    ) {
        let start = hive(first, 3, 0x22);
        let mut states = vec![start.clone()];
        for write in &writes {
            states.push(after(&states[states.len() - 1], write));
        }
        let split = split.index(writes.len());
        let sequence = |write: usize| first.wrapping_add(u32::try_from(write).unwrap());
        let (mut early, mut late) = (new_log(&start, first), new_log(&start, sequence(split)));
        let mut ends = vec![];
        for index in 0..writes.len() {
            let log = if index < split { &mut early } else { &mut late };
            Entry::between(&states[index], &states[index + 1], sequence(index), page)
                .append_to(log);
            ends.push(log.len());
        }
        // One byte of one entry is damaged: every write before that entry is recovered.
        let mut whole = writes.len();
        if let Some(damage) = damage {
            let (log, offset) = match damage.index(early.len() + late.len() - 1024) {
                offset if offset < early.len() - 512 => (&mut early, offset + 512),
                offset => (&mut late, offset - (early.len() - 512) + 512),
            };
            log[offset] ^= 0x01;
            let in_late = !std::ptr::eq(log, &raw const early);
            whole = (0..writes.len())
                .find(|&index| (index >= split) == in_late && offset < ends[index])
                .unwrap();
        }

        // Windows writes the hive after the log, so the hive may hold parts of a logged write.
        let hive = torn(&start, &states[1], &written, None);
        let logs = if swapped { [&late[..], &early] } else { [&early[..], &late] };
        match recover(hive, &logs) {
            Ok((bytes, recovery)) => {
                prop_assert_eq!(bins(&bytes), bins(&states[whole]));
                let entries: usize = recovery.replayed.iter().map(|log| log.entries).sum();
                prop_assert_eq!(entries, whole);
                prop_assert_eq!(recovery.sequence_after, sequence(whole));
            }
            Err(_) => prop_assert_eq!(whole, 0),
        }
    }

    #[test]
    fn arbitrary_bytes_cause_neither_a_panic_nor_a_result_longer_than_the_input(
        patches in prop::collection::vec((0..3_usize, any::<prop::sample::Index>(), any::<u32>()), 0..6),
        cut in any::<prop::sample::Index>(),
        fixed in any::<bool>(),
    ) {
        let (before, after) = (hive(4, 2, 1), hive(4, 4, 2));
        let mut new = new_log(&before, 4);
        Entry::between(&before, &after, 4, 4096).append_to(&mut new);
        let mut files = [dirty(before.clone()), old_log(&before, &after, 5, TIME), new];
        for (file, place, value) in patches {
            let offset = place.index(files[file].len() - 3);
            files[file][offset..][..4].copy_from_slice(&value.to_le_bytes());
        }
        if fixed {
            files.iter_mut().for_each(|file| super::fixture::fix_checksum(file));
            super::fixture::hash(&mut files[2][512..]);
        }
        let [hive, old, mut new] = files;
        new.truncate(cut.index(new.len() + 1));
        let given = hive.len() + old.len() + new.len();
        let minimum = BASE_BLOCK + BIN;
        if let Ok((bytes, _)) = recover(hive, &[&old, &new]) {
            prop_assert!((minimum..=given).contains(&bytes.len()));
            let header = Header::of(&bytes).unwrap();
            prop_assert!(header.is_valid());
            prop_assert_eq!(header.primary_sequence(), header.secondary_sequence());
        }
    }
}
