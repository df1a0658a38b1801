//! Edits of a document: which bytes change, and which must not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{BAD_LINES, KEYS, LINES, NAMES, apply, effect, path, text};
use proptest::prelude::*;
use winpe_regfile::{Document, EditError, ItemKind, ParseOptions, Version};
use winpe_registry::{Edit, NtString, Op, Value, ValueName, ValueType};

fn edit() -> impl Strategy<Value = Edit> {
    let value = prop::sample::select(vec![
        Value::dword(1),
        Value::sz("s"),
        Value::sz(";\""),
        Value::sz("two\nlines"),
        Value::expand_sz("%é%"),
        Value::binary(vec![5; 70]),
        Value::new(ValueType::MULTI_SZ, *b"x\0"),
        Value::sz("表"),
        Value::sz(NtString::from_units(vec![0xd800])),
    ]);
    let (keys, names) = (prop::sample::select(KEYS), prop::sample::select(NAMES));
    (keys, names, value, 0..8).prop_map(|(key, name, value, which)| {
        let (key, name) = (path(key), ValueName::new(name).unwrap());
        match which {
            0 => Edit::create_key(key),
            1 => Edit::delete_key(key),
            2 => Edit::delete_value(key, name),
            _ => Edit::set_value(key, name, value),
        }
    })
}

fn utf16(text: &str) -> Vec<u8> {
    [&[0xff, 0xfe], &NtString::from(text).to_utf16le()[..]].concat()
}

/// The part of `new` that is not in `old`, and the part of `old` that is not in `new`, if one place of
/// the text is all that changed.
fn changed<'a>(old: &'a [u8], new: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let same = |(a, b): &(&u8, &u8)| a == b;
    let front = old.iter().zip(new).take_while(same).count();
    let (old, new) = (&old[front..], &new[front..]);
    let back = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    (&old[..old.len() - back], &new[..new.len() - back])
}

/// Applies an edit and checks the result against every property.
fn check(bytes: &[u8], options: &ParseOptions, edit: &Edit) {
    let before = Document::parse(bytes, options).unwrap();
    let mut document = before.clone();
    let outcome = document.apply(edit);
    if let Err(error) = outcome {
        assert_eq!(document.to_bytes(), bytes);
        match error {
            EditError::OtherMeaning => assert!(before.skipped().next().is_some(), "{edit:?}"),
            EditError::NoHeader => unreachable!("every text here has a header"),
            EditError::Write(_) | EditError::Unencodable { .. } => {
                let holds_all = before.encoding().name() == "UTF-16LE";
                assert!(!holds_all || before.version() == Version::V4, "{error}");
            }
        }
        return;
    }
    let mut expected = effect(&before);
    apply(&mut expected, edit.clone());
    assert_eq!(effect(&document), expected);

    let now = document.to_bytes();
    let (gone, _) = changed(bytes, &now);
    let gone = String::from_utf8_lossy(gone).replace('\0', "");
    let comments = |document: &Document| -> Vec<String> {
        let comments = document.items().filter(|item| item.kind == ItemKind::Comment);
        comments.map(|item| document.text(item.span).trim_end().to_owned()).collect()
    };
    // There are more if bytes that the end of the file cut off had absorbed some.
    let now_there = comments(&document);
    assert!(comments(&before).iter().all(|comment| now_there.contains(comment)));
    // At most the data of one value is removed, and never a comment.
    assert!(!gone.contains("why") && !gone.contains('['), "{gone:?} is gone");

    assert_eq!(Document::parse(&now, options).unwrap().to_bytes(), now);
    document.apply(edit).unwrap();
    assert_eq!(document.to_bytes(), now, "the second time changes nothing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn one_edit_changes_one_place(text in text(LINES.to_vec()), edit in edit()) {
        let strict = ParseOptions::default();
        if Document::parse(text.as_bytes(), &strict).is_ok() {
            check(text.as_bytes(), &strict, &edit);
            check(&utf16(&text), &strict, &edit);
        } else {
            check(text.as_bytes(), &ParseOptions::lenient(), &edit);
            check(&utf16(&text), &ParseOptions::lenient(), &edit);
        }
    }

    #[test]
    fn lines_that_were_skipped_stay_skipped(
        text in text([LINES, BAD_LINES].concat()),
        edit in edit(),
    ) {
        check(text.as_bytes(), &ParseOptions::lenient(), &edit);
        check(&utf16(&text), &ParseOptions::lenient(), &edit);
    }

    #[test]
    fn a_removed_value_or_key_is_not_mentioned(text in text(LINES.to_vec()), edit in edit()) {
        let before = Document::parse(text.as_bytes(), &ParseOptions::lenient()).unwrap();
        let about = |edit: &Edit, said: &Edit| match (&edit.op, &said.op) {
            (Op::CreateKey | Op::DeleteKey, _) => said.key.starts_with(&edit.key),
            (
                Op::SetValue { name, .. } | Op::DeleteValue { name },
                Op::SetValue { name: said_name, .. } | Op::DeleteValue { name: said_name },
            ) => said.key == edit.key && said_name == name,
            _ => false,
        };
        let mut document = before.clone();
        let removed = match &edit.op {
            Op::CreateKey | Op::DeleteKey => document.remove_key(&edit.key),
            Op::SetValue { name, .. } | Op::DeleteValue { name } => {
                document.remove_value(&edit.key, name)
            }
        };
        let Ok(removed) = removed else {
            prop_assert!(before.skipped().next().is_some());
            prop_assert_eq!(document.to_bytes(), before.to_bytes());
            return Ok(());
        };
        let old: Vec<_> = before.edits().map(|(edit, _)| edit).collect();
        let kept: Vec<_> = old.iter().filter(|said| !about(&edit, said)).cloned().collect();
        prop_assert_eq!(old.len() - kept.len(), removed);
        prop_assert_eq!(document.edits().map(|(edit, _)| edit).collect::<Vec<_>>(), kept);
        let is_comment = |item: &winpe_regfile::Item| item.kind == ItemKind::Comment;
        prop_assert_eq!(
            document.items().filter(is_comment).count(),
            before.items().filter(is_comment).count()
        );
    }
}

/// Applies edits to a text and returns the text.
fn edited(text: &str, edits: impl IntoIterator<Item = Edit>) -> String {
    let mut document = Document::parse(text.as_bytes(), &ParseOptions::lenient()).unwrap();
    edits.into_iter().for_each(|edit| document.apply(&edit).unwrap());
    String::from_utf8(document.to_bytes()).unwrap()
}

fn set(key: &str, name: &str, value: Value) -> Edit {
    Edit::set_value(path(key), ValueName::new(name).unwrap(), value)
}

#[test]
fn new_lines_are_inserted_next_to_related_lines() {
    let header = "Windows Registry Editor Version 5.00\r\n\r\n";
    let block = "[HKEY_USERS\\a]\r\n\"x\"=dword:1 ;one\r\n";
    let text = format!("{header}{block}\r\n;last\r\n");
    assert_eq!(
        edited(&text, [set(r"HKEY_USERS\a", "y", Value::sz("é"))]),
        format!("{header}{block}\"y\"=\"é\"\r\n\r\n;last\r\n")
    );
    assert_eq!(
        edited(&text, [set(r"HKEY_USERS\c", "x", Value::dword(2))]),
        format!("{text}\r\n[HKEY_USERS\\c]\r\n\"x\"=dword:00000002\r\n")
    );
    assert_eq!(
        edited(&text, [Edit::delete_value(path(r"HKEY_USERS\a"), ValueName::new("X").unwrap())]),
        text.replace("dword:1", "-")
    );
    // regedit's layout, with a blank line at the end, is kept.
    let exported = format!("{header}{block}\r\n");
    assert_eq!(
        edited(&exported, [Edit::delete_key(path(r"HKEY_USERS\d"))]),
        format!("{exported}[-HKEY_USERS\\d]\r\n\r\n")
    );
}

#[test]
fn text_values_of_version_4_are_written_in_the_code_page() {
    let text = b"REGEDIT4\n[HKEY_USERS\\a]\n\"x\"=\"\xe9\"\n";
    let mut document = Document::parse(text, &ParseOptions::default()).unwrap();
    document.apply(&set(r"HKEY_USERS\a", "y", Value::expand_sz("é"))).unwrap();
    document.apply(&set(r"HKEY_USERS\a", "z", Value::sz("é"))).unwrap();
    let expected = [&text[..], b"\"y\"=hex(2):e9,00\n\"z\"=\"\xe9\"\n"].concat();
    assert_eq!(document.to_bytes(), expected);
    for value in [Value::sz("表"), Value::expand_sz("表"), Value::new(ValueType::SZ, *b"x\0")] {
        assert!(document.apply(&set(r"HKEY_USERS\a", "y", value)).is_err());
    }
    assert_eq!(document.to_bytes(), expected);
}

#[test]
fn bytes_cut_off_by_the_end_of_the_file_absorb_no_new_line() {
    let text = "REGEDIT4\n[HKEY_USERS\\a]\n\"x\"=hex:01,\\";
    assert_eq!(
        edited(text, [set(r"HKEY_USERS\a", "y", Value::dword(1))]),
        "REGEDIT4\n[HKEY_USERS\\a]\n\"x\"=hex:01,\n\"y\"=dword:00000001\n"
    );
}

#[test]
fn a_quote_that_was_left_open_is_not_closed_by_a_new_line() {
    let text = "REGEDIT4\n[HKEY_USERS\\a]\n\"x\"=\"no end\n";
    let mut document = Document::parse(text.as_bytes(), &ParseOptions::lenient()).unwrap();
    let outcome = document.apply(&set("HKEY_USERS\\\"b", "", Value::sz(";y")));
    assert!(matches!(outcome, Err(EditError::OtherMeaning)));
    assert_eq!(document.to_bytes(), text.as_bytes());
}

#[test]
fn values_after_a_deleted_key_do_not_move_to_the_previous_key() {
    let text = "REGEDIT4\n[HKEY_USERS\\a]\n[-HKEY_USERS\\b]\n\"x\"=dword:1\n";
    let mut document = Document::parse(text.as_bytes(), &ParseOptions::lenient()).unwrap();
    let outcome = document.remove_key(&path(r"HKEY_USERS\b"));
    assert!(matches!(outcome, Err(EditError::OtherMeaning)));
    assert_eq!(document.to_bytes(), text.as_bytes());
}

#[test]
fn a_document_without_a_header_cannot_be_edited() {
    let mut document = Document::parse(b"[HKEY_USERS\\a]\n", &ParseOptions::lenient()).unwrap();
    let outcome = document.apply(&Edit::create_key(path(r"HKEY_USERS\b")));
    assert!(matches!(outcome, Err(EditError::NoHeader)));
}
