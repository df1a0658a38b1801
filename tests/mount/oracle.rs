//! Our mount compared with `wimlib-imagex mountrw`: the same operations give the same image.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use winpe_tests::tool;
use winpe_wim::Archive;

use crate::mounted::Bench;

fn work(at: &Path) {
    let path = |name: &str| at.join(name);
    let hive = OpenOptions::new().write(true).open(path("Windows/System32/config/SYSTEM"));
    hive.expect("a file").write_all_at(b"edited", 500_000).expect("a write");
    let script = OpenOptions::new().append(true).open(path("Windows/System32/startnet.cmd"));
    script.expect("a file").write_all(b"net start msiscsi\r\n").expect("a write");
    fs::create_dir_all(path("Tools/deep")).expect("folders");
    fs::write(path("Tools/deep/new.sys"), b"new").expect("a file");
    fs::rename(path("Windows/notepad.exe"), path("Tools/editor.exe")).expect("renamed");
    fs::remove_dir(path("Users/Empty Folder")).expect("removed");
}

/// Each entry as wimlib lists it: its path, and its other lines without times of access and offsets
/// in the file; for new entries also without attributes and security, which we take from the
/// siblings.
fn entries(imagex: &Path, wim: &Path) -> Vec<(String, Vec<String>)> {
    const ASIDE: [&str; 6] = [
        "Last Write Time",
        "Last Access Time",
        "Link Group ID",
        "Offset in WIM",
        "Compressed size",
        "Flags",
    ];
    const OF_NEW: [&str; 4] = ["Attributes", "    FILE_ATTRIBUTE", "Creation Time", "Security"];
    const NEW: [&str; 3] = ["/Tools", "/Tools/deep", "/Tools/deep/new.sys"];
    let output = Command::new(imagex).arg("dir").arg(wim).args(["1", "--detailed"]).output();
    let text = String::from_utf8(output.expect("wimlib-imagex").stdout).expect("UTF-8");
    let line = "-".repeat(76);
    let mut found: Vec<_> = text
        .split(&line)
        .filter_map(|entry| {
            let path =
                entry.lines().find_map(|line| line.strip_prefix("Full Path           = "))?;
            let path = path.trim_matches('"').to_owned();
            let is_new = NEW.contains(&path.as_str());
            let kept = entry.lines().filter(|line| {
                let begins = |with: &&str| line.starts_with(*with);
                !(ASIDE.iter().any(begins) || is_new && OF_NEW.iter().any(begins))
            });
            let lines = kept.filter(|line| !line.is_empty()).map(str::to_owned).collect();
            Some((path, lines))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn the_image_is_as_wimlib_leaves_it() {
    let Some(bench) = Bench::new() else { return };
    let Some(imagex) = tool("wimlib-imagex", "wimtools") else { return };
    let theirs = bench.folder.path().join("theirs.wim");
    fs::copy(&bench.wim, &theirs).expect("a copy");
    let imagex_does = |words: &[&str]| {
        let output = Command::new(&imagex).args(words).current_dir(bench.folder.path()).output();
        let output = output.expect("wimlib-imagex");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    imagex_does(&["mountrw", "theirs.wim", "1", "mnt"]);
    work(&bench.dir);
    imagex_does(&["unmount", "mnt", "--commit"]);
    // Its process ends a moment after the unmount command.
    let mounted = || fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
    let place = bench.dir.display().to_string();
    for _ in 0..200 {
        if !mounted().contains(&place) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bench.iscsi(&["mount", "winpe.wim", "mnt", "--rw"], 0);
    work(&bench.dir);
    bench.iscsi(&["unmount", "mnt", "--commit"], 0);

    let (ours, wimlibs) = (entries(&imagex, &bench.wim), entries(&imagex, &theirs));
    assert!(ours.len() > 8 && ours.len() == wimlibs.len(), "{ours:?}\n{wimlibs:?}");
    for (ours, wimlibs) in ours.iter().zip(&wimlibs) {
        assert_eq!(ours, wimlibs);
    }
    let stats = |wim: &Path| Archive::open(wim).expect("opens").images()[0].stats;
    assert_eq!(stats(&bench.wim), stats(&theirs));
}
