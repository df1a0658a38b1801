//! What a build pipeline calls: cancelling, progress, and jobs of what is in memory.

use std::fs;

use winpe_inject::{
    Archive, Cancel, ImageSelector, Job, Profile, Progress, Session, Source, StageError, StageStep,
    Target, WimError, winpe_wim,
};

use crate::support::Bench;

/// Opens the demo's images and commits, with a handle that is called at the `nth` report of progress.
fn cancelled(bench: &Bench, target: &Target, nth: usize) -> (Result<(), WimError>, Vec<Progress>) {
    let profile = Profile::builtin("iscsi").unwrap();
    let source = Source::of(Archive::open(&bench.install).unwrap(), None).unwrap();
    let cancel = Cancel::new();
    let job = Job::new(&profile).source(&source).cancel(cancel.clone());
    let archive = Archive::open(&bench.winpe).unwrap();
    let staged = Session::of(archive, &ImageSelector::Boot).unwrap().stage(&job).unwrap();
    let mut seen = Vec::new();
    let result = staged.commit_with(target, &mut |progress| {
        seen.push(progress);
        if seen.len() > nth {
            cancel.cancel();
        }
    });
    (result.map(drop), seen)
}

#[test]
fn a_commit_that_is_cancelled_leaves_all_as_it_was() {
    let bench = Bench::new();
    let names = || fs::read_dir(bench.dir.path()).unwrap().count();
    let (before, files) = (fs::read(&bench.winpe).unwrap(), names());
    let other = Target::File { path: bench.path("new.wim"), overwrite: false };
    for target in [Target::InPlace, other] {
        let mut ended = 0;
        for nth in 0..200 {
            let (result, seen) = cancelled(&bench, &target, nth);
            match result {
                Err(WimError::Commit(winpe_wim::CommitError::Cancelled { .. })) => {
                    ended += 1;
                    assert!(fs::read(&bench.winpe).unwrap() == before, "{target:?}, {nth}");
                    assert_eq!(names(), files, "{target:?}, {nth}");
                }
                // The file was the new one already.
                Ok(()) if seen.len() > nth => assert_eq!(seen.last(), Some(&Progress::Confirm)),
                Ok(()) => break,
                Err(error) => panic!("{error}"),
            }
            fs::write(&bench.winpe, &before).unwrap();
            let _ = fs::remove_file(bench.path("new.wim"));
        }
        assert!(ended >= 5, "{ended} of {target:?}");
        fs::write(&bench.winpe, &before).unwrap();
        let _ = fs::remove_file(bench.path("new.wim"));
    }
}

#[test]
fn staging_tells_each_step_and_ends_at_any() {
    let bench = Bench::new();
    let profile = Profile::builtin("iscsi").unwrap();
    let source = Source::of(Archive::open(&bench.install).unwrap(), None).unwrap();
    let open = || Session::open(&bench.winpe, &ImageSelector::Boot).unwrap();
    let job = Job::new(&profile).source(&source);
    let mut steps = Vec::new();
    let _ = open().stage_with(&job, &mut |progress| steps.push(progress.step)).unwrap();
    assert_eq!(steps, StageStep::ALL);
    for last in &StageStep::ALL[..7] {
        let cancel = Cancel::new();
        let job = job.clone().cancel(cancel.clone());
        let mut reached = None;
        let staged = open().stage_with(&job, &mut |progress| {
            reached = Some(progress.step);
            if progress.step == *last {
                cancel.cancel();
            }
        });
        assert!(matches!(staged, Err(StageError::Cancelled)), "{last:?}");
        assert_eq!(reached, Some(*last));
    }
}

/// A profile and its files that are nowhere on the disk give what the same ones in a folder do.
#[test]
fn a_profile_from_memory_is_that_of_a_folder() {
    let bench = Bench::new();
    let files = [
        ("profile.toml", "title = 'A'\nwhy = 'B.'\n[[reg]]\nfile = 'a.reg'\nwhy = 'C.'\n"),
        ("a.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Lab]\n\"a\"=\"b\"\n"),
    ];
    for (name, text) in files {
        bench.write(&format!("ours/{name}"), text);
    }
    let memory = files.map(|(name, text)| (name, text.as_bytes()));
    let memory = Profile::from_files("ours", &memory).unwrap();
    let folder = Profile::from_dir(&bench.path("ours")).unwrap();
    let [memory, folder] = [memory, folder].map(|profile| {
        let session = Session::open(&bench.winpe, &ImageSelector::Boot).unwrap();
        session.stage(&Job::new(&profile)).unwrap().report().to_string()
    });
    assert_eq!(memory, folder);
    assert!(memory.contains(r#"+"a"="b""#), "{memory}");
    let error = Profile::from_files("ours", &[]).unwrap_err();
    assert_eq!(error.to_string(), "ours/profile.toml: entity not found");
}

/// A folder whose name is not UTF-8, or holds a colon, is a source too.
#[test]
fn a_source_is_a_path_whatever_is_in_its_name() {
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::new();
    let name = std::ffi::OsStr::from_bytes(b"win:1\xff");
    let folder = bench.dir.path().join(name);
    fs::create_dir_all(folder.join("Windows/System32")).unwrap();
    fs::write(folder.join("Windows/System32/a.txt"), "text").unwrap();
    let source = Source::folder(&folder).unwrap();
    let path = winpe_inject::ImagePath::new(r"Windows\System32\a.txt");
    assert_eq!(source.read(&path).unwrap().as_deref(), Some(&b"text"[..]));
}
