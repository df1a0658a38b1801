//! Subcommands that only read.

use serde_json::json;
use winpe_registry::{Value, ValueName, ValueType};

use crate::bench::{Bench, set, system};

#[test]
fn info_describes_a_hive() {
    let bench = Bench::new();
    let ran = bench.hive(&["info", "SYSTEM"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("  version       1.5\n"), "{}", ran.out);
    assert!(ran.out.contains("  content       6 keys, 6 values\n"), "{}", ran.out);

    let (code, json) = bench.json(&["info", "SYSTEM"]);
    assert_eq!((code, &json["hives"][0]["keys"]), (0, &json!(6)));
}

#[test]
fn query_shows_a_key_and_a_value() {
    let bench = Bench::new();
    let ran = bench.hive(&["query", "SYSTEM", r"controlset001\services\tcpip"]);
    assert_eq!(
        ran.out,
        "HKEY_LOCAL_MACHINE\\SYSTEM\\controlset001\\services\\tcpip\n    \
         Start    REG_DWORD    0x00000001 (1)\n    \
         ImagePath    REG_EXPAND_SZ    drivers\\tcpip.sys\n    \
         DependOnService    REG_MULTI_SZ    a\\0b\n    \
         Blob    REG_BINARY    0102ff\n"
    );
    let full = r"HKEY_LOCAL_MACHINE\SYSTEM\Setup";
    let ran = bench.hive(&["query", "SYSTEM", full, "--value", "cmdline"]);
    assert_eq!(ran.out, "    CmdLine    REG_SZ    winpeshl.exe\n");

    let (_, json) = bench.json(&["query", "SYSTEM"]);
    assert_eq!(json["subkeys"], json!(["ControlSet001", "Select", "Setup"]));
}

#[test]
fn query_names_a_missing_key_or_value() {
    let bench = Bench::new();
    for words in
        [&["query", "SYSTEM", "Nothing"][..], &["query", "SYSTEM", "Setup", "--value", "Nothing"]]
    {
        let ran = bench.hive(words);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains("Nothing"), "{}", ran.err);
    }
}

#[test]
fn find_searches_keys_names_and_data() {
    let bench = Bench::new();
    let service = "HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\Tcpip\n";
    let path = "    ImagePath    REG_EXPAND_SZ    drivers\\tcpip.sys\n";
    let ran = bench.hive(&["find", "SYSTEM", "TCPIP"]);
    assert_eq!((ran.code, ran.out), (0, format!("{service}{path}")));
    let ran = bench.hive(&["find", "SYSTEM", "TCPIP", "--case-sensitive"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let ran = bench.hive(&["find", "SYSTEM", "image", "--names"]);
    assert_eq!(ran.out, format!("{service}{path}"));
    let ran = bench.hive(&["find", "SYSTEM", "tcpip", "--key", "Setup"]);
    assert_eq!(ran.out, "");
    let ran = bench.hive(&["find", "SYSTEM", r"\.sys$", "--data"]);
    assert_eq!((ran.code, ran.out), (0, format!("{service}{path}")));
    let ran = bench.hive(&["find", "SYSTEM", "-F", r"drivers\TCPIP."]);
    assert_eq!((ran.code, ran.out), (0, format!("{service}{path}")));
    let ran = bench.hive(&["find", "SYSTEM", "("]);
    assert!(ran.code == 2 && ran.err.contains("hint: -F"), "{}", ran.err);
}

#[test]
fn export_writes_what_import_reads() {
    let bench = Bench::new();
    let ran = bench.hive(&["export", "SYSTEM", "Setup"]);
    assert_eq!(
        ran.out,
        "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Setup]\n\
         \"CmdLine\"=\"winpeshl.exe\"\n\n"
    );
    let ran = bench.hive(&["export", "SYSTEM", "-o", "all.reg"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert!(bench.bytes("all.reg").starts_with(&[0xff, 0xfe, b'W', 0]));
    let again = bench.hive(&["export", "SYSTEM", "-o", "all.reg"]);
    assert_eq!(again.code, 2, "an existing file is not overwritten");

    let ran = bench.hive(&["import", "SYSTEM", "all.reg"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert!(ran.err.contains("nothing to do"), "{}", ran.err);
}

#[test]
fn check_reports_findings_by_its_exit_code() {
    let bench = Bench::new();
    let ran = bench.hive(&["check", "SYSTEM"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "SYSTEM: sound\n"));

    let mut bytes = bench.bytes("SYSTEM");
    bytes[508] ^= 1;
    bench.put("BAD", &bytes);
    let ran = bench.hive(&["check", "SYSTEM", "BAD"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.contains("BAD: 1 errors, 0 warnings\n  error hdr-checksum at 0x"),
        "{}",
        ran.out
    );
    let (code, json) = bench.json(&["check", "BAD"]);
    assert_eq!((code, &json["hives"][0]["counts"]["hdr-checksum"]), (1, &json!(1)));
}

#[test]
fn a_hive_inside_an_image_is_addressed_by_wim_and_name() {
    let bench = Bench::with_wim();
    for place in
        ["winpe.wim:SYSTEM", "winpe.wim:1:system", "winpe.wim:Windows/System32/config/SYSTEM"]
    {
        let ran = bench.hive(&["query", place, "Setup"]);
        assert!(ran.out.ends_with("    CmdLine    REG_SZ    winpeshl.exe\n"), "{}", ran.err);
    }
    for place in ["winpe.wim:SOFTWARE", "winpe.wim:3:SYSTEM", "other.wim:SYSTEM"] {
        let ran = bench.hive(&["query", place]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{place}");
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
    }
}

#[test]
fn diff_is_a_reg_file_on_its_plus_side() {
    let bench = Bench::with_wim();
    let ran = bench.hive(&["diff", "winpe.wim:1:SYSTEM", "winpe.wim:2:SYSTEM"]);
    assert_eq!(ran.code, 1);
    let plus: String = ran
        .out
        .lines()
        .filter_map(|line| line.strip_prefix('+'))
        .flat_map(|line| [line, "\n"])
        .collect();
    bench.put("plus.reg", plus.as_bytes());
    let ran = bench.hive(&["import", "SYSTEM", "plus.reg"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let same = bench.hive(&["diff", "SYSTEM", "winpe.wim:2:SYSTEM"]);
    assert_eq!((same.code, same.out.as_str()), (0, ""));

    let ran = bench.hive(&["diff", "winpe.wim:2:SYSTEM", "winpe.wim:1:SYSTEM", "--stat"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, "       1 values removed\n"));
    let (code, json) = bench.json(&["diff", "winpe.wim:1:SYSTEM", "winpe.wim:2:SYSTEM"]);
    assert_eq!((code, &json["values_added"]), (1, &json!(1)));
    assert_eq!(json["changes"].as_array().unwrap().len(), 1);
}

/// Other programs take the comment `;exact` for data, or refuse it.
#[test]
fn a_plain_export_has_no_comments() {
    let bench = Bench::new();
    let open = Value::new(ValueType::SZ, b"a\0b\0".to_vec());
    let mut hive = system();
    hive.apply(&set("Lab", "Open", open.clone())).unwrap();
    bench.put("SYSTEM", &hive.into_bytes());
    let usual = bench.hive(&["export", "SYSTEM", "Lab"]).out;
    assert!(usual.contains("\"Open\"=hex(1):61,00,62,00 ;exact\n"), "{usual}");
    let plain = bench.hive(&["export", "SYSTEM", "Lab", "--plain"]).out;
    assert_eq!(plain, usual.replace(" ;exact", ""));
    for format in [&[][..], &["--utf8"]] {
        let words = ["export", "SYSTEM", "Lab", "--plain", "--force", "-o", "lab.reg"];
        assert_eq!(bench.hive(&[&words[..], format].concat()).code, 0);
        let bytes = bench.bytes("lab.reg");
        assert!(!bytes.contains(&b';'), "{format:?}");
    }
    let Some(hivex) = winpe_tests::tool("hivexregedit", "libwin-hivex-perl") else { return };
    assert_eq!(bench.hive(&["new", "THEIRS"]).code, 0);
    let [theirs, file] = ["THEIRS", "lab.reg"].map(|name| bench.path(name).display().to_string());
    let prefix = r"HKEY_LOCAL_MACHINE\SYSTEM";
    let merged =
        winpe_tests::run(&hivex, ["--merge", "--prefix", prefix, theirs.as_str(), file.as_str()]);
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    let theirs = winpe_hive::Hive::open(bench.bytes("THEIRS")).unwrap();
    let key = theirs.key(&"Lab".parse().unwrap()).unwrap().unwrap();
    assert_eq!(key.value(&ValueName::new("Open").unwrap()).unwrap(), Some(open));
}
