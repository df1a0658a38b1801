//! Links and files that others put where root goes.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use super::*;

const NOBODY: Recipient = Recipient { uid: 65534, gid: 65534 };
const NAMES: [&str; 3] = ["leases.log", "leases.lock", "leases.new"];

/// A folder of root that contains a state folder of the user `nobody`. Without the rights of root it is `None`,
/// and the skip is printed.
fn theirs() -> Option<(tempfile::TempDir, PathBuf)> {
    if !geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "in CI nothing is skipped");
        // What the print macros write is captured.
        let _ = writeln!(io::stderr(), "SKIPPED: only root gives files to others");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    chown(&state, Some(NOBODY.uid), Some(NOBODY.gid)).unwrap();
    fs::write(folder.path().join("secret"), "root's").unwrap();
    fs::set_permissions(folder.path().join("secret"), PermissionsExt::from_mode(0o600)).unwrap();
    Some((folder, state))
}

fn mkfifo(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, FILE_MODE, 0).unwrap();
}

#[test]
fn root_gives_away_no_file_that_others_put_there() {
    let Some((folder, state)) = theirs() else { return };
    let secret = folder.path().join("secret");
    let before = fs::metadata(&secret).unwrap();
    type Make<'a> = Box<dyn Fn(&Path) + 'a>;
    let ways: [(&str, Make<'_>); 6] = [
        ("found a symbolic link", Box::new(|path| symlink(&secret, path).unwrap())),
        ("found a symbolic link", Box::new(|path| symlink("/nowhere", path).unwrap())),
        ("found one of 2 names", Box::new(|path| fs::hard_link(&secret, path).unwrap())),
        ("found a FIFO", Box::new(mkfifo)),
        ("found a folder", Box::new(|path| fs::create_dir(path).unwrap())),
        (
            "found user 12345",
            Box::new(|path| {
                fs::write(path, "x").unwrap();
                chown(path, Some(12345), Some(12345)).unwrap();
            }),
        ),
    ];
    for name in NAMES {
        for (found, make) in &ways {
            let path = state.join(name);
            make(&path);
            let given = StateFolder::open(&state).unwrap().give(NOBODY, &NAMES);
            let error = given.unwrap_err().to_string();
            assert!(error.contains(found) && error.contains(name), "{error}");
            // Nor is it opened, whether it is to be read, written or made.
            for flags in [OFlags::RDONLY, OFlags::RDWR, OFlags::WRONLY | OFlags::CREATE] {
                let opened = StateFolder::open(&state).unwrap().file(name, flags);
                assert!(opened.is_err(), "{name} {found} {flags:?}: {opened:?}");
            }
            match fs::symlink_metadata(&path).unwrap().is_dir() {
                true => fs::remove_dir(&path).unwrap(),
                false => {
                    // A rewritten log replaces it, and does not follow it.
                    StateFolder::open(&state).unwrap().fresh(name).unwrap();
                    assert_eq!(fs::symlink_metadata(&path).unwrap().uid(), NOBODY.uid);
                    fs::remove_file(&path).unwrap();
                }
            }
        }
    }
    let after = fs::metadata(&secret).unwrap();
    assert_eq!((before.uid(), before.mode()), (after.uid(), after.mode()));
    assert_eq!(fs::read_to_string(&secret).unwrap(), "root's");
}

#[test]
fn what_root_left_there_is_given_to_the_user() {
    let Some((_folder, state)) = theirs() else { return };
    chown(&state, Some(0), Some(0)).unwrap();
    for name in &NAMES[..2] {
        fs::write(state.join(name), "x").unwrap();
    }
    StateFolder::open(&state).unwrap().give(NOBODY, &NAMES).unwrap();
    for path in [state.clone(), state.join(NAMES[0]), state.join(NAMES[1])] {
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (65534, 65534), "{}", path.display());
    }
    chown(&state, Some(12345), None).unwrap();
    let error = StateFolder::open(&state).unwrap().give(NOBODY, &NAMES).unwrap_err();
    assert!(error.to_string().contains("found user 12345"), "{error}");
}

#[test]
fn no_link_of_another_user_is_on_the_way() {
    let Some((folder, state)) = theirs() else { return };
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    // In a folder of theirs, even one that root made there long ago; as a step and as the last one.
    for link in [state.join("down"), state.join("up")] {
        symlink(&elsewhere, &link).unwrap();
        for path in [link.clone(), link.join("state"), state.join("made/../down")] {
            let error = StateFolder::open(&path).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("others than root"), "{}: {error}", path.display());
        }
    }
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    // In a folder of root's, as where systemd makes a user for one service.
    let ours = folder.path().join("link");
    symlink("elsewhere", &ours).unwrap();
    StateFolder::open(&ours.join("a/b")).unwrap();
    assert!(elsewhere.join("a/b").is_dir());
    std::os::unix::fs::lchown(&ours, Some(NOBODY.uid), None).unwrap();
    assert!(StateFolder::open(&ours).is_err(), "it is theirs");
}

#[test]
fn a_path_that_goes_round_in_circles_ends() {
    let folder = tempfile::tempdir().unwrap();
    symlink("b", folder.path().join("a")).unwrap();
    symlink("a", folder.path().join("b")).unwrap();
    assert!(StateFolder::open(&folder.path().join("a")).is_err());
    fs::write(folder.path().join("file"), "x").unwrap();
    let error = StateFolder::open(&folder.path().join("file/state")).unwrap_err().to_string();
    assert!(error.contains("file: expected a folder, found a regular file"), "{error}");
}
