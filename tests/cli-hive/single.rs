//! `hive new`, `set`, `delete`, `copy`, `rename`, in files and in images.

use winpe_hive::Hive;
use winpe_registry::{Value, ValueName, ValueType};
use winpe_wim::Archive;

use crate::bench::Bench;

fn value(bytes: Vec<u8>, key: &str, name: &str) -> Option<Value> {
    let hive = Hive::open(bytes).unwrap();
    assert!(hive.check().is_sound());
    let key = hive.key(&key.parse().unwrap()).unwrap()?;
    key.value(&ValueName::new(name).unwrap()).unwrap()
}

#[test]
fn set_takes_every_type() {
    let bench = Bench::new();
    for (words, expected) in [
        (&["text"][..], Value::sz("text")),
        (&["%SystemRoot%", "--type", "expand-sz"], Value::expand_sz("%SystemRoot%")),
        (&["a", "b c", "--type", "multi-sz"], Value::multi_sz(["a", "b c"])),
        (&["0x10", "--type", "dword"], Value::dword(16)),
        (&["18446744073709551615", "-t", "qword"], Value::qword(u64::MAX)),
        (&["01,02 ff", "-t", "binary"], Value::binary([1, 2, 255])),
        (&["--type", "none"], Value::new(ValueType::NONE, vec![])),
        (&["--", "-1"], Value::sz("-1")),
    ] {
        let ran = bench.hive(&[&["set", "SYSTEM", r"New\Key", "Name"], words].concat());
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.err);
        assert_eq!(value(bench.bytes("SYSTEM"), r"New\Key", "name"), Some(expected), "{words:?}");
    }
    let before = bench.bytes("SYSTEM");
    for words in [
        &["k", "n", "x", "--type", "dword"][..],
        &["k", "n", "4294967296", "--type", "dword"],
        &["k", "n", "a", "b"],
        &["k", "n", "0", "--type", "binary"],
        &["k", "n"],
    ] {
        assert_eq!(bench.hive(&[&["set", "SYSTEM"], words].concat()).code, 2, "{words:?}");
    }
    assert!(bench.bytes("SYSTEM") == before);
}

/// The lines are those of `hive diff`, and a dry run shows them and writes nothing.
#[test]
fn each_edit_shows_its_diff_and_a_dry_run_writes_nothing() {
    for (words, line) in [
        (
            &[
                "set",
                "SYSTEM",
                r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip",
                "Start",
                "3",
                "-t",
                "dword",
            ][..],
            "+\"Start\"=dword:00000003",
        ),
        (
            &["set", "SYSTEM", r"ControlSet001\New"],
            r"+[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\New]",
        ),
        (&["set", "SYSTEM", "Setup", "@", "x"], "+@=\"x\""),
        (&["delete", "SYSTEM", "Setup", "cmdline"], "+\"CmdLine\"=-"),
        (
            &["delete", "SYSTEM", r"CurrentControlSet\Services"],
            r"+[-HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services]",
        ),
        (
            &["copy", "SYSTEM", "ControlSet001", "ControlSet002"],
            r"+[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Services\Tcpip]",
        ),
        (&["rename", "SYSTEM", "Setup", "Setup2"], r"+[HKEY_LOCAL_MACHINE\SYSTEM\Setup2]"),
    ] {
        let bench = Bench::new();
        let before = bench.bytes("SYSTEM");
        let dry = bench.hive(&[words, &["--dry-run"]].concat());
        assert!(dry.code == 0 && dry.out.lines().any(|it| it == line), "{}{}", dry.out, dry.err);
        assert!(bench.bytes("SYSTEM") == before, "{words:?}");
        let ran = bench.hive(words);
        assert_eq!((ran.code, ran.out), (0, dry.out.clone()), "{}", ran.err);
        bench.put("OLD", &before);
        let diff = bench.hive(&["diff", "OLD", "SYSTEM"]);
        assert_eq!(diff.out, dry.out, "{words:?}");
        assert_eq!(bench.hive(&["check", "SYSTEM"]).code, 0);
    }
}

#[test]
fn what_is_not_there_or_is_in_the_way_is_an_error() {
    let bench = Bench::new();
    let before = bench.bytes("SYSTEM");
    for (words, says) in [
        (&["delete", "SYSTEM", "Setpu"][..], "did you mean Setup?"),
        (&["delete", "SYSTEM", "Setup", "Nothing"], "has no value \"Nothing\""),
        (&["copy", "SYSTEM", "Setup", "Select"], "has the key Select already"),
        (&["copy", "SYSTEM", "Setup"], "onto itself"),
        (&["rename", "SYSTEM", "Setup", "Select"], "there is such a key already"),
        (&["rename", "SYSTEM", "Setup", r"a\b"], "backslash"),
        (&["new", "SYSTEM"], "--force"),
    ] {
        let ran = bench.hive(words);
        assert!(ran.code == 2 && ran.err.contains(says), "{words:?}: {}", ran.err);
    }
    assert!(bench.bytes("SYSTEM") == before);
}

#[test]
fn a_new_hive_holds_what_the_files_say() {
    let bench = Bench::new();
    let exported = bench.hive(&["export", "SYSTEM"]);
    bench.put("all.reg", exported.out.as_bytes());
    let ran = bench.hive(&["new", "NEW", "all.reg", "--root", r"HKLM\SYSTEM"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(bench.hive(&["diff", "SYSTEM", "NEW", "--stat"]).out, "");
    assert_eq!(bench.hive(&["new", "EMPTY", "--minor", "3"]).code, 0);
    assert_eq!(bench.hive(&["check", "EMPTY"]).code, 0);
    if let Some(hivexsh) = winpe_tests::tool("hivexsh", "libhivex-bin") {
        let run = |name: &str| {
            let path = bench.path(name).display().to_string();
            winpe_tests::run(&hivexsh, [path.as_str()]).status
        };
        assert!(run("NEW").success() && run("EMPTY").success());
    }
}

#[test]
fn a_hive_in_an_image_is_changed_there() {
    let bench = Bench::with_wim();
    let hive = |image| {
        let archive = Archive::open(&bench.path("winpe.wim")).unwrap();
        archive.read(image, r"Windows\System32\config\SYSTEM").unwrap()
    };
    let untouched = hive(2);
    bench.put("a.reg", b"REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Setup]\n\"a\"=\"b\"\n");
    for words in [
        &["set", "winpe.wim:SYSTEM", "Setup", "CmdLine", "cmd.exe"][..],
        &["import", "winpe.wim:SYSTEM", "a.reg"],
        &["copy", "winpe.wim:1:SYSTEM", "Setup", "Copied", "--from", "winpe.wim:2:SYSTEM"],
    ] {
        let ran = bench.hive(words);
        assert!(ran.code == 0 && ran.err.contains("winpe.wim is changed"), "{}", ran.err);
    }
    assert_eq!(value(hive(1), "Setup", "CmdLine"), Some(Value::sz("cmd.exe")));
    assert_eq!(value(hive(1), "Setup", "a"), Some(Value::sz("b")));
    assert_eq!(value(hive(1), "Copied", "SystemSetupInProgress"), Some(Value::dword(1)));
    assert!(hive(2) == untouched);
    if let Some(imagex) = winpe_tests::tool("wimlib-imagex", "wimtools") {
        let path = bench.path("winpe.wim").display().to_string();
        assert!(winpe_tests::run(&imagex, ["verify", path.as_str()]).status.success());
    }
}
