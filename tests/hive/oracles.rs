//! Other readers on a hive that we wrote: each must see the same content.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;

use nt_hive::{KeyNode, NtHiveNameString};
use winpe_registry::{KeyTree, NtString, ValueType};
use winpe_tests::{run, tool};

/// nt-hive, an independent reader in Rust, sees the same keys and values.
pub(crate) fn nt_hive_sees(bytes: &[u8], tree: &KeyTree) -> Result<(), String> {
    let hive = nt_hive::Hive::new(bytes).map_err(|error| format!("nt-hive: {error}"))?;
    let root = hive.root_key_node().map_err(|error| format!("nt-hive: {error}"))?;
    // It reads long data as segments in versions that have none.
    let segments = hive.minor_version() > 3;
    same(&root, tree, segments, "")
}

fn same(key: &KeyNode<&[u8]>, tree: &KeyTree, segments: bool, path: &str) -> Result<(), String> {
    let failed = |error| format!("nt-hive: {path}: {error}");
    let mut expected = tree.values.iter();
    if let Some(values) = key.values() {
        for value in values.map_err(failed)? {
            let value = value.map_err(failed)?;
            let name = text(&value.name().map_err(failed)?);
            let (known, content) = expected.next().ok_or(format!("{path}: one more {name:?}"))?;
            if &name != known.text() {
                return Err(format!("{path}: value {name:?} instead of {known:?}"));
            }
            if let Ok(ty) = value.data_type()
                && ty as u32 != content.ty.0
            {
                return Err(format!("{path}: {name:?} is of type {ty:?}"));
            }
            if segments || content.data.len() <= 16_344 {
                let data = value.data().and_then(|data| data.into_vec()).map_err(failed)?;
                if data != content.data {
                    return Err(format!("{path}: {name:?} has other data"));
                }
            }
        }
    }
    if let Some((missing, _)) = expected.next() {
        return Err(format!("{path}: value {missing:?} is missing"));
    }
    let mut expected = tree.subkeys.iter();
    if let Some(subkeys) = key.subkeys() {
        for subkey in subkeys.map_err(failed)? {
            let subkey = subkey.map_err(failed)?;
            let name = text(&subkey.name().map_err(failed)?);
            let (known, below) = expected.next().ok_or(format!("{path}: one more {name:?}"))?;
            if &name != known.text() {
                return Err(format!("{path}: key {name:?} instead of {known:?}"));
            }
            same(&subkey, below, segments, &format!("{path}\\{known}"))?;
        }
    }
    expected.next().map_or(Ok(()), |(missing, _)| Err(format!("{path}: {missing:?} is missing")))
}

fn text(name: &NtHiveNameString) -> NtString {
    match name {
        NtHiveNameString::Latin1(bytes) => NtString::from_latin1(bytes),
        NtHiveNameString::Utf16LE(bytes) => NtString::from_utf16le(bytes),
    }
}

/// hivexregedit exports the same keys and values, as far as it can spell the names.
pub(crate) fn hivexregedit_sees(file: &Path, tree: &KeyTree) {
    let Some(program) = tool("hivexregedit", "libwin-hivex-perl") else { return };
    let output = run(&program, ["--export".as_ref(), file.as_os_str(), "\\".as_ref()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let mut found: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
    let mut key: &[u8] = b"";
    for line in output.stdout.split(|&byte| byte == b'\n').skip(1) {
        if line.starts_with(b"[") && line.is_ascii() {
            key = line;
            found.entry(key).or_default();
        } else if line.starts_with(b"[") {
            key = b"";
        } else if !line.is_empty() && !key.is_empty() && line.is_ascii() {
            found.entry(key).or_default().insert(line);
        }
    }
    let mut expected = BTreeMap::new();
    expect(tree, "", &mut expected);
    for (key, lines) in &expected {
        let seen = found.get(key.as_bytes()).unwrap_or_else(|| panic!("hivex misses {key}"));
        let lines: BTreeSet<&[u8]> = lines.iter().map(String::as_bytes).collect();
        assert_eq!(seen, &lines, "hivex sees other values in {key}");
    }
    let extra = found.keys().find(|key| !expected.contains_key(&*String::from_utf8_lossy(key)));
    assert_eq!(extra.map(|key| String::from_utf8_lossy(key)), None, "hivex sees one more key");
}

/// The output of hivexregedit for the keys and values whose names are printable ASCII.
fn expect(tree: &KeyTree, path: &str, keys: &mut BTreeMap<String, BTreeSet<String>>) {
    let mut lines = BTreeSet::new();
    for (name, value) in &tree.values {
        let Some(name) = printable(name.text()) else { continue };
        let name = name.replace('\\', r"\\").replace('"', "\\\"");
        let name = if name.is_empty() { "@".to_owned() } else { format!("\"{name}\"") };
        lines.insert(match <[u8; 4]>::try_from(&value.data[..]) {
            Ok(word) if value.ty == ValueType::DWORD => {
                format!("{name}=dword:{:08x}", u32::from_le_bytes(word))
            }
            _ => {
                let data: Vec<_> = value.data.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{name}=hex({:x}):{}", value.ty.0, data.join(","))
            }
        });
    }
    let shown = if path.is_empty() { "\\" } else { path };
    keys.insert(format!("[{shown}]"), lines);
    for (name, subkey) in &tree.subkeys {
        if let Some(name) = printable(name.text()) {
            expect(subkey, &format!("{path}\\{name}"), keys);
        }
    }
}

fn printable(name: &NtString) -> Option<String> {
    name.to_utf8().filter(|name| name.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
}

/// hivexsh walks to a key and lists its values.
pub(crate) fn hivexsh_finds(file: &Path, key: &str, value: &str) {
    let Some(program) = tool("hivexsh", "libhivex-bin") else { return };
    let mut script = tempfile::NamedTempFile::new().unwrap();
    writeln!(script, "cd {key}\nlsval").unwrap();
    let output = run(&program, ["-f".as_ref(), script.path().as_os_str(), file.as_os_str()]);
    let listed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(listed.contains(&format!("\"{value}\"=")), "{value} is not in {listed}");
}

/// reged exports the whole hive, except everything below a name that is not Latin-1.
pub(crate) fn reged_reads(file: &Path, tree: &KeyTree) {
    let Some(program) = tool("reged", "chntpw") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.reg");
    let parts = ["-x".as_ref(), file.as_os_str(), "P".as_ref(), "\\".as_ref(), out.as_os_str()];
    let output = run(&program, parts);
    assert!(matches!(output.status.code(), Some(0..=2)), "{:?}", output.status);
    let text = fs::read(out).unwrap();
    let found = text.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"[")).count();
    assert_eq!(found, latin1_keys(tree), "keys that reged sees");
}

fn latin1_keys(tree: &KeyTree) -> usize {
    let below = tree.subkeys.iter().filter(|(name, _)| name.text().to_latin1().is_some());
    1 + below.map(|(_, subkey)| latin1_keys(subkey)).sum::<usize>()
}
