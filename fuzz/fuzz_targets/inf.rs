//! Any bytes as an `.inf`: refused, or read the same in every encoding and when it is written again,
//! with as many files as the text has room for.

#![no_main]

use std::collections::HashSet;
use std::fmt::Write;

use libfuzzer_sys::fuzz_target;
use winpe_inject::fuzzing::{Inf, Named};
use winpe_wim::Arch;

/// Larger than the number of files in any driver package.
const MOST: usize = 4096;
/// Replacements of `%name%` are cut off where a name exceeds this length.
const LONGEST: usize = 1024;

/// The longest hardware ID of Windows, in characters.
const LONGEST_ID: usize = 200;

fuzz_target!(|bytes: &[u8]| {
    let Some(inf) = Inf::parse(bytes) else { return };
    check_files(&inf, bytes.len());
    let plain = inf.sections().iter().all(|(name, _)| !name.contains(['"', ';']));
    if plain {
        let text = write(&inf);
        let again = Inf::parse(text.as_bytes()).expect("it has a signature");
        assert_eq!(again, inf, "{text}");
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.starts_with('\u{feff}')
        // UTF-16 without a byte order mark.
        && !text.contains('\0')
        && !bytes.starts_with(&[0xff, 0xfe])
    {
        let marked = format!("\u{feff}{text}");
        let encoded =
            |unit: fn(u16) -> [u8; 2]| marked.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let encodings =
            [marked.clone().into_bytes(), encoded(u16::to_le_bytes), encoded(u16::to_be_bytes)];
        for bytes in encodings {
            assert_eq!(Inf::parse(&bytes).as_ref(), Some(&inf));
        }
        let commented = text.replace('\n', " ; \"CopyFiles = x\n\n");
        // A backslash at the end of a line joins lines, unless a comment follows it.
        if !text.contains(['\\', '"', ';', '\r']) {
            assert_eq!(Inf::parse(commented.as_bytes()).as_ref(), Some(&inf), "{commented}");
        }
    }
});

fn check_files(inf: &Inf, size: usize) {
    let archs = [Arch::X86, Arch::Amd64, Arch::Ia64, Arch::Arm, Arch::Arm64].map(Some);
    for arch in archs.into_iter().chain([None]) {
        for build in [None, Some(7601), Some(26100)] {
            for id in inf.hardware_ids(arch, build) {
                assert!(!id.is_empty() && id.chars().count() <= LONGEST_ID, "{id}");
            }
            for binary in inf.service_binaries(arch, build) {
                assert!(binary.len() <= 3 * (LONGEST + size));
            }
            check_names(&inf.files(arch, build), size);
        }
        for word in inf.words(arch).into_iter().flatten() {
            assert!(!word.is_empty());
        }
    }
}

/// Each file is named once, and there are no more than the text has room for.
fn check_names(files: &[Named], size: usize) {
    let mut names = HashSet::new();
    for file in files {
        assert!(names.insert(file.name.to_lowercase()), "{} twice", file.name);
        assert!(file.name.len() <= 3 * (LONGEST + size));
        assert!(file.folder.len() <= 3 * (2 * LONGEST + 2 * size) + 1, "{}", file.folder);
    }
    assert!(files.len() <= size && names.len() <= size.min(MOST + size));
}

/// The INF with every key and value in quotes.
fn write(inf: &Inf) -> String {
    let quote = |text: &String| format!("\"{}\"", text.replace('"', "\"\""));
    let mut text = "\u{feff}".to_owned();
    for (name, entries) in inf.sections() {
        writeln!(text, "[{name}]").expect("a String takes everything");
        for (key, values) in entries {
            if let Some(key) = key {
                write!(text, "{} = ", quote(&key)).expect("as above");
            }
            let values: Vec<_> = values.iter().map(quote).collect();
            writeln!(text, "{}", values.join(", ")).expect("as above");
        }
    }
    text
}
