//! Wine's regedit imports our files, and exports the intended values.
//!
//! Slow: these tests start Wine. They run only if `WINPE_SLOW` is set.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use tempfile::TempDir;
use winpe_regfile::{Document, Format, ParseOptions, write_edits};
use winpe_registry::{Edit, KeyPath, NtString, Value, ValueName, ValueType};
use winpe_tests::{skip, tool};

use crate::corpus::files;
use crate::model::Registry;

#[test]
fn regedit_exports_what_we_wrote() {
    let Some(wine) = Wine::start() else { return };
    let base: KeyPath = r"HKEY_CURRENT_USER\Software\WinpeGenerated".parse().unwrap();
    wine.check(&base, generated(&base));

    let Some(files) = files() else { return };
    let base: KeyPath = r"HKEY_CURRENT_USER\Software\WinpeCorpus".parse().unwrap();
    wine.check(&base, published(&base, &files));
}

/// A file of which we say that regedit imports nothing of it has a sound one beside it, which is imported.
#[test]
fn regedit_imports_nothing_of_files_that_it_refuses() {
    let Some(wine) = Wine::start() else { return };
    let text = |header: &str, key: &str| {
        format!("{header}\r\n\r\n[HKEY_CURRENT_USER\\Software\\Whole\\{key}]\r\n\"a\"=\"b\"\r\n")
    };
    let v5 = "Windows Registry Editor Version 5.00";
    let big = |text: String| -> Vec<u8> {
        let units = "\u{feff}".encode_utf16().chain(text.encode_utf16()).collect::<Vec<_>>();
        units.into_iter().flat_map(u16::to_be_bytes).collect()
    };
    let files = [
        (text(v5, "plain").into_bytes(), false),
        (text(&format!("\u{feff}{v5}"), "mark5").into_bytes(), true),
        (text("\u{feff}REGEDIT4", "mark4").into_bytes(), true),
        (big(text(v5, "big")), true),
        (text("REGEDIT4 ", "blank").into_bytes(), true),
        (text("REGEDIT4", "four").into_bytes(), false),
    ];
    let file = wine.path("whole.reg");
    for (bytes, refused) in &files {
        let document = Document::parse(bytes, &ParseOptions::lenient()).unwrap();
        let finding = document.regedit_finding();
        assert_eq!(finding.is_some_and(|finding| finding.is_skipped), *refused);
        fs::write(&file, bytes).unwrap();
        // Its status says nothing: what it takes for no registry script is no error to it.
        let _ = wine.try_run(&wine.wine, &["regedit", "/S", &dos(&file)]);
    }
    let export = wine.path("whole.export.reg");
    let base = r"HKEY_CURRENT_USER\Software\Whole";
    wine.run(&wine.wine, &["regedit", "/E", &dos(&export), base]);
    let exported = fs::read(&export).unwrap();
    let exported = Document::parse(&exported, &ParseOptions::lenient()).unwrap();
    let base: KeyPath = base.parse().unwrap();
    let mut found: Vec<_> = exported
        .edits()
        .filter_map(|(edit, _)| Some(edit.key.strip_prefix(&base)?.to_string()))
        .filter(|key| !key.is_empty())
        .collect();
    found.sort();
    found.dedup();
    assert_eq!(found, ["four", "plain"]);
}

/// Values of every type and length, and names with all allowed characters.
fn generated(base: &KeyPath) -> Vec<Edit> {
    let mut edits = vec![];
    let mut add = |key: &str, name: NtString, value: Value| {
        let key = base.join(&key.parse().unwrap());
        edits.push(Edit::set_value(key, ValueName::new(name).unwrap(), value));
    };
    for ty in (0..13).chain([0x100, 0x7fff, 0x0002_0004, 0xffff_0012]) {
        for length in [0, 1, 2, 3, 4, 5, 8, 19, 20, 21, 24, 25, 26, 50, 1000, 20_000] {
            // Half a UTF-16 unit in a text value makes Wine read before its buffer, and its export
            // of a number of the wrong size is wrong.
            let is_text = matches!(ValueType(ty), SZ | EXPAND_SZ | MULTI_SZ);
            let is_number = ValueType(ty) == ValueType::DWORD;
            if is_text && length % 2 == 1 || is_number && length != 4 {
                continue;
            }
            let data: Vec<u8> = (0..length).map(|at| (at * 7 + 1) as u8).collect();
            add("Types", format!("{ty:x} {length}").into(), Value::new(ValueType(ty), data));
        }
    }
    for (index, text) in [
        "",
        "plain",
        " blanks ",
        "tab\t",
        "\"quoted\"",
        r"back\slash\",
        r#"\""#,
        "; # [x] @= -",
        "é表😀",
        "cr\rlf\ncrlf\r\n",
        "nul\0nul",
        "\u{feff}",
        "%é%",
        "\u{1}\u{7f}\u{ffff}",
    ]
    .into_iter()
    .enumerate()
    {
        let one_line = !text.contains(['\r', '\n']);
        if one_line {
            // Wine exports line breaks as escapes, which Windows does not support.
            add("Texts", format!("sz {index}").into(), Value::sz(text));
        }
        add("Texts", format!("expand {index}").into(), Value::expand_sz(text));
        add("Texts", format!("multi {index}").into(), Value::multi_sz([text, "x"]));
        let open = NtString::from(text).to_utf16le();
        add("Texts", format!("open {index}").into(), Value::new(EXPAND_SZ, open));
        if one_line && !text.contains('\0') {
            add("Names", text.into(), Value::dword(index as u32));
        }
    }
    add("Texts", "lone".into(), Value::sz(NtString::from_units(vec![0x61, 0xdc00, 0xd800])));
    for length in [66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 200] {
        add("Widths", "n".repeat(length).into(), Value::binary(vec![0xab; 40]));
    }
    for key in ["]", "a]b] c", ";x", "-", " x ", "\"q\"", "é表😀", "@=", "#", "{x}/y"] {
        add(key, "".into(), Value::dword(1));
    }
    edits.push(Edit::delete_value(base.join(&"Texts".parse().unwrap()), name("sz 1")));
    edits.push(Edit::delete_key(base.join(&r"a]b] c".parse().unwrap())));
    edits
}

const SZ: ValueType = ValueType::SZ;
const EXPAND_SZ: ValueType = ValueType::EXPAND_SZ;
const MULTI_SZ: ValueType = ValueType::MULTI_SZ;

fn name(text: &str) -> ValueName {
    ValueName::new(text).unwrap()
}

/// All files of the corpus, each below a separate key.
fn published(base: &KeyPath, files: &[(String, PathBuf)]) -> Vec<Edit> {
    let mut edits = vec![];
    for (index, (_, path)) in files.iter().enumerate() {
        let bytes = fs::read(path).unwrap();
        let document = Document::parse(&bytes, &ParseOptions::lenient()).unwrap();
        let base = base.join(&index.to_string().parse().unwrap());
        for (mut edit, _) in document.edits() {
            edit.key = base.join(&edit.key);
            // The deepest tree that Windows allows is too deep below another key.
            if edit.key.depth() <= KeyPath::MAX_DEPTH {
                edits.push(edit);
            }
        }
    }
    edits
}

/// A separate Wine prefix, in a temporary folder.
struct Wine {
    folder: TempDir,
    wine: PathBuf,
    server: PathBuf,
}

impl Wine {
    fn start() -> Option<Self> {
        if env::var_os("WINPE_SLOW").is_none() {
            if env::var_os("CI").is_none() {
                skip("slow tests run where WINPE_SLOW is set");
            }
            return None;
        }
        let (wine, server) = (tool("wine", "wine")?, tool("wineserver", "wine")?);
        let wine = Self { folder: TempDir::new().unwrap(), wine, server };
        wine.run(&wine.wine, &["wineboot", "-i"]);
        Some(wine)
    }

    /// Imports edits, exports the key, and compares.
    fn check(&self, base: &KeyPath, edits: Vec<Edit>) {
        let (import, export) = (self.path("import.reg"), self.path("export.reg"));
        let written = write_edits(vec![], Format::Regedit, edits.iter().cloned()).unwrap();
        fs::write(&import, written).unwrap();
        self.run(&self.wine, &["regedit", "/S", &dos(&import)]);
        self.run(&self.wine, &["regedit", "/E", &dos(&export), &base.to_string()]);
        let exported = fs::read(&export).unwrap();
        let exported = Document::parse(&exported, &ParseOptions::lenient()).unwrap();
        assert_eq!(exported.skipped().map(|skipped| skipped.to_string()).next(), None);
        let found = Registry::of(exported.edits().map(|(edit, _)| edit));

        let mut meant = Registry::of(edits);
        for values in meant.keys.values_mut() {
            values.values_mut().for_each(as_exported);
        }
        for (key, values) in &meant.keys {
            let found = found.keys.get(key).unwrap_or_else(|| panic!("{key} is missing"));
            for (name, value) in values {
                assert_eq!(found.get(name), Some(value), "{key}: {name:?}");
            }
            assert_eq!(found.len(), values.len(), "{key}");
        }
        let below = found.keys.keys().filter(|key| key.starts_with(base)).count();
        assert_eq!(below, meant.keys.keys().filter(|key| key.starts_with(base)).count());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, program: &Path, args: &[&str]) {
        let status = self.try_run(program, args);
        assert!(status.success(), "{} {args:?}: {status}", program.display());
    }

    fn try_run(&self, program: &Path, args: &[&str]) -> ExitStatus {
        Command::new(program)
            .args(args)
            .env("WINEPREFIX", self.path("prefix"))
            .env("HOME", self.folder.path())
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env_remove("DISPLAY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
    }
}

/// Ends the server of this prefix only.
impl Drop for Wine {
    fn drop(&mut self) {
        for flag in ["-k", "-w"] {
            let server = Command::new(&self.server)
                .arg(flag)
                .env("WINEPREFIX", self.path("prefix"))
                .stderr(Stdio::null())
                .status();
            drop(server);
        }
    }
}

fn dos(path: &Path) -> String {
    format!("Z:{}", path.display()).replace('/', "\\")
}

/// The form in which regedit stores and exports a value: it ends text values with a NUL, and it
/// exports a `REG_SZ` up to its first NUL.
fn as_exported(value: &mut Value) {
    let is_text = matches!(value.ty, SZ | EXPAND_SZ | MULTI_SZ);
    if is_text && !value.data.is_empty() && !value.data.ends_with(&[0, 0]) {
        value.data.extend([0, 0]);
    }
    if let (SZ, Some(text)) = (value.ty, value.as_text()) {
        *value = Value::sz(text);
    }
}
