//! Properties that a replaced file keeps, compared with a FUSE mount: `wimlib-imagex mountrw`, a
//! write into the file, `unmount --commit`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use winpe_tests::{corpus, run};
use winpe_wim::{Archive, FileChange};

use crate::tools::{Bench, path_text, put};

/// Fields that necessarily differ: time and place of the write, and numbers that wimlib assigns
/// again.
const ASIDE: [&str; 6] = [
    "Last Write Time",
    "Last Access Time",
    "Link Group ID",
    "Offset in WIM",
    "Compressed size",
    "Flags",
];

/// The details of all paths, each with its lines; without `aside` and without the paths of `new`.
fn details(bench: &Bench, wim: &Path, new: &str) -> Vec<String> {
    let all = bench.details(wim, 1, "/");
    let entries =
        all.split("----------------------------------------------------------------------------");
    let kept = |line: &&str| !ASIDE.iter().any(|aside| line.starts_with(aside));
    entries
        .filter(|entry| !entry.contains(&format!("\"{new}\"")))
        .map(|entry| entry.lines().filter(kept).collect::<Vec<_>>().join("\n"))
        .collect()
}

/// Writes through a mount; `false`, with a message, if this machine has no FUSE.
fn write_through_mount(bench: &Bench, wim: &Path, files: &[(&str, &[u8])]) -> bool {
    let mount = bench.folder.path().join("mount");
    fs::create_dir_all(&mount).expect("a folder");
    let mounted = Command::new(&bench.imagex).arg("mountrw").arg(wim).arg("1").arg(&mount).output();
    if !mounted.expect("wimlib-imagex runs").status.success() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no FUSE mounts on this machine");
        return false;
    }
    for (path, bytes) in files {
        // Into the existing file, not a replacement.
        fs::write(mount.join(path), bytes).expect("a file of the mount");
    }
    let unmounted = run(&bench.imagex, ["unmount", &path_text(&mount), "--commit"]);
    assert!(unmounted.status.success(), "{}", String::from_utf8_lossy(&unmounted.stderr));
    true
}

fn same_as_through_a_mount(bench: &Bench, replaced: &str, new: &str) {
    let mounted = bench.folder.path().join("mounted.wim");
    fs::copy(&bench.wim, &mounted).expect("a copy");
    let files: [(&str, &[u8]); 2] = [(replaced, b"changed content"), (new, b"new content")];
    if !write_through_mount(bench, &mounted, &files) {
        return;
    }
    let puts: Vec<FileChange> = files.iter().map(|(path, bytes)| put(path, bytes)).collect();
    bench.commit(1, puts).expect("a commit");
    bench.accept(&bench.wim);
    let new_path = format!("/{new}");
    let (ours, theirs) =
        (details(bench, &bench.wim, &new_path), details(bench, &mounted, &new_path));
    assert!(ours.len() > 5 && ours.len() == theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    let stats = |wim: &Path| Archive::open(wim).expect("opens").images()[0].stats;
    assert_eq!(stats(&bench.wim), stats(&mounted));
}

#[test]
fn a_captured_image_is_as_through_a_mount() {
    let Some(bench) = Bench::capture("XPRESS", &[]) else { return };
    same_as_through_a_mount(&bench, "Windows/System32/startnet.cmd", "Windows/System32/new.txt");
}

#[test]
fn security_short_names_and_object_ids_are_as_through_a_mount() {
    let Some(original) = corpus("wim/managedwimlib/LZX.wim") else { return };
    let Some(bench) = Bench::empty() else { return };
    fs::write(&bench.wim, fs::read(original).expect("a WIM")).expect("a copy");
    same_as_through_a_mount(&bench, "ABCD/A.txt", "ABCD/new.txt");
}

#[test]
fn a_replaced_file_keeps_security_and_names_and_a_new_one_is_like_its_siblings() {
    let Some(original) = corpus("wim/managedwimlib/LZX.wim") else { return };
    let Some(bench) = Bench::empty() else { return };
    fs::write(&bench.wim, fs::read(original).expect("a WIM")).expect("a copy");
    let entry = |path: &str| {
        let wim = Archive::open(&bench.wim).expect("opens");
        wim.entry(1, path).expect("metadata").expect(path)
    };
    let before = entry("abcd/a.TXT");
    assert!(before.security.is_some() && before.short_name.is_some());
    let puts =
        vec![put("ABCD/a.txt", b"other"), put("abcd/new/deep.txt", b"x"), put("ABCD/n", b"")];
    bench.commit(1, puts).expect("a commit");
    let after = entry("ABCD/A.txt");
    assert_eq!(after.path, r"\ABCD\A.txt", "the name of the image, not of the change");
    assert_eq!(after.size, 5);
    assert_eq!(
        (&after.security, &after.short_name, after.created, after.attributes),
        (&before.security, &before.short_name, before.created, before.attributes)
    );
    assert_eq!(entry("ABCD/n").security, before.security);
    // A new folder gets the security of its parent, as does its content: it has no siblings.
    assert_eq!(entry("ABCD/new").security, entry("ABCD").security);
    assert_eq!(entry("ABCD/new/deep.txt").security, entry("ABCD").security);
}
