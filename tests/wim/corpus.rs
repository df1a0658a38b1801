//! Every WIM of the corpus is opened, or refused, as `corpus.golden` says.

use std::fmt::Write as _;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use winpe_tests::corpus;
use winpe_wim::{Archive, CommitOptions, ImageChanges, Target, WimError};

use crate::tools::put;

const GOLDEN: &str = include_str!("corpus.golden");

#[test]
fn every_wim_gets_its_verdict() {
    let Some(folder) = corpus("wim") else { return };
    let mut verdicts = String::new();
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).expect("the corpus") {
        let source = entry.expect("an entry").path();
        files.extend(
            fs::read_dir(source).expect("a source").map(|file| file.expect("a file").path()),
        );
    }
    files.sort();
    for file in files {
        let name = file.strip_prefix(&folder).expect("listed there").display();
        let verdict = verdict(&file).unwrap_or_else(|error| format!("refused: {}", text(&error)));
        writeln!(verdicts, "{name}\n{verdict}").expect("a string takes all");
    }
    assert!(verdicts == GOLDEN, "expected:\n{GOLDEN}\nfound:\n{verdicts}");
}

/// The properties of a WIM: its header, its content, whether its data is intact, and whether it
/// accepts a change.
fn verdict(path: &Path) -> Result<String, WimError> {
    let wim = Archive::open(path)?;
    let header = wim.header();
    let mut text = format!(
        "  {} of {}, {}, chunks of {}, boot {:?}, integrity {}, solid {}\n",
        header.part,
        header.parts,
        header.compression,
        header.chunk_size,
        header.boot_index,
        header.integrity,
        header.solid,
    );
    for image in wim.images() {
        let found = contents(&wim, image.index);
        let found = found.unwrap_or_else(|error| self::text(&error));
        writeln!(text, "  {} {:?}: {:?}; {found}", image.index, image.name, image.stats)
            .expect("a string takes all");
    }
    let verified = wim.verify(None).map_or_else(|error| self::text(&error), |()| "ok".to_owned());
    let changed = change(path).unwrap_or_else(|error| self::text(&error));
    write!(text, "  verify: {verified}\n  change: {changed}").expect("a string takes all");
    Ok(text)
}

/// Reads all files; counts them, their links, security descriptors, short names and streams.
fn contents(wim: &Archive, image: u32) -> Result<String, WimError> {
    let mut files = Vec::new();
    let [mut dirs, mut secured, mut short, mut streams] = [0; 4];
    wim.walk(image, "", &mut |entry| {
        dirs += usize::from(entry.is_dir);
        secured += usize::from(entry.security.is_some());
        short += usize::from(entry.short_name.is_some());
        streams += entry.streams.len();
        if !entry.is_dir && entry.reparse_tag.is_none() {
            files.push(entry.path.to_string());
        }
        ControlFlow::Continue(())
    })?;
    let mut bytes = 0;
    for file in &files {
        bytes += wim.read(image, file)?.len();
    }
    let files = files.len();
    Ok(format!(
        "read {files} files of {bytes} bytes in {dirs} folders; \
         {secured} security descriptors, {short} short names, {streams} streams"
    ))
}

/// Adds a file to a copy, and has wimlib read the result.
fn change(path: &Path) -> Result<String, WimError> {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.wim");
    fs::copy(path, &copy).expect("a copy");
    let mut permissions = fs::metadata(&copy).expect("a copy").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs::set_permissions(&copy, permissions).expect("own file");
    let wim = Archive::open(&copy)?;
    let changes: Vec<ImageChanges> = (1..=wim.header().image_count)
        .map(|image| ImageChanges { image, changes: vec![put("Folder/new.txt", b"new")] })
        .collect();
    wim.commit(&changes, &Target::InPlace, CommitOptions::default())?;
    let wim = Archive::open(&copy)?;
    wim.verify(None)?;
    Ok("ok".to_owned())
}

/// An error without the path, which differs on each machine.
fn text(error: &WimError) -> String {
    let text = error.to_string();
    text.split_once(": ").map_or(text.clone(), |(_, rest)| rest.to_owned())
}
