//! Properties that hold for every text and every value.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;

use encoding_rs::{SHIFT_JIS, WINDOWS_1252};
use proptest::prelude::*;
use winpe_regfile::{Document, Format, Mode, ParseOptions, write_edits};
use winpe_registry::{Edit, KeyName, KeyPath, NtString, Op, Value, ValueName, ValueType};

/// Code units with everything that is special in `.reg` text, and surrogates without partners.
fn units(most: usize) -> impl Strategy<Value = Vec<u16>> {
    let special = "\"\\[]-=@;#, \t\0x\u{feff}ä€".encode_utf16().collect::<Vec<_>>();
    prop::collection::vec(
        prop_oneof![prop::sample::select(special), 0xd7fe..0xe001u16, any::<u16>()],
        0..most,
    )
}

fn without_line_breaks(units: Vec<u16>) -> Vec<u16> {
    units.into_iter().filter(|&unit| unit != 10 && unit != 13).collect()
}

fn key() -> impl Strategy<Value = KeyPath> {
    // A few names that several keys share.
    let units = prop_oneof![
        units(12),
        prop::sample::select(vec!["a", "A", "ab", "ä"])
            .prop_map(|name| name.encode_utf16().collect()),
    ];
    let name = units.prop_filter_map("no name", |units| {
        let units = without_line_breaks(units).into_iter().filter(|&unit| unit != 0x5c);
        let name: NtString = units.collect();
        // Strict mode reads the text after `];` as a comment, and refuses a `]` in it.
        let doubtful = name.to_string().replace([' ', '\t'], "").contains("];");
        KeyName::new(name).ok().filter(|_| !doubtful)
    });
    let root = prop::sample::select(vec!["HKEY_LOCAL_MACHINE", "HKEY_USERS", "HKEY_CURRENT_USER"]);
    (root, prop::collection::vec(name, 1..4))
        .prop_map(|(root, names)| [KeyName::new(root).unwrap()].into_iter().chain(names).collect())
}

fn value_name() -> impl Strategy<Value = ValueName> {
    units(12)
        .prop_map(|units| ValueName::new(NtString::from_units(without_line_breaks(units))).unwrap())
}

fn value() -> impl Strategy<Value = Value> {
    let text = units(40).prop_map(|units| Value::sz(NtString::from_units(units)));
    let ty = prop_oneof![0..12u32, any::<u32>()];
    let bytes = (ty, prop::collection::vec(any::<u8>(), 0..60))
        .prop_map(|(ty, data)| Value::new(ValueType(ty), data));
    let units = (prop::sample::select(vec![1, 2, 7]), units(40)).prop_map(|(ty, units)| {
        Value::new(ValueType(ty), NtString::from_units(units).to_utf16le())
    });
    prop_oneof![text, bytes, units, any::<u32>().prop_map(Value::dword)]
}

/// Edits as a file yields them: a key line comes before the values of its key.
fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let op = prop_oneof![
        4 => (value_name(), value()).prop_map(|(name, value)| Op::SetValue { name, value }),
        1 => value_name().prop_map(|name| Op::DeleteValue { name }),
    ];
    let block = (key(), prop::bool::weighted(0.2), prop::collection::vec(op, 0..5)).prop_map(
        |(key, delete, ops)| {
            if delete {
                return vec![Edit::delete_key(key)];
            }
            let ops = ops.into_iter().map(|op| Edit { key: key.clone(), op, expect: None });
            [Edit::create_key(key.clone())].into_iter().chain(ops).collect()
        },
    );
    prop::collection::vec(block, 0..5).prop_map(|blocks| blocks.concat())
}

fn holds_in_utf8(edit: &Edit) -> bool {
    let name = match &edit.op {
        Op::SetValue { name, .. } | Op::DeleteValue { name } => name.text().to_utf8(),
        Op::CreateKey | Op::DeleteKey => Some(String::new()),
    };
    name.is_some() && edit.key.names().iter().all(|name| name.text().to_utf8().is_some())
}

/// Equal to the last bit; names compare without case.
fn assert_same(found: &[Edit], expected: &[Edit]) {
    assert_eq!(format!("{found:#?}"), format!("{expected:#?}"));
    assert_eq!(found, expected);
}

fn read(bytes: &[u8], mode: Mode) -> Vec<Edit> {
    let options = ParseOptions { mode, ..ParseOptions::default() };
    let document = Document::parse(bytes, &options).unwrap();
    assert_eq!(document.skipped().next(), None);
    document.edits().map(|(edit, _)| edit).collect()
}

proptest! {
    #[test]
    fn written_edits_are_read_back(edits in edits()) {
        let bytes = write_edits(vec![], Format::Regedit, edits.iter().cloned()).unwrap();
        assert_same(&read(&bytes, Mode::Strict), &edits);
        assert_same(&read(&bytes, Mode::Lenient), &edits);

        let whole = edits.iter().all(holds_in_utf8);
        let utf8 = write_edits(vec![], Format::Utf8Lf, edits.iter().cloned());
        prop_assert_eq!(utf8.is_ok(), whole);
        if let Ok(bytes) = utf8 {
            assert_same(&read(&bytes, Mode::Strict), &edits);
            prop_assert!(!bytes.contains(&b'\r'));
        }
    }
}

/// Text from pieces of the syntax, mostly in an invalid order.
fn syntax() -> impl Strategy<Value = String> {
    let pieces = vec![
        "[HKEY_LOCAL_MACHINE\\a",
        "[-",
        "]",
        "\"",
        "\\",
        "\\\\",
        "\\\"",
        "=",
        "@",
        "-",
        ";",
        "#",
        " ",
        "\t",
        ",",
        "hex:",
        "hex(2):",
        "hex(",
        "):",
        "dword:",
        "0",
        "1f",
        "fff",
        "x",
        "é",
        "\r",
        "\n",
        "\r\n",
        "\\\n",
        "\"a\"=",
        "\n@=\"",
        "\n[HKEY_USERS\\b]\n",
        ",\\\r\n  ",
        "REGEDIT4\n",
        ";exact",
    ];
    let header = prop::sample::select(vec![
        "REGEDIT4\n",
        "Windows Registry Editor Version 5.00\r\n",
        "Windows Registry Editor Version 5.00\n[HKEY_LOCAL_MACHINE\\k]\n\"v\"=",
        "",
    ]);
    (header, prop::collection::vec(prop::sample::select(pieces), 0..40))
        .prop_map(|(header, pieces)| header.to_owned() + &pieces.concat())
}

/// A reader that returns a few bytes at a time.
struct Dribble<'a>(&'a [u8]);

impl io::Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let few = buffer.len().min(self.0.len() % 3 + 1);
        self.0.read(&mut buffer[..few])
    }
}

fn check_lossless(bytes: &[u8], options: &ParseOptions) {
    let document = Document::parse(bytes, options).unwrap();
    assert_eq!(document.to_bytes(), bytes);
    let read = Document::read(Dribble(bytes), options).unwrap();
    assert_eq!((read.to_bytes(), read.encoding()), (bytes.to_vec(), document.encoding()));
    let mut end = 0;
    let mut line = 1;
    for item in document.items() {
        assert_eq!((item.span.start, item.span.line, item.span.column), (end, line, 1));
        end = item.span.end;
        let text = document.text(item.span);
        line += text.replace("\r\n", "\n").matches(['\r', '\n']).count();
    }
    let edits: Vec<_> = document.edits().map(|(edit, _)| edit).collect();
    let of_items: Vec<_> = document.items().filter_map(|item| item.edit).collect();
    assert_same(&of_items, &edits);
    // Strict mode accepts less than lenient mode, with the same meaning.
    if let Ok(strict) = Document::parse(bytes, &ParseOptions { mode: Mode::Strict, ..*options }) {
        assert_eq!(document.skipped().next(), None);
        assert_same(&strict.edits().map(|(edit, _)| edit).collect::<Vec<_>>(), &edits);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_byte_is_kept(text in syntax()) {
        check_lossless(text.as_bytes(), &ParseOptions::lenient());
        let (ansi, ..) = SHIFT_JIS.encode(&text);
        check_lossless(&ansi, &ParseOptions { codepage: SHIFT_JIS, ..ParseOptions::lenient() });
        let utf16 = |bytes: fn(u16) -> [u8; 2], text: &str| -> Vec<u8> {
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(bytes).collect()
        };
        check_lossless(&utf16(u16::to_le_bytes, &text), &ParseOptions::lenient());
        check_lossless(&utf16(u16::to_be_bytes, &text), &ParseOptions::lenient());
    }

    #[test]
    fn any_bytes_are_kept(bytes: Vec<u8>, v4: bool, codepage in prop::sample::select(vec![WINDOWS_1252, SHIFT_JIS])) {
        let options = ParseOptions { codepage, ..ParseOptions::lenient() };
        check_lossless(&bytes, &options);
        let header = if v4 { "REGEDIT4\n" } else { "Windows Registry Editor Version 5.00\n" };
        check_lossless(&[header.as_bytes(), &bytes].concat(), &options);
    }
}
