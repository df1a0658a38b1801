//! Subcommands that write.

use winpe_hive::Hive;
use winpe_registry::{Value, ValueName};

use crate::bench::Bench;

const REG: &str = "Windows Registry Editor Version 5.00\n\n\
    [HKEY_LOCAL_MACHINE\\SYSTEM\\Setup]\n\"CmdLine\"=\"cmd.exe\"\n\n\
    [-HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\Tcpip]\n";

fn cmd_line(bytes: Vec<u8>) -> Option<Value> {
    let hive = Hive::open(bytes).unwrap();
    let key = hive.key(&"Setup".parse().unwrap()).unwrap().unwrap();
    key.value(&ValueName::new("CmdLine").unwrap()).unwrap()
}

#[test]
fn import_changes_the_hive_in_place() {
    let bench = Bench::new();
    bench.put("new.reg", REG.as_bytes());
    let before = bench.bytes("SYSTEM");

    let dry = bench.hive(&["import", "SYSTEM", "new.reg", "--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.err);
    assert!(dry.out.contains("\n-\"CmdLine\"=\"winpeshl.exe\"\n+\"CmdLine\"=\"cmd.exe\"\n"));
    assert_eq!(bench.bytes("SYSTEM"), before, "a dry run writes nothing");

    let real = bench.hive(&["import", "SYSTEM", "new.reg"]);
    assert_eq!((real.code, &real.out), (0, &dry.out));
    assert_eq!(cmd_line(bench.bytes("SYSTEM")), Some(Value::sz("cmd.exe")));
    assert_eq!(bench.names(), ["SYSTEM", "new.reg"], "no temporary file is left");

    let after = bench.bytes("SYSTEM");
    let second = bench.hive(&["import", "SYSTEM", "new.reg"]);
    assert_eq!((second.code, second.out.as_str()), (0, ""));
    assert_eq!(bench.bytes("SYSTEM"), after, "the second run changes nothing");
}

#[test]
fn import_writes_the_same_bytes_each_time() {
    let (one, other) = (Bench::new(), Bench::new());
    for bench in [&one, &other] {
        bench.put("new.reg", REG.as_bytes());
        assert_eq!(bench.hive(&["import", "SYSTEM", "new.reg", "-o", "OUT"]).code, 0);
    }
    assert_eq!(one.bytes("OUT"), other.bytes("OUT"));
    assert_eq!(cmd_line(one.bytes("SYSTEM")), Some(Value::sz("winpeshl.exe")));
    assert_eq!(one.hive(&["import", "SYSTEM", "new.reg", "-o", "OUT"]).code, 2);
    assert_eq!(one.hive(&["import", "SYSTEM", "new.reg", "-o", "OUT", "--force"]).code, 0);
}

#[test]
fn import_takes_keys_below_another_root() {
    let bench = Bench::new();
    bench.put("pe.reg", REG.replace(r"MACHINE\SYSTEM", r"MACHINE\PE_Sys").as_bytes());
    let ran = bench.hive(&["import", "SYSTEM", "pe.reg"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("pe.reg:3:") && ran.err.contains("--root"), "{}", ran.err);
    let root = r"HKEY_LOCAL_MACHINE\PE_Sys";
    assert_eq!(bench.hive(&["import", "SYSTEM", "pe.reg", "--root", root]).code, 0);
    assert_eq!(cmd_line(bench.bytes("SYSTEM")), Some(Value::sz("cmd.exe")));
}

#[test]
fn import_changes_the_control_set_that_the_hive_selects() {
    let current = REG.replace("ControlSet001", "CurrentControlSet");
    for (root, options) in
        [("SYSTEM", &[][..]), ("PE_Sys", &["--root", r"HKEY_LOCAL_MACHINE\PE_Sys"][..])]
    {
        let bench = Bench::new();
        bench.put(
            "ccs.reg",
            current.replace(r"MACHINE\SYSTEM", &format!(r"MACHINE\{root}")).as_bytes(),
        );
        let ran = bench.hive(&[&["import", "SYSTEM", "ccs.reg"], options].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        let deleted = format!(r"-[HKEY_LOCAL_MACHINE\{root}\ControlSet001\Services\Tcpip]");
        assert!(ran.out.contains(&deleted), "{}", ran.out);
        let hive = Hive::open(bench.bytes("SYSTEM")).unwrap();
        assert!(hive.key(&r"ControlSet001\Services\Tcpip".parse().unwrap()).unwrap().is_none());
        assert!(hive.key(&"CurrentControlSet".parse().unwrap()).unwrap().is_none());
    }
}

#[test]
fn a_hive_that_selects_no_control_set_has_no_current_one() {
    let bench = Bench::new();
    bench.put(
        "select.reg",
        REG.replace("-HKEY", "HKEY").replace("ControlSet001", "CurrentControlSet").as_bytes(),
    );
    let mut hive = Hive::open(bench.bytes("SYSTEM")).unwrap();
    hive.apply(&winpe_registry::Edit::delete_key("Select".parse().unwrap())).unwrap();
    bench.put("SYSTEM", &hive.into_bytes());
    let before = bench.bytes("SYSTEM");
    let ran = bench.hive(&["import", "SYSTEM", "select.reg"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("Select") && ran.err.contains("ControlSet001"), "{}", ran.err);
    assert_eq!(bench.bytes("SYSTEM"), before);
}

#[test]
fn a_damaged_hive_is_not_edited() {
    let bench = Bench::new();
    bench.put("new.reg", REG.as_bytes());
    let mut bytes = bench.bytes("SYSTEM");
    // The parent field of the key Tcpip, 60 bytes before its name.
    let name = bytes.windows(5).position(|at| at == b"Tcpip").unwrap();
    bytes[name - 60] ^= 8;
    bench.put("SYSTEM", &bytes);
    let ran = bench.hive(&["import", "SYSTEM", "new.reg"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("is damaged") && ran.err.contains("hive check SYSTEM"), "{}", ran.err);
    assert!(ran.err.contains("hive mend SYSTEM -o OUT"), "{}", ran.err);
    assert_eq!(bench.bytes("SYSTEM"), bytes);
    assert_eq!(bench.hive(&["check", "SYSTEM"]).code, 1);
}

#[test]
fn a_bad_reg_file_changes_nothing() {
    let bench = Bench::new();
    bench.put("bad.reg", REG.replace("\"cmd.exe\"", "\"cmd.exe").as_bytes());
    let before = bench.bytes("SYSTEM");
    let ran = bench.hive(&["import", "SYSTEM", "bad.reg"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("bad.reg:4"), "{}", ran.err);
    assert_eq!(bench.bytes("SYSTEM"), before);
}

/// With -o the image stays as it is.
#[test]
fn a_hive_of_an_image_can_be_written_to_a_file() {
    let bench = Bench::with_wim();
    bench.put("new.reg", REG.as_bytes());
    let before = bench.bytes("winpe.wim");
    let ran = bench.hive(&["import", "winpe.wim:SYSTEM", "new.reg", "-o", "OUT"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(cmd_line(bench.bytes("OUT")), Some(Value::sz("cmd.exe")));
    assert_eq!(bench.bytes("winpe.wim"), before);
}

#[test]
fn compact_keeps_the_content() {
    let bench = Bench::new();
    bench.put("new.reg", REG.as_bytes());
    assert_eq!(bench.hive(&["import", "SYSTEM", "new.reg"]).code, 0);
    let ran = bench.hive(&["compact", "SYSTEM", "-o", "OUT"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(bench.bytes("OUT").len() <= bench.bytes("SYSTEM").len());
    let same = bench.hive(&["diff", "SYSTEM", "OUT"]);
    assert_eq!((same.code, same.out.as_str()), (0, ""));
    assert_eq!(bench.hive(&["check", "OUT"]).code, 0);
}

#[test]
fn a_dry_run_refuses_what_the_run_refuses() {
    let bench = Bench::new();
    bench.put("new.reg", REG.as_bytes());
    bench.put("there", b"old");
    std::fs::create_dir(bench.path("folder")).unwrap();
    for command in
        [&["import", "SYSTEM", "new.reg"][..], &["recover", "SYSTEM"], &["compact", "SYSTEM"]]
    {
        for out in [
            &["-o", "there"][..],
            &["-o", "folder", "--force"],
            &["-o", "absent/OUT"],
            &["-o", "there/OUT"],
        ] {
            let real = bench.hive(&[command, out].concat());
            let dry = bench.hive(&[command, out, &["--dry-run"]].concat());
            assert_eq!((real.code, real.out.as_str()), (2, ""), "{command:?} {out:?}");
            assert_eq!(
                (dry.code, dry.out, dry.err),
                (2, String::new(), real.err),
                "{command:?} {out:?}"
            );
        }
    }
    assert_eq!(bench.bytes("there"), b"old");
}
