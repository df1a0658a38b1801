//! Refused input: a clear error, exit status 2, and an unchanged image.

use std::fs;
use std::process::Command;

use crate::support::{Bench, Run, wimlib, word};

const INJECT: [&str; 4] = ["inject", "winpe.wim", "--source", "install.wim:1"];

/// A WinPE image with an altered SYSTEM hive.
fn with_hive(change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> Bench {
    use winpe_wim::{Archive, CommitOptions, Content, FileChange, ImageChanges, Target};
    let bench = Bench::new();
    let path = r"Windows\System32\config\SYSTEM".to_owned();
    let archive = Archive::open(&bench.winpe).unwrap();
    let hive = archive.read(1, &path).unwrap();
    let change = match change(hive) {
        Some(hive) => FileChange::Put { path, content: Content::Bytes(hive) },
        None => FileChange::Delete { path, recursive: false },
    };
    let changes = [ImageChanges { image: 1, changes: vec![change] }];
    archive.commit(&changes, &Target::InPlace, CommitOptions::default()).unwrap();
    bench
}

#[test]
fn missing_files_are_all_named() {
    let error = Bench::new().refused(&["inject", "winpe.wim"]);
    assert_eq!(error.lines().filter(|line| line.starts_with(r"  Windows\System32\")).count(), 16);
    assert!(error.contains("16 files") && error.contains("--source"), "{error}");
}

#[test]
fn a_source_without_the_files_is_refused() {
    let error = Bench::new().refused(&["inject", "winpe.wim", "--source", "winpe.wim"]);
    assert!(error.contains("16 files are neither in the image nor in winpe.wim"), "{error}");
    let error = Bench::new().refused(&["inject", "winpe.wim", "--source", "."]);
    assert!(error.contains("holds no Windows folder"), "{error}");
    let error = Bench::new().refused(&["inject", "winpe.wim", "--source", "nowhere.wim:1"]);
    assert!(error.contains("nowhere.wim"), "{error}");
}

#[test]
fn a_missing_image_is_reported_with_the_existing_ones() {
    for image in ["7", "Windows 99"] {
        let error = Bench::new().refused(&[&INJECT[..], &["--image", image]].concat());
        assert!(error.contains(image) && error.contains("1 (Microsoft Windows PE"), "{error}");
    }
}

#[test]
fn an_unknown_profile_is_reported_with_the_known_ones() {
    let error = Bench::new().refused(&[&INJECT[..], &["--profile", "iscsi-winpe99"]].concat());
    assert!(error.contains("iscsi-winpe99") && error.contains("iscsi-winpe3"), "{error}");
}

#[test]
fn a_reg_error_has_its_line_and_its_text() {
    let bench = Bench::new();
    let text = "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Setup]\n\
                \"Type\"=dword:0x17\n";
    bench.write("bad.reg", text);
    let error = bench.refused(&[&INJECT[..], &["--reg", "bad.reg"]].concat());
    assert!(error.contains("bad.reg:4:"), "{error}");
    assert!(error.contains(r#""Type"=dword:0x17"#), "{error}");

    bench.write("nowhere.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\HARDWARE\\X]\n");
    let error = bench.refused(&[&INJECT[..], &["--reg", "nowhere.reg"]].concat());
    assert!(error.contains("nowhere.reg:3: HKEY_LOCAL_MACHINE\\HARDWARE\\X"), "{error}");

    let error = bench.refused(&[&INJECT[..], &["--reg", "absent.reg"]].concat());
    assert!(error.contains("absent.reg: No such file"), "{error}");
}

#[test]
fn impossible_additions_are_refused() {
    let bench = Bench::new();
    bench.write("a.txt", "a");
    for (addition, says) in [
        (r"a.txt=Windows\System32", "a folder there"),
        (r"a.txt=Windows\..\x", "."),
        (r"absent.txt=Windows\x", "absent.txt"),
        (r"a.txt=Windows\System32\config\SYSTEM", "given twice"),
        (r"a.txt=windows\system32\ISCSICLI.EXE", "given twice"),
    ] {
        let before = fs::read(&bench.winpe).unwrap();
        let run = bench.run(&[&INJECT[..], &["--add", addition]].concat()).expect(2);
        assert!(run.stderr.contains(says), "{addition}\n{}", run.stderr);
        assert!(fs::read(&bench.winpe).unwrap() == before, "{addition}");
    }
}

#[test]
fn a_file_that_is_no_wim_is_refused() {
    for content in [&b""[..], b"MSWIM", b"not a WIM at all, but long enough to look into"] {
        let bench = Bench::new();
        fs::write(&bench.winpe, content).unwrap();
        let error = bench.refused(&INJECT);
        assert!(error.contains("winpe.wim"), "{error}");
    }
}

#[test]
fn a_truncated_wim_is_refused() {
    let whole = fs::read(Bench::new().winpe).unwrap();
    for share in [10, 50, 90, 99] {
        let bench = Bench::new();
        fs::write(&bench.winpe, &whole[..whole.len() * share / 100]).unwrap();
        let error = bench.refused(&INJECT);
        assert!(error.contains("winpe.wim"), "{error}");
    }
}

#[test]
fn a_corrupt_wim_is_refused() {
    let bench = Bench::new();
    let mut bytes = fs::read(&bench.winpe).unwrap();
    // The hives are compressed near the start; the metadata and the blob table are at the end.
    let middle = bytes.len() / 2;
    for range in [0xd0..middle, middle..bytes.len()] {
        let kept = bytes.clone();
        bytes[range].iter_mut().step_by(61).for_each(|byte| *byte ^= 0x5a);
        fs::write(&bench.winpe, &bytes).unwrap();
        let error = bench.refused(&INJECT);
        assert!(error.contains("winpe.wim"), "{error}");
        bytes = kept;
    }
}

#[test]
fn a_missing_hive_is_reported() {
    let error = with_hive(|_| None).refused(&INJECT);
    assert!(error.contains(r"Windows\System32\config\SYSTEM is not in the image"), "{error}");
}

#[test]
fn a_corrupt_hive_is_refused() {
    for (what, change) in [
        ("empty", (|_| Some(vec![])) as fn(Vec<u8>) -> Option<Vec<u8>>),
        ("truncated", |hive| Some(hive[..hive.len() / 2].to_vec())),
        ("no hive", |hive| Some(vec![0x41; hive.len()])),
        ("a cell of no size", |mut hive| {
            hive[0x1020..0x1024].fill(0);
            Some(hive)
        }),
        ("a root that is none", |mut hive| {
            hive[0x24] ^= 0x10;
            seal(&mut hive);
            Some(hive)
        }),
    ] {
        let error = with_hive(change).refused(&INJECT);
        assert!(error.contains(r"config\SYSTEM"), "{what}: {error}");
    }
}

#[test]
fn a_dirty_hive_without_its_logs_is_refused() {
    let error = with_hive(|mut hive| {
        hive[4] ^= 1;
        seal(&mut hive);
        Some(hive)
    })
    .refused(&INJECT);
    assert!(error.contains(r"config\SYSTEM") && error.contains("sequence"), "{error}");
    assert!(error.contains("hint: "), "{error}");
}

/// Corrects the base block's checksum.
fn seal(hive: &mut [u8]) {
    let words = hive[..508].chunks_exact(4);
    let sum = words.fold(0, |sum, word| sum ^ u32::from_le_bytes(word.try_into().unwrap()));
    hive[508..512].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn solid_and_split_wims_are_refused_as_targets() {
    let bench = Bench::new();
    let solid = bench.path("solid.esd");
    if wimlib(&["export", word(&bench.winpe), "1", word(&solid), "--solid"]).is_none() {
        return;
    }
    let error = bench.refused(&["inject", "solid.esd", "--source", "install.wim"]);
    assert!(error.contains("solid.esd") && error.contains("winpe-iscsi wim export"), "{error}");

    // Large enough for two parts of the minimum size.
    bench.run(&INJECT).expect(0);
    let part = bench.path("part.swm");
    wimlib(&["split", word(&bench.winpe), word(&part), "0.01"]).unwrap();
    let error = bench.refused(&["inject", "part.swm", "--source", "install.wim"]);
    assert!(error.contains("part.swm"), "{error}");
}

#[test]
fn a_wim_open_for_writing_elsewhere_is_left_alone() {
    let bench = Bench::new();
    let Some(flock) = winpe_tests::tool("flock", "util-linux") else { return };
    let mut command = Command::new(flock);
    command.arg(&bench.winpe).arg(winpe_tests::winpe_iscsi()).args(INJECT);
    command.current_dir(bench.dir.path());
    let before = fs::read(&bench.winpe).unwrap();
    let run = Run::of(command).expect(2);
    assert!(run.stderr.contains("open for writing elsewhere"), "{}", run.stderr);
    assert!(fs::read(&bench.winpe).unwrap() == before);
    bench.run(&INJECT).expect(0);
}

#[test]
fn a_full_disk_leaves_the_image_unchanged() {
    let bench = Bench::new();
    let before = fs::read(&bench.winpe).unwrap();
    // A limit on the size of a file simulates a full disk; both end a write half-way.
    let blocks = before.len() / 1024 + 1;
    for words in [&INJECT[..], &[&INJECT[..], &["-o", "new.wim"]].concat()] {
        let mut command = Command::new("bash");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        command.args(["-c", &script, "bash"]).arg(winpe_tests::winpe_iscsi()).args(words);
        command.current_dir(bench.dir.path());
        let run = Run::of(command).expect(2);
        assert!(run.stderr.contains("no space left"), "{}", run.stderr);
        assert!(fs::read(&bench.winpe).unwrap() == before, "the image was changed");
        assert_eq!(fs::read_dir(bench.dir.path()).unwrap().count(), 2, "a file was left behind");
    }
}

#[test]
fn wrong_arguments_are_reported() {
    let bench = Bench::new();
    for words in [&["inject"][..], &["inject", "winpe.wim", "--add", "x"], &["--nonsense"]] {
        bench.run(words).expect(2);
    }
    let error = bench.refused(&[&INJECT[..], &["-o", "winpe.wim"]].concat());
    assert!(error.contains("winpe.wim"), "{error}");
}
