//! `winpe-iscsi reg`: exit codes, output, and changes of files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

use tempfile::TempDir;
use winpe_tests::{run, winpe_iscsi};

const CLEAN: &str = "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\PE_Sys\\x] ;why\n\
    \"a\"=dword:00000001\n\"b\"=hex(2):25,00,41,00,25,00,00,00\n\n";

const UNTIDY: &str = "Windows Registry Editor Version 5.00\n[hkey_local_machine\\PE_Sys\\x]  ;why\n\
    \"a\" = dword:1\n\"b\"=hex(2):25,00,41,00,25,00,00,00";

const WRONG: &str = "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\PE_Sys\\x]\n\
    \"a\"=dword:12x\n\"b\"=hex:01,02,\n[HKLM\\y]\n";

/// A folder with files, and the program run in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn put(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

fn reg(args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = run(winpe_iscsi(), [&["reg"], args].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn check_lists_everything_with_line_and_caret() {
    let desk = Desk::new();
    let (clean, wrong) = (desk.put("clean.reg", CLEAN), desk.put("wrong.reg", WRONG));
    assert_eq!(reg(&["check", "-q", &clean]), (0, String::new(), String::new()));

    let (code, out, _) = reg(&["check", &clean, &wrong]);
    assert_eq!(code, 1);
    assert_eq!(
        out,
        format!(
            "{wrong}:4:13: skipped by regedit: expected the end of the line or a `;` comment after the data
4 | \"a\"=dword:12x
  |             ^
{wrong}:5:15: doubtful: expected a byte or `\\` after the last comma
5 | \"b\"=hex:01,02,
  |               ^
{wrong}:6:2: skipped by regedit: expected a root such as HKEY_LOCAL_MACHINE, found `HKLM` (write HKEY_LOCAL_MACHINE)
6 | [HKLM\\y]
  |  ^
"
        )
    );

    let (code, out, _) = reg(&["check", "--json", &wrong]);
    assert_eq!(code, 1);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["files"][0]["findings"].as_array().unwrap().len(), 3);
    assert_eq!(json["files"][0]["findings"][1]["skipped"], false);

    let latin = desk.put("latin.reg", b"Windows Registry Editor Version 5.00\n;\xe9\n");
    let (code, out, _) = reg(&["check", &latin]);
    assert_eq!((code, out.contains(":2:2: doubtful: expected UTF-8")), (1, true), "{out}");
    assert_eq!(reg(&["check", "/nowhere/x.reg"]).0, 2);

    let marked = desk.put("marked.reg", b"\xef\xbb\xbfREGEDIT4\n\n[HKEY_CURRENT_USER\\a]\n");
    let (code, out, _) = reg(&["check", &marked]);
    assert!(code == 1 && out.contains(":1:1: skipped by regedit: expected UTF-16LE"), "{out}");
}

#[test]
fn fmt_changes_the_file_once_and_keeps_its_permissions() {
    let desk = Desk::new();
    let file = desk.put("untidy.reg", UNTIDY);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(reg(&["fmt", "--check", &file]), (1, format!("{file}\n"), String::new()));
    assert_eq!(desk.text("untidy.reg"), UNTIDY);
    assert_eq!(reg(&["fmt", "-q", &file]), (0, String::new(), String::new()));
    assert_eq!(desk.text("untidy.reg"), CLEAN);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(reg(&["fmt", "--check", &file]), (0, String::new(), String::new()));
    assert_eq!(fs::read_dir(desk.0.path()).unwrap().count(), 1, "nothing is left behind");

    let (code, out, _) = reg(&["fmt", "--explain", &file]);
    assert_eq!((code, out), (0, CLEAN.replace("00,00\n\n", "00,00\n; \"%A%\"\n")));
}

#[test]
fn refused_lines_are_shown_and_change_nothing() {
    let desk = Desk::new();
    let file = desk.put("wrong.reg", WRONG);
    let (code, out, err) = reg(&["fmt", &file]);
    assert_eq!((code, out.as_str()), (2, ""));
    let expected = format!(
        "error: {file}:4:13: expected the end of the line or a `;` comment after the data\n\
         4 | \"a\"=dword:12x\n  |             ^\nhint: "
    );
    assert!(err.starts_with(&expected), "{err}");
    assert_eq!(desk.text("wrong.reg"), WRONG);

    let (code, _, err) = reg(&["convert", "--lenient", "--to", "utf8", &file]);
    assert_eq!((code, err.matches("warning").count()), (0, 2), "{err}");
}

#[test]
fn convert_can_be_reversed() {
    let desk = Desk::new();
    let file = desk.put("clean.reg", CLEAN);
    let out = desk.path("out.reg");
    let out = out.to_str().unwrap();
    assert_eq!(reg(&["convert", &file, "--to", "regedit", "-o", out]).0, 0);
    let bytes = fs::read(out).unwrap();
    assert_eq!(&bytes[..4], b"\xff\xfeW\0");
    assert_eq!(bytes.len(), 2 + 2 * (CLEAN.len() + CLEAN.lines().count()));
    assert_eq!(reg(&["convert", out, "--to", "utf8"]), (0, CLEAN.to_owned(), String::new()));

    let (code, _, err) = reg(&["convert", &file, "--to", "utf8", "-o", out]);
    assert_eq!((code, err.contains("--force")), (2, true), "{err}");
    assert_eq!(fs::read(out).unwrap(), bytes);
    assert_eq!(reg(&["convert", &file, "--to", "regedit4", "-o", out, "--force"]).0, 0);
    assert!(fs::read(out).unwrap().starts_with(b"REGEDIT4\r\n"));
    assert_eq!(reg(&["diff", &file, out]).0, 0);

    assert_eq!(reg(&["convert", &file, out, "--to", "utf8"]).0, 2);
    assert_eq!(reg(&["convert", &file, out, "--to", "utf8", "--in-place"]).0, 0);
    assert_eq!(fs::read_to_string(out).unwrap(), CLEAN);
}

#[test]
fn diff_compares_meaning_and_ignores_layout() {
    let desk = Desk::new();
    let (clean, untidy) = (desk.put("clean.reg", CLEAN), desk.put("untidy.reg", UNTIDY));
    assert_eq!(reg(&["diff", &clean, &untidy]), (0, String::new(), String::new()));
    let other = desk.put("other.reg", CLEAN.replace("25,00,41", "25,00,42"));
    let (code, out, _) = reg(&["diff", "--explain", &clean, &other]);
    assert_eq!(code, 1);
    assert_eq!(
        out,
        r#" [HKEY_LOCAL_MACHINE\PE_Sys\x]
-"b"=hex(2):25,00,41,00,25,00,00,00
-; "%A%"
+"b"=hex(2):25,00,42,00,25,00,00,00
+; "%B%"
"#
    );
}
