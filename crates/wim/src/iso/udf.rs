//! UDF 1.02 to 2.01 (ECMA-167) on optical media: one partition, no virtual or metadata maps.

use super::{Image, SECTOR, Window, matches, u16_at, u32_at, u64_at};
use crate::error::WimError;

mod tag {
    pub(super) const ANCHOR: u16 = 2;
    pub(super) const PARTITION: u16 = 5;
    pub(super) const LOGICAL_VOLUME: u16 = 6;
    pub(super) const TERMINATOR: u16 = 8;
    pub(super) const FILE_SET: u16 = 256;
    pub(super) const FILE_IDENTIFIER: u16 = 257;
    pub(super) const FILE_ENTRY: u16 = 261;
    pub(super) const EXTENDED_FILE_ENTRY: u16 = 266;
}

/// The sector of the anchor descriptor on every medium.
const ANCHOR_SECTOR: u64 = 256;
const FOLDER: u8 = 4;
const IDENTIFIER_HEAD: usize = 38;

/// A UDF volume.
pub(super) struct Volume<'a> {
    image: Image<'a>,
    /// The first sector of the partition.
    partition: u64,
    /// Block number of the root folder's entry.
    root: u32,
}

/// A file entry: its type and the location of its data.
struct Entry {
    is_dir: bool,
    extents: Vec<Window>,
}

impl<'a> Volume<'a> {
    /// `None` without such a file system.
    pub(super) fn open(image: Image<'a>) -> Result<Option<Self>, WimError> {
        let Some(anchor) = image.sector(ANCHOR_SECTOR)?.filter(|anchor| is(anchor, tag::ANCHOR))
        else {
            return Ok(None);
        };
        let descriptors = u64::from(u32_at(&anchor, 20));
        let count = u64::from(u32_at(&anchor, 16)) / SECTOR;
        /// Limit of volume descriptors; writers reserve sixteen.
        const MOST: u64 = 256;
        let (mut partition, mut file_set) = (None, None);
        for number in descriptors..descriptors + count.min(MOST) {
            let Some(sector) = image.sector(number)? else { break };
            match u16_at(&sector, 0) {
                tag::PARTITION => partition = Some(u64::from(u32_at(&sector, 188))),
                tag::LOGICAL_VOLUME => {
                    check_volume(image, number * SECTOR, &sector)?;
                    file_set = Some(u32_at(&sector, 252));
                }
                tag::TERMINATOR => break,
                _ => {}
            }
        }
        let (Some(partition), Some(file_set)) = (partition, file_set) else {
            return Err(image.corrupt(descriptors * SECTOR, "a partition and a volume", "none"));
        };
        let mut volume = Self { image, partition, root: 0 };
        let sector = volume.block(file_set, tag::FILE_SET, "a file set descriptor")?;
        volume.root = u32_at(&sector, 404);
        Ok(Some(volume))
    }

    /// The extents of the file at `path`.
    pub(super) fn find(&self, path: &[&str]) -> Result<Option<Vec<Window>>, WimError> {
        let mut entry = self.entry(self.root)?;
        for wanted in path {
            if !entry.is_dir {
                return Ok(None);
            }
            let folder = self.image.folder(&entry.extents)?;
            let Some(block) = child(&folder, wanted) else { return Ok(None) };
            entry = self.entry(block)?;
        }
        Ok((!entry.is_dir).then_some(entry.extents))
    }

    fn entry(&self, block: u32) -> Result<Entry, WimError> {
        let sector = self.sector_of(block)?;
        let at = (self.partition + u64::from(block)) * SECTOR;
        // (length of the extended attributes, length of the allocation descriptors, end of the
        // fixed part)
        let (attributes, size, head) = match u16_at(&sector, 0) {
            tag::FILE_ENTRY => (u32_at(&sector, 168), u32_at(&sector, 172), 176),
            tag::EXTENDED_FILE_ENTRY => (u32_at(&sector, 208), u32_at(&sector, 212), 216),
            other => return Err(self.image.corrupt(at, "a file entry", other)),
        };
        let start = head + attributes as usize;
        let Some(descriptors) = sector.get(start..start.saturating_add(size as usize)) else {
            return Err(self.image.corrupt(at, "allocation descriptors in one sector", size));
        };
        let is_dir = sector[27] == FOLDER;
        let length = u64_at(&sector, 56);
        let mut extents = match sector[34] & 7 {
            0 => self.extents(descriptors, 8),
            1 => self.extents(descriptors, 16),
            // Data of small files is in the entry itself.
            3 => vec![Window { offset: at + start as u64, size: size.into() }],
            other => return Err(self.image.corrupt(at, "short or long descriptors", other)),
        };
        let mut left = length;
        for extent in &mut extents {
            extent.size = extent.size.min(left);
            left -= extent.size;
        }
        if left > 0 {
            return Err(self.image.corrupt(
                at,
                "extents of the whole file",
                format!("{left} bytes less"),
            ));
        }
        Ok(Entry { is_dir, extents })
    }

    /// Allocation descriptors of `size` bytes; the block number follows the length in both kinds.
    fn extents(&self, descriptors: &[u8], size: usize) -> Vec<Window> {
        /// The two high bits hold the type of the extent.
        const LENGTH: u32 = 0x3fff_ffff;
        descriptors
            .chunks_exact(size)
            .map(|descriptor| Window {
                offset: (self.partition + u64::from(u32_at(descriptor, 4))) * SECTOR,
                size: (u32_at(descriptor, 0) & LENGTH).into(),
            })
            .filter(|extent| extent.size > 0)
            .collect()
    }

    fn block(&self, block: u32, tag: u16, what: &str) -> Result<Vec<u8>, WimError> {
        let sector = self.sector_of(block)?;
        if is(&sector, tag) {
            return Ok(sector);
        }
        let at = (self.partition + u64::from(block)) * SECTOR;
        Err(self.image.corrupt(at, what, u16_at(&sector, 0)))
    }

    fn sector_of(&self, block: u32) -> Result<Vec<u8>, WimError> {
        let number = self.partition + u64::from(block);
        let missing = || self.image.corrupt(number * SECTOR, "a sector", "the end of the file");
        self.image.sector(number)?.ok_or_else(missing)
    }
}

/// The block of the entry with that name in a folder.
fn child(folder: &[u8], wanted: &str) -> Option<u32> {
    const DELETED_OR_PARENT: u8 = 0x04 | 0x08;
    let mut rest = folder;
    while rest.len() >= IDENTIFIER_HEAD && is(rest, tag::FILE_IDENTIFIER) {
        let start = IDENTIFIER_HEAD + usize::from(u16_at(rest, 36));
        let end = start + usize::from(rest[19]);
        let name = rest.get(start..end)?;
        if rest[18] & DELETED_OR_PARENT == 0 && matches(&decode(name), wanted) {
            return Some(u32_at(rest, 24));
        }
        rest = rest.get(end.next_multiple_of(4)..)?;
    }
    None
}

/// "OSTA compressed Unicode": the first byte is the number of bits per character.
fn decode(name: &[u8]) -> String {
    match name.split_first() {
        Some((8, bytes)) => bytes.iter().copied().map(char::from).collect(),
        Some((16, bytes)) => {
            let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        _ => String::new(),
    }
}

/// Checks that there is one partition map, of type 1, and that blocks are sectors.
fn check_volume(image: Image<'_>, at: u64, sector: &[u8]) -> Result<(), WimError> {
    const PLAIN_MAP: u8 = 1;
    let (block, maps, kind) = (u32_at(sector, 212), u32_at(sector, 268), sector[440]);
    if u64::from(block) == SECTOR && maps == 1 && kind == PLAIN_MAP {
        return Ok(());
    }
    let found = format!("blocks of {block} bytes, {maps} maps, the first of type {kind}");
    Err(image.corrupt(at, "UDF 1.02 to 2.01: blocks of 2048 bytes, one map of type 1", found))
}

fn is(descriptor: &[u8], tag: u16) -> bool {
    u16_at(descriptor, 0) == tag
}
