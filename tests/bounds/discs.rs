//! ISO images with folders of the maximum size.

use crate::random::Random;

const SECTOR: usize = 2048;

/// An ISO 9660 image of at most `budget` bytes, whose root folder has many records, in one extent
/// or in many overlapping ones.
pub(crate) fn iso(random: &mut Random, budget: usize) -> Vec<u8> {
    let sectors = budget / SECTOR;
    let mut disc = vec![0; sectors * SECTOR];
    let folder = 18;
    let size = (sectors - folder) * SECTOR;
    let volume = 16 * SECTOR;
    disc[volume] = 1;
    disc[volume + 1..volume + 6].copy_from_slice(b"CD001");
    let root = record(folder, size, true, false, b"\0");
    disc[volume + 156..volume + 156 + root.len()].copy_from_slice(&root);
    disc[volume + SECTOR] = 255;
    disc[volume + SECTOR + 1..volume + SECTOR + 6].copy_from_slice(b"CD001");
    let name = random.pick(&["SOURCES", "X", "BOOT.WIM"]);
    let is_dir = random.below(3) != 0;
    let repeats = random.below(2) == 0;
    let one = record(folder, size, is_dir, repeats, name.as_bytes());
    for sector in disc[folder * SECTOR..].chunks_mut(SECTOR) {
        let mut at = 0;
        while at + one.len() <= sector.len() {
            sector[at..at + one.len()].copy_from_slice(&one);
            at += one.len();
        }
    }
    disc
}

fn record(sector: usize, size: usize, is_dir: bool, more: bool, name: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 33];
    record[2..6].copy_from_slice(&(sector as u32).to_le_bytes());
    record[10..14].copy_from_slice(&(size as u32).to_le_bytes());
    record[25] = u8::from(is_dir) * 2 + u8::from(more) * 0x80;
    record[32] = name.len() as u8;
    record.extend(name);
    record.resize(record.len().next_multiple_of(2), 0);
    record[0] = record.len() as u8;
    record
}
