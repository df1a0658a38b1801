//! Profiles, built in and in folders.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use winpe_disk::folder::FolderError;

use super::*;

#[test]
fn every_file_of_the_profiles_folder_is_compiled_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut on_disk = BTreeSet::new();
    for profile in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if profile.file_type().unwrap().is_dir() {
            for file in fs::read_dir(profile.path()).unwrap().map(Result::unwrap) {
                on_disk.insert((profile.file_name(), file.file_name()));
            }
        }
    }
    let built_in = BUILTIN.iter().flat_map(|builtin| {
        builtin.files.iter().map(|(file, _)| (builtin.name.into(), (*file).into()))
    });
    assert_eq!(built_in.collect::<BTreeSet<_>>(), on_disk);
}

#[test]
fn every_key_of_a_built_in_profile_lies_in_a_hive() {
    for name in Profile::builtin_names() {
        let profile = Profile::builtin(name).unwrap();
        let edits = profile.reg().iter().flat_map(|part| &part.edits);
        let keys = edits.map(|edit| edit.edit.key.clone());
        let services = profile.services().iter().map(|service| service.key.clone());
        for key in keys.chain(services) {
            assert!(profile.roots().locate(&key).is_some(), "{name}: {key}");
        }
    }
}

#[test]
fn a_profile_reaches_no_file_outside_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    for file in ["../x.reg", "/etc/passwd", "sub/x.reg", "", "."] {
        let text = format!("title = 't'\nwhy = 'w'\n[[reg]]\nfile = {file:?}\nwhy = 'w'\n");
        fs::write(dir.path().join("profile.toml"), text).unwrap();
        let error = Profile::from_dir(dir.path()).unwrap_err();
        assert!(matches!(error, ProfileError::OutsideFolder { .. }), "{file}: {error}");
    }
}

#[test]
fn a_link_leads_to_no_file_outside_the_folder_of_a_profile() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("profile");
    fs::create_dir_all(dir.join("sub")).unwrap();
    let text = "title = 't'\nwhy = 'w'\n[[reg]]\nfile = 'x.reg'\nwhy = 'w'\n";
    fs::write(dir.join("profile.toml"), text).unwrap();
    let reg = "Windows Registry Editor Version 5.00\n";
    fs::write(outer.path().join("other.reg"), reg).unwrap();
    fs::write(dir.join("sub/own.reg"), reg).unwrap();
    let absolute = outer.path().join("other.reg");
    for (target, within) in
        [(Path::new("../other.reg"), false), (&absolute, false), (Path::new("sub/own.reg"), true)]
    {
        let _ = fs::remove_file(dir.join("x.reg"));
        symlink(target, dir.join("x.reg")).unwrap();
        let read = Profile::from_dir(&dir);
        let outside = |error| matches!(error, ProfileError::Folder(FolderError::Outside { .. }));
        match read {
            Ok(_) => assert!(within, "{}", target.display()),
            Err(error) => assert!(!within && outside(error), "{}", target.display()),
        }
    }
    let toml = dir.join("profile.toml");
    fs::rename(&toml, outer.path().join("profile.toml")).unwrap();
    symlink("../profile.toml", &toml).unwrap();
    let error = Profile::from_dir(&dir).unwrap_err();
    assert!(matches!(error, ProfileError::Folder(FolderError::Outside { .. })), "{error}");
}

#[test]
fn a_path_that_leads_upwards_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = r"'Windows\..\..\x'";
    for rule in [
        format!("[[file]]\npath = {path}\nwhy = 'w'\n"),
        format!("[[catalogue]]\npath = {path}\nwhy = 'w'\n"),
        format!("[[part]]\nname = 'p'\nwhy = 'w'\nthere-if = {{ files = [{path}] }}\n"),
        format!("[[part]]\nname = 'p'\nwhy = 'w'\n[[part.file]]\npath = {path}\nwhy = 'w'\n"),
    ] {
        let text = format!("title = 't'\nwhy = 'w'\n{rule}");
        fs::write(dir.path().join("profile.toml"), text).unwrap();
        let error = Profile::from_dir(dir.path()).unwrap_err();
        assert!(matches!(error, ProfileError::BadPath { .. }), "{rule}: {error}");
    }
}

#[test]
fn unknown_profiles_and_unknown_fields_are_errors() {
    let error = Profile::find("iscsi-winpe99").unwrap_err().to_string();
    assert!(error.contains("iscsi-winpe99") && error.contains("iscsi-winpe3"), "{error}");

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("profile.toml"), "title = 't'\nwhy = 'w'\nfiles = []\n").unwrap();
    let error = Profile::from_dir(dir.path()).unwrap_err();
    assert!(matches!(error, ProfileError::Text { .. }), "{error}");
}

/// Otherwise the service would count as present, since its key would be the root.
#[test]
fn a_service_without_a_proper_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let read = |key: &str| {
        let service = format!("[[service]]\nname = 's'\nkey = {key}\n");
        let text = format!("title = 't'\nwhy = 'w'\n{service}");
        fs::write(dir.path().join("profile.toml"), text).unwrap();
        Profile::from_dir(dir.path())
    };
    let too_long = format!("'{}'", "k".repeat(256));
    for key in ["7", r"'a\\b'", &too_long] {
        let error = read(key).unwrap_err();
        assert!(matches!(error, ProfileError::Text { .. }), "{key}: {error}");
    }
    assert_eq!(read(r"'a\b'").unwrap().services()[0].key, r"a\b".parse().unwrap());
}
