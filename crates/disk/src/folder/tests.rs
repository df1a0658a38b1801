//! Tests of folders: which names and links are refused, and which files stay unchanged.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

use super::{Folder, FolderError, Kind};

/// A folder `root` next to a file `secret`.
fn ground() -> (TempDir, Folder) {
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("secret"), "secret").unwrap();
    let folder = Folder::open_or_make(&outer.path().join("root")).unwrap();
    (outer, folder)
}

fn put(folder: &Folder, name: &str, data: &str) -> Result<(), FolderError> {
    let mut new = folder.create(name.as_ref())?;
    new.file().write_all(data.as_bytes()).unwrap();
    new.finish()
}

fn replace(folder: &Folder, name: &str, data: &str) -> Result<(), FolderError> {
    let mut new = folder.replacement(name.as_ref())?;
    new.file().write_all(data.as_bytes()).unwrap();
    new.finish()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_text_that_is_not_one_name_is_refused() {
    let (_outer, folder) = ground();
    for name in ["", ".", "..", "a/b", "/a", "a\0b", "../secret"] {
        let name = OsStr::new(name);
        let refused = [
            folder.create(name).map(drop),
            folder.replacement(name).map(drop),
            folder.make(name).map(drop),
            folder.enter(name).map(drop),
            folder.symlink("x".as_ref(), name, true),
            folder.set_link_times(name, None, None),
        ];
        for refused in refused {
            assert!(matches!(refused, Err(FolderError::BadName { .. })), "{name:?}: {refused:?}");
        }
    }
    assert!(folder.names().unwrap().is_empty());
}

#[test]
fn links_are_replaced_and_never_written_through() {
    let (outer, folder) = ground();
    for target in ["../secret", "nowhere", "."] {
        let _ = fs::remove_file(outer.path().join("root/l"));
        symlink(target, outer.path().join("root/l")).unwrap();
        assert!(matches!(put(&folder, "l", "new"), Err(FolderError::Exists { .. })), "{target}");
        let entered = folder.enter("l".as_ref());
        assert!(matches!(entered, Err(FolderError::Link { .. })), "{target}: {entered:?}");
        assert!(matches!(folder.make("l".as_ref()), Err(FolderError::Link { .. })), "{target}");
        replace(&folder, "l", "new").unwrap();
        assert_eq!(read(outer.path().join("root/l")), "new");
        folder.symlink("../secret".as_ref(), "l".as_ref(), true).unwrap();
        let time = Some(UNIX_EPOCH - Duration::new(1, 500));
        folder.set_link_times("l".as_ref(), time, time).unwrap();
        let found = fs::symlink_metadata(outer.path().join("root/l")).unwrap();
        assert_eq!(found.modified().ok(), time);
    }
    assert_eq!(read(outer.path().join("secret")), "secret");
    assert_eq!(folder.names().unwrap(), ["l"], "no temporary name stays");
}

#[test]
fn an_unfinished_file_leaves_nothing() {
    let (outer, folder) = ground();
    drop(folder.create("a".as_ref()).unwrap());
    assert!(folder.names().unwrap().is_empty());
    put(&folder, "a", "old").unwrap();
    drop(folder.replacement("a".as_ref()).unwrap());
    folder.make("f".as_ref()).unwrap();
    assert!(replace(&folder, "f", "x").is_err(), "a folder is not replaced");
    assert!(folder.symlink("x".as_ref(), "f".as_ref(), true).is_err());
    assert_eq!(folder.names().unwrap(), ["a", "f"]);
    assert_eq!(read(outer.path().join("root/a")), "old");
}

#[test]
fn a_hard_link_is_made_only_to_the_expected_file() {
    let (outer, folder) = ground();
    let mut new = folder.create("a".as_ref()).unwrap();
    new.file().write_all(b"a").unwrap();
    let identity = new.identity().unwrap();
    new.finish().unwrap();
    let link = |name: &str, replace| {
        folder.hard_link((&folder, "a".as_ref(), identity), name.as_ref(), replace)
    };
    assert!(link("b", false).unwrap());
    assert!(matches!(link("b", false), Err(FolderError::Exists { .. })));
    assert!(link("b", true).unwrap(), "it is that file already");
    put(&folder, "c", "c").unwrap();
    assert!(link("c", true).unwrap());
    let root = outer.path().join("root");
    assert_eq!(fs::metadata(root.join("a")).unwrap().nlink(), 3);
    // Now another file, or a link to one, has the name.
    fs::rename(outer.path().join("secret"), root.join("a")).unwrap();
    assert!(!link("d", false).unwrap());
    fs::rename(root.join("a"), outer.path().join("secret")).unwrap();
    symlink("../secret", root.join("a")).unwrap();
    assert!(!link("d", true).unwrap());
    assert_eq!(folder.names().unwrap(), ["a", "b", "c"]);
    assert_eq!(fs::metadata(outer.path().join("secret")).unwrap().nlink(), 1);
}

#[test]
fn links_within_the_folder_are_read_and_no_others() {
    let (outer, folder) = ground();
    let root = outer.path().join("root");
    put(&folder.make("sub".as_ref()).unwrap(), "file", "within").unwrap();
    for (target, name) in [
        ("sub/file", "within"),
        ("sub", "folder"),
        ("../secret", "upwards"),
        ("..", "parent"),
        ("loop", "loop"),
        ("nowhere", "dangling"),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    symlink(outer.path().join("secret"), root.join("absolute")).unwrap();
    for path in ["within", "folder/file", "sub/file", "./sub//file"] {
        assert!(folder.open_file(path.as_ref()).is_ok(), "{path}");
        assert_eq!(folder.kind(path.as_ref()).unwrap(), Some(Kind::File { size: 6 }), "{path}");
    }
    for path in ["upwards", "absolute", "parent/secret", "loop"] {
        let opened = folder.open_file(path.as_ref());
        assert!(matches!(opened, Err(FolderError::Outside { .. })), "{path}: {opened:?}");
        assert!(matches!(folder.kind(path.as_ref()), Err(FolderError::Outside { .. })), "{path}");
    }
    for path in ["../secret", "/etc/passwd", "sub/../../secret", "sub/.."] {
        let opened = folder.open_file(path.as_ref());
        assert!(matches!(opened, Err(FolderError::BadName { .. })), "{path}: {opened:?}");
    }
    for path in ["none", "dangling", "sub/file/x"] {
        assert_eq!(folder.kind(path.as_ref()).unwrap(), None, "{path}");
    }
    assert!(matches!(folder.open_file("sub".as_ref()), Err(FolderError::NotAFile { .. })));
    assert_eq!(folder.subfolder("folder".as_ref()).unwrap().names().unwrap(), ["file"]);
    assert!(folder.subfolder("parent".as_ref()).is_err());
    let within = folder.descend("sub".as_ref()).unwrap();
    assert_eq!(within.path(), root.join("sub"));
    assert!(matches!(folder.descend("folder".as_ref()), Err(FolderError::Link { .. })));
}

#[test]
fn opening_a_pipe_does_not_wait() {
    let (_outer, folder) = ground();
    rustix::fs::mknodat(
        folder.file(),
        "pipe",
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let opened = folder.open_file("pipe".as_ref());
    assert!(matches!(opened, Err(FolderError::NotAFile { .. })), "{opened:?}");
    assert!(matches!(put(&folder, "pipe", "x"), Err(FolderError::Exists { .. })));
}

#[test]
fn a_name_that_is_too_long_is_an_error() {
    let (_outer, folder) = ground();
    let long = "x".repeat(5000);
    assert!(folder.descend(long.as_ref()).is_err());
    assert!(folder.descend(format!("a/{long}/b").as_ref()).is_err());
}
