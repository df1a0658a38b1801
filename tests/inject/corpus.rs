//! The main job on real hives, in an image that wimlib captured.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{Run, wimlib, word};

fn run(dir: &Path, words: &[&str]) -> Run {
    let mut command = std::process::Command::new(winpe_tests::winpe_iscsi());
    command.args(words).current_dir(dir);
    Run::of(command)
}

/// A tree with two real hives, captured by wimlib, next to the demo's source.
fn captured(system: &Path, software: &Path, compression: &str) -> Option<TempDir> {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("tree/Windows/System32/config");
    fs::create_dir_all(&config).unwrap();
    fs::copy(system, config.join("SYSTEM")).unwrap();
    fs::copy(software, config.join("SOFTWARE")).unwrap();
    fs::write(dir.path().join("tree/Windows/System32/startnet.cmd"), "wpeinit\r\n").unwrap();
    let (tree, wim) = (dir.path().join("tree"), dir.path().join("winpe.wim"));
    let compress = format!("--compress={compression}");
    wimlib(&["capture", word(&tree), word(&wim), "WinPE", "--boot", &compress])?;
    fs::create_dir(dir.path().join("media")).unwrap();
    winpe_inject::demo::create(&dir.path().join("media")).unwrap();
    Some(dir)
}

#[test]
fn real_hives_in_a_captured_image() {
    for (system, software, compression) in [
        ("hives/dissect/SYSTEM", "hives/hackfortress/xp_software", "LZX"),
        ("hives/regipy/SYSTEM", "hives/aiowinreg/nt_software", "XPRESS"),
    ] {
        let files = (winpe_tests::corpus(system), winpe_tests::corpus(software));
        let (Some(system), Some(software)) = files else { return };
        let Some(dir) = captured(&system, &software, compression) else { return };
        let dir = dir.path();
        // Such an image does not identify its Windows, so the profile is given.
        let profile = ["--profile", "iscsi-winpe3"];
        let inject =
            ["inject", "winpe.wim", "--source", "media/install.wim", profile[0], profile[1]];
        let inject = [&inject[..], &["--allow-build-mismatch"]].concat();

        let before = fs::read(dir.join("winpe.wim")).unwrap();
        let dry = run(dir, &[&inject[..], &["--dry-run"]].concat()).expect(0);
        assert!(fs::read(dir.join("winpe.wim")).unwrap() == before, "a dry run wrote");

        let real = run(dir, &inject).expect(0);
        assert_eq!(real.stdout, dry.stdout);
        let once = fs::read(dir.join("winpe.wim")).unwrap();
        let again = run(dir, &inject).expect(0);
        assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
        assert!(fs::read(dir.join("winpe.wim")).unwrap() == once, "the second run wrote");
        // The hive is that of an installed Windows, so WinPE would not start from it.
        let verified = run(dir, &["verify", "winpe.wim", profile[0], profile[1]]).expect(1);
        assert!(verified.stdout.contains("SystemRoot"), "{}", verified.stdout);
        assert!(verified.stderr.contains("1 of "), "{}", verified.stderr);

        wimlib(&["verify", "--nocheck", word(&dir.join("winpe.wim"))]).unwrap();
        let out = dir.join("out");
        fs::create_dir(&out).unwrap();
        wimlib(&["apply", word(&dir.join("winpe.wim")), "1", word(&out)]).unwrap();
        for hive in ["SYSTEM", "SOFTWARE"] {
            let extracted = out.join("Windows/System32/config").join(hive);
            foreign_readers_read(&extracted);
        }
    }
}

/// hivexregedit and hivexsh read the whole hive without errors.
fn foreign_readers_read(hive: &Path) {
    if let Some(hivexregedit) = winpe_tests::tool("hivexregedit", "libwin-hivex-perl") {
        let output = winpe_tests::run(&hivexregedit, ["--export", word(hive), r"\"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && output.stdout.len() > 100_000, "{errors}");
    }
    if let Some(hivexsh) = winpe_tests::tool("hivexsh", "libhivex-bin") {
        let script = tempfile::NamedTempFile::new().unwrap();
        fs::write(script.path(), "ls\n").unwrap();
        let output = winpe_tests::run(&hivexsh, ["-f", word(script.path()), word(hive)]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !output.stdout.is_empty(), "{errors}");
    }
}

/// A hive whose last write was interrupted is recovered from the logs in the same folder of the
/// image.
#[test]
fn a_dirty_hive_is_recovered_from_its_logs_in_the_image() {
    let folder = "hives/yarp/NewDirtyHive1";
    let Some(folder) = winpe_tests::corpus(folder) else { return };
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("tree/Windows/System32/config");
    fs::create_dir_all(&config).unwrap();
    for (from, to) in [("", "SYSTEM"), (".LOG1", "SYSTEM.LOG1"), (".LOG2", "SYSTEM.LOG2")] {
        fs::copy(folder.join(format!("NewDirtyHive{from}")), config.join(to)).unwrap();
    }
    let (tree, wim) = (dir.path().join("tree"), dir.path().join("winpe.wim"));
    let Some(_) = wimlib(&["capture", word(&tree), word(&wim), "WinPE", "--boot"]) else { return };
    fs::create_dir(dir.path().join("plain")).unwrap();
    fs::write(dir.path().join("plain/profile.toml"), "title = 't'\nwhy = 'w'\n").unwrap();
    let key = "[HKEY_LOCAL_MACHINE\\SYSTEM\\Added]\n";
    fs::write(dir.path().join("a.reg"), format!("REGEDIT4\n\n{key}")).unwrap();

    let job = ["inject", "winpe.wim", "--profile", "plain", "--reg", "a.reg"];
    let done = run(dir.path(), &job).expect(0);
    assert!(done.stderr.contains("pages were recovered from its logs"), "{}", done.stderr);

    let archive = winpe_wim::Archive::open(&wim).unwrap();
    let read = |name: &str| archive.read(1, &format!(r"Windows\System32\config\{name}")).unwrap();
    let edited = winpe_hive::Hive::open(read("SYSTEM")).unwrap();
    let twin = fs::read(folder.join("RecoveredHive_Windows10")).unwrap();
    let twin = winpe_hive::Hive::open(twin).unwrap();
    let names = |hive: &winpe_hive::Hive| -> Vec<String> {
        hive.root().subkeys().map(|key| key.unwrap().name().to_string()).collect()
    };
    let kept: Vec<_> = names(&edited).into_iter().filter(|name| name != "Added").collect();
    assert_eq!(kept, names(&twin), "what Windows itself recovered, and the new key");
    assert_eq!(names(&edited).len(), kept.len() + 1);

    // The logs still exist, and none of them can be replayed over the edit.
    let logs = [read("SYSTEM.LOG1"), read("SYSTEM.LOG2")];
    let logs: Vec<&[u8]> = logs.iter().map(Vec::as_slice).collect();
    let (again, recovery) = winpe_hive::log::recover(read("SYSTEM"), &logs).unwrap();
    assert!(again == read("SYSTEM") && recovery.replayed.is_empty());
    run(dir.path(), &[&job[..], &["--check"]].concat()).expect(0);
}
