//! hivexregedit and reged import our files, and the hive then holds the intended values.
//!
//! Both read less than regedit does, and some of it wrongly. The deviations of each are listed
//! here, so that any other deviation fails the test, whichever side has to be fixed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use winpe_hive::{FileTime, Hive};
use winpe_regfile::{Format, write_edits};
use winpe_registry::{Edit, KeyName, KeyPath, KeyTree, NtString, Value, ValueName, ValueType};
use winpe_tests::tool;

const ROOT: &str = r"HKEY_LOCAL_MACHINE\WINPE";

#[test]
fn hivexregedit_imports_what_we_write() {
    let Some(program) = tool("hivexregedit", "libwin-hivex-perl") else { return };
    compare(Format::Utf8Lf, by_hivexregedit, |hive, reg| {
        let mut command = Command::new(&program);
        command.args(["--merge", "--prefix", ROOT]).arg(hive).stdin(File::open(reg).unwrap());
        command
    });
}

#[test]
fn reged_imports_what_we_write() {
    let Some(program) = tool("reged", "chntpw") else { return };
    compare(Format::Regedit, by_reged, |hive, reg| {
        let mut command = Command::new(&program);
        command.arg("-C").arg("-I").arg(hive).arg(ROOT).arg(reg).stdin(Stdio::null());
        command
    });
}

/// It reads a string in quotes as bytes, each of which becomes a unit; and it reads the letters of
/// the `;exact` mark as bytes.
fn by_hivexregedit(_: &ValueName, value: &Value) -> Made {
    match value.as_text() {
        _ if has_mark(value) => Made::Other([&value.data[..], b"\xbe\x1a\xcd"].concat()),
        Some(text) if value.ty == ValueType::SZ && !value.data.is_empty() => {
            let units = text.to_string().into_bytes().into_iter().map(u16::from);
            Made::Other(Value::sz(units.collect::<NtString>()).data)
        }
        _ => Made::Same,
    }
}

/// It stops at the `;exact` mark, stores data in segments that would just fit without, and
/// miscounts characters that take two UTF-16 units. It damages names that are not Latin-1, and a
/// backslash before a quote ends a name too early.
fn by_reged(name: &ValueName, value: &Value) -> Made {
    let in_quotes = value.as_text().filter(|_| value.ty == ValueType::SZ).unwrap_or_default();
    let has_pairs = in_quotes.units().iter().any(|unit| (0xd800..0xe000).contains(unit));
    let mangles = name.text().to_latin1().is_none() || name.text().to_string().contains("\\\"");
    if has_mark(value) || has_pairs || mangles || value.data.len() == 16_344 {
        Made::Unknown
    } else {
        Made::Same
    }
}

/// The result of a program for a value.
enum Made {
    Same,
    Other(Vec<u8>),
    /// Unpredictable, so the value is left out.
    Unknown,
}

/// Whether regedit would add a NUL to the bytes of a value, which the comment `;exact` forbids.
fn has_mark(value: &Value) -> bool {
    let is_text = matches!(value.ty, ValueType::SZ | ValueType::EXPAND_SZ | ValueType::MULTI_SZ);
    let is_closed = value.data.len().is_multiple_of(2) && value.data.ends_with(&[0, 0]);
    is_text && !value.data.is_empty() && !is_closed
}

fn compare(
    format: Format,
    made: fn(&ValueName, &Value) -> Made,
    import: impl Fn(&Path, &Path) -> Command,
) {
    let folder = TempDir::new().unwrap();
    let (file, reg) = (folder.path().join("hive"), folder.path().join("in.reg"));
    let name = KeyName::new("ROOT").unwrap();
    let empty = Hive::create(5, &name, FileTime::from_unix(1_600_000_000)).unwrap();
    fs::write(&file, empty.into_bytes()).unwrap();

    let mut values = generated();
    for values in values.values_mut() {
        values.retain(|name, value| !matches!(made(name, value), Made::Unknown));
    }
    let root: KeyPath = ROOT.parse().unwrap();
    let mut edits = vec![];
    for (key, values) in &values {
        let key = root.child(KeyName::new(*key).unwrap());
        edits.push(Edit::create_key(key.clone()));
        let set = |(name, value): (&ValueName, &Value)| {
            Edit::set_value(key.clone(), name.clone(), value.clone())
        };
        edits.extend(values.iter().map(set));
    }
    fs::write(&reg, write_edits(vec![], format, edits).unwrap()).unwrap();
    let output = import(&file, &reg).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);

    let hive = Hive::open(fs::read(&file).unwrap()).unwrap();
    let tree = hive.root().tree().unwrap();
    let mut wrong = vec![];
    for (key, values) in &values {
        let found = subkey(&tree, key);
        for (name, value) in values {
            let expected = match made(name, value) {
                Made::Other(data) => Value::new(value.ty, data),
                Made::Same | Made::Unknown => value.clone(),
            };
            let found = found.get(name).copied();
            if found != Some(&expected) {
                wrong.push(format!("{key}\\{name:?} = {value:?}: found {found:?}"));
            }
        }
        if found.len() != values.len() {
            wrong.push(format!("{key}: {} values instead of {}", found.len(), values.len()));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}: {said}", wrong.join("\n"), output.status);
}

fn subkey<'t>(tree: &'t KeyTree, key: &str) -> BTreeMap<&'t ValueName, &'t Value> {
    let name = KeyName::new(key).unwrap();
    let below = tree.subkeys.iter().find(|(found, _)| *found == name);
    below.iter().flat_map(|(_, tree)| &tree.values).map(|(name, value)| (name, value)).collect()
}

/// Values of every type and many lengths, texts, and names, by key.
fn generated() -> BTreeMap<&'static str, BTreeMap<ValueName, Value>> {
    let mut keys: BTreeMap<&str, BTreeMap<ValueName, Value>> = BTreeMap::new();
    let mut add = |key, name: String, value| {
        keys.entry(key).or_default().insert(ValueName::new(name).unwrap(), value);
    };
    for ty in (0..13).chain([0x100, 0x7fff, 0x0002_0004, 0xffff_0012]) {
        for length in [0, 1, 2, 4, 5, 8, 19, 20, 21, 24, 25, 26, 50, 1000, 16_344, 20_000] {
            let data: Vec<u8> = (0..length).map(|at| (at * 7 + 1) as u8).collect();
            add("Types", format!("{ty:x} {length}"), Value::new(ValueType(ty), data));
        }
    }
    let texts = [
        "",
        "plain",
        " blanks ",
        "tab\t",
        "\"quoted\"",
        r"back\slash\",
        r#"\""#,
        "; # [x] @= -",
        "é",
        "表 ä",
        "😀",
        "cr\rlf\ncrlf\r\n",
        "%SystemRoot%\\system32",
    ];
    for (index, text) in texts.into_iter().enumerate() {
        add("Texts", format!("sz {index}"), Value::sz(text));
        add("Texts", format!("expand {index}"), Value::expand_sz(text));
        add("Texts", format!("multi {index}"), Value::multi_sz([text, "x"]));
        add(
            "Texts",
            format!("open {index}"),
            Value::new(ValueType::SZ, NtString::from(text).to_utf16le()),
        );
        if !text.contains('\r') {
            add("Names", text.to_owned(), Value::dword(index as u32));
        }
    }
    for length in [66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 200] {
        add("Widths", "n".repeat(length), Value::binary(vec![0xab; 40]));
    }
    keys
}
