//! The roots under which keys are named, and what `CurrentControlSet` means.

use winpe_hive::Hive;
use winpe_registry::{Edit, Value};

use crate::bench::{Bench, set, system};

const STRAY: &str = r"CurrentControlSet\Services\Lab";

/// A SYSTEM hive with a key named as the alias, as tools make it that know no alias.
fn stray() -> Hive {
    let mut hive = system();
    hive.apply(&set(STRAY, "Start", Value::dword(4))).unwrap();
    hive
}

/// The `+` lines of a diff, which are a `.reg` file.
fn plus(diff: &str) -> String {
    diff.lines()
        .filter_map(|line| line.strip_prefix('+'))
        .map(|line| line.to_owned() + "\n")
        .collect()
}

#[test]
fn a_diff_imports_though_a_key_is_named_as_the_alias() {
    let bench = Bench::new();
    bench.put("STRAY", &stray().into_bytes());
    let names = ["--root", r"HKEY_LOCAL_MACHINE\SYSTEM"];
    for (old, new, set) in [("STRAY", "SYSTEM", "current"), ("SYSTEM", "STRAY", "literal")] {
        let diff = bench.hive(&[&["diff", old, new], &names[..]].concat());
        assert_eq!(diff.code, 1, "{}", diff.err);
        bench.put("plus.reg", plus(&diff.out).as_bytes());
        std::fs::create_dir_all(bench.path("in")).unwrap();
        std::fs::copy(bench.path(old), bench.path("in/SYSTEM")).unwrap();
        let ran = bench.hive(&["import", "in/SYSTEM", "plus.reg", "--control-set", set]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let left = bench.hive(&[&["diff", "in/SYSTEM", new], &names[..]].concat());
        assert_eq!((left.code, left.out.as_str()), (0, ""), "{old} to {new}");
    }
    let warned = bench.hive(&["diff", "SYSTEM", "in/SYSTEM"]);
    assert!(warned.err.contains("--control-set literal"), "{}", warned.err);
    let ran = bench.hive(&["query", "in/SYSTEM", STRAY]);
    assert!(ran.code == 0 && ran.out.contains("Start"), "{}", ran.err);
}

#[test]
fn the_alias_is_known_where_keys_are_read() {
    let bench = Bench::new();
    let set = r"HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\Tcpip";
    for name in [
        r"CurrentControlSet\Services\Tcpip",
        r"HKLM\SYSTEM\CurrentControlSet\services\tcpip\",
        r"\ControlSet001\Services\Tcpip",
    ] {
        let ran = bench.hive(&["query", "SYSTEM", name]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.err);
        assert!(ran.out.to_lowercase().starts_with(&set.to_lowercase()), "{}", ran.out);
        let ran = bench.hive(&["export", "SYSTEM", name]);
        assert!(ran.out.to_lowercase().contains(&set.to_lowercase()), "{}", ran.out);
        let ran = bench.hive(&["find", "SYSTEM", "tcpip", "--key", name]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
}

#[test]
fn a_key_that_is_missing_is_told_with_the_nearest() {
    let bench = Bench::new();
    for (key, hint) in [
        (r"ControlSet001\Services\Tcpi", r"did you mean ControlSet001\Services\Tcpip?"),
        (
            r"ControlSet001\Services\Nothing\at\all",
            r"the nearest key that it has is ControlSet001\Services",
        ),
        ("Zebra", "winpe-iscsi hive query SYSTEM"),
    ] {
        let ran = bench.hive(&["query", "SYSTEM", key]);
        assert!(ran.code == 2 && ran.err.contains(hint), "{}", ran.err);
    }
}

#[test]
fn a_control_set_is_named_by_number_or_all_are() {
    let bench = Bench::new();
    let mut hive = system();
    for number in [2, 3] {
        let key = format!(r"ControlSet{number:03}\Services").parse().unwrap();
        hive.apply(&Edit::create_key(key)).unwrap();
    }
    bench.put("SYSTEM", &hive.into_bytes());
    let text = "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Lab]\n\
                \"Start\"=dword:2\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Setup]\n\"a\"=dword:1\n";
    bench.put("a.reg", text.as_bytes());
    for (arg, sets) in [("current", "1"), ("2", "2"), ("all", "123"), ("literal", "")] {
        let ran = bench.hive(&[
            "import",
            "SYSTEM",
            "a.reg",
            "--control-set",
            arg,
            "-o",
            "OUT",
            "--force",
        ]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let hive = Hive::open(bench.bytes("OUT")).unwrap();
        let has = |key: &str| hive.key(&key.parse().unwrap()).unwrap().is_some();
        for number in ["1", "2", "3"] {
            let key = format!(r"ControlSet00{number}\Services\Lab");
            assert_eq!(has(&key), sets.contains(number), "{arg}: {key}");
        }
        assert_eq!(has(STRAY), arg == "literal");
    }
    let ran = bench.hive(&["import", "SYSTEM", "a.reg", "--control-set", "0"]);
    assert!(ran.code == 2 && ran.err.contains("from 1 to 999"), "{}", ran.err);
}

/// A hive says from which file Windows loaded it, so that a copy is known by any name.
#[test]
fn a_copy_is_known_by_what_it_was_loaded_as() {
    let bench = Bench::new();
    for (loaded, root) in [
        (r"emRoot\System32\Config\SYSTEM", r"HKEY_LOCAL_MACHINE\SYSTEM"),
        (r"\??\C:\Users\Default\NTUSER.DAT", "HKEY_CURRENT_USER"),
        (r"Microsoft\Windows\UsrClass.dat", r"HKEY_CURRENT_USER\Software\Classes"),
    ] {
        let mut bytes = system().into_bytes();
        let name: Vec<u8> = loaded.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let name = &name[name.len().saturating_sub(62)..];
        bytes[48..48 + name.len()].copy_from_slice(name);
        let sum = bytes[..508]
            .chunks(4)
            .fold(0, |sum, word| sum ^ u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        bytes[508..512].copy_from_slice(&sum.to_le_bytes());
        bench.put("copy.bak", &bytes);
        let ran = bench.hive(&["query", "copy.bak", "Setup"]);
        assert!(ran.out.starts_with(&format!("{root}\\Setup\n")), "{}{}", ran.out, ran.err);
        bench.put("a.reg", format!("REGEDIT4\n\n[{root}\\Setup]\n\"a\"=dword:1\n").as_bytes());
        let ran = bench.hive(&["import", "copy.bak", "a.reg", "--dry-run"]);
        assert!(ran.code == 0 && ran.out.contains("+\"a\"=dword:00000001"), "{}", ran.err);
    }
}

/// What other tools write about a user's hive.
#[test]
fn a_users_hive_takes_the_files_that_name_a_user() {
    let bench = Bench::new();
    bench.put("NTUSER.DAT", &system().into_bytes());
    for root in ["HKEY_CURRENT_USER", r"HKEY_USERS\S-1-5-21-1-2-3-1000", r"HKEY_USERS\.DEFAULT"] {
        bench.put("a.reg", format!("REGEDIT4\n\n[{root}\\Setup]\n\"a\"=dword:1\n").as_bytes());
        let ran = bench.hive(&["import", "NTUSER.DAT", "a.reg", "--dry-run"]);
        assert!(ran.out.contains("+[HKEY_CURRENT_USER\\Setup]\n"), "{root}: {}", ran.err);
    }
    let export = bench.hive(&["export", "NTUSER.DAT"]);
    assert!(export.out.contains("[HKEY_CURRENT_USER]\n"), "{}", export.out);
}
