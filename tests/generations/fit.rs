//! Files that do not fit the image are refused before anything is staged.

use std::fs;

use winpe_inject::demo::Program;
use winpe_wim::Arch;

use crate::generation::{Generation, LATER, WINDOWS_10_21H2};
use crate::media::{Kind, Media};

const INJECT: [&str; 4] = ["inject", "winpe.wim", "--source", "install.wim"];
const SERVICE: &str = r"Windows\System32\iscsiexe.dll";

/// The WinPE of one build and the installation image of another.
fn mixed(winpe: &Generation, install: &Generation) -> Media {
    let media = Media::synthetic(winpe, Kind::Boot);
    let other = Media::synthetic(install, Kind::Bare);
    fs::copy(other.path("install.wim"), media.path("install.wim")).unwrap();
    media
}

#[track_caller]
fn refused(media: &Media, words: &[&str]) -> String {
    let before = fs::read(media.path("winpe.wim")).unwrap();
    let (_, error) = media.run_both(words, 2);
    assert!(fs::read(media.path("winpe.wim")).unwrap() == before, "the image was changed");
    error
}

#[test]
fn another_build_is_refused_unless_it_is_allowed() {
    let [_, _, build_18362, build_19041] = LATER;
    let media = mixed(&build_19041, &build_18362);
    let error = refused(&media, &INJECT);
    assert!(error.contains("18362") && error.contains("19041"), "{error}");
    assert!(error.contains("--allow-build-mismatch"), "{error}");
    let (_, warning) = media.run_both(&[&INJECT[..], &["--allow-build-mismatch"]].concat(), 0);
    assert!(warning.contains("warning: install.wim, image 1 is build 18362"), "{warning}");
}

#[test]
fn builds_that_differ_only_by_enablement_packages_fit() {
    let later = Generation { version: [10, 0, 19045, 1], ..WINDOWS_10_21H2 };
    mixed(&WINDOWS_10_21H2, &later).run(&INJECT, 0);
}

#[test]
fn another_processor_is_always_refused() {
    let arm = Generation { arch: Arch::Arm64, ..WINDOWS_10_21H2 };
    let media = mixed(&WINDOWS_10_21H2, &arm);
    for words in [&INJECT[..], &[&INJECT[..], &["--allow-build-mismatch"]].concat()] {
        let error = refused(&media, words);
        assert!(error.contains("made for arm64, and the image for amd64"), "{error}");
    }
}

#[test]
fn a_program_for_another_processor_is_found_in_a_source_that_says_otherwise() {
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Boot);
    media.replace(
        "install.wim",
        SERVICE,
        Program { arch: Arch::X86, ..Program::new(SERVICE) }.build(),
    );
    let error = refused(&media, &INJECT);
    assert!(error.contains(SERVICE) && error.contains("x86"), "{error}");

    // Text has no code, so its processor does not matter.
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Boot);
    let text = r"Windows\System32\en-US\iscsiexe.dll.mui";
    media.replace("install.wim", text, Program { arch: Arch::X86, ..Program::new(text) }.build());
    media.run(&INJECT, 0);
}

/// A file in a folder that Windows compresses can look like this if the driver cannot decompress
/// it.
#[test]
fn a_file_that_is_not_a_program_is_refused() {
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Boot);
    media.replace("install.wim", SERVICE, vec![0; 4096]);
    let error = refused(&media, &INJECT);
    assert!(error.contains(SERVICE) && error.contains("not a program"), "{error}");
    assert!(error.contains("CompactOS"), "{error}");
}

#[test]
fn missing_imports_are_listed() {
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Boot);
    let report: serde_json::Value =
        serde_json::from_str(&media.run(&[&INJECT[..], &["--dry-run", "--json"]].concat(), 0))
            .unwrap();
    let found = report["unresolved"].as_array().unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|item| {
            let symbols = item["symbols"].as_array().map_or(0, Vec::len);
            (item["file"].as_str().unwrap(), item["library"].as_str().unwrap(), symbols)
        })
        .collect();
    let panel = r"Windows\System32\iscsicpl.dll";
    assert_eq!(found, [(SERVICE, "userenv.dll", 1), (panel, "comctl32.dll", 0)]);
}
