//! `winpe-iscsi wim cp` out of an image: it writes the same files as wimlib-imagex, and a refused
//! copy changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, UNIX_EPOCH};

use winpe_tests::{run, tool};

use crate::ground::{Ground, snapshot};
use crate::raw::{Raw, TIME, What, wim};
use crate::tools::{Bench, path_text};

fn program(ground: &Ground, words: &[&str]) -> Output {
    let mut command = Command::new(winpe_tests::winpe_iscsi());
    command.args(words).current_dir(ground.path()).output().expect("it runs")
}

fn cp(ground: &Ground, words: &[&str], code: i32) -> String {
    let output = program(ground, &[&["wim", "cp"], words].concat());
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{words:?}\n{stderr}");
    stderr
}

/// An empty destination, and an image.
fn ground(below: Vec<Raw>) -> Ground {
    let ground = Ground::new();
    fs::create_dir(ground.out()).expect("a folder");
    fs::write(ground.path().join("a.wim"), wim(below)).expect("a file");
    ground
}

/// Type, content or target, time of last write, and the first name of the same file.
type Tree = BTreeMap<PathBuf, (u32, Vec<u8>, i64, i64, PathBuf)>;

fn tree(top: &Path) -> Tree {
    let mut firsts = BTreeMap::new();
    let mut found = Tree::new();
    for (path, (mode, _, seconds, nanos, content)) in snapshot(top) {
        let inode = path.symlink_metadata().expect("listed").ino();
        let name = path.strip_prefix(top).expect("below").to_path_buf();
        let first = firsts.entry(inode).or_insert_with(|| name.clone()).clone();
        // The umask determines the permissions.
        found.insert(name, (mode & 0o170_000, content, seconds, nanos, first));
    }
    found
}

/// Left out: links to the root of a drive, which wimlib writes as absolute paths, and everything
/// below a folder with a reparse tag that is not a link, which wimlib (1.13.5) skips.
#[test]
fn the_written_files_are_those_of_wimlib() {
    let Some(bench) = Bench::empty() else { return };
    let at = |time: u64, raw: Raw| Raw { written: time, ..raw };
    let long =
        Raw::folder("deep", vec![Raw::folder("deeper", vec![Raw::file("file", &[7; 90_000])])]);
    let lone = |unit: u16| Raw { name: vec![0x41, unit], ..Raw::file("", b"lone surrogate") };
    let below = vec![
        Raw::folder("empty", vec![]),
        at(TIME + 1, Raw::file("file.txt", b"data")),
        at(TIME - 10_000_000 * 86_400 * 365 * 60, Raw::file("before 1970", b"old")),
        Raw::file("nothing", b""),
        Raw::file("a", b"small"),
        Raw::file("A", b"capital"),
        Raw::file("Größe \u{1f4be}", b"names"),
        lone(0xd800),
        lone(0xdc00),
        at(TIME + 77, Raw::new("to a file", What::Link("file.txt".into(), false))),
        Raw::new("to a folder", What::Link(r"deep\deeper".into(), true)),
        Raw::new("upwards", What::Link(r"..\..\elsewhere".into(), true)),
        Raw::new("dangling", What::Link("nowhere".into(), false)),
        Raw::new("cloud", What::Tagged(0x9000_001a)),
        Raw { group: 5, ..Raw::file("one", b"linked") },
        Raw::folder("names", vec![Raw { group: 5, ..Raw::file("two", b"linked") }]),
        Raw { group: 5, ..Raw::file("three", b"linked") },
        Raw { streams: vec![("s".into(), b"stream".to_vec())], ..Raw::file("streams", b"data") },
        long,
    ];
    let ground = ground(below);
    let warnings = cp(&ground, &["a.wim:", "out"], 0);
    assert!(warnings.contains("the alternate stream \"s\" is left out"), "{warnings}");
    let theirs = bench.apply(&ground.path().join("a.wim"), 1);
    let (ours, theirs) = (tree(&ground.out()), tree(&theirs));
    for (name, found) in &theirs {
        assert_eq!(ours.get(name), Some(found), "{}", name.display());
    }
    let more: Vec<_> = ours.keys().filter(|name| !theirs.contains_key(*name)).collect();
    assert!(more.is_empty(), "{more:?}");
    let time = fs::metadata(ground.out().join("file.txt")).expect("a file").modified();
    let expected = UNIX_EPOCH + Duration::new(1_704_164_645, 100);
    assert_eq!(time.expect("a time"), expected);
}

/// Entries by which a file would be written outside the destination.
fn escapes(victim: &str) -> Vec<(&'static str, Vec<Raw>)> {
    let new = || vec![Raw::file("pwned", b"data")];
    let upwards = || What::Link(r"..\victim".into(), true);
    vec![
        (
            r"\l: a symbolic link or junction",
            vec![Raw::new("l", What::Junction(victim.into())).with(new())],
        ),
        (r"\l: a second entry", vec![Raw::new("l", upwards()), Raw::folder("l", new())]),
        (r"\l: a symbolic link or junction", vec![Raw::new("l", upwards()).with(new())]),
        (
            r"\f\l: a symbolic link or junction",
            vec![
                Raw::file("a", b"data"),
                Raw::folder(
                    "f",
                    vec![Raw::new("l", What::Link(r"..\..\victim".into(), true)).with(new())],
                ),
            ],
        ),
        (r"\l: a second entry", vec![Raw::folder("l", new()), Raw::new("l", upwards())]),
        (r"\..: `.` and `..`", vec![Raw::folder("..", vec![Raw::folder("victim", new())])]),
        (r"\../victim/pwned: a name cannot hold", vec![Raw::file("../victim/pwned", b"data")]),
        (r"\..\victim: a name cannot hold", vec![Raw::folder(r"..\victim", new())]),
        (r"\a\u{0}: a name cannot hold", vec![Raw::file("a\0", b"data")]),
    ]
}

#[test]
fn an_image_that_would_lead_outside_is_refused_and_verify_says_why() {
    let imagex = tool("wimlib-imagex", "wimtools");
    let places = escapes("@").len();
    for number in 0..places {
        let ground = Ground::new();
        fs::create_dir(ground.out()).expect("a folder");
        let victim = path_text(&ground.victim());
        let (says, below) = escapes(&victim).swap_remove(number);
        fs::write(ground.path().join("a.wim"), wim(below)).expect("a file");
        let (outside, before) = (ground.outside(), snapshot(&ground.out()));
        for words in [&["a.wim:", "out"][..], &["--force", "a.wim:", "out"], &["a.wim:", "new"]] {
            let refused = cp(&ground, words, 2);
            assert!(refused.contains(&format!("image 1: {says}")), "{says}: {refused}");
            assert!(refused.contains("hint: winpe-iscsi wim verify"), "{refused}");
            assert_eq!(ground.outside(), outside, "{says}");
            assert_eq!(snapshot(&ground.out()), before, "{says}");
        }
        let verdict = program(&ground, &["--json", "wim", "verify", "a.wim"]);
        assert_eq!(verdict.status.code(), Some(1), "{says}");
        let verdict: serde_json::Value = serde_json::from_slice(&verdict.stdout).expect("JSON");
        let finding = verdict["findings"][0].as_str().expect("a finding");
        assert!(finding.contains(says), "{finding}");
        // The result of wimlib differs; nothing leads outside there either.
        if let Some(imagex) = &imagex {
            let to = path_text(&ground.out());
            let _ = run(imagex, ["apply", &path_text(&ground.path().join("a.wim")), "1", &to]);
            assert_eq!(ground.outside(), outside, "{says}");
        }
    }
}

#[test]
fn a_folder_beside_a_bad_entry_can_be_copied() {
    let bad = Raw::new("l", What::Junction("x".into())).with(vec![Raw::file("f", b"data")]);
    let ground = ground(vec![bad, Raw::folder("good", vec![Raw::file("file", b"data")])]);
    cp(&ground, &["a.wim:good", "out"], 0);
    assert_eq!(fs::read(ground.out().join("good/file")).expect("a file"), b"data");
    cp(&ground, &["a.wim:l", "out"], 2);
}

#[test]
fn links_that_are_there_are_not_followed() {
    let below = vec![
        Raw::folder("f", vec![Raw::file("a", b"new")]),
        Raw::file("file", b"new"),
        Raw::new("l", What::Link("f".into(), true)),
        Raw { group: 1, ..Raw::file("one", b"linked") },
        Raw { group: 1, ..Raw::file("two", b"linked") },
    ];
    // An obstacle: a link with that name and that target.
    for (name, target, code) in [
        ("f", "../victim/a", 2),
        ("f", "nowhere", 2),
        ("file", "../victim/file", 0),
        ("file", "../victim/a", 0),
        ("file", "../victim/new", 0),
        ("l", "../victim/a", 0),
        ("one", "../victim/file", 0),
        ("two", "../victim/file", 0),
    ] {
        let ground = ground(below.clone());
        symlink(target, ground.out().join(name)).expect("a link");
        let outside = ground.outside();
        let refused = cp(&ground, &["a.wim:", "out"], 2);
        let says = if name == "f" { "is a link: expected a folder" } else { "exists already" };
        assert!(refused.contains(&format!("out/{name} {says}")), "{refused}");
        assert_eq!(ground.outside(), outside, "{name} to {target}");
        fs::remove_dir_all(ground.out()).expect("ours");
        fs::create_dir(ground.out()).expect("a folder");
        symlink(target, ground.out().join(name)).expect("a link");
        cp(&ground, &["--force", "a.wim:", "out"], code);
        assert_eq!(ground.outside(), outside, "{name} to {target}, forced");
        let found = ground.out().join(name).symlink_metadata().expect("it is there");
        assert_eq!(found.is_symlink(), code == 2 || name == "l", "{name}");
    }
}

/// A link named by the user is followed: the folder, or the folder of the copy.
#[test]
fn the_destination_itself_may_be_a_link() {
    let ground = ground(vec![Raw::folder("f", vec![Raw::file("a", b"new")]), Raw::file("b", b"b")]);
    fs::create_dir(ground.path().join("real")).expect("a folder");
    symlink("real", ground.path().join("way")).expect("a link");
    let read = |path: &str| fs::read(ground.path().join(path)).expect(path);
    cp(&ground, &["a.wim:", "way"], 0);
    assert_eq!(read("real/f/a"), b"new");
    cp(&ground, &["a.wim:f", "way/named"], 0);
    assert_eq!(read("real/named/a"), b"new");
    cp(&ground, &["a.wim:b", "way/copy"], 0);
    assert_eq!(read("real/copy"), b"b");
    // A link with the name of the copy of a file is replaced, and not written through.
    symlink("copy", ground.path().join("real/over")).expect("a link");
    cp(&ground, &["a.wim:f/a", "way/over"], 2);
    cp(&ground, &["--force", "a.wim:f/a", "way/over"], 0);
    assert_eq!((read("real/over"), read("real/copy")), (b"new".to_vec(), b"b".to_vec()));
}

/// A partly written file is not left there, and with --force the old file stays.
#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let ground = ground(vec![Raw::file("file", b"the data of a file")]);
    let path = ground.path().join("a.wim");
    let mut bytes = fs::read(&path).expect("a WIM");
    let at = bytes.windows(8).position(|window| window == b"the data").expect("it is there");
    bytes[at] ^= 1;
    fs::write(&path, bytes).expect("a file");
    let refused = cp(&ground, &["a.wim:", "out"], 2);
    assert!(refused.contains("corrupt"), "{refused}");
    assert!(crate::tools::listing(&ground.out()).is_empty());
    fs::write(ground.out().join("file"), "old").expect("a file");
    cp(&ground, &["--force", "a.wim:", "out"], 2);
    assert_eq!(fs::read(ground.out().join("file")).expect("a file"), b"old");
    assert_eq!(crate::tools::listing(&ground.out()), ["file"]);
}

/// Deeper than the limit of open files of a process, and than the longest path of the kernel.
#[test]
fn deep_trees_are_written() {
    const DEPTH: usize = 800;
    let mut tree = vec![Raw { group: 3, ..Raw::file("last", b"deep") }];
    for _ in 0..DEPTH {
        let beside = Raw::folder("z", vec![Raw { group: 3, ..Raw::file("name", b"deep") }]);
        tree = vec![Raw::folder("folder", tree), beside];
    }
    let ground = ground(tree);
    let shell = "ulimit -n 100; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", shell, "sh"]).arg(winpe_tests::winpe_iscsi());
    command.args(["wim", "cp", "a.wim:", "out"]).current_dir(ground.path());
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let words = ["out", "-name", "last", "-size", "4c"];
    let found = Command::new("find").args(words).current_dir(ground.path()).output();
    let found = String::from_utf8(found.expect("it runs").stdout).expect("UTF-8");
    assert_eq!(found, format!("out{}/last\n", "/folder".repeat(DEPTH)));
    let names = fs::metadata(ground.out().join("z/name")).expect("a file").nlink();
    assert_eq!(names, DEPTH as u64 + 1, "all are one file");
    // Recursive removal of the temporary folder would keep each level open.
    let removed = Command::new("rm").arg("-rf").arg(ground.out()).status();
    assert!(removed.expect("it runs").success());
}

/// The opposite direction: only the content of the named folder is copied into an image.
#[test]
fn a_folder_copied_in_follows_no_link_outside() {
    let ground = ground(vec![]);
    let tools = ground.path().join("tools");
    fs::create_dir_all(tools.join("sub")).expect("folders");
    fs::write(tools.join("sub/file"), "data").expect("a file");
    for (target, says) in [
        ("../../victim/file", "leads out of tools\nhint: "),
        ("../../victim", "leads out of tools\nhint: "),
        ("/etc/hostname", "leads out of tools\nhint: "),
        ("..", "leads back to a folder above it"),
        ("nowhere", "leads nowhere"),
        ("file", ""),
    ] {
        let _ = fs::remove_file(tools.join("sub/link"));
        symlink(target, tools.join("sub/link")).expect("a link");
        let told = cp(&ground, &["tools", "a.wim:"], if says.is_empty() { 0 } else { 2 });
        assert!(told.contains(says), "{target}: {told}");
    }
    cp(&ground, &["a.wim:tools", "out"], 0);
    assert_eq!(fs::read(ground.out().join("tools/sub/link")).expect("a file"), b"data");
}

/// wimlib (1.13.5) takes such a folder for a file, and drops its content: see
/// `findings/wimlib-loses-cloud-folders.sh`. 7-Zip reads it as a folder.
#[test]
fn the_files_of_a_cloud_folder_survive_every_change() {
    let Some(seven_zip) = tool("7z", "p7zip-full") else { return };
    let cloud = Raw::new("cloud", What::Tagged(0x9000_001a)).with(vec![Raw::file("a", b"within")]);
    let ground = ground(vec![cloud, Raw::file("beside", b"beside")]);
    fs::write(ground.path().join("new"), "new").expect("a file");
    for words in [
        &["wim", "cp", "new", "a.wim:new"][..],
        &["wim", "optimize", "a.wim"],
        &["wim", "export", "a.wim", "b.wim"],
        &["wim", "optimize", "--recompress", "b.wim"],
        &["wim", "verify", "b.wim"],
    ] {
        let output = program(&ground, words);
        assert!(output.status.success(), "{words:?}: {output:?}");
    }
    for wim in ["a.wim", "b.wim"] {
        let path = path_text(&ground.path().join(wim));
        let output = run(&seven_zip, ["x", "-so", path.as_str(), "cloud/a"]);
        assert_eq!(output.stdout, b"within", "{wim}");
    }
}
