//! Tests of new files: mode and owner, replacement, and removal of unfinished files.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::time::{Duration, SystemTime};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

fn make(path: &Path, options: Options<'_>, text: &str) -> io::Result<PathBuf> {
    let new = NewFile::create(path, options)?;
    assert_eq!(new.file().metadata()?.permissions().mode() & 0o7777, 0o600, "until it is complete");
    new.file().write_all(text.as_bytes())?;
    new.finish()
}

/// A file as on a file system that cannot make one without a name.
fn with_a_name(path: &Path) -> NewFile {
    let access = Access::wanted(path, &Options::default());
    let state = named(folder(path), access.mode()).expect("a file");
    let access = access.settled_for(state.file()).expect("a mode");
    NewFile { path: path.to_path_buf(), overwrite: false, access, state, swept: Vec::new() }
}

#[test]
fn folders_and_devices_are_not_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let [below, link] = ["below", "link"].map(|name| folder.path().join(name));
    fs::create_dir(&below).expect("a folder");
    symlink("/dev/null", &link).expect("a link");
    for path in [Path::new("/dev/null"), &link, &below] {
        let options = Options { overwrite: true, ..Options::default() };
        let refused = NewFile::create(path, options).expect_err("no regular file");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{}", path.display());
    }
    assert_eq!(names(folder.path()), ["below", "link"]);
}

#[test]
fn a_new_file_has_an_ordinary_mode_and_replaces_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let [ours, plain] = ["ours", "plain"].map(|name| folder.path().join(name));
    fs::write(&plain, "").expect("a file");
    make(&ours, Options::default(), "one").expect("a file");
    assert_eq!(mode(&ours), mode(&plain));
    let refused = make(&ours, Options::default(), "two").expect_err("it exists");
    assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
    // A file that appears in the meantime is not replaced either, with or without a temporary name.
    for new in [with_a_name(&folder.path().join("late")), {
        let late = folder.path().join("late");
        NewFile::create(&late, Options::default()).expect("a file")
    }] {
        fs::write(folder.path().join("late"), "theirs").expect("a file");
        let refused = new.finish().expect_err("it exists");
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(folder.path().join("late")).expect("a file"), b"theirs");
        fs::remove_file(folder.path().join("late")).expect("a file");
    }
    assert_eq!(fs::read(&ours).expect("a file"), b"one");
    assert_eq!(names(folder.path()), ["ours", "plain"]);
}

#[test]
fn a_file_that_is_replaced_keeps_mode_owner_and_links_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
    fs::write(&file, "old").expect("a file");
    fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("a mode");
    // Only root may give a file to another user; otherwise the owner stays.
    let _ = chown(&file, Some(65534), Some(65534));
    let before = fs::metadata(&file).expect("a file");
    symlink("file", &link).expect("a link");
    let options = Options { overwrite: true, private: true, ..Options::default() };
    make(&link, options, "new").expect("a file");
    let after = fs::metadata(&file).expect("a file");
    assert_eq!(fs::read(&file).expect("a file"), b"new");
    assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
    assert_eq!(mode(&file), 0o640);
    assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
    assert_eq!(names(folder.path()), ["file", "link"]);
}

#[test]
fn a_copy_grants_no_more_than_its_source() {
    let folder = tempfile::tempdir().expect("a folder");
    let [source, plain] = ["source", "plain"].map(|name| folder.path().join(name));
    fs::write(&source, "").expect("a file");
    fs::write(&plain, "").expect("a file");
    let usual = mode(&plain);
    for (theirs, private, ours) in [
        (0o600, false, 0o600),
        (0o640, false, 0o640 & usual),
        (0o644, false, usual),
        (0o777, false, usual),
        // The owner can write to the copy.
        (0o444, false, 0o644 & usual),
        (0o400, false, 0o600),
        (0o644, true, 0o600),
        (0o440, true, 0o600),
    ] {
        fs::set_permissions(&source, Permissions::from_mode(theirs)).expect("a mode");
        let like = fs::metadata(&source).expect("a file");
        let copy = folder.path().join(format!("copy-{theirs:o}-{private}"));
        let options = Options { like: Some(&like), private, ..Options::default() };
        make(&copy, options, "copy").expect("a file");
        assert_eq!(mode(&copy), ours, "of {theirs:o}");
    }
}

/// Root may change the owner; other users only the group, to one of their own.
#[test]
fn a_copy_has_the_owner_of_its_source() {
    let folder = tempfile::tempdir().expect("a folder");
    let [source, copy] = ["source", "copy"].map(|name| folder.path().join(name));
    fs::write(&source, "").expect("a file");
    fs::set_permissions(&source, Permissions::from_mode(0o640)).expect("a mode");
    let is_theirs = chown(&source, Some(65534), Some(65534)).is_ok();
    let like = fs::metadata(&source).expect("a file");
    make(&copy, Options { like: Some(&like), ..Options::default() }, "copy").expect("a file");
    let made = fs::metadata(&copy).expect("a file");
    assert_eq!(made.uid() == 65534, is_theirs);
    assert_eq!(mode(&copy), 0o640);
}

#[test]
fn rights_of_a_group_do_not_pass_to_another() {
    let file = tempfile::tempfile().expect("a file");
    let group = file.metadata().expect("a file").gid();
    // An invalid group, to which not even root can give a file.
    let access = |mode| Access::of((u32::MAX - 1, u32::MAX - 1), mode);
    if fchown_fails(&file) {
        for (theirs, ours) in [(0o640, 0o600), (0o644, 0o644), (0o664, 0o644), (0o660, 0o600)] {
            access(theirs).give(&file).expect("a mode");
            let now = file.metadata().expect("a file");
            assert_eq!((now.gid(), now.permissions().mode() & 0o777), (group, ours));
        }
    }
}

fn fchown_fails(file: &File) -> bool {
    std::os::unix::fs::fchown(file, None, Some(u32::MAX - 1)).is_err()
}

#[test]
fn an_unfinished_file_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let new = NewFile::create(&path, Options::default()).expect("a file");
    new.file().write_all(b"half").expect("room");
    if matches!(new.state, State::Nameless(_)) {
        assert!(names(folder.path()).is_empty(), "a kill now leaves nothing");
    }
    drop(new);
    let mut new = NewFile::create(&path, Options::default()).expect("a file");
    new.file().write_all(b"whole").expect("room");
    let name = new.name().expect("a name").to_path_buf();
    assert_eq!((fs::read(&name).expect("it can be read"), mode(&name)), (b"whole".to_vec(), 0o600));
    drop(new);
    drop(with_a_name(&path));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn only_old_unlocked_files_of_this_program_are_swept() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let old = SystemTime::now() - AGE_OF_OLD;
    let age =
        |name: &str| File::options().write(true).open(at(name)).and_then(|f| f.set_modified(old));
    for name in ["aaaaaa", "locked", "linked", "young1", "theirs"] {
        fs::write(at(&format!(".winpe-wim-{name}.tmp")), "half").expect("a file");
    }
    for name in [".winpe-wim-.tmp", "winpe-wim-aaaaaa.tmp", "file"] {
        let _ = fs::write(at(name), "not ours");
    }
    fs::create_dir(at(".winpe-wim-folder.tmp")).expect("a folder");
    symlink("file", at(".winpe-wim-symlnk.tmp")).expect("a link");
    fs::hard_link(at(".winpe-wim-linked.tmp"), at("other name")).expect("a link");
    for name in ["aaaaaa", "locked", "linked", "theirs"] {
        age(&format!(".winpe-wim-{name}.tmp")).expect("a time");
    }
    age("file").expect("a time");
    let locked = File::open(at(".winpe-wim-locked.tmp")).expect("a file");
    flock(&locked, FlockOperation::LockExclusive).expect("a lock");
    let is_theirs = chown(at(".winpe-wim-theirs.tmp"), Some(65534), None).is_ok();

    let before = names(folder.path());
    let new = NewFile::create(&at("new"), Options::default()).expect("a file");
    let mut expected = vec![at(".winpe-wim-aaaaaa.tmp")];
    expected.extend((!is_theirs).then(|| at(".winpe-wim-theirs.tmp")));
    let mut swept = new.swept().to_vec();
    swept.sort();
    assert_eq!(swept, expected);
    drop(new);
    let left: Vec<_> = before.iter().filter(|name| !swept.contains(&at(name))).collect();
    assert_eq!(names(folder.path()).iter().collect::<Vec<_>>(), left);
    // When its process has ended, the next run removes it.
    drop(locked);
    let swept = NewFile::create(&at("new"), Options::default()).expect("a file").swept().to_vec();
    assert_eq!(swept, [at(".winpe-wim-locked.tmp")]);
}

const AGE_OF_OLD: Duration = Duration::from_secs(3600);

/// A file that is being written is locked, so that another run does not remove it.
#[test]
fn a_file_that_is_being_written_is_not_swept() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = with_a_name(&folder.path().join("slow"));
    new.file().set_modified(SystemTime::now() - AGE_OF_OLD).expect("a time");
    let other = NewFile::create(&folder.path().join("other"), Options::default()).expect("a file");
    assert!(other.swept().is_empty());
    new.finish().expect("a file");
    assert_eq!(names(folder.path()), ["slow"]);
}

/// A dry run must refuse what the run refuses, and leave no trace.
#[test]
fn a_check_says_what_the_creation_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("there"), "old").unwrap();
    fs::create_dir(path("folder")).unwrap();
    fs::create_dir(path("closed")).unwrap();
    std::os::unix::fs::symlink("nowhere", path("dangling")).unwrap();
    fs::set_permissions(path("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    let names = ["new", "there", "folder", "absent/new", "there/new", "closed/new", "dangling"];
    for name in names {
        for overwrite in [false, true] {
            let checked = check(&path(name), overwrite).map_err(|error| error.kind());
            assert!(!path("new").exists());
            let created = NewFile::create(&path(name), Options { overwrite, ..Options::default() });
            let created = created.map(drop).map_err(|error| error.kind());
            assert_eq!(checked, created, "{name}, overwrite {overwrite}");
        }
    }
    assert!(check(&path("folder"), true).is_err() && check(&path("absent/new"), true).is_err());
}
