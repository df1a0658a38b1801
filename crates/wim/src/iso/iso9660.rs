//! ISO 9660 (ECMA-119): the primary volume descriptor and its directory records.

use super::{Image, SECTOR, Window, matches, u32_at};
use crate::error::WimError;

const DESCRIPTORS_START: u64 = 16;
const PRIMARY: u8 = 1;
const TERMINATOR: u8 = 255;
/// The size of a record without a name.
const SHORTEST_RECORD: usize = 33;
const DIRECTORY: u8 = 0x02;
/// Flag: more records of the same file follow (files from 4 GiB on).
const MULTI_EXTENT: u8 = 0x80;

/// The root folder, or `None` without such a file system.
pub(super) fn root(image: Image<'_>) -> Result<Option<Window>, WimError> {
    /// Limit of volume descriptors; real media have three or four.
    const MOST: u64 = 64;
    for number in DESCRIPTORS_START..DESCRIPTORS_START + MOST {
        let Some(sector) = image.sector(number)? else { break };
        if &sector[1..6] != b"CD001" || sector[0] == TERMINATOR {
            break;
        }
        if sector[0] == PRIMARY {
            return Ok(Some(extent(&sector[156..190])));
        }
    }
    Ok(None)
}

/// The extents of the file at `path`.
pub(super) fn find(
    image: Image<'_>,
    root: Window,
    path: &[&str],
) -> Result<Option<Vec<Window>>, WimError> {
    let mut folder = vec![root];
    for (depth, wanted) in path.iter().enumerate() {
        let is_dir = depth + 1 < path.len();
        match entry(&image.folder(&folder)?, wanted, is_dir) {
            Some(extents) => folder = extents,
            None => return Ok(None),
        }
    }
    Ok(Some(folder))
}

/// The extents of an entry of a folder.
fn entry(folder: &[u8], wanted: &str, is_dir: bool) -> Option<Vec<Window>> {
    let mut extents = Vec::new();
    // A record does not cross a sector boundary; the rest of the sector is zero.
    for sector in folder.chunks(SECTOR as usize) {
        let mut rest = sector;
        while let Some(length) = rest.first().map(|length| usize::from(*length)) {
            if length < SHORTEST_RECORD || length > rest.len() {
                break;
            }
            let (record, after) = rest.split_at(length);
            rest = after;
            let flags = record[25];
            let name = record.get(33..33 + usize::from(record[32])).unwrap_or_default();
            let name = String::from_utf8_lossy(name);
            // Names end with a version number.
            let name = name.split(';').next().unwrap_or_default().trim_end_matches('.');
            if (flags & DIRECTORY != 0) != is_dir || !matches(name, wanted) {
                continue;
            }
            extents.push(extent(record));
            if flags & MULTI_EXTENT == 0 {
                return Some(extents);
            }
        }
    }
    None
}

fn extent(record: &[u8]) -> Window {
    Window { offset: u64::from(u32_at(record, 2)) * SECTOR, size: u32_at(record, 10).into() }
}
