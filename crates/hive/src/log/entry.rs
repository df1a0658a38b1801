//! Logs in the new format (Windows 8.1 and later): entries, each with hashes and a sequence number.

use super::error::Stop;
use super::header::{BASE_BLOCK, BIN, MAX_BINS, SECTOR, set_locked, u32_at, u64_at};
use super::marvin::marvin32;
use crate::file_bytes::FileBytes;

/// Length of an entry's header; references to pages follow.
const HEADER: usize = 40;

/// The part of the header that hash 2 covers; hash 1 is at its end.
const HASHED_HEADER: usize = 32;

/// Length of a reference: offset and size of a page.
const REFERENCE: usize = 8;

/// The result of replaying one log.
pub(super) struct Replay {
    pub(super) entries: usize,
    pub(super) pages: usize,
    pub(super) last_sequence: u32,
    pub(super) bins_size: u32,
    pub(super) stop: Stop,
}

/// Replays entries in sequence, the first one numbered `first`. An entry is applied whole or not at
/// all; if the first cannot be applied, the hive is unchanged.
pub(super) fn replay(hive: &mut FileBytes, log: &[u8], first: u32) -> Result<Replay, Stop> {
    let mut offset = SECTOR;
    let mut done: Option<Replay> = None;
    loop {
        let expected = done.as_ref().map_or(first, |done| done.last_sequence.wrapping_add(1));
        let entry = match Entry::parse(log, offset, expected, hive.len() - BASE_BLOCK) {
            Ok(entry) => entry,
            Err(stop) => return done.map(|done| Replay { stop: stop.clone(), ..done }).ok_or(stop),
        };
        entry.apply(hive);
        offset += entry.size;
        let (entries, pages) = done.map_or((0, 0), |done| (done.entries, done.pages));
        done = Some(Replay {
            entries: entries + 1,
            pages: pages + entry.references.len() / REFERENCE,
            last_sequence: expected,
            bins_size: entry.bins_size,
            stop: Stop::End { offset },
        });
    }
}

/// An entry with correct hashes whose pages all have a place in the hive.
struct Entry<'a> {
    size: usize,
    flags: u32,
    bins_size: u32,
    references: &'a [u8],
    pages: &'a [u8],
}

impl<'a> Entry<'a> {
    /// `bins` is the current size of the hive's bins in bytes.
    fn parse(log: &'a [u8], offset: usize, expected: u32, bins: usize) -> Result<Self, Stop> {
        let rest = log.get(offset..).unwrap_or_default();
        if rest.len() < SECTOR {
            return Err(Stop::End { offset });
        }
        let signature = u32_at(rest, 0).to_le_bytes();
        if signature != *b"HvLE" {
            return Err(Stop::Signature { offset, actual: signature });
        }
        let sequence = u32_at(rest, 12);
        if sequence != expected {
            return Err(Stop::Sequence { offset, expected, actual: sequence });
        }

        let size = u32_at(rest, 4) as usize;
        let wrong_size = |least| Stop::Size { offset, actual: size, least, most: rest.len() };
        if size < SECTOR || !size.is_multiple_of(SECTOR) || size > rest.len() {
            return Err(wrong_size(SECTOR));
        }
        let entry = &rest[..size];
        for (which, at, hashed) in [(2, 32, &entry[..HASHED_HEADER]), (1, 24, &entry[HEADER..])] {
            let (expected, actual) = (marvin32(hashed), u64_at(entry, at));
            if actual != expected {
                return Err(Stop::Hash { offset, which, expected, actual });
            }
        }

        let bins_size = u32_at(entry, 16);
        // All new pages of a growing hive are dirty, so the entry holds their content.
        let limit = MAX_BINS.min(bins + size);
        if bins_size == 0 || !(bins_size as usize).is_multiple_of(BIN) || bins_size as usize > limit
        {
            return Err(Stop::BinsSize { offset, actual: bins_size, limit });
        }
        let count = u32_at(entry, 20) as usize;
        let pages_start = count.saturating_mul(REFERENCE).saturating_add(HEADER);
        let references = entry.get(HEADER..pages_start).ok_or(wrong_size(pages_start))?;
        let mut pages_end = pages_start;
        for (page, length) in pages_of(references) {
            if page.checked_add(length).is_none_or(|end| end > bins_size) {
                return Err(Stop::Page { offset, page, size: length, bins_size });
            }
            pages_end = pages_end.saturating_add(length as usize);
        }
        let pages = entry.get(pages_start..pages_end).ok_or(wrong_size(pages_end))?;
        Ok(Self { size, flags: u32_at(entry, 8), bins_size, references, pages })
    }

    fn apply(&self, hive: &mut FileBytes) {
        let end = BASE_BLOCK + self.bins_size as usize;
        if hive.len() < end {
            hive.resize(end);
        }
        let mut pages = self.pages;
        for (page, length) in pages_of(self.references) {
            let (content, rest) = pages.split_at(length as usize);
            hive[BASE_BLOCK + page as usize..][..content.len()].copy_from_slice(content);
            pages = rest;
        }
        set_locked(hive, self.flags);
    }
}

/// Offset and length of each page.
fn pages_of(references: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    references.chunks_exact(REFERENCE).map(|entry| (u32_at(entry, 0), u32_at(entry, 4)))
}
