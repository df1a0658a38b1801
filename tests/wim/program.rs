//! `winpe-iscsi wim` as a user runs it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use winpe_wim::Archive;

use crate::process::in_namespace;
use crate::tools::{Bench, hash, hive, noise, path_text, tree};

pub(crate) struct Run {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("UTF-8")
    }
}

/// Runs `winpe-iscsi wim` with these arguments in `folder`; it must end with `code`.
#[track_caller]
pub(crate) fn wim(folder: &Path, words: &[&str], code: i32) -> Run {
    let mut command = Command::new(winpe_tests::winpe_iscsi());
    let output = command.arg("wim").args(words).current_dir(folder).output().expect("it runs");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{words:?}\n{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    Run { stdout: output.stdout, stderr }
}

#[test]
fn images_are_listed_and_read() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let at = bench.folder.path();
    let names = wim(at, &["ls", "winpe.wim"], 0).text();
    assert_eq!(names, "Empty Folder/\nGröße.txt\nWindows/\n");
    let below = wim(at, &["ls", "-R", "winpe.wim:1:WINDOWS"], 0).text();
    assert!(below.contains("Windows/System32/config/SYSTEM\n"), "{below}");
    let long = wim(at, &["ls", "-l", r"winpe.wim:windows\notepad.exe"], 0).text();
    assert!(long.contains("  2       100000 20") && long.ends_with(" notepad.exe\n"), "{long}");
    let json = wim(at, &["ls", "winpe.wim:Windows PE", "--json"], 0).text();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["entries"][1]["path"], r"\Größe.txt");
    assert_eq!(json["entries"][1]["size"], 11);
    let file = wim(at, &["cat", "winpe.wim:/windows/system32/config/system"], 0);
    assert!(file.stdout == hive(), "every byte, escape sequences too");
    let missing = wim(at, &["cat", "winpe.wim:Windows/nowhere"], 2).stderr;
    assert!(missing.contains(r"image 1 has no \Windows\nowhere"), "{missing}");
    let missing = wim(at, &["ls", "winpe.wim:3:Windows"], 2).stderr;
    assert!(missing.contains("no image 3; it has 1 (Windows PE)"), "{missing}");
}

#[test]
fn a_tree_is_copied_out_and_in_again() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let at = bench.folder.path();
    wim(at, &["cp", "winpe.wim:", "out"], 0);
    let differs = |other: &str| {
        let output = Command::new("diff").args(["-r", "tree", other]).current_dir(at).output();
        String::from_utf8(output.expect("diff").stdout).expect("UTF-8")
    };
    assert_eq!(differs("out"), "");
    let inode = |path: &str| fs::metadata(at.join(path)).expect(path).ino();
    assert_eq!(inode("out/Windows/notepad.exe"), inode("out/Windows/System32/notepad.exe"));
    let time = |path: &str| fs::metadata(at.join(path)).expect(path).modified().expect("a time");
    let [out, tree] = ["out", "tree"].map(|top| time(&format!("{top}/Windows/System32")));
    assert!(tree.duration_since(out).is_ok_and(|off| off.as_nanos() < 100), "{tree:?} {out:?}");

    let refused = wim(at, &["cp", "winpe.wim:Windows/notepad.exe", "out/Windows"], 2).stderr;
    assert!(refused.contains("exists already") && refused.contains("--force"), "{refused}");
    wim(at, &["cp", "--force", "winpe.wim:Windows/notepad.exe", "out/Windows"], 0);

    fs::create_dir_all(at.join("Tools/deep/empty")).expect("folders");
    fs::write(at.join("Tools/deep/a.sys"), noise(70_000, 9)).expect("a file");
    fs::write(at.join("startnet.cmd"), "changed\r\n").expect("a file");
    wim(at, &["cp", "Tools", "startnet.cmd", "winpe.wim:windows/SYSTEM32"], 0);
    wim(at, &["cp", "startnet.cmd", "winpe.wim:new name.cmd"], 0);
    bench.accept(&bench.wim);
    let applied = bench.apply(&bench.wim, 1);
    assert!(applied.join("Windows/System32/Tools/deep/empty").is_dir());
    let read = |path: &str| fs::read(applied.join(path)).expect(path);
    assert!(read("Windows/System32/Tools/deep/a.sys") == noise(70_000, 9));
    assert_eq!(read("Windows/System32/startnet.cmd"), b"changed\r\n");
    assert_eq!(read("new name.cmd"), b"changed\r\n");

    let before = hash(&bench.wim);
    wim(at, &["rm", "winpe.wim:new name.cmd", "winpe.wim:Windows/System32/Tools"], 2);
    assert_eq!(hash(&bench.wim), before, "all or nothing");
    wim(at, &["rm", "-r", "winpe.wim:new name.cmd", "winpe.wim:Windows/System32/Tools"], 0);
    wim(at, &["cp", "tree/Windows/System32/startnet.cmd", "winpe.wim:Windows/System32/"], 0);
    bench.accept(&bench.wim);
    let applied = bench.apply(&bench.wim, 1);
    assert_eq!(differs(&path_text(&applied)), "");
}

#[test]
fn links_keep_their_targets() {
    let Some(bench) = Bench::empty() else { return };
    let at = bench.folder.path();
    tree(&at.join("tree"));
    symlink("System32/notepad.exe", at.join("tree/Windows/link.exe")).expect("a link");
    symlink("/Windows/System32", at.join("tree/Windows/system")).expect("a link");
    bench.imagex(&["capture", &path_text(&at.join("tree")), &path_text(&bench.wim), "--norpfix"]);
    wim(at, &["cp", "winpe.wim:Windows", "out"], 0);
    let target = |name: &str| fs::read_link(at.join("out").join(name)).expect("a link");
    assert_eq!(target("link.exe"), Path::new("System32/notepad.exe"));
    // The copy of the folder has another name.
    assert_eq!(target("system"), Path::new("System32"));
    wim(at, &["cp", "winpe.wim:", "whole"], 0);
    let whole = fs::read_link(at.join("whole/Windows/system")).expect("a link");
    assert_eq!(whole, Path::new("../Windows/System32"));
}

#[test]
fn the_error_for_an_unchangeable_wim_names_a_way() {
    for (flags, name) in [(&["--solid"][..], "plain.wim"), (&["--pipable"], "plain.wim")] {
        let Some(bench) = Bench::capture("LZX", flags) else { return };
        let at = bench.folder.path();
        fs::write(at.join("file"), "new").expect("a file");
        let before = hash(&bench.wim);
        let refused = wim(at, &["cp", "file", "winpe.wim:file"], 2).stderr;
        assert_eq!(hash(&bench.wim), before);
        let hint = refused.split("winpe-iscsi wim ").nth(1).expect("a command").trim();
        assert_eq!(hint, format!("export winpe.wim:all {name}"));
        wim(at, &hint.split(' ').collect::<Vec<_>>(), 0);
        wim(at, &["cp", "file", &format!("{name}:file")], 0);
        bench.accept(&at.join(name));
    }
}

#[test]
fn images_are_exported_added_and_optimized() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let at = bench.folder.path();
    wim(at, &["export", "winpe.wim", "boot.wim", "--compress", "xpress", "--integrity"], 0);
    let refused = wim(at, &["export", "winpe.wim", "boot.wim"], 2).stderr;
    assert!(refused.contains("--name"), "{refused}");
    wim(at, &["export", "winpe.wim", "boot.wim", "--name", "Setup", "--boot"], 0);
    wim(at, &["rm", "boot.wim:1:Windows/System32/config/SYSTEM"], 0);
    wim(at, &["rm", "boot.wim:Setup:Windows/System32/config/SYSTEM"], 0);
    let before = fs::metadata(at.join("boot.wim")).expect("a WIM").len();
    wim(at, &["optimize", "boot.wim"], 0);
    let after = fs::metadata(at.join("boot.wim")).expect("a WIM").len();
    assert!(before - after > 300_000, "{before} {after}");
    bench.accept(&at.join("boot.wim"));
    let boot = Archive::open(&at.join("boot.wim")).expect("opens");
    assert_eq!((boot.header().boot_index, boot.header().image_count), (Some(2), 2));
    assert!(boot.header().integrity);
}

#[test]
fn all_faults_of_a_damaged_wim_are_reported() {
    let Some(bench) = Bench::capture("none", &["--check"]) else { return };
    let at = bench.folder.path();
    assert!(wim(at, &["verify", "winpe.wim"], 0).text().contains("everything is whole"));
    let mut bytes = fs::read(&bench.wim).expect("a WIM");
    for file in [&b"wpeinit\r\n"[..], b"not ASCII\r\n"] {
        let at = bytes.windows(file.len()).position(|window| window == file).expect("its data");
        bytes[at] ^= 1;
    }
    fs::write(&bench.wim, bytes).expect("a file");
    let json = wim(at, &["verify", "winpe.wim", "--json"], 1).text();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let findings = json["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 3, "two files, and the table: {findings:?}");
    fs::write(&bench.wim, "no WIM").expect("a file");
    wim(at, &["verify", "winpe.wim"], 2);
}

/// A profile that itself changes nothing.
fn empty_profile(at: &Path) {
    fs::create_dir(at).expect("a folder");
    fs::write(at.join("profile.toml"), "title = 't'\nwhy = 'w'\n").expect("a file");
}

#[test]
fn a_folder_of_another_user_is_not_written_to() {
    let Some(bench) = Bench::capture("XPRESS", &[]) else { return };
    let at = bench.folder.path();
    empty_profile(&at.join("none"));
    fs::create_dir(at.join("theirs")).expect("a folder");
    fs::set_permissions(at.join("theirs"), fs::Permissions::from_mode(0o555)).expect("a mode");
    let Some(mut command) = winpe_tests::plain_user(at) else { return };
    let words = ["inject", "winpe.wim", "--profile", "none", "--add", "tree=tree"];
    command.args(words).args(["-o", "theirs/out.wim"]).current_dir(at);
    let output = command.output().expect("it runs");
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{error}");
    let expected = "error: theirs/out.wim: not writable: Permission denied (os error 13)\n\
                    hint: write it to a folder that you may change\n";
    assert_eq!(error, expected);
    assert!(crate::tools::listing(&at.join("theirs")).is_empty(), "and nothing is left behind");
}

#[test]
fn times_that_cannot_be_set_are_reported() {
    let Some(bench) = Bench::capture("XPRESS", &[]) else { return };
    let at = bench.folder.path();
    // Only the owner of a folder can set its times. A user who is not root owns no folder that
    // everyone may write to.
    if !rustix::process::geteuid().is_root() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: only root makes a folder of somebody else");
        return;
    }
    let Some(mut command) = winpe_tests::plain_user(at) else { return };
    fs::create_dir_all(at.join("out/config")).expect("folders");
    for folder in ["out", "out/config"] {
        let mode = fs::Permissions::from_mode(0o777);
        fs::set_permissions(at.join(folder), mode).expect("a mode");
    }
    command.args(["--json", "wim", "cp", "winpe.wim:Windows/System32/config", "out"]);
    let output = command.current_dir(at).output().expect("it runs");
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{error}");
    let told = "the time of 1 file or folder cannot be set, out/config: Operation not permitted";
    assert!(error.contains("warning: ") && error.contains(told), "{error}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&json["schema"], &json["files"]), (&1.into(), &1.into()));
    let warning = json["warnings"][0].as_str().expect("a warning");
    assert!(warning.starts_with(told), "{warning}");
}

/// Root ignores permissions, but not a read-only file system.
#[test]
fn an_unwritable_wim_is_refused_with_advice() {
    let Some(bench) = Bench::capture("XPRESS", &[]) else { return };
    let at = bench.folder.path();
    fs::create_dir(at.join("fixed")).expect("a folder");
    fs::copy(&bench.wim, at.join("fixed/winpe.wim")).expect("a WIM");
    empty_profile(&at.join("none"));
    let shell =
        "mount --bind fixed fixed && mount -o remount,ro,bind fixed || exit 99; exec \"$@\"";
    for words in [
        &["wim", "rm", "fixed/winpe.wim:Windows/notepad.exe"][..],
        &["wim", "optimize", "fixed/winpe.wim"],
        &["wim", "export", "fixed/winpe.wim", "fixed/out.wim"],
        &["mount", "fixed/winpe.wim", "tree", "--rw"],
        &["inject", "winpe.wim", "--profile", "none", "--add", "tree=tree", "-o", "fixed/out.wim"],
    ] {
        let Some(mut command) = in_namespace(shell) else { return };
        command.arg(winpe_tests::winpe_iscsi()).args(words).current_dir(at);
        let output = command.output().expect("it runs");
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{words:?}\n{error}");
        assert!(error.contains("not writable: Read-only file system"), "{words:?}\n{error}");
        assert!(error.contains("hint: "), "{words:?}\n{error}");
        assert_eq!(crate::tools::listing(&at.join("fixed")), ["winpe.wim"]);
    }
}
