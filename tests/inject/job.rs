//! Successful runs of inject.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Bench, plus_side, wimlib, word};

const INJECT: [&str; 4] = ["inject", "winpe.wim", "--source", "install.wim:1"];

fn inject<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&INJECT[..], more].concat()
}

#[test]
fn a_dry_run_shows_what_the_real_run_does_and_writes_nothing() {
    let bench = Bench::new();
    let before = fs::read(&bench.winpe).unwrap();
    let dry = bench.run(&inject(&["--dry-run"])).expect(0);
    assert!(fs::read(&bench.winpe).unwrap() == before, "a dry run wrote");

    for promised in [
        r#"+"ImagePath"=hex(2):"#,
        r"+[HKEY_LOCAL_MACHINE\PE_Sys\ControlSet001\Services\MSiSCSI]",
        r"+[HKEY_LOCAL_MACHINE\PE_Soft\Microsoft\Windows NT\CurrentVersion\Svchost]",
        r"  add      Windows\System32\Drivers\msiscsi.sys",
        r"  add      Windows\System32\en-us\iscsilog.dll.mui",
    ] {
        assert!(dry.stdout.contains(promised), "{promised}\n{}", dry.stdout);
    }
    let added = dry.stdout.lines().filter(|line| line.starts_with("  add ")).count();
    assert_eq!(added, 17, "the files and the record of them");

    let real = bench.run(&inject(&[])).expect(0);
    assert_eq!(real.stdout, dry.stdout);
    assert!(fs::read(&bench.winpe).unwrap() != before, "a real run wrote nothing");
}

#[test]
fn the_plus_side_of_the_diff_makes_the_same_changes() {
    let by_profile = Bench::new();
    let report = by_profile.run(&inject(&[])).expect(0).stdout;

    let by_diff = Bench::new();
    by_diff.write("diff.reg", plus_side(&report));
    by_diff.write("only-files/profile.toml", "title = 'files'\nwhy = 'the diff has the keys'\n");
    let words =
        ["inject", "winpe.wim", "--profile", "only-files", "--reg", "diff.reg", "--dry-run"];
    // The roots of the diff are those of the profile that created it.
    let roots = r"title = 'files'
why = 'the diff has the keys'
[[hive]]
root = 'HKEY_LOCAL_MACHINE\PE_Sys'
file = 'Windows\System32\config\SYSTEM'
[[hive]]
root = 'HKEY_LOCAL_MACHINE\PE_Soft'
file = 'Windows\System32\config\SOFTWARE'
";
    by_diff.write("only-files/profile.toml", roots);
    let again = by_diff.run(&words).expect(0).stdout;
    assert_eq!(plus_side(&again), plus_side(&report));

    // On the complete image nothing is left to do.
    by_profile.write("diff.reg", plus_side(&report));
    by_profile.write("only-files/profile.toml", roots);
    by_profile.run(&[&words[..6], &["--check"]].concat()).expect(0);
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let bench = Bench::new();
    bench.run(&inject(&["--check"])).expect(1);
    bench.run(&inject(&[])).expect(0);
    let once = fs::read(&bench.winpe).unwrap();
    bench.run(&inject(&["--check"])).expect(0);
    let again = bench.run(&inject(&[])).expect(0);
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    assert!(fs::read(&bench.winpe).unwrap() == once, "the second run wrote");
    // The files are in the image, so the source is no longer needed.
    bench.run(&["inject", "winpe.wim", "--check"]).expect(0);
}

#[test]
fn the_result_is_a_sound_wim_with_the_new_files() {
    let bench = Bench::new();
    bench.run(&inject(&[])).expect(0);
    if wimlib(&["verify", word(&bench.winpe)]).is_none() {
        return;
    }
    let info = wimlib(&["info", word(&bench.winpe)]).unwrap();
    assert!(info.contains("Boot Index:     1"), "{info}");
    let listing = wimlib(&["dir", word(&bench.winpe), "1"]).unwrap();
    assert!(listing.contains("/Windows/System32/drivers/msiscsi.sys"), "{listing}");
    assert!(listing.contains("/Windows/System32/en-US/iscsicli.exe.mui"), "{listing}");
    wimlib(&["dir", word(&bench.winpe), "1", "--detailed"]).unwrap();

    let out = bench.path("out");
    fs::create_dir(&out).unwrap();
    wimlib(&["apply", word(&bench.winpe), "1", word(&out)]).unwrap();
    let source = bench.path("source");
    fs::create_dir(&source).unwrap();
    wimlib(&["apply", word(&bench.install), "1", word(&source)]).unwrap();
    let read = |dir: &Path, file| fs::read(dir.join("Windows/System32").join(file)).unwrap();
    assert_eq!(read(&out, "drivers/msiscsi.sys"), read(&source, "Drivers/msiscsi.sys"));
    assert_eq!(read(&out, "iscsicli.exe"), read(&source, "iscsicli.exe"));
    assert_eq!(read(&out, "startnet.cmd"), b"wpeinit\r\n");
}

#[test]
fn another_file_is_written_and_never_overwritten_unasked() {
    let bench = Bench::new();
    let before = fs::read(&bench.winpe).unwrap();
    bench.run(&inject(&["-o", "new.wim"])).expect(0);
    assert!(fs::read(&bench.winpe).unwrap() == before);
    let new = fs::read(bench.path("new.wim")).unwrap();
    let other = ["--initiator-name", "iqn.2011-12.com.example:lab", "-o", "new.wim"];
    let error = bench.refused(&inject(&other));
    assert!(error.contains("new.wim") && error.contains("--force"), "{error}");
    assert!(fs::read(bench.path("new.wim")).unwrap() == new, "the output was overwritten");
    bench.run(&inject(&["-o", "new.wim", "--force"])).expect(0);
    bench.run(&["verify", "new.wim"]).expect(0);
}

#[test]
fn a_folder_can_be_the_source_in_any_case() {
    let bench = Bench::new();
    if wimlib(&["apply", word(&bench.install), "1", word(&bench.path("win"))]).is_none() {
        return;
    }
    fs::rename(bench.path("win/Windows/System32"), bench.path("win/Windows/SYSTEM32")).unwrap();
    bench.run(&["inject", "winpe.wim", "--source", "win"]).expect(0);
    bench.run(&inject(&["--check"])).expect(0);
}

#[test]
fn further_reg_files_and_files_appear_and_are_applied() {
    let bench = Bench::new();
    bench.write(
        "tweak.reg",
        "Windows Registry Editor Version 5.00\n\n\
         [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters]\n\
         \"Hostname\"=\"lab\"\n\"NameServer\"=-\n\
         [-HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\.cmd]\n",
    );
    bench.write("tools/a.txt", "alpha");
    bench.write("tools/sub/b.txt", "beta");
    bench.write("hosts", "127.0.0.1 lab\n");
    let more = [
        "--reg",
        "tweak.reg",
        "--add",
        r"tools=\Tools",
        "--add",
        r"hosts=X:\Windows\System32\startnet.cmd",
    ];
    let dry = bench.run(&inject(&[&more[..], &["--dry-run"]].concat())).expect(0).stdout;
    for promised in [
        r"+[HKEY_LOCAL_MACHINE\PE_Sys\ControlSet001\Services\Tcpip\Parameters]",
        "-\"Hostname\"=\"minint\"\n+\"Hostname\"=\"lab\"\n",
        "-\"NameServer\"=\"\"\n+\"NameServer\"=-\n",
        r"+[-HKEY_LOCAL_MACHINE\PE_Soft\Classes\.cmd]",
        r"  add      Tools\a.txt",
        r"  add      Tools\sub\b.txt",
        r"  replace  Windows\System32\startnet.cmd",
    ] {
        assert!(dry.contains(promised), "{promised}\n{dry}");
    }
    bench.run(&inject(&more)).expect(0);
    bench.run(&inject(&[&more[..], &["--check"]].concat())).expect(0);
}

/// The user's own file sets a value twice, and some files delete a key and create it again: neither
/// may make a second run report changes.
#[test]
fn edits_without_net_effect_are_no_changes() {
    let bench = Bench::new();
    let seed = winpe_tests::workspace().join("fixtures/seed-iscsi.reg");
    bench.write("seed.reg", fs::read(seed).unwrap());
    let anew = "REGEDIT4\n\n[-HKEY_LOCAL_MACHINE\\SOFTWARE\\Lab]\n\n\
                [HKEY_LOCAL_MACHINE\\SOFTWARE\\Lab\\Sub]\n\"a\"=dword:1\n";
    bench.write("anew.reg", anew);
    let more = ["--reg", "seed.reg", "--reg", "anew.reg"];
    bench.run(&inject(&more)).expect(0);
    let once = fs::read(&bench.winpe).unwrap();
    let again = bench.run(&inject(&more)).expect(0);
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    assert!(fs::read(&bench.winpe).unwrap() == once, "the second run wrote");
}

#[test]
fn json_says_the_same() {
    let bench = Bench::new();
    let json = bench.run(&inject(&["--dry-run", "--json"])).expect(0).stdout;
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["image"], 1);
    assert_eq!(report["files"].as_array().unwrap().len(), 16);
    assert_eq!(report["files"][0]["action"], "add");
    let hives = report["hives"].as_array().unwrap();
    let text = bench.run(&inject(&["--dry-run"])).expect(0).stdout;
    for hive in hives {
        assert!(text.contains(hive["diff"].as_str().unwrap()));
        assert!(!hive["changes"].as_array().unwrap().is_empty());
    }
}

#[test]
fn builds_repeat_byte_for_byte() {
    let results = ["a.wim", "b.wim"].map(|out| {
        let bench = Bench::new();
        let mut command = std::process::Command::new(winpe_tests::winpe_iscsi());
        command.args(inject(&["-o", out])).current_dir(bench.dir.path());
        command.env("SOURCE_DATE_EPOCH", "1600000000");
        crate::support::Run::of(command).expect(0);
        let hive = |name: &str| {
            let archive = winpe_wim::Archive::open(&bench.path(out)).unwrap();
            archive.read(1, &format!(r"Windows\System32\config\{name}")).unwrap()
        };
        (hive("SYSTEM"), hive("SOFTWARE"))
    });
    assert!(results[0] == results[1]);
}

#[test]
fn all_images_are_changed_in_one_run_and_an_integrity_table_is_added() {
    let bench = Bench::new();
    let bytes = fs::read(&bench.winpe).unwrap();
    let both = bench.write("both.wim", &bytes);
    let Some(_) = wimlib(&["export", word(&bench.winpe), "1", word(&both), "Setup"]) else {
        return;
    };
    let words = ["inject", "both.wim", "--source", "install.wim:1", "--image", "all"];
    let check = |more: &[&str], code| bench.run(&[&words, more].concat()).expect(code);
    check(&["--check"], 1);
    let report = check(&["--json", "--integrity"], 0).stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    let images: Vec<_> =
        report["images"].as_array().unwrap().iter().map(|image| image["image"].as_u64()).collect();
    assert_eq!(images, [Some(1), Some(2)]);
    for image in ["1", "2"] {
        bench.run(&["verify", "both.wim", "--image", image]).expect(0);
    }
    assert!(winpe_wim::Archive::open(&both).unwrap().header().integrity);
    let before = fs::read(&both).unwrap();
    check(&["--check", "--integrity"], 0);
    check(&["--integrity"], 0);
    assert!(fs::read(&both).unwrap() == before, "there is nothing to do the second time");
    wimlib(&["verify", word(&both)]);
}
