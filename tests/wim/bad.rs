//! Bad input: an exact error, and an unchanged file.

use std::fs::{self, File};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use winpe_wim::{
    Archive, CommitError, FormatError, ImageChanges, ImageSelector, ReadError, Target, WimError,
};

use crate::tools::{Bench, HIVE, commit, delete, hash, hive, listing, options, path_text, put};

/// The commit is refused in place and to another file; returns the error of the former.
fn refused(wim: &Path, image: u32, changes: Vec<winpe_wim::FileChange>) -> WimError {
    let before = hash(wim);
    let folder = wim.parent().expect("a folder");
    let names = listing(folder);
    let error = commit(wim, image, changes).expect_err("it is refused");
    assert_eq!(hash(wim), before, "unchanged after: {error}");
    assert_eq!(listing(folder), names, "nothing stays behind");
    error
}

fn new_file() -> Vec<winpe_wim::FileChange> {
    vec![put("Windows/new.txt", b"new")]
}

/// The message without the path, which is temporary.
fn message(error: &WimError) -> String {
    error.to_string().split_once(": ").expect("the path stands first").1.to_owned()
}

#[test]
fn a_truncated_wim_is_reported() {
    let Some(bench) = Bench::capture("XPRESS", &[]) else { return };
    let whole = fs::read(&bench.wim).expect("a WIM");
    let cut = bench.folder.path().join("cut.wim");
    let size = whole.len();
    for keep in [8, 100, 207, 208, 5_000, size / 2, size - 3_000, size - 1] {
        fs::write(&cut, &whole[..keep]).expect("a file");
        let error = refused(&cut, 1, new_file());
        let WimError::Format(FormatError::Truncated { actual, expected, .. }) = error else {
            panic!("{keep} of {size}: {error}");
        };
        assert_eq!(actual, keep as u64);
        assert!(expected > actual);
    }
    for keep in [0, 5] {
        fs::write(&cut, &whole[..keep]).expect("a file");
        let error = refused(&cut, 1, new_file());
        assert!(matches!(error, WimError::Format(FormatError::NotAWim { .. })), "{keep}: {error}");
    }
    fs::write(&cut, "MZ, no WIM at all").expect("a file");
    let error = refused(&cut, 1, new_file());
    assert_eq!(message(&error), "not a WIM file: it begins with 4d5a2c206e6f2057");
}

#[test]
fn corrupt_data_is_reported_when_it_is_read() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    // The last byte of the first resource before the second.
    let mut bytes = fs::read(&bench.wim).expect("a WIM");
    bytes[1_000] ^= 0x55;
    fs::write(&bench.wim, &bytes).expect("a file");
    let wim = Archive::open(&bench.wim).expect("the tables are whole");
    let mut files = Vec::new();
    wim.walk(1, "", &mut |entry| {
        files.extend((!entry.is_dir).then(|| entry.path.to_string()));
        std::ops::ControlFlow::Continue(())
    })
    .expect("the metadata is whole");
    let errors: Vec<_> = files.iter().filter_map(|file| wim.read(1, file).err()).collect();
    assert!(!errors.is_empty());
    assert!(
        errors.iter().all(|error| matches!(error, WimError::Format(FormatError::Corrupt { .. }))),
        "{errors:?}"
    );
    let error = wim.verify(None).expect_err("wimlib sees it too");
    assert!(matches!(error, WimError::Commit(CommitError::Unconfirmed { .. })), "{error}");
}

#[test]
fn corrupt_metadata_and_tables_are_refused() {
    let Some(bench) = Bench::capture("none", &[]) else { return };
    let whole = fs::read(&bench.wim).expect("a WIM");
    let corrupt = |at: usize, change: u8| {
        let mut bytes = whole.clone();
        bytes[at] ^= change;
        fs::write(&bench.wim, bytes).expect("a file");
        refused(&bench.wim, 1, new_file())
    };
    // Uncompressed, so the name of a file can be found in its bytes.
    let name: Vec<u8> = "startnet.cmd".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = whole.windows(name.len()).position(|window| window == name).expect("a name");
    let error = corrupt(at, 1);
    let expected = "corrupt: a metadata resource at offset";
    assert!(message(&error).starts_with(expected), "{error}");
    assert!(matches!(
        corrupt(8, 1),
        WimError::Format(FormatError::Corrupt { what: "the header", .. })
    ));
    assert!(matches!(
        corrupt(12, 1),
        WimError::Format(FormatError::UnsupportedVersion { version: 0x10d01, .. })
    ));
    // The part, the number of images, the offset of the XML data.
    assert!(matches!(
        corrupt(40, 2),
        WimError::Format(FormatError::Corrupt { what: "the header", .. })
    ));
    assert!(matches!(
        corrupt(44, 2),
        WimError::Format(FormatError::Corrupt { what: "the XML data", .. })
    ));
    assert!(matches!(
        corrupt(72 + 14, 1),
        WimError::Format(FormatError::Truncated { what: "the XML data", .. })
    ));
    // An integrity table in a WIM without one, far beyond the end.
    assert!(matches!(corrupt(124 + 13, 1), WimError::Format(FormatError::Truncated { .. })));
}

#[test]
fn a_read_only_wim_is_written_only_elsewhere() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let mut bytes = fs::read(&bench.wim).expect("a WIM");
    // The flags of the header: READONLY.
    bytes[16] |= 4;
    fs::write(&bench.wim, bytes).expect("a file");
    let error = refused(&bench.wim, 1, new_file());
    assert_eq!(message(&error), "marked read-only in its header");
    let out = bench.folder.path().join("out.wim");
    let target = Target::File { path: out.clone(), overwrite: false };
    let changes = [ImageChanges { image: 1, changes: new_file() }];
    let done = Archive::open(&bench.wim).expect("opens").commit(&changes, &target, options());
    assert!(done.expect("a copy").changed);
    bench.accept(&out);
}

#[test]
fn a_wim_open_for_writing_is_locked() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let other = File::open(&bench.wim).expect("a WIM");
    flock(&other, FlockOperation::LockExclusive).expect("a lock");
    let error = refused(&bench.wim, 1, new_file());
    assert_eq!(message(&error), "open for writing elsewhere");
    let out = bench.folder.path().join("out.wim");
    let target = Target::File { path: out.clone(), overwrite: false };
    let error = Archive::open(&bench.wim).expect("opens").commit(&[], &target, options());
    assert!(matches!(error, Err(WimError::Commit(CommitError::Locked { .. }))), "{error:?}");
    assert!(!out.exists());
    flock(&other, FlockOperation::Unlock).expect("unlocks");
    commit(&bench.wim, 1, new_file()).expect("free again");

    // A lock that goes at once, as that of a process which runs another program, is waited for.
    flock(&other, FlockOperation::LockExclusive).expect("a lock");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            flock(&other, FlockOperation::Unlock).expect("unlocks");
        });
        let done = commit(&bench.wim, 1, new_file());
        assert!(!matches!(done, Err(WimError::Commit(CommitError::Locked { .. }))), "{done:?}");
    });
}

#[test]
fn a_wim_that_changed_since_it_was_opened_is_not_written() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let opened = Archive::open(&bench.wim).expect("opens");
    commit(&bench.wim, 1, new_file()).expect("someone else's change");
    let before = hash(&bench.wim);
    let changes = [ImageChanges { image: 1, changes: vec![put("other.txt", b"x")] }];
    let error = opened.commit(&changes, &Target::InPlace, options());
    assert!(matches!(error, Err(WimError::Commit(CommitError::Changed { .. }))), "{error:?}");
    assert_eq!(hash(&bench.wim), before);
}

#[test]
fn a_solid_wim_is_read_and_not_changed() {
    let Some(bench) = Bench::capture("LZX", &["--solid"]) else { return };
    let wim = Archive::open(&bench.wim).expect("opens");
    assert!(wim.header().solid);
    assert!(wim.read(1, HIVE).expect("the hive") == hive());
    assert_eq!(wim.read(1, "Windows/System32/startnet.cmd").expect("a file"), b"wpeinit\r\n");
    assert_eq!(
        message(&refused(&bench.wim, 1, new_file())),
        "solid (ESD): it can be read, not changed"
    );
}

#[test]
fn a_pipable_wim_is_read_and_not_changed() {
    for compress in ["XPRESS", "none"] {
        let Some(bench) = Bench::capture(compress, &["--pipable"]) else { return };
        let wim = Archive::open(&bench.wim).expect("opens");
        assert!(wim.header().pipable);
        assert!(wim.read(1, HIVE).expect("the hive") == hive());
        wim.verify(None).expect("verifies");
        assert_eq!(
            message(&refused(&bench.wim, 1, new_file())),
            "pipable: it can be read, not changed"
        );
    }
}

#[test]
fn a_split_wim_is_read_while_its_parts_are_there_and_not_changed() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let swm = bench.folder.path().join("split.swm");
    bench.imagex(&["split", &path_text(&bench.wim), &path_text(&swm), "0.1"]);
    let wim = Archive::open(&swm).expect("opens");
    assert!(wim.header().parts > 2, "{:?}", wim.header());
    assert!(wim.read(1, HIVE).expect("the hive") == hive());
    assert_eq!(wim.entry(1, HIVE).expect("metadata").expect("a file").size, hive().len() as u64);
    wim.verify(None).expect("verifies");
    let parts = wim.header().parts;
    let expected = format!("part 1 of {parts} of a split WIM: it can be read, not changed");
    assert_eq!(message(&refused(&swm, 1, new_file())), expected);
    for part in 2..=parts {
        fs::remove_file(swm.with_file_name(format!("split{part}.swm"))).expect("a part");
    }
    let wim = Archive::open(&swm).expect("the first part opens");
    let mut missing = 0;
    for path in [HIVE, "Windows/notepad.exe", "Windows/System32/drivers/driver01.sys"] {
        match wim.read(1, path) {
            Err(WimError::Read(ReadError::MissingData { part: 1, .. })) => missing += 1,
            other => drop(other.expect("data of the first part")),
        }
    }
    assert!(missing > 0);
}

#[test]
fn a_missing_image_is_reported_with_the_existing_ones() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    bench.append(&bench.folder.path().join("tree"), "Setup");
    assert_eq!(
        message(&refused(&bench.wim, 3, new_file())),
        "no image 3; it has 1 (Windows PE), 2 (Setup)"
    );
    let wim = Archive::open(&bench.wim).expect("opens");
    let error = wim.select(&"Rescue".parse().expect("any name")).expect_err("no such name");
    assert_eq!(message(&error), "no image \"Rescue\"; it has 1 (Windows PE), 2 (Setup)");
    assert_eq!(wim.select(&ImageSelector::Boot).expect("set at capture"), 1);
    assert_eq!(wim.select(&ImageSelector::Name("Setup".into())).expect("a name"), 2);
    for image in [0, 3, u32::MAX] {
        let error = wim.entry(image, "\\");
        assert!(
            matches!(error, Err(WimError::Read(ReadError::NoSuchImage { .. }))),
            "{image}: {error:?}"
        );
    }
}

#[test]
fn impossible_changes_are_reported_and_none_is_made() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let rename = |from: &str, to: &str| winpe_wim::FileChange::Rename {
        from: from.to_owned(),
        to: to.to_owned(),
    };
    for (change, expected) in [
        (delete("Windows/none.txt"), r"image 1 has no \Windows\none.txt"),
        (
            delete("windows"),
            r"image 1: \Windows is a folder with entries, expected a file or an empty folder",
        ),
        (delete("\\"), r#"image 1: "\\" is not a valid path: the root stays"#),
        (put("WINDOWS", b"x"), r"image 1: \Windows is a folder, expected a file"),
        (
            put("windows/notepad.exe/x", b"x"),
            r"image 1: \Windows\notepad.exe is a file, expected a folder",
        ),
        (
            put("Windows/a:b", b"x"),
            "image 1: \"\\\\Windows\\\\a:b\" is not a valid path: a name holds a control character or \
             one of <>:\"|?*",
        ),
        (rename("none", "x"), r"image 1 has no \none"),
        (
            rename("Windows/notepad.exe", "windows/SYSTEM32"),
            r"image 1 already has \Windows\System32",
        ),
        (
            rename("Windows", "Windows/System32/Windows"),
            r#"image 1: "\\Windows\\System32\\Windows" is not a valid path: it is within itself"#,
        ),
    ] {
        let changes = vec![put("Windows/first.txt", b"x"), change];
        assert_eq!(message(&refused(&bench.wim, 1, changes)), expected);
    }
}
