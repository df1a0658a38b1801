//! `winpe-iscsi wim` on images that other programs can make, but Windows does not.

use std::fs;
use std::path::Path;

use crate::program::wim;
use crate::raw::{Raw, What, wim as raw_wim};
use crate::tools::{Bench, noise, path_text};

/// The XML data of a WIM with other text; they are the last resource of a new WIM.
fn replace_xml(path: &Path, from: &str, to: &str) {
    let mut wim = fs::read(path).expect("a WIM");
    let number = |at: usize| u64::from_le_bytes(wim[at..at + 8].try_into().expect("eight"));
    let (size, at) = (number(0x48) & 0xff_ffff_ffff_ffff, number(0x50) as usize);
    let units: Vec<u16> = wim[at..at + size as usize]
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
        .collect();
    let text = String::from_utf16(&units).expect("UTF-16");
    assert!(text.contains(from), "{text}");
    let text: Vec<u8> = text.replace(from, to).encode_utf16().flat_map(u16::to_le_bytes).collect();
    wim.truncate(at);
    wim.extend(&text);
    let flags = wim[0x4f];
    wim[0x48..0x50].copy_from_slice(&(text.len() as u64).to_le_bytes());
    wim[0x4f] = flags;
    wim[0x58..0x60].copy_from_slice(&(text.len() as u64).to_le_bytes());
    fs::write(path, wim).expect("a WIM");
}

/// XML has two ways to write `&`, of which wimlib reads one.
#[test]
fn numeric_references_are_no_obstacle() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let at = bench.folder.path();
    replace_xml(&bench.wim, "A description", "a &#38; b &#x3c; c&#39;s");
    fs::write(at.join("file"), "new").expect("a file");
    fs::copy(&bench.wim, at.join("copy.wim")).expect("a copy");
    for words in [
        &["verify", "winpe.wim"][..],
        &["cp", "file", "winpe.wim:file"],
        &["export", "copy.wim", "exported.wim"],
        &["optimize", "copy.wim"],
    ] {
        wim(at, words, 0);
    }
    for name in ["winpe.wim", "exported.wim", "copy.wim"] {
        bench.accept(&at.join(name));
        let info = bench.imagex(&["info", &path_text(&at.join(name))]);
        assert!(info.contains("a & b < c's"), "{name}: {info}");
    }
}

/// A file whose data only a driver of Windows finds is not an empty file.
#[test]
fn foreign_data_are_left_out_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let tree = vec![
        Raw::new("wof.dll", What::TaggedFile(0x8000_0017)),
        Raw::new("link", What::Link("plain".into(), false)),
        Raw::file("plain", b"data"),
        Raw::file("empty", b""),
    ];
    fs::write(at.join("a.wim"), raw_wim(tree)).expect("a WIM");
    let done = wim(at, &["cp", "a.wim:", "out"], 1);
    let says = "wof.dll is left out: its data are in a reparse point (0x80000017)";
    assert!(done.stderr.contains(says), "{}", done.stderr);
    let mut names: Vec<_> = fs::read_dir(at.join("out"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["empty", "link", "plain"]);
    for (name, says) in [("wof.dll", "a reparse point"), ("link", "a link")] {
        let refused = wim(at, &["cat", &format!("a.wim:{name}")], 2);
        assert!(refused.stdout.is_empty() && refused.stderr.contains(says), "{}", refused.stderr);
    }
    assert_eq!(wim(at, &["cat", "a.wim:empty"], 0).text(), "");
}

#[test]
fn the_content_of_a_folder_goes_into_a_folder() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let at = bench.folder.path();
    fs::create_dir_all(at.join("overlay/Windows/System32")).expect("folders");
    fs::write(at.join("overlay/Windows/System32/own.cmd"), "own").expect("a file");
    wim(at, &["cp", "overlay/.", "winpe.wim:"], 0);
    assert_eq!(wim(at, &["cat", "winpe.wim:Windows/System32/own.cmd"], 0).text(), "own");
    let names = wim(at, &["ls", "winpe.wim"], 0).text();
    assert_eq!(names, "Empty Folder/\nGröße.txt\nWindows/\n");
    wim(at, &["cp", "overlay/.", "tree/Windows/System32/.", "winpe.wim:Both"], 0);
    let both = wim(at, &["ls", "winpe.wim:Both"], 0).text();
    assert!(both.contains("Windows/\n") && both.contains("startnet.cmd\n"), "{both}");
    // Without the dot it is the folder itself, as for cp.
    wim(at, &["cp", "overlay/", "winpe.wim:Windows"], 0);
    assert!(wim(at, &["ls", "winpe.wim:Windows"], 0).text().contains("overlay/\n"));
    bench.accept(&bench.wim);
}

#[test]
fn names_that_differ_in_case_are_findings() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let tree = vec![
        Raw::folder(
            "Windows",
            vec![Raw::file("startnet.cmd", b"1"), Raw::file("STARTNET.CMD", b"2")],
        ),
        Raw::folder("windows", vec![Raw::file("ß", b"1"), Raw::file("SS", b"2")]),
        Raw::file("ı", b"1"),
        Raw::file("I", b"2"),
    ];
    fs::write(at.join("a.wim"), raw_wim(tree)).expect("a WIM");
    let found = wim(at, &["verify", "a.wim"], 1).text();
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 2, "{found}");
    assert!(lines.iter().all(|line| line.contains("differs only in case")), "{found}");
    assert!(found.contains(r"\windows") && found.contains(r"\Windows\STARTNET.CMD"), "{found}");
    // They can be copied out all the same.
    wim(at, &["cp", "a.wim:Windows", "out"], 0);
}

#[test]
fn a_missing_part_is_named() {
    let Some(bench) = Bench::empty() else { return };
    let at = bench.folder.path();
    fs::create_dir(at.join("tree")).expect("a folder");
    for number in 1..=3 {
        fs::write(at.join(format!("tree/file {number}")), noise(1_500_000, number))
            .expect("a file");
    }
    bench.imagex(&["capture", &path_text(&at.join("tree")), &path_text(&bench.wim)]);
    let first = path_text(&at.join("s.swm"));
    bench.imagex(&["split", &path_text(&bench.wim), &first, "1"]);
    fs::rename(at.join("s3.swm"), at.join("elsewhere")).expect("a part");
    let files = [1, 2, 3].map(|number| format!("s.swm:file {number}"));
    let cat = |file: &String| {
        let mut command = std::process::Command::new(winpe_tests::winpe_iscsi());
        command.args(["wim", "cat", file]).current_dir(at).output().expect("it runs")
    };
    let refused: Vec<_> = files.iter().map(cat).filter(|run| !run.status.success()).collect();
    assert_eq!(refused.len(), 1);
    let says = String::from_utf8_lossy(&refused[0].stderr);
    assert!(
        says.contains(r"the data of \") && says.contains("missing of 4 parts: s3.swm"),
        "{says}"
    );
    let found = wim(at, &["verify", "s.swm"], 1).text();
    assert!(found.contains("s3.swm"), "{found}");
    // The first part is the one that has the metadata.
    fs::rename(at.join("s.swm"), at.join("elsewhere too")).expect("a part");
    let refused = wim(at, &["ls", "s2.swm"], 2);
    assert!(refused.stderr.contains("s.swm, s3.swm"), "{}", refused.stderr);
}
