//! Archives as others write them, and hostile ones.

use std::io::{Cursor, Write};

use ::zip::write::{SimpleFileOptions, ZipWriter};
use proptest::prelude::*;

use super::unpacking::MAX_PATH;
use super::*;
use crate::startup::driver::limits::MAX_DEPTH;

/// Two files, compressed with LZX by Windows. Source: the tests of the crate `cab` (MIT).
const LZX: &[u8] = b"\x4d\x53\x43\x46\x00\x00\x00\x00\x97\x00\x00\x00\x00\x00\x00\
    \x00\x2c\x00\x00\x00\x00\x00\x00\x00\x03\x01\x01\x00\x02\x00\
    \x00\x00\x2d\x05\x00\x00\x5b\x00\x00\x00\x01\x00\x03\x13\x0f\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x21\x53\x0d\xb2\x20\x00\
    \x68\x69\x2e\x74\x78\x74\x00\x10\x00\x00\x00\x0f\x00\x00\x00\
    \x00\x00\x21\x53\x0b\xb2\x20\x00\x62\x79\x65\x2e\x74\x78\x74\
    \x00\x5c\xef\x2a\xc7\x34\x00\x1f\x00\x5b\x80\x80\x8d\x00\x30\
    \xf0\x01\x10\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x48\
    \x65\x6c\x6c\x6f\x2c\x20\x77\x6f\x72\x6c\x64\x21\x0d\x0a\x53\
    \x65\x65\x20\x79\x6f\x75\x20\x6c\x61\x74\x65\x72\x21\x0d\x0a\
    \x00";

fn unpack(bytes: &[u8]) -> Result<Option<Archive>, ArchiveError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    Archive::unpack(file)
}

fn refused(bytes: &[u8]) -> String {
    unpack(bytes).unwrap_err().to_string()
}

fn read(archive: &Archive, path: &str) -> Vec<u8> {
    archive.content(Path::new(path)).unwrap()
}

fn cabinet(method: ::cab::CompressionType, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::cab::CabinetBuilder::new();
    let folder = builder.add_folder(method);
    for (name, _) in files {
        folder.add_file(*name);
    }
    let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
    let mut files = files.iter();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(files.next().unwrap().1).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Content of several blocks, each of which repeats what the one before has.
fn long() -> Vec<u8> {
    (0..20_000u32).flat_map(|number| (number % 7000).to_le_bytes()).collect()
}

#[test]
fn the_files_of_an_archive_are_found_in_its_folders() {
    let long = long();
    let files =
        [("a\\b\\one.inf", &b"one"[..]), ("a\\two.sys", &long), ("three", b""), ("z", b"z")];
    let with_slashes = files.map(|(name, content)| (name.replace('\\', "/"), content));
    let with_slashes = with_slashes.each_ref().map(|(name, content)| (name.as_str(), *content));
    for bytes in [
        cabinet(::cab::CompressionType::None, &files),
        cabinet(::cab::CompressionType::MsZip, &files),
        zipped(&files),
        zipped(&with_slashes),
    ] {
        let archive = unpack(&bytes).unwrap().unwrap();
        assert_eq!(archive.names(Path::new("")), ["a", "three", "z"]);
        assert_eq!(archive.names(Path::new("a")), ["b", "two.sys"]);
        assert_eq!(archive.kind(Path::new("a/b")), Some(Kind::Folder));
        assert_eq!(read(&archive, "a/b/one.inf"), b"one");
        assert!(read(&archive, "a/two.sys") == long);
        assert_eq!((read(&archive, "three"), read(&archive, "z")), (vec![], b"z".to_vec()));
    }
    let archive = unpack(LZX).unwrap().unwrap();
    assert_eq!(read(&archive, "hi.txt"), b"Hello, world!\r\n");
    assert_eq!(read(&archive, "bye.txt"), b"See you later!\r\n");
    for bytes in [&b""[..], b"MZ", b"PK", b"7z\xbc\xaf"] {
        assert!(unpack(bytes).unwrap().is_none());
    }
}

#[test]
fn no_name_leads_out_of_an_archive() {
    for name in ["../x", "/x", "a/../x", "c:\\x", "a//b", "..", "a/x\u{1}", "aux?"] {
        for bytes in [zipped(&[(name, b"")]), cabinet(::cab::CompressionType::None, &[(name, b"")])]
        {
            let error = refused(&bytes);
            assert!(error.contains("is not the name of a file in an archive"), "{name}: {error}");
        }
    }
    let deep = "a/".repeat(MAX_DEPTH) + "x";
    assert!(unpack(&zipped(&[(&deep, b"")])).is_ok());
    for name in ["a/".to_owned() + &deep, "x".repeat(MAX_PATH + 1)] {
        assert!(refused(&zipped(&[(&name, b"")])).contains("is not the name"), "{name}");
    }
    for files in [[("a", &b""[..]), ("a/b", b"")], [("a/b", b""), ("a", b"")]] {
        assert!(refused(&zipped(&files)).contains("is not the name"), "{files:?}");
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("a", "/etc", SimpleFileOptions::default()).unwrap();
    let error = refused(&writer.finish().unwrap().into_inner());
    assert!(error.contains("a: it is a link"), "{error}");
}

#[test]
fn an_archive_is_no_larger_unpacked_than_its_size_explains() {
    let zeros = vec![0; 24 << 20];
    let files = [("zeros", &zeros[..])];
    for bytes in [zipped(&files), cabinet(::cab::CompressionType::MsZip, &files)] {
        assert!(bytes.len() < 200_000, "{}", bytes.len());
        let error = refused(&bytes);
        assert!(error.contains("its content is larger than"), "{error}");
    }
}

#[test]
fn a_damaged_cabinet_is_an_error() {
    let changed = |at: usize, byte: u8| {
        let mut bytes = LZX.to_vec();
        bytes[at] = byte;
        refused(&bytes)
    };
    let second = LZX.windows(7).position(|bytes| bytes == b"bye.txt").unwrap() - 16;
    assert!(changed(second + 4, 0xff).contains("bye.txt: it begins after the end of the data"));
    assert!(changed(second + 4, 1).contains("bye.txt: it overlaps another"));
    assert!(changed(second, 0xff).contains("bye.txt: the data ends before it"));
    assert!(
        changed(second + 8, 9).contains("bye.txt: it is in a folder that the cabinet does not")
    );
    assert!(changed(30, 2).contains("part of a set of cabinets"));
    let compression = LZX.windows(2).position(|bytes| bytes == b"\x03\x13").unwrap();
    assert!(changed(compression, 2).contains("expected none, MSZIP or LZX"));
    assert!(changed(compression + 1, 25).contains("expected none, MSZIP or LZX"));
    for length in 4..LZX.len() {
        assert!(unpack(&LZX[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn no_change_of_an_archive_makes_it_panic(
        kind in 0..3usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let long = long();
        let files = [("a", &long[..4000]), ("b", &b"text"[..])];
        let mut bytes = match kind {
            0 => LZX.to_vec(),
            1 => cabinet(::cab::CompressionType::MsZip, &files),
            _ => zipped(&files),
        };
        for (at, byte) in changes {
            // The magic stays.
            let at = 4 + at.index(bytes.len() - 4);
            bytes[at] = byte;
        }
        let _ = unpack(&bytes);
    }
}
