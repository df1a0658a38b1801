//! Arbitrary text as a `.reg` file: read in both modes, written again, edited.

#![no_main]

use libfuzzer_sys::fuzz_target;
use winpe_regfile::{Document, EditError, Format, Mode, ParseOptions, Version, write_edits};
use winpe_registry::{Edit, KeyPath, Op, Value, ValueName};

fuzz_target!(|input: &[u8]| {
    let Some((&flags, text)) = input.split_first() else { return };
    // Few random inputs begin with a header, and none in UTF-16, so one is added.
    let text = match flags & 3 {
        0 => text.to_vec(),
        1 => [b"REGEDIT4\n", text].concat(),
        2 => [Version::V5.header().as_bytes(), b"\r\n", text].concat(),
        _ => utf16(Version::V5.header(), text),
    };
    let codepages = [
        encoding_rs::WINDOWS_1252,
        encoding_rs::SHIFT_JIS,
        encoding_rs::GB18030,
        encoding_rs::UTF_8,
    ];
    let codepage = codepages[usize::from(flags >> 2 & 3)];

    let options = ParseOptions { mode: Mode::Lenient, codepage };
    let document = Document::parse(&text, &options).expect("lenient mode refuses no text");
    assert_eq!(document.to_bytes(), text);
    check_items(&document);

    let edits: Vec<Edit> = document.edits().map(|(edit, _)| edit).collect();
    match Document::parse(&text, &ParseOptions { mode: Mode::Strict, codepage }) {
        Ok(strict) => {
            assert_eq!(document.skipped().count(), 0);
            assert!(strict.edits().map(|(edit, _)| edit).eq(edits.iter().cloned()));
        }
        Err(error) => {
            assert!(error.snippet().lines().count() == 2);
            assert!(error.to_string().lines().count() == 1);
        }
    }

    let written = write_edits(vec![], Format::Regedit, edits.iter().cloned())
        .expect("what text named, text can name");
    let again = Document::parse(&written, &ParseOptions::lenient()).expect("as above");
    assert!(again.edits().map(|(edit, _)| edit).eq(edits.iter().cloned()));

    if edits.len() < 100 {
        check_editing(&document, &edits);
    }
});

fn utf16(header: &str, text: &[u8]) -> Vec<u8> {
    let units = "\u{feff}".encode_utf16().chain(header.encode_utf16()).chain([10]);
    units.flat_map(u16::to_le_bytes).chain(text.iter().copied()).collect()
}

fn check_items(document: &Document) {
    let (mut end, mut line) = (0, 0);
    for item in document.items() {
        assert_eq!(item.span.start, end);
        assert!(item.span.line > line && item.span.end >= end);
        (end, line) = (item.span.end, item.span.line);
    }
    for skipped in document.skipped() {
        assert!(skipped.span.start <= end && skipped.text.chars().count() <= 202);
        assert!(!skipped.text.contains(char::is_control));
    }
}

/// The library itself checks each applied edit; this checks that it never has to refuse one if no
/// line was skipped.
fn check_editing(document: &Document, edits: &[Edit]) {
    let elsewhere: KeyPath = r"HKEY_USERS\fuzz".parse().expect("a path");
    let key = edits.last().map_or(elsewhere, |edit| edit.key.clone());
    let name = edits.iter().rev().find_map(|edit| match &edit.op {
        Op::SetValue { name, .. } | Op::DeleteValue { name } => Some(name.clone()),
        Op::CreateKey | Op::DeleteKey => None,
    });
    let name = name.unwrap_or_else(|| ValueName::new(";x").expect("a name"));
    let is_clean = document.skipped().next().is_none();
    let steps = [
        Edit::set_value(key.clone(), name.clone(), Value::sz(";\"")),
        Edit::delete_value(key.clone(), name.clone()),
        Edit::set_value(key.clone(), name.clone(), Value::multi_sz(["a", "b"])),
        Edit::delete_key(key.clone()),
        Edit::create_key(key.clone()),
    ];
    let mut edited = document.clone();
    for step in steps {
        if let Err(EditError::OtherMeaning) = edited.apply(&step) {
            assert!(!is_clean, "{step:?}");
        }
        let _ = edited.to_bytes();
    }
    for outcome in [edited.remove_value(&key, &name), edited.remove_key(&key)] {
        assert!(outcome.is_ok() || !is_clean);
    }
}
