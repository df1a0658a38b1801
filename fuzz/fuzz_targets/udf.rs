//! An ISO image, given as its non-empty sectors: each file found is inside the image, under every
//! spelling of its name, and none is found in a missing sector.
//!
//! The input consists of sectors, since UDF's anchor is in sector 256, at byte 524,288, and
//! mutations of a plain image rarely reach it or leave it intact.

#![no_main]

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;

use libfuzzer_sys::fuzz_target;
use winpe_wim::{Archive, WimError, find_in_iso};

const SECTOR: usize = 2048;
/// Maximum number of sectors of the image.
const MOST: u16 = 2048;
/// Names on real discs, and in the seeds.
const NAMES: [&str; 5] =
    ["sources/boot.wim", "boot/boot.sdi", "boot/bcd", "bootmgr", "sources/a/long name.txt"];

fuzz_target!(|input: &[u8]| {
    let sectors = sectors(input);
    let count = sectors.keys().next_back().map_or(0, |last| usize::from(*last) + 1);
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let path = folder.path().join("fuzz.iso");
    let file = std::fs::File::create_new(&path).expect("a file in memory");
    let size = (count * SECTOR) as u64;
    file.set_len(size).expect("room in memory");
    for (number, bytes) in &sectors {
        file.write_all_at(bytes, (usize::from(*number) * SECTOR) as u64).expect("as above");
    }
    for name in NAMES {
        let found = find_in_iso(&path, name);
        match &found {
            Ok(range) => assert!(range.start <= range.end && range.end <= size, "{range:?}"),
            Err(error) => check_error(error),
        }
        let other = format!("\\{}\\", name.to_uppercase().replace('/', "\\\\"));
        match (&found, find_in_iso(&path, &other)) {
            (Ok(range), again) => assert_eq!(*range, again.expect("the same file")),
            (Err(_), again) => assert!(again.is_err(), "{name}"),
        }
    }
    if let Ok(range) = find_in_iso(&path, NAMES[0])
        && let Ok(wim) = Archive::open_in_iso(&path, NAMES[0])
    {
        assert!(range.end - range.start >= 208, "a WIM has a header");
        assert_eq!(wim.images().len(), wim.header().image_count as usize);
    }
});

/// The sectors of the input: number and length of each, of two bytes, and its bytes; the rest of a
/// sector is zero. The last entry with a number is used.
fn sectors(mut input: &[u8]) -> BTreeMap<u16, &[u8]> {
    let mut sectors = BTreeMap::new();
    while let Some((number, rest)) = input.split_first_chunk::<2>() {
        let number = u16::from_le_bytes(*number) % MOST;
        input = rest;
        let bytes = winpe_fuzz::packet(&mut input);
        sectors.insert(number, &bytes[..bytes.len().min(SECTOR)]);
    }
    sectors
}

/// An image is refused only for its content, not for limits of the machine.
fn check_error(error: &WimError) {
    let line = error.to_string();
    assert!(!matches!(error, WimError::Io { .. }), "{line}");
    assert!(!line.contains(char::is_control), "{line:?}");
}
