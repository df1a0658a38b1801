//! Generated hives and logs for the tests. The hives have bins without cells: recovery does not
//! read them.

use crate::log::header::{BASE_BLOCK, BIN, Header, SECTOR, seal, set_timestamp};
use crate::log::marvin::marvin32;

pub(super) const TIME: u64 = 0x01d2_9573_90f0_3b20;

/// A clean hive with bins of one page each, filled with `fill`.
pub(super) fn hive(sequence: u32, bins: usize, fill: u8) -> Vec<u8> {
    let mut hive = vec![0; BASE_BLOCK];
    hive[..4].copy_from_slice(b"regf");
    hive[20..24].copy_from_slice(&1u32.to_le_bytes());
    hive[24..28].copy_from_slice(&5u32.to_le_bytes());
    hive[32..36].copy_from_slice(&1u32.to_le_bytes());
    hive[36..40].copy_from_slice(&32u32.to_le_bytes());
    hive[44..48].copy_from_slice(&1u32.to_le_bytes());
    set_timestamp(&mut hive, TIME);
    for bin in 0..bins {
        hive.extend(bin_at(bin * BIN, fill));
    }
    seal(&mut hive, sequence, u32::try_from(bins * BIN).unwrap());
    hive
}

/// A bin of one page.
pub(super) fn bin_at(offset: usize, fill: u8) -> Vec<u8> {
    let mut bin = vec![fill; BIN];
    bin[..4].copy_from_slice(b"hbin");
    bin[4..8].copy_from_slice(&u32::try_from(offset).unwrap().to_le_bytes());
    bin[8..12].copy_from_slice(&u32::try_from(BIN).unwrap().to_le_bytes());
    bin[20..28].copy_from_slice(&TIME.to_le_bytes());
    bin
}

/// The hive after a write that began and did not end.
pub(super) fn dirty(mut hive: Vec<u8>) -> Vec<u8> {
    let primary = Header::of(&hive).unwrap().primary_sequence() + 1;
    hive[4..8].copy_from_slice(&primary.to_le_bytes());
    fix_checksum(&mut hive);
    hive
}

/// The bins, without the base block and the bytes after the bins.
pub(super) fn bins(hive: &[u8]) -> &[u8] {
    let size = Header::of(hive).unwrap().bins_size() as usize;
    &hive[BASE_BLOCK..][..size]
}

pub(super) fn fix_checksum(file: &mut [u8]) {
    let checksum = Header::of(file).unwrap().checksum();
    file[508..512].copy_from_slice(&checksum.to_le_bytes());
}

/// A log in the old format that turns the bins of `before` into those of `after`.
pub(super) fn old_log(before: &[u8], after: &[u8], sequence: u32, time: u64) -> Vec<u8> {
    let (old, new) = (bins(before), bins(after));
    let mut log = log_header(after, sequence, 1);
    set_timestamp(&mut log, time);
    fix_checksum(&mut log);
    log.extend(b"DIRT");
    let pages: Vec<_> = (0..new.len() / SECTOR)
        .map(|page| page * SECTOR..(page + 1) * SECTOR)
        .map(|range| (old.get(range.clone()) != Some(&new[range.clone()])).then_some(&new[range]))
        .collect();
    for byte in pages.chunks(8) {
        let bits = byte.iter().enumerate();
        log.push(bits.fold(0, |sum, (bit, page)| sum | u8::from(page.is_some()) << bit));
    }
    log.resize(log.len().next_multiple_of(SECTOR), 0xee);
    pages.into_iter().flatten().for_each(|page| log.extend(page));
    log
}

/// A log in the new format without entries.
pub(super) fn new_log(hive: &[u8], sequence: u32) -> Vec<u8> {
    log_header(hive, sequence, 6)
}

fn log_header(hive: &[u8], sequence: u32, file_type: u32) -> Vec<u8> {
    let mut header = hive[..SECTOR].to_vec();
    let size = Header::of(hive).unwrap().bins_size();
    seal(&mut header, sequence, size);
    header[28..32].copy_from_slice(&file_type.to_le_bytes());
    fix_checksum(&mut header);
    header
}

/// An entry for a log in the new format.
pub(super) struct Entry {
    pub(super) sequence: u32,
    pub(super) flags: u32,
    pub(super) bins_size: u32,
    pub(super) pages: Vec<(u32, Vec<u8>)>,
}

impl Entry {
    /// The entry that turns the bins of `before` into those of `after`, with pages of `page` bytes.
    pub(super) fn between(before: &[u8], after: &[u8], sequence: u32, page: usize) -> Self {
        let (old, new) = (bins(before), bins(after));
        let pages = (0..new.len())
            .step_by(page)
            .map(|start| (start, &new[start..new.len().min(start + page)]))
            .filter(|(start, content)| old.get(*start..start + content.len()) != Some(content))
            .map(|(start, content)| (u32::try_from(start).unwrap(), content.to_vec()))
            .collect();
        Self { sequence, flags: 0, bins_size: u32::try_from(new.len()).unwrap(), pages }
    }

    pub(super) fn append_to(&self, log: &mut Vec<u8>) {
        let start = log.len();
        log.extend(b"HvLE");
        log.extend([0; 4]);
        let count = u32::try_from(self.pages.len()).unwrap();
        for word in [self.flags, self.sequence, self.bins_size, count] {
            log.extend(word.to_le_bytes());
        }
        log.extend([0; 16]);
        for (offset, page) in &self.pages {
            log.extend(offset.to_le_bytes());
            log.extend(u32::try_from(page.len()).unwrap().to_le_bytes());
        }
        self.pages.iter().for_each(|(_, page)| log.extend(page));
        log.resize(log.len().next_multiple_of(SECTOR), 0);
        let size = u32::try_from(log.len() - start).unwrap();
        log[start + 4..start + 8].copy_from_slice(&size.to_le_bytes());
        hash(&mut log[start..]);
    }
}

/// Computes both hashes of an entry.
pub(super) fn hash(entry: &mut [u8]) {
    let pages = marvin32(&entry[40..]);
    entry[24..32].copy_from_slice(&pages.to_le_bytes());
    let header = marvin32(&entry[..32]);
    entry[32..40].copy_from_slice(&header.to_le_bytes());
}
