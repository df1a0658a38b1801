//! What may be changed and written over, and that a dry run says so as the run does.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use winpe_wim::{Archive, CommitOptions, Content, FileChange, ImageChanges, Target};

use crate::support::{Bench, wimlib, word};

const BASE: &[&str] = &["inject", "winpe.wim", "--source", "install.wim:1"];

/// Neither the run nor a dry run may print a line of the report, and both must give this error.
#[track_caller]
fn all_refuse(bench: &Bench, words: &[&str], says: &str) {
    let mut messages = Vec::new();
    for more in [&[][..], &["--dry-run"], &["--dry-run", "--json"]] {
        let words = [words, more].concat();
        let before = fs::read(&bench.winpe).unwrap();
        let run = bench.run(&words).expect(2);
        // For machines the error is a separate document.
        let error = run.stdout.starts_with("{\n  \"schema\": 1,\n  \"error\": {");
        assert!(if more.contains(&"--json") { error } else { run.stdout.is_empty() }, "{words:?}");
        assert!(run.stderr.contains(says), "{words:?}\n{}", run.stderr);
        assert!(fs::read(&bench.winpe).unwrap() == before);
        messages.push(run.stderr);
    }
    assert!(messages.iter().all(|message| *message == messages[0]), "{messages:#?}");
}

#[test]
fn a_dry_run_refuses_what_the_run_refuses() {
    let bench = Bench::new();
    bench.write("there.wim", "something else");
    bench.write("folder/a.txt", "a");
    bench.write("tool/a.txt", "a");
    bench.write("one.txt", "1");
    let with = |more: &[&'static str]| [BASE, more].concat();
    all_refuse(&bench, &with(&["-o", "there.wim"]), "--force overwrites it");
    all_refuse(&bench, &with(&["-o", "folder", "--force"]), "not a regular file");
    all_refuse(&bench, &with(&["-o", "absent/new.wim"]), "absent/new.wim");
    let below = with(&["--add", r"tool=\Windows\System32\config\SYSTEM"]);
    all_refuse(&bench, &below, "file in the place of a folder");
    all_refuse(&bench, &with(&["--add", r"tool=\Windows\regedit.exe"]), "in the place of a folder");
    let nested = with(&["--add", r"one.txt=\Lab", "--add", r"one.txt=\Lab\x\one.txt"]);
    all_refuse(&bench, &nested, "in the place of a folder above it");
    assert!(!bench.path("absent").exists());

    fs::set_permissions(&bench.winpe, Permissions::from_mode(0o444)).unwrap();
    if fs::OpenOptions::new().write(true).open(&bench.winpe).is_err() {
        all_refuse(&bench, BASE, "winpe.wim");
    }
    fs::set_permissions(&bench.winpe, Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn a_wim_that_cannot_be_changed_is_refused_before_its_diff() {
    let bench = Bench::new();
    let path = |name: &str| bench.path(name).to_str().unwrap().to_owned();
    let winpe = word(&bench.winpe);
    let Some(_) = wimlib(&["export", winpe, "all", &path("solid.wim"), "--solid"]) else { return };
    wimlib(&["export", winpe, "all", &path("pipable.wim"), "--pipable"]).unwrap();
    wimlib(&["split", winpe, &path("parts.swm"), "0.005"]).unwrap();
    for (wim, says) in
        [("solid.wim", "solid (ESD)"), ("pipable.wim", "pipable"), ("parts.swm", "split")]
    {
        for more in [&[][..], &["-o", "new.wim"]] {
            let words = [&["inject", wim, "--source", "install.wim:1"], more].concat();
            let run = bench.run(&[&words[..], &["--dry-run"]].concat()).expect(2);
            assert_eq!(
                (run.stdout.as_str(), run.stderr.contains(says)),
                ("", true),
                "{}",
                run.stderr
            );
            assert_eq!(bench.run(&words).expect(2).stderr, run.stderr);
        }
    }
}

#[test]
fn check_compares_with_the_output() {
    let bench = Bench::new();
    bench.write("lab.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lab]\n\"a\"=\"b\"\n");
    bench.write("tools/a.txt", "a");
    let job = [BASE, &["--reg", "lab.reg", "--add", r"tools=\Tools", "--autostart"]].concat();
    let out = |more: &[&'static str]| bench.run(&[&job[..], &["-o", "out.wim"], more].concat());
    out(&["--check"]).expect(1);
    out(&[]).expect(0);
    let written = fs::read(bench.path("out.wim")).unwrap();
    // At another time, which is in the bytes of the hives.
    std::thread::sleep(std::time::Duration::from_millis(20));
    out(&["--check"]).expect(0);
    let again = out(&[]).expect(0);
    assert!(again.stderr.contains("out.wim is what it would be already"), "{}", again.stderr);
    assert!(fs::read(bench.path("out.wim")).unwrap() == written);

    // Whatever differs is seen, and not overwritten unasked.
    let sam = r"Windows\System32\config\SOFTWARE".to_owned();
    let put = |path: &str, text: &str| FileChange::Put {
        path: path.to_owned(),
        content: Content::Bytes(text.as_bytes().to_vec()),
    };
    let delete = |path: &str| FileChange::Delete { path: path.to_owned(), recursive: false };
    for change in [
        put(r"Tools\a.txt", "b"),
        put("new.txt", ""),
        delete(r"Tools\a.txt"),
        delete(r"Windows\regedit.exe"),
        FileChange::AddFolder { path: "empty".to_owned() },
        FileChange::Rename { from: "Tools".to_owned(), to: "Tool".to_owned() },
        put(&sam, "no hive"),
    ] {
        fs::write(bench.path("out.wim"), &written).unwrap();
        let changes = [ImageChanges { image: 1, changes: vec![change.clone()] }];
        let archive = Archive::open(&bench.path("out.wim")).unwrap();
        archive.commit(&changes, &Target::InPlace, CommitOptions::default()).unwrap();
        assert_eq!(out(&["--check"]).code, 1, "{change:?}");
        assert_eq!(out(&[]).code, 2, "{change:?}");
    }
    // A value of a hive counts, and another job is another result.
    fs::write(bench.path("out.wim"), &written).unwrap();
    let lab = "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lab]\n\"a\"=\"c\"\n";
    bench.write("lab.reg", lab);
    out(&["--check"]).expect(1);
    out(&["--force"]).expect(0);
    out(&["--check"]).expect(0);
    fs::write(bench.path("out.wim"), "no WIM").unwrap();
    out(&["--check"]).expect(1);
}

#[test]
fn a_recipe_with_an_output_can_be_run_again() {
    let bench = Bench::new();
    let text = "[inject]\nwim = 'winpe.wim'\nsource = 'install.wim:1'\noutput = 'lab.wim'\n";
    bench.write("lab.toml", text);
    let run =
        |more: &[&'static str]| bench.run(&[&["inject", "--recipe", "lab.toml"], more].concat());
    run(&["--check"]).expect(1);
    run(&[]).expect(0);
    run(&["--check"]).expect(0);
    run(&[]).expect(0);
    bench.write("lab.toml", format!("{text}autostart = true\n"));
    run(&["--check"]).expect(1);
    let error = run(&[]).expect(2).stderr;
    assert!(error.contains("--force overwrites it"), "{error}");
}

#[test]
fn a_file_that_the_run_reads_is_not_written_over() {
    let bench = Bench::new();
    bench.write("lab.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lab]\n");
    symlink("install.wim", bench.path("link.wim")).unwrap();
    fs::hard_link(&bench.install, bench.path("hard.wim")).unwrap();
    let before = fs::read(&bench.install).unwrap();
    for out in ["install.wim", "link.wim", "hard.wim", "./install.wim", "lab.reg"] {
        let words = [BASE, &["--reg", "lab.reg", "-o", out, "--force"]].concat();
        all_refuse(&bench, &words, "which this run reads");
    }
    assert!(fs::read(&bench.install).unwrap() == before);
    // The WIM itself may be replaced as a whole.
    bench.run(&[BASE, &["-o", "winpe.wim", "--force"]].concat()).expect(0);
    bench.run(&[BASE, &["-o", "link.wim", "--force", "--force-target"]].concat()).expect(0);
    assert!(fs::read(&bench.install).unwrap() != before);
}

#[test]
fn an_installed_windows_is_no_target() {
    let bench = Bench::new();
    let swapped = ["inject", "install.wim", "--source", "winpe.wim"];
    for words in [&swapped[..], &["inject", "install.wim", "--source", "install.wim"]] {
        let before = fs::read(&bench.install).unwrap();
        all_refuse(&bench, words, "install.wim, image 1 is Client, expected WindowsPE");
        assert!(fs::read(&bench.install).unwrap() == before);
    }
    let forced = ["inject", "install.wim", "--source", "install.wim", "--force-target"];
    bench.run(&forced).expect(0);
    // The edition counts before the type.
    for (edition, code) in [("WindowsPE", 0), ("windowspe", 0), ("Professional", 2)] {
        let bench = Bench::new();
        let key = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion";
        bench.write("e.reg", format!("REGEDIT4\n\n[{key}]\n\"EditionID\"=\"{edition}\"\n"));
        bench.run(&[BASE, &["--reg", "e.reg"]].concat()).expect(0);
        let run = bench.run(&[BASE, &["--dry-run"]].concat()).expect(code);
        assert_eq!(run.stderr.contains("is Professional, expected"), code == 2, "{}", run.stderr);
    }
}
