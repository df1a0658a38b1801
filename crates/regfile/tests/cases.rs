//! The meaning of each form of each line, in every encoding and with every line break.
//!
//! A case is a body, the expected registry, and the expected fault in strict mode. In the body
//! `{K}` is the test key. In the registry, `a=text` is a `REG_SZ`, `a=3:0102` a type and bytes,
//! `a=none` an absent value, `+k` a key below the test key and `-k` an absent one; `@` is the
//! default value. A fault is the line within the body, the column and the name of the reason; or
//! empty.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use winpe_regfile::{Document, ParseOptions, Version};
use winpe_registry::{KeyPath, NtString, Op, Value, ValueName, ValueType};

type Case = (&'static str, &'static str, &'static str);

const KEY: &str = r"HKEY_CURRENT_USER\Software\Case";

const KEYS: &[Case] = &[
    ("[{K}\\p\\q\\r]", r"+p|+p\q|+p\q\r", ""),
    ("  [{K}\\in]  ", "+in", ""),
    ("{K}\\x]", "-x", "1:1 UnknownLine"),
    ("[{K}\\x", "-x", "1:35 KeyUnclosed"),
    ("[ {K}\\x]", "-x", "1:2 KeyBlank"),
    ("[\t{K}\\x]", "-x", "1:2 KeyBlank"),
    ("[{K}\\x ]", "+x |-x", ""),
    ("[{K}\\ x]", "+ x|-x", ""),
    ("[{K}\\x\\]", "+x", ""),
    ("[{K}\\x\\\\\\]", "+x", ""),
    ("[{K}\\x\\\\y]", r"+x\y", "1:36 EmptyKeyName"),
    ("[{K}\\x\"y\"]", "+x\"y\"", ""),
    ("[{K}\\http://x]", "+http://x", ""),
    ("[{K}\\\"x\\]", "+\"x", ""),
    ("[{K}\\ä€]", "+ä€", ""),
    ("[hkey_CURRENT_user\\Software\\Case\\x]\n@=dword:1", "+x", ""),
    ("[HKEY_CURRENT_USERS\\Software\\Case]\n\"a\"=\"x\"", "a=none", "1:2 UnknownRoot"),
    ("[HKEY_CURRENT_USER \\Software\\Case\\x]", "-x", "1:2 UnknownRoot"),
    ("[HKCU\\Software\\Case\\x]", "-x", "1:2 UnknownRoot"),
    ("[]\n[-]\n[\\]", "", "1:2 UnknownRoot"),
    ("[[{K}\\x]]", "-x", "1:2 UnknownRoot"),
    ("[{K}\\x]y]", "+x]y", ""),
    ("[{K}\\x] tail", "+x", "1:37 AfterKey"),
    ("[{K}\\x]# tail", "+x", "1:36 AfterKey"),
    ("[{K}\\x];tail", "+x", ""),
    ("[{K}\\x] ;see [1]", "+x] ;see [1", "1:44 BracketInComment"),
    ("[{K}]\n[{K}\\\ncont]\n", "-cont", "2:34 KeyUnclosed"),
    ("[{K}\\x\\;y]", r"+x\;y", ""),
    // Values after a key line that is skipped are skipped.
    ("[{K}]\n\"a\"=\"x\"\n[ {K}\\x]\n\"a\"=\"y\"\n[{K}]\n\"b\"=\"z\"", "a=x|b=z", "3:2 KeyBlank"),
    ("\"a\"=\"x\"\n[{K}]", "a=none", "1:1 NoKey"),
];

const DELETIONS: &[Case] = &[
    ("[{K}\\x]\n\"a\"=\"x\"\n[-{K}\\x]", "-x", ""),
    ("[{K}\\x\\y\\z]\n[-{K}\\x\\]", "-x", ""),
    ("[-{K}\\none]\n[{K}]\n\"a\"=\"x\"", "a=x", ""),
    ("[{K}\\x]\n[ -{K}\\x]", "+x", "2:2 KeyBlank"),
    ("[{K}\\x]\n[- {K}\\x]", "+x", "2:3 KeyBlank"),
    ("[{K}\\x]\n[-{K}\\X]", "-x", ""),
    ("[{K}\\xy]\n[-{K}\\x]", "+xy", ""),
    ("[{K}]\n[-{K}\\x]\n\"a\"=\"x\"", "a=none|-x", "3:1 DeletedKey"),
    ("[{K}]\n\"a\"=\"x\"\n[-HKEY_CURRENT_USER]", "a=x", "3:3 RootDeleted"),
    ("[{K}]\n\"a\"=\"x\"\n[-{K}]\n[{K}]\n\"b\"=\"y\"", "a=none|b=y", ""),
    ("[{K}]\n\"a\"=\"x\"\n\"A\"=-", "a=none", ""),
    ("[{K}]\n@=\"x\"\n@=-", "@=none", ""),
    ("[{K}]\n\"a\"=\"x\"\n\"a\" = - \t", "a=none", ""),
    ("[{K}]\n\"a\"=\"x\"\n\"a\"=-;c", "a=none", ""),
    ("[{K}]\n\"a\"=\"x\"\n\"a\"=- #c", "a=x", "3:7 AfterData"),
    ("[{K}]\n\"a\"=\"x\"\n\"a\"=-\"y\"", "a=x", "3:6 AfterData"),
    ("[{K}]\n\"a\"=\"x\"\n\"a\"=-1", "a=x", "3:6 AfterData"),
    ("[{K}]\n\"none\"=-\n\"a\"=\"x\"", "a=x", ""),
];

const NAMES: &[Case] = &[
    ("[{K}]\n@=\"x\"\n", "@=x", ""),
    ("[{K}]\n\t@ = \"x\" ", "@=x", ""),
    ("[{K}]\n\"\"=\"x\"", "@=x", ""),
    ("[{K}]\n\"@\"=\"x\"", "@=none", ""),
    ("[{K}]\n@x=\"x\"", "@=none", "2:2 NoEquals"),
    ("[{K}]\n\"a=b\"=\"x\"\n\"[c]\"=\"y\"\n\";d\"=\"z\"", "a=b=x|[c]=y|;d=z", ""),
    ("[{K}]\n\"q\\\"\\\\\"=\"x\"", "q\"\\=x", ""),
    ("[{K}]\n\"\\\\n\"=\"x\"", "\\n=x", ""),
    ("[{K}]\n\"a\\b\"=\"x\"\n\"c\"=\"y\"", "ab=none|c=y", "2:3 Escape"),
    ("[{K}]\n\" a \"=\"x\"", " a =x|a=none", ""),
    ("[{K}]\n\"ab\\\nc\"=\"x\"\n\"d\"=\"y\"", "abc=none|d=y", "2:4 Escape"),
    ("[{K}]\n\"ab\nc\"=\"x\"\n\"d\"=\"y\"", "c=none|d=y", "2:4 NameUnclosed"),
    ("[{K}]\n\"a\"\"b\"", "a=none", "2:4 NoEquals"),
    ("[{K}]\n\"a\"", "a=none", "2:4 NoEquals"),
    ("[{K}]\na=\"x\"", "a=none", "2:1 UnknownLine"),
    ("[{K}]\n=\"x\"", "@=none", "2:1 UnknownLine"),
    ("[{K}]\n\"Aä\"=\"1\"\n\"aÄ\"=\"2\"", "aä=2", ""),
    ("[{K}]\n\"a\tb\"=\"x\"", "a\tb=x", ""),
];

const STRINGS: &[Case] = &[
    ("[{K}]\n\"a\"=\"\"", "a=", ""),
    ("[{K}]\n\"a\"=\" x \"  \t", "a= x ", ""),
    ("[{K}]\n\"a\"=\"x\";c\n\"b\"=\"y\" \t;c", "a=x|b=y", ""),
    ("[{K}]\n\"a\"=\"x\"#c\n\"b\"=\"y\" #c\n\"c\"=\"z\"", "a=none|b=none|c=z", "2:8 AfterData"),
    ("[{K}]\n\"a\"=\"x\" y\n\"b\"=\"x\"\"y\"", "a=none|b=none", "2:9 AfterData"),
    ("[{K}]\n\"a\"=\"x\"//c", "a=none", "2:8 AfterData"),
    ("[{K}]\n\"a\"=\"\\\\0 \\\\\\\" \\\"\"", "a=\\0 \\\" \"", ""),
    ("[{K}]\n\"a\"=\"x\\0\"", "a=none", "2:7 Escape"),
    ("[{K}]\n\"a\"=\"x\\n\"", "a=none", "2:7 Escape"),
    ("[{K}]\n\"a\"=\"C:\\Windows\"", "a=none", "2:8 Escape"),
    ("[{K}]\n\"a\"=\"x\\\"\n\"b\"=\"y\"", "a=none|b=y", "2:9 StringUnclosed"),
    ("[{K}]\n\"a\"=\"no end\n\"b\"=\"ok\"", "a=none|b=ok", "2:12 StringUnclosed"),
    ("[{K}]\n\"a\"=\"no end", "a=none", "2:12 StringUnclosed"),
    ("[{K}]\n\"a\"=x\"\n\"b\"=\n\"c\"", "a=none|b=none|c=none", "2:5 NoData"),
    ("[{K}]\n\"a\"=\"tab\there; [x] 😀 é\"", "a=tab\there; [x] 😀 é", ""),
    ("[{K}]\n\"a\"='x'", "a=none", "2:5 NoData"),
    ("[{K}]\n\"a\"==\"x\"", "a=none", "2:5 NoData"),
];

const DWORDS: &[Case] = &[
    ("[{K}]\n\"a\"=dword:0012aBcD\n\"b\"=dword:7", "a=4:cdab1200|b=4:07000000", ""),
    ("[{K}]\n\"a\"=dword:ffffffff\t", "a=4:ffffffff", ""),
    ("[{K}]\n\"a\"=\tdword: \t8 ;c\n\"b\"=dword:9;c", "a=4:08000000|b=4:09000000", ""),
    ("[{K}]\n\"a\"=dword:000000001", "a=none", "2:11 Dword"),
    ("[{K}]\n\"a\"=dword:x1\n\"b\"=dword:1x", "a=none|b=none", "2:11 Dword"),
    ("[{K}]\n\"a\"=dword:\n\"b\"=dword:;c", "a=none|b=none", "2:11 Dword"),
    ("[{K}]\n\"a\"=dword:0x1", "a=none", "2:12 AfterData"),
    ("[{K}]\n\"a\"=dword:-1\n\"b\"=dword:+1", "a=none|b=none", "2:11 Dword"),
    ("[{K}]\n\"a\"=dword:12 34", "a=none", "2:14 AfterData"),
    ("[{K}]\n\"a\"=dword:1#c\n\"b\"=dword:1 #c", "a=none|b=none", "2:12 AfterData"),
    ("[{K}]\n\"a\"=dword:12\\\n34\n\"b\"=\"x\"", "a=none|b=x", "2:13 AfterData"),
    ("[{K}]\n\"a\"=;dword:1", "a=none", "2:5 NoData"),
    ("[{K}]\n\"a\"=DWORD:1\n\"b\"=Dword:1", "a=none|b=none", "2:5 NoData"),
    ("[{K}]\n\"a\"=dword :1\n\"b\"=dword1", "a=none|b=none", "2:5 NoData"),
    ("[{K}]\n\"a\"=qword:1\n\"b\"=word:1", "a=none|b=none", "2:5 NoData"),
];

const TYPES: &[Case] = &[
    ("[{K}]\n\"a\"=hex:aB,0c", "a=3:ab0c", ""),
    ("[{K}]\n\"a\"=hex(0):aa\n\"b\"=hex(3):bb\n\"c\"=hex(4):cc", "a=0:aa|b=3:bb|c=4:cc", ""),
    ("[{K}]\n\"a\"=hex(B):aa\n\"b\"=hex(b):bb", "a=11:aa|b=11:bb", ""),
    ("[{K}]\n\"a\"=hex(20004):aa\n\"b\"=hex(ffff0012):bb", "a=131076:aa|b=4294901778:bb", ""),
    ("[{K}]\n\"a\"=hex(ffffffff):aa\n\"b\"=hex(0000000a):bb", "a=4294967295:aa|b=10:bb", ""),
    ("[{K}]\n\"a\"=hex(100000000):aa", "a=none", "2:9 TypeNumber"),
    ("[{K}]\n\"a\"=hex(0x2):aa\n\"b\"=hex(2h):aa", "a=none|b=none", "2:10 TypeNumber"),
    ("[{K}]\n\"a\"=hex(-1):aa\n\"b\"=hex( 2):aa", "a=none|b=none", "2:9 TypeNumber"),
    ("[{K}]\n\"a\"=hex():aa", "a=none", "2:9 TypeNumber"),
    ("[{K}]\n\"a\"=hex(2)aa\n\"b\"=hex(2:aa", "a=none|b=none", "2:10 TypeNumber"),
    ("[{K}]\n\"a\"=hex(2) :aa\n\"b\"=hex (2):aa", "a=none|b=none", "2:10 TypeNumber"),
    ("[{K}]\n\"a\"=HEX:aa\n\"b\"=hexx:aa\n\"c\"=hex", "a=none|b=none|c=none", "2:5 NoData"),
    ("[{K}]\n\"a\"=hex:\n\"b\"=hex(1): ;c\n\"c\"=hex(7):\t", "a=3:|b=1:|c=7:", ""),
    ("[{K}]\n\"a\"=hex(5):\n\"b\"=hex(ffff):;c", "a=5:|b=65535:", ""),
];

const BYTES: &[Case] = &[
    ("[{K}]\n\"a\"=hex:aa,b\n\"b\"=hex:1", "a=3:aa0b|b=3:01", "2:12 HexByte"),
    ("[{K}]\n\"a\"=hex:aa, bb\n\"b\"=hex: aa", "a=3:aabb|b=3:aa", "2:12 HexByte"),
    ("[{K}]\n\"a\"=hex:aa ,bb", "a=none", "2:12 HexComma"),
    ("[{K}]\n\"a\"=hex:100\n\"b\"=hex:aa,0bb", "a=none|b=none", "2:9 HexByte"),
    ("[{K}]\n\"a\"=hex:,aa\n\"b\"=hex:aa,,bb", "a=none|b=none", "2:9 HexByte"),
    ("[{K}]\n\"a\"=hex:aa,gg\n\"b\"=hex:0xaa", "a=none|b=none", "2:12 HexByte"),
    ("[{K}]\n\"a\"=hex:aa bb\n\"b\"=hex:aa;bb", "a=none|b=3:aa", "2:12 HexComma"),
    ("[{K}]\n\"a\"=hex:aa#c\n\"b\"=hex:aa #c", "a=none|b=none", "2:11 HexComma"),
    ("[{K}]\n\"a\"=hex:aa,\n  bb\n\"b\"=hex:aa,;c", "a=3:aa|b=3:aa", "2:12 TrailingComma"),
    ("[{K}]\n\"a\"=hex:aa  ;c", "a=3:aa", ""),
    // Values that span lines.
    ("[{K}]\n\"a\"=hex:aa,\\\n  bb,\\\n\tcc,\\\ndd", "a=3:aabbccdd", ""),
    ("[{K}]\n\"a\"=hex:\\\n  aa", "a=3:aa", ""),
    ("[{K}]\n\"a\"=hex:aa, \\ \t;c\n  bb", "a=3:aabb", ""),
    ("[{K}]\n\"a\"=hex:aa,\\;c\\\n\n  ;c\n \t\n  bb", "a=3:aabb", ""),
    ("[{K}]\n\"a\"=hex:aa\\\n  bb\n\"z\"=\"x\"", "a=none|z=x", "2:11 HexComma"),
    ("[{K}]\n\"a\"=hex:aa\\\n  ,bb\n\"z\"=\"x\"", "a=none|z=x", "2:11 HexComma"),
    ("[{K}]\n\"a\"=hex:aa \\\n\"z\"=\"x\"", "a=none|z=x", "2:12 HexComma"),
    ("[{K}]\n\"a\"=hex:aa,\\\n  ,bb\n\"z\"=\"x\"", "a=none|z=x", "3:3 Continuation"),
    ("[{K}]\n\"a\"=hex:aa,\\\n\"z\"=\"x\"\n\"y\"=\"x\"", "a=none|z=none|y=x", "3:1 Continuation"),
    ("[{K}]\n\"a\"=hex:aa,\\\n[{K}\\s]\n\"y\"=\"x\"", "a=none|-s|y=x", "3:1 Continuation"),
    ("[{K}]\n\"a\"=hex:aa,\\\n\\\n  bb\n\"z\"=\"x\"", "a=none|z=x", "3:1 Continuation"),
    ("[{K}]\n\"a\"=hex:aa,\\\n#c\n  bb\n\"z\"=\"x\"", "a=none|z=x", "3:1 Continuation"),
    ("[{K}]\n\"a\"=hex:aa,\\#c\n  bb\n\"z\"=\"x\"", "a=none|z=x", "2:13 AfterBackslash"),
    ("[{K}]\n\"a\"=hex:aa,\\x\n  bb\n\"z\"=\"x\"", "a=none|z=x", "2:13 AfterBackslash"),
    ("[{K}]\n\"a\"=hex:aa,\\", "a=3:aa", "2:12 Continuation"),
    ("[{K}]\n\"a\"=hex:aa,\\\n\n;c", "a=3:aa", "2:12 Continuation"),
    ("[{K}]\n\"a\"=hex:aa,\\\n  bb ;c\n  cc", "a=3:aabb", "4:3 UnknownLine"),
];

const TEXT_TYPES: &[Case] = &[
    ("[{K}]\n\"a\"=hex(1):41,00,00,00", "a=1:41000000", ""),
    ("[{K}]\n\"a\"=hex(1):41,00", "a=1:41000000", ""),
    ("[{K}]\n\"a\"=hex(2):25,00,41,00,25,00", "a=2:2500410025000000", ""),
    ("[{K}]\n\"a\"=hex(7):41,00", "a=7:41000000", ""),
    ("[{K}]\n\"a\"=hex(7):41,00,00,00\n\"b\"=hex(7):00,00", "a=7:41000000|b=7:0000", ""),
    ("[{K}]\n\"a\"=hex(7):41,00,00,00,00,00", "a=7:410000000000", ""),
    ("[{K}]\n\"a\"=hex(6):41,00\n\"b\"=hex:41,00", "a=6:4100|b=3:4100", ""),
    ("[{K}]\n\"a\"=hex(1):41,00,42", "a=1:410042000000", "2:12 OddText"),
    ("[{K}]\n\"a\"=hex(2):41,00 ;exact\n\"b\"=hex(7):41;  exact  ", "a=2:4100|b=7:41", ""),
    ("[{K}]\n\"a\"=hex(2):41,00 ; not exact", "a=2:41000000", ""),
    ("[{K}]\n\"a\"=hex(2):41,00,\\ ;exact\n  42,00", "a=2:410042000000", ""),
];

const COMMENTS: &[Case] = &[
    (";c\\\n#c\\\n[{K}]\n  ;c\n\t#c\n\"a\"=\"x\"", "a=x", ""),
    ("[{K}]\n;\"a\"=\"x\"\n;[{K}\\no]", "a=none|-no", ""),
    ("// c\n[{K}]\n\"a\"=\"x\"", "a=x", "1:1 UnknownLine"),
    ("[{K}]\n \t \n\n\n\"a\"=\"x\"\n\n", "a=x", ""),
    ("[{K}]\nrubbish\n\"a\"=\"x\"", "a=x", "2:1 UnknownLine"),
    ("[{K}]\nWindows Registry Editor Version 5.00\n\"a\"=\"x\"", "a=x", ""),
    ("[{K}]\nREGEDIT4\n\"a\"=\"x\"", "a=x", "2:1 SecondHeader"),
    ("[{K}]\n\u{feff}Windows Registry Editor Version 5.00\n\"a\"=\"x\"", "a=x", "2:1 UnknownLine"),
];

#[test]
fn every_line_has_the_meaning_of_regedit() {
    let groups =
        [KEYS, DELETIONS, NAMES, STRINGS, DWORDS, TYPES, BYTES, TEXT_TYPES, COMMENTS].concat();
    let mut wrong = vec![];
    for (body, expected, strict) in groups {
        for line_break in ["\r\n", "\n", "\r"] {
            let text = format!("{}\n\n{body}", Version::V5.header());
            let text = text.replace("{K}", KEY).replace('\n', line_break);
            for (encoding, bytes) in encodings(&text) {
                let mut complain = |what: String| {
                    wrong.push(format!("{body:?} {line_break:?} {encoding}: {what}"));
                };
                check_lenient(&bytes, expected, &mut complain);
                check_strict(&bytes, strict, &mut complain);
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} are wrong", wrong.join("\n"), wrong.len());
}

fn encodings(text: &str) -> [(&'static str, Vec<u8>); 4] {
    let utf16 = |bytes: fn(u16) -> [u8; 2]| {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    [
        ("UTF-16LE", utf16(u16::to_le_bytes)),
        ("UTF-16BE", utf16(u16::to_be_bytes)),
        ("UTF-8 with mark", format!("\u{feff}{text}").into_bytes()),
        ("UTF-8", text.into()),
    ]
}

fn check_lenient(bytes: &[u8], expected: &str, complain: &mut impl FnMut(String)) {
    let document = Document::parse(bytes, &ParseOptions::lenient()).unwrap();
    let registry = registry(&document);
    let base: KeyPath = KEY.parse().unwrap();
    for expected in expected.split('|').filter(|expected| !expected.is_empty()) {
        if let Some(key) = expected.strip_prefix(['+', '-']) {
            let exists = registry.contains_key(&base.join(&key.parse().unwrap()));
            if exists != expected.starts_with('+') {
                complain(format!("{expected}, but it exists: {exists}"));
            }
            continue;
        }
        let (name, value) = expected.rsplit_once('=').unwrap();
        let name = ValueName::new(if name == "@" { "" } else { name }).unwrap();
        let found = registry.get(&base).and_then(|values| values.get(&name));
        if found != parse_value(value).as_ref() {
            complain(format!("{expected}, but it is {found:?}"));
        }
    }
}

fn parse_value(text: &str) -> Option<Value> {
    if text == "none" {
        return None;
    }
    let typed = text.split_once(':').and_then(|(ty, hex)| Some((ty.parse().ok()?, hex)));
    Some(match typed {
        None => Value::sz(text),
        Some((ty, hex)) => {
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            Value::new(ValueType(ty), (0..hex.len()).step_by(2).map(byte).collect::<Vec<_>>())
        }
    })
}

fn registry(document: &Document) -> BTreeMap<KeyPath, BTreeMap<ValueName, Value>> {
    let mut keys: BTreeMap<KeyPath, BTreeMap<ValueName, Value>> = BTreeMap::new();
    for (edit, _) in document.edits() {
        match edit.op {
            Op::DeleteKey => keys.retain(|key, _| !key.starts_with(&edit.key)),
            Op::DeleteValue { name } => {
                keys.get_mut(&edit.key).and_then(|values| values.remove(&name));
            }
            Op::CreateKey => {
                for depth in 1..=edit.key.depth() {
                    keys.entry(edit.key.prefix(depth)).or_default();
                }
            }
            Op::SetValue { name, value } => {
                keys.entry(edit.key).or_default().insert(name, value);
            }
        }
    }
    keys
}

fn check_strict(bytes: &[u8], expected: &str, complain: &mut impl FnMut(String)) {
    let found = match Document::parse(bytes, &ParseOptions::default()) {
        Ok(_) => String::new(),
        Err(error) => {
            let reason = format!("{:?}", error.reason);
            let reason = reason.split([' ', '(']).next().unwrap().to_owned();
            // The body starts in line 3.
            format!("{}:{} {reason}", error.span.line - 2, error.span.column)
        }
    };
    if found != expected {
        complain(format!("strict mode says {found:?}, not {expected:?}"));
    }
}

/// Bytes, options, and the edits or the reason.
fn strict(bytes: &[u8]) -> Result<usize, String> {
    match Document::parse(bytes, &ParseOptions::default()) {
        Ok(document) => Ok(document.edits().count()),
        Err(error) => Err(format!("{}:{} {}", error.span.line, error.span.column, error.reason)),
    }
}

#[test]
fn only_the_two_headers_are_headers() {
    for header in [
        "REGEDIT4",
        "Windows Registry Editor Version 5.00",
        " \tREGEDIT4",
        "REGEDIT4 \t",
        "Windows Registry Editor Version 5.00 ;c",
    ] {
        let text = format!("{header}\n[HKEY_USERS\\x]\n");
        assert_eq!(strict(text.as_bytes()), Ok(1), "{header}");
    }
    for header in [
        "",
        "REGEDIT",
        "REGEDIT3",
        "regedit4",
        "REGEDIT 4",
        "REGEDIT4FOO",
        "REGEDIT4 FOO",
        "REGEDIT40",
        "REGEDIT5",
        ";c\nREGEDIT4",
        "\nREGEDIT4",
        "Windows Registry Editor Version 4.00",
        "Windows Registry Editor Version 5",
        "Windows Registry Editor Version 5.000",
        "WINDOWS REGISTRY EDITOR VERSION 5.00",
        "Windows Registry Editor  Version 5.00",
        "[HKEY_USERS\\y]",
    ] {
        let text = format!("{header}\n[HKEY_USERS\\x]\n\"a\"=\"x\"\n");
        let error = strict(text.as_bytes()).unwrap_err();
        assert!(error.starts_with("1:") && error.contains("expected the header"), "{error}");
        let document = Document::parse(text.as_bytes(), &ParseOptions::lenient()).unwrap();
        assert_eq!(document.edits().count(), 0, "{header}");
        assert_eq!(document.skipped().count(), 1, "{header}");
        assert_eq!(document.to_bytes(), text.as_bytes());
    }
    assert!(strict(b"").unwrap_err().contains("expected the header"));
}

#[test]
fn text_types_of_version_4_are_in_the_code_page() {
    let text = "REGEDIT4\r\n\r\n[HKEY_CURRENT_USER\\Software\\Case]\r\n\"é\"=\"é\"\r\n\
        \"sz\"=hex(1):e9\r\n\"expand\"=hex(2):25,e9,25,00\r\n\"multi\"=hex(7):61,00,e9\r\n\
        \"empty\"=hex(7):\r\n\"none\"=hex(0):e9\r\n\"binary\"=hex:e9\r\n\"other\"=hex(100):e9\r\n";
    let (bytes, ..) = encoding_rs::WINDOWS_1252.encode(text);
    let mut wrong = vec![];
    let expected = "é=é|sz=1:e9000000|expand=2:2500e90025000000|multi=7:61000000e9000000|\
        empty=7:|none=0:e9|binary=3:e9|other=256:e9";
    check_lenient(&bytes, expected, &mut |what| wrong.push(what));
    assert_eq!(wrong, [""; 0]);
    assert_eq!(strict(&bytes), Ok(9));

    let options = ParseOptions { codepage: encoding_rs::WINDOWS_1251, ..ParseOptions::default() };
    let document = Document::parse(&bytes, &options).unwrap();
    let (_, cyrillic) = registry(&document).pop_last().unwrap();
    assert_eq!(cyrillic[&ValueName::new("й").unwrap()], Value::sz("й"));
    assert_eq!(cyrillic[&ValueName::new("sz").unwrap()], Value::sz("й"));
    assert_eq!(document.to_bytes(), &*bytes);
}

#[test]
fn a_backslash_inside_a_character_of_shift_jis_escapes_nothing() {
    let text = "REGEDIT4\n[HKEY_USERS\\表]\n\"表\"=\"表\\\\ソ\"\n";
    let (bytes, ..) = encoding_rs::SHIFT_JIS.encode(text);
    assert_eq!(bytes.iter().filter(|&&byte| byte == b'\\').count(), 1 + 2 + 4);
    let options = ParseOptions { codepage: encoding_rs::SHIFT_JIS, ..ParseOptions::default() };
    let document = Document::parse(&bytes, &options).unwrap();
    let (key, values) = registry(&document).pop_last().unwrap();
    assert_eq!(key.to_string(), "HKEY_USERS\\表");
    assert_eq!(values[&ValueName::new("表").unwrap()], Value::sz("表\\ソ"));
}

#[test]
fn undecodable_bytes_are_refused_or_read_as_the_code_page() {
    let text = b"Windows Registry Editor Version 5.00\n[HKEY_USERS\\x]\n\"a\"=\"\xe9\"\n";
    assert_eq!(
        strict(text),
        Err("3:6 expected UTF-8 or a byte order mark, found the byte e9".into())
    );
    let document = Document::parse(text, &ParseOptions::lenient()).unwrap();
    let (_, values) = registry(&document).pop_last().unwrap();
    assert_eq!(values[&ValueName::new("a").unwrap()], Value::sz("é"));
    assert_eq!(document.to_bytes(), text);

    let odd = [&b"\xff\xfe"[..], &NtString::from("REGEDIT4\n").to_utf16le(), b"x"].concat();
    assert!(strict(&odd).unwrap_err().starts_with("2:1 expected whole UTF-16 units"));
    assert_eq!(Document::parse(&odd, &ParseOptions::lenient()).unwrap().to_bytes(), odd);

    let unmarked = NtString::from("Windows Registry Editor Version 5.00\n").to_utf16le();
    assert!(strict(&unmarked).unwrap_err().contains("expected a byte order mark"));

    let wide = ParseOptions { codepage: encoding_rs::UTF_16LE, ..ParseOptions::lenient() };
    assert!(Document::parse(b"REGEDIT4", &wide).is_err());
}

#[test]
fn a_string_spans_lines_as_regedit_exports_it() {
    for line_break in ["\r\n", "\n", "\r"] {
        let body = "[{K}]\n\"a\"=\"one\n\ttwo \\\"\n\" ;c\n\"b\"=\"x\"";
        let text = format!("REGEDIT4\n{body}").replace("{K}", KEY).replace('\n', line_break);
        let document = Document::parse(text.as_bytes(), &ParseOptions::default()).unwrap();
        let (_, values) = registry(&document).pop_last().unwrap();
        let expected = "one\n\ttwo \"\n".replace('\n', line_break);
        assert_eq!(values[&ValueName::new("a").unwrap()], Value::sz(expected));
        let (_, last) = document.edits().last().unwrap();
        assert_eq!((last.line, last.column, &*document.text(last)), (6, 1, "\"b\"=\"x\""));
    }
}

#[test]
fn names_have_the_length_limits_of_windows() {
    let text = |key: usize, value: usize| {
        let (key, value) = ("k".repeat(key), "v".repeat(value));
        format!("REGEDIT4\n[HKEY_USERS\\{key}]\n\"{value}\"=\"\"\n")
    };
    assert_eq!(strict(text(255, 16_383).as_bytes()), Ok(2));
    assert!(strict(text(256, 1).as_bytes()).unwrap_err().starts_with("2:13 key name of 256"));
    assert!(strict(text(1, 16_384).as_bytes()).unwrap_err().starts_with("3:1 value name of 16384"));
    let deep = |depth| format!("REGEDIT4\n[HKEY_USERS{}]\n", "\\k".repeat(depth));
    assert_eq!(strict(deep(512).as_bytes()), Ok(1));
    assert!(strict(deep(513).as_bytes()).unwrap_err().contains("key path of"));
}

#[test]
fn a_long_line_is_shown_around_the_place() {
    let text = format!(
        "REGEDIT4\n[HKEY_USERS\\x]\n\"a\"=hex:{}zz,{}",
        "11,".repeat(4000),
        "22,".repeat(90_000)
    );
    let error = Document::parse(text.as_bytes(), &ParseOptions::default()).unwrap_err();
    assert_eq!((error.span.line, error.span.column), (3, 12_009));
    let snippet = error.snippet();
    let (line, caret) = snippet.split_once('\n').unwrap();
    assert!(line.chars().count() < 220, "{line}");
    assert_eq!(line.chars().nth(caret.find('^').unwrap()), Some('z'));
}
