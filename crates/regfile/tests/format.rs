//! Layout, encodings and comparison of whole documents.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{BAD_LINES, KEYS, LINES, apply, effect, path, text};
use encoding_rs::{SHIFT_JIS, WINDOWS_1252};
use proptest::prelude::*;
use winpe_regfile::{
    Comparison, Document, EditError, Encoding, Format, ItemKind, LineBreak, ParseOptions, Version,
    write_edits,
};
use winpe_registry::{Edit, Op, Value, ValueName};

fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes(), &ParseOptions::lenient()).unwrap()
}

fn edits(document: &Document) -> Vec<Edit> {
    document.edits().map(|(edit, _)| edit).collect()
}

fn comments(document: &Document) -> Vec<String> {
    let comments = document.items().filter(|item| item.kind == ItemKind::Comment);
    comments.map(|item| document.text(item.span).trim().to_owned()).collect()
}

fn form() -> impl Strategy<Value = (Version, Encoding, LineBreak)> {
    (
        prop::sample::select(vec![Version::V4, Version::V5]),
        prop::sample::select(vec![
            Encoding::Utf16Le,
            Encoding::Utf16Be,
            Encoding::Utf8,
            Encoding::Utf8Bom,
            Encoding::Ansi(WINDOWS_1252),
            Encoding::Ansi(SHIFT_JIS),
        ]),
        prop::sample::select(vec![LineBreak::Lf, LineBreak::CrLf]),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn layout_changes_no_meaning_and_loses_no_comment(text in text(LINES.to_vec())) {
        let document = parse(&text);
        let formatted = document.formatted().unwrap();
        prop_assert_eq!(edits(&formatted), edits(&document));
        prop_assert_eq!(comments(&formatted), comments(&document));
        let again = formatted.formatted().unwrap();
        prop_assert_eq!(again.to_bytes(), formatted.to_bytes());
        prop_assert_eq!(edits(&document.explained().unwrap()), edits(&document));
        prop_assert!(Comparison::new(&document, &formatted).is_equal());
    }

    #[test]
    fn skipped_lines_change_no_meaning(text in text([LINES, BAD_LINES].concat())) {
        let document = parse(&text);
        match document.formatted() {
            Ok(formatted) => prop_assert_eq!(edits(&formatted), edits(&document)),
            Err(EditError::OtherMeaning) => prop_assert!(document.skipped().next().is_some()),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn every_form_says_the_same(text in text(LINES.to_vec()), form in form()) {
        let document = parse(&text);
        let (version, encoding, line_break) = form;
        match document.converted(version, encoding, line_break) {
            Ok(converted) => {
                prop_assert_eq!(edits(&converted), edits(&document));
                prop_assert_eq!(comments(&converted), comments(&document));
                let codepage = match encoding {
                    Encoding::Ansi(codepage) => codepage,
                    _ => WINDOWS_1252,
                };
                // As another program would guess it.
                let options = ParseOptions { codepage, ..ParseOptions::lenient() };
                let read = Document::parse(&converted.to_bytes(), &options).unwrap();
                let is_ambiguous = version == Version::V4 && encoding == Encoding::Utf8;
                prop_assert!(is_ambiguous || edits(&read) == edits(&document));
            }
            Err(EditError::Write(_)) => prop_assert!(version == Version::V4),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn files_that_compare_equal_do_the_same(old in text(LINES.to_vec()), new in text(LINES.to_vec())) {
        let (old, new) = (parse(&old), parse(&new));
        let comparison = Comparison::new(&old, &new);
        if comparison.is_equal() {
            prop_assert_eq!(effect(&old), effect(&new));
        } else {
            let mut text = vec![];
            comparison.write(&mut text, true).unwrap();
            prop_assert!(!text.is_empty());
        }
        // The order in which a file sets different values makes no difference.
        let mut sorted = edits(&old);
        if !sorted.iter().any(|edit| matches!(edit.op, Op::DeleteKey)) {
            sorted.sort_by(|a, b| a.key.cmp(&b.key));
            let sorted = write_edits(vec![], Format::Utf8Lf, sorted).unwrap();
            let sorted = Document::parse(&sorted, &ParseOptions::default()).unwrap();
            prop_assert!(Comparison::new(&old, &sorted).is_equal());
        }
    }
}

#[test]
fn output_of_the_writer_is_already_formatted() {
    let mut list = vec![];
    for key in KEYS {
        list.push(Edit::create_key(path(key)));
        for value in [Value::sz("\"x\\"), Value::binary(vec![1; 99]), Value::expand_sz("é")] {
            let name = ValueName::new(format!("name {}", value.ty)).unwrap();
            list.push(Edit::set_value(path(key), name, value));
        }
    }
    list.push(Edit::delete_key(path(r"HKEY_USERS\c")));
    for format in [Format::Regedit, Format::Utf8Lf] {
        let written = write_edits(vec![], format, list.clone()).unwrap();
        let document = Document::parse(&written, &ParseOptions::default()).unwrap();
        assert_eq!(document.formatted().unwrap().to_bytes(), written);
    }
    let mut registry = common::Registry::new();
    list.into_iter().for_each(|edit| apply(&mut registry, edit));
    assert_eq!(registry.len(), 3);
}

#[test]
fn comments_stay_where_they_belong() {
    let text = "Windows Registry Editor Version 5.00 ; made by hand\n; for x\n\
        \t[hkey_users\\x\\]   ;key\n\"a\"   =  \"1\"  ;one\n\n\n; two\n\"b\"=hex:1,\\\n  ;inside\n  2 ; end\n\
        @=-;gone\n; for y\n[-HKEY_USERS\\y];key\nWindows Registry Editor Version 5.00\n[HKEY_USERS\\z]\n\
        \"e\"=hex(2):41,00 ;exact ;open\n";
    assert_eq!(
        String::from_utf8(parse(text).formatted().unwrap().to_bytes()).unwrap(),
        "Windows Registry Editor Version 5.00\n\n; made by hand\n; for x\n\
        [HKEY_USERS\\x] ;key\n\"a\"=\"1\" ;one\n\n; two\n\"b\"=hex:1,\\\n  ;inside\n  2 ; end\n\
        @=- ;gone\n; for y\n[-HKEY_USERS\\y] ;key\n\n[HKEY_USERS\\z]\n\
        \"e\"=hex(2):41,00 ;exact ;open\n\n"
    );
}

#[test]
fn texts_written_as_bytes_are_explained() {
    let text = "Windows Registry Editor Version 5.00\n\n[HKEY_USERS\\x]\n\"a\"=\"1\"\n\
        \"b\"=hex(2):25,00,41,00,25,00,00,00\n\"c\"=hex(7):41,00,00,00,42,00,00,00,00,00\n\
        \"d\"=hex(b):01,00,00,00,00,00,00,00\n\"e\"=hex:41,00\n\n[HKEY_USERS\\y]\n\n";
    let explained = parse(text).explained().unwrap();
    assert_eq!(
        String::from_utf8(explained.to_bytes()).unwrap(),
        text.replace("00,00\n\"c\"", "00,00\n; \"%A%\"\n\"c\"")
            .replace("00,00\n\"d\"", "00,00\n; \"A\", \"B\"\n\"d\"")
            .replace("00\n\"e\"", "00\n; 1\n\"e\"")
    );
}

#[test]
fn conversion_changes_only_the_necessary_bytes() {
    let text = "REGEDIT4 ;c\r\n\r\n ;é\r\n[HKEY_USERS\\x]\r\n \"a\"  = hex(2):25,e9,25 ; why\r\n\
        \"b\"=dword:1\r\n\"m\"=\"1\r\n2\"\r\n";
    let (ansi, ..) = WINDOWS_1252.encode(text);
    let document = Document::parse(&ansi, &ParseOptions::default()).unwrap();
    let utf8 = document.converted(Version::V5, Encoding::Utf8, LineBreak::Lf).unwrap();
    assert_eq!(
        String::from_utf8(utf8.to_bytes()).unwrap(),
        "Windows Registry Editor Version 5.00 ;c\n\n ;é\n[HKEY_USERS\\x]\n \
         \"a\"  = hex(2):25,00,e9,00,25,00,00,00 ; why\n\
         \"b\"=dword:1\n\"m\"=hex(1):31,00,0d,00,0a,00,32,00,00,00\n"
    );
    let greek = parse("REGEDIT4\n[HKEY_USERS\\x]\n")
        .converted(Version::V5, Encoding::Utf8, LineBreak::Lf)
        .and_then(|mut document| {
            document.apply(&Edit::create_key(path("HKEY_USERS\\α")))?;
            document.converted(Version::V4, Encoding::Ansi(WINDOWS_1252), LineBreak::CrLf)
        });
    assert!(matches!(greek, Err(EditError::Unencodable { character, .. }) if character == "α"));
}

#[test]
fn differences_are_shown_by_key() {
    let old = "REGEDIT4\n[HKEY_USERS\\b]\n\"a\"=dword:1\n\"b\"=dword:1\n[HKEY_USERS\\gone]\n@=\"x\"\n\
        [-HKEY_USERS\\d]\n";
    let new = "REGEDIT4\n[HKEY_USERS\\new]\n[HKEY_USERS\\B]\n\"B\"=dword:1\n\"a\"=hex(2):41,00\n\
        [-HKEY_USERS\\d]\n[HKEY_USERS\\d]\n\"none\"=-\n";
    let mut text = vec![];
    Comparison::new(&parse(old), &parse(new)).write(&mut text, true).unwrap();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        r#" [HKEY_USERS\B]
-"a"=dword:00000001
+"a"=hex(2):41,00,00,00
+; "A"

 [-HKEY_USERS\d]
+[HKEY_USERS\d]

-[HKEY_USERS\gone]
-@="x"

+[HKEY_USERS\new]
"#
    );
}
