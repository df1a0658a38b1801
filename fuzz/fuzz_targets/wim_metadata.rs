//! Arbitrary metadata, in an otherwise sound WIM: walked and changed. Added files are found
//! afterwards, by us and by wimlib, which confirms each commit; or the change is refused.
#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use sha1::{Digest, Sha1};
use winpe_wim::{
    Archive, CommitError, CommitOptions, Content, FileChange, ImageChanges, Target, WimError,
};

const PUT: &str = "dir\\new.txt";

fuzz_target!(|metadata: &[u8]| {
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let path = folder.path().join("fuzz.wim");
    std::fs::write(&path, wim(metadata)).expect("room in memory");
    let wim = Archive::open(&path).expect("all but the metadata is sound");
    let mut paths = Vec::new();
    let walked = wim.walk(1, "", &mut |entry| {
        paths.push((entry.path.to_string(), entry.is_dir));
        ControlFlow::Continue(())
    });
    if walked.is_err() {
        return;
    }
    let put = FileChange::Put { path: PUT.into(), content: Content::Bytes(b"new".to_vec()) };
    let mut changes = vec![put];
    if let Some((first, _)) = paths.iter().find(|(_, is_dir)| !is_dir) {
        changes.push(FileChange::Delete { path: first.clone(), recursive: false });
    }
    let changes = [ImageChanges { image: 1, changes }];
    let options = CommitOptions { threads: Some(1), ..CommitOptions::default() };
    match wim.commit(&changes, &Target::InPlace, options) {
        Ok(_) => {
            let wim = Archive::open(&path).expect("own WIM");
            let put = wim.entry(1, PUT).expect("own metadata");
            // Unless the deletion removed this file.
            assert!(put.is_none_or(|entry| entry.size == 3));
        }
        // wimlib may refuse more than we do, and then the WIM is restored.
        Err(WimError::Commit(CommitError::Unconfirmed { .. })) => {
            let restored = std::fs::read(&path).expect("a file");
            assert!(restored == self::wim(metadata), "restored");
        }
        Err(_) => {}
    }
});

/// A WIM with one image and that metadata, uncompressed, with its right SHA-1.
fn wim(metadata: &[u8]) -> Vec<u8> {
    let resource = |offset: usize, size: usize, flags: u8| {
        let mut bytes = (size as u64).to_le_bytes();
        bytes[7] = flags;
        let mut header = bytes.to_vec();
        header.extend((offset as u64).to_le_bytes());
        header.extend((size as u64).to_le_bytes());
        header
    };
    let place = resource(208, metadata.len(), 2);
    let mut table = place.clone();
    table.extend(1_u16.to_le_bytes());
    table.extend(1_u32.to_le_bytes());
    table.extend(Sha1::digest(metadata));
    let xml = "\u{feff}<WIM><IMAGE INDEX=\"1\"><NAME>x</NAME></IMAGE></WIM>";
    let xml: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut header = b"MSWIM\0\0\0".to_vec();
    for number in [208_u32, 0x10d00, 0, 0] {
        header.extend(number.to_le_bytes());
    }
    header.extend([7; 16]);
    header.extend([1, 0, 1, 0, 1, 0, 0, 0]);
    let table_at = 208 + metadata.len();
    header.extend(resource(table_at, table.len(), 2));
    header.extend(resource(table_at + table.len(), xml.len(), 2));
    header.extend(place);
    header.extend(1_u32.to_le_bytes());
    header.resize(208, 0);
    [header, metadata.to_vec(), table, xml].concat()
}
