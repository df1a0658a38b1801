//! What a later run does to what earlier ones made WinPE start.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use winpe_inject::demo::Program;
use winpe_wim::{Archive, CommitOptions, Content, FileChange, ImageChanges, Target};

use crate::support::Bench;

const OURS: &str = r"Windows\System32\winpe-iscsi";
const STARTNET: &str = r"Windows\System32\startnet.cmd";
const A: &str = "iscsi:10.0.0.1::::iqn.2011-12.com.example:a";
const B: &str = "iscsi:10.0.0.1::::iqn.2011-12.com.example:b";
const SECRET: &str = "secret-of-lab1";

const BASE: &[&str] = &["inject", "winpe.wim", "--source", "install.wim:1"];

/// Runs `inject` on the image, which must succeed. Returns standard error.
#[track_caller]
fn inject(bench: &Bench, more: &[&str]) -> String {
    bench.run(&[BASE, more].concat()).expect(0).stderr
}

/// A driver package `dir/NAME.inf` with these further files.
fn package(bench: &Bench, dir: &str, name: &str, version: &str, further: &[&str]) {
    let files: String = further.iter().map(|file| format!("{file} = 1\n")).collect();
    let inf = format!(
        "[Version]\nSignature = \"$Windows NT$\"\nClass = Net\nCatalogFile = {name}.cat\n\
         DriverVer = 01/02/2024, {version}\n[SourceDisksNames]\n1 = \"Disk\"\n\
         [SourceDisksFiles]\n{name}.sys = 1\n{files}[All]\nCopyFiles = Files\n[Files]\n{name}.sys\n{}",
        further.iter().map(|file| format!("{file}\n")).collect::<String>()
    );
    bench.write(&format!("{dir}/{name}.inf"), inf);
    bench.write(&format!("{dir}/{name}.cat"), "catalogue");
    for file in further.iter().copied().chain([&*format!("{name}.sys")]) {
        bench.write(&format!("{dir}/{file}"), Program::new(file).build());
    }
}

/// A bench with the packages `nic`, `disk` and another version of the first.
fn bench() -> Bench {
    let bench = Bench::new();
    package(&bench, "nic", "labnet", "1.0.0.1", &["old.sys"]);
    package(&bench, "disk", "labdisk", "1.0.0.1", &[]);
    package(&bench, "next/nic", "labnet", "1.0.0.2", &["new.sys"]);
    let chap = bench.write("chap", format!("lab\n{SECRET}\n"));
    fs::set_permissions(chap, fs::Permissions::from_mode(0o600)).unwrap();
    bench
}

fn text(bench: &Bench, path: &str) -> String {
    String::from_utf8(Archive::open(&bench.winpe).unwrap().read(1, path).unwrap()).unwrap()
}

fn has(bench: &Bench, path: &str) -> bool {
    Archive::open(&bench.winpe).unwrap().entry(1, &format!(r"{OURS}\{path}")).unwrap().is_some()
}

/// The files and folders of the image with their SHA-1: without the record, without the hives, which have the
/// times of the runs, and without the numbers of kept files.
fn tree(bench: &Bench) -> BTreeMap<String, Option<[u8; 20]>> {
    let archive = Archive::open(&bench.winpe).unwrap();
    let plain = |path: String| match path.split_once(r"\replaced\") {
        Some((folder, name)) => format!(r"{folder}\{}", name.trim_start_matches(char::is_numeric)),
        None => path,
    };
    let entries = archive.below(1, "").unwrap();
    let entries = entries.map(|entry| (plain(entry.path.to_string()), entry.sha1));
    entries.filter(|(path, _)| !path.ends_with("record.json") && !path.contains("config")).collect()
}

/// The INFs that the image loads, below `drivers`.
fn loaded(bench: &Bench) -> Vec<String> {
    let early = text(bench, &format!(r"{OURS}\early.cmd"));
    let lines = early.lines().filter_map(|line| line.strip_prefix("drvload \"%~dp0drivers\\"));
    lines.map(|line| line.trim_end_matches('"').to_owned()).collect()
}

fn put(bench: &Bench, path: &str, content: &str) {
    let content = Content::Bytes(content.as_bytes().to_vec());
    let changes = vec![FileChange::Put { path: path.to_owned(), content }];
    let changes = [ImageChanges { image: 1, changes }];
    let archive = Archive::open(&bench.winpe).unwrap();
    archive.commit(&changes, &Target::InPlace, CommitOptions::default()).unwrap();
}

#[test]
fn a_later_run_keeps_what_earlier_ones_start() {
    let bench = bench();
    inject(&bench, &["--autostart", "--connect", A, "--event-log-workaround"]);
    let startnet = text(&bench, STARTNET);
    for more in [
        &["--driver", "nic"][..],
        &["--driver", "disk"],
        &["--connect", B],
        &["--autostart"],
        &["--event-log-workaround"],
    ] {
        inject(&bench, more);
        assert_eq!(text(&bench, STARTNET), startnet, "{more:?}");
        bench.run(&["verify", "winpe.wim"]).expect(0);
        // The same again changes nothing.
        bench.run(&[BASE, more, &["--check"]].concat()).expect(0);
    }
    assert_eq!(loaded(&bench), [r"nic\labnet.inf", r"disk\labdisk.inf"]);
    let early = text(&bench, &format!(r"{OURS}\early.cmd"));
    assert!(early.contains("net stop eventlog"), "{early}");
    let connect = text(&bench, &format!(r"{OURS}\connect.cmd"));
    let logins = connect.lines().filter(|line| line.starts_with("iscsicli QLoginTarget"));
    let logins: Vec<_> = logins.map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    assert_eq!(logins, ["iqn.2011-12.com.example:a", "iqn.2011-12.com.example:b"]);
    // A report names everything that WinPE loads then, and the class of a driver of an earlier run.
    let report = bench.run(&[BASE, &["--connect", B, "--json"]].concat()).expect(0).stdout;
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["startup"]["drivers"][1]["class"], "Net");
    assert_eq!(report["startup"]["targets"], serde_json::json!([A, B]));
    bench.run(&["remove", "winpe.wim"]).expect(0);
    assert!(tree(&bench) == tree(&self::bench()), "something is left");
}

#[test]
fn the_order_of_runs_does_not_decide_what_is_there() {
    let options: [&[&str]; 4] = [
        &["--driver", "nic"],
        &["--connect", A, "--autostart"],
        &["--event-log-workaround"],
        &["--reg", "lab.reg"],
    ];
    let end = |order: &[usize]| {
        let bench = bench();
        bench.write("lab.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lab]\n");
        order.iter().for_each(|&at| drop(inject(&bench, options[at])));
        tree(&bench)
    };
    let first = end(&[0, 1, 2, 3]);
    assert!(first == end(&[3, 2, 1, 0]));
    assert!(first == end(&[1, 3, 0, 2]));
}

#[test]
fn another_version_of_a_package_takes_its_place() {
    let bench = bench();
    inject(&bench, &["--driver", "nic", "--driver", "disk"]);
    assert!(has(&bench, r"drivers\nic\old.sys"));
    let stderr = inject(&bench, &["--driver", "next/nic"]);
    assert!(
        stderr.contains("warning: the driver package nic in the image is replaced by next/nic")
    );
    assert_eq!(loaded(&bench), [r"nic\labnet.inf", r"disk\labdisk.inf"]);
    assert!(has(&bench, r"drivers\nic\new.sys") && !has(&bench, r"drivers\nic\old.sys"));
    bench.run(&["verify", "winpe.wim"]).expect(0);
    bench.run(&[BASE, &["--driver", "next/nic", "--check"]].concat()).expect(0);

    // Another driver in a folder of the same name is one more.
    package(&bench, "other/nic", "labother", "1.0.0.1", &[]);
    inject(&bench, &["--driver", "other/nic"]);
    let all = [r"nic\labnet.inf", r"disk\labdisk.inf", r"nic-2\labother.inf"];
    assert_eq!(loaded(&bench), all);
    bench.run(&["verify", "winpe.wim"]).expect(0);
}

#[test]
fn a_part_is_taken_out_and_the_rest_stays() {
    let bench = bench();
    inject(&bench, &["--autostart", "--connect", A, "--chap-secret-file", "chap"]);
    let before = tree(&bench);
    inject(&bench, &["--driver", "nic", "--driver", "disk", "--connect", B]);
    inject(&bench, &["--event-log-workaround"]);

    let run = |words: &[&str]| bench.run(&[&["remove", "winpe.wim"], words].concat());
    let dry = run(&["--driver", "nic", "--dry-run"]).expect(0).stdout;
    assert!(dry.contains("-drvload \"%~dp0drivers\\nic\\labnet.inf\""), "{dry}");
    assert!(dry.contains(r"remove   Windows\System32\winpe-iscsi\drivers\nic\old.sys"), "{dry}");
    run(&["--driver", "NIC"]).expect(0);
    assert!(!has(&bench, r"drivers\nic") && has(&bench, r"drivers\disk"));
    assert_eq!(loaded(&bench), [r"disk\labdisk.inf"]);
    bench.run(&["verify", "winpe.wim"]).expect(0);
    run(&["--driver", "disk", "--event-log-workaround"]).expect(0);
    assert!(!has(&bench, "drivers") && !has(&bench, "early.cmd"));
    run(&["--connect", B]).expect(0);
    bench.run(&["verify", "winpe.wim"]).expect(0);
    assert!(tree(&bench) == before);

    // With the last login the secret goes, out of the file too.
    let kept = run(&["--connect", A]).expect(0).stderr;
    assert!(kept.contains("overwritten in the file"), "{kept}");
    assert!(!has(&bench, "chap.cmd") && has(&bench, "connect.cmd"));
    run(&["--autostart"]).expect(0);
    assert_eq!(text(&bench, STARTNET), "wpeinit\r\n");
    assert!(!has(&bench, "connect.cmd"));
    bench.run(&["verify", "winpe.wim"]).expect(0);

    // What is not there cannot be taken out, and the message says what is.
    inject(&bench, &["--driver", "nic", "--driver", "disk", "--connect", A]);
    for (words, says) in [
        (["--driver", "nik"], "the image has no driver package nik; it has nic, disk"),
        (["--connect", B], &*format!("the image has no login to {B}; it has {A}")),
        (["--autostart", "--dry-run"], "the image has no start of the initiator"),
    ] {
        let error = bench.refused(&[&["remove", "winpe.wim"], &words[..]].concat());
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_recipe_says_all_and_what_it_leaves_out_is_told() {
    let bench = bench();
    let words = ["--driver", "nic", "--event-log-workaround", "--chap-secret-file", "chap"];
    inject(&bench, &[&words[..], &["--autostart", "--connect", A, "--connect", B]].concat());
    let recipe = format!(
        "[inject]\nwim = 'winpe.wim'\nsource = 'install.wim:1'\ndriver = ['disk']\nconnect = ['{B}']\n"
    );
    bench.write("lab.toml", recipe);
    let run = bench.run(&["inject", "--recipe", "lab.toml"]).expect(0);
    for lost in [
        "driver package nic",
        &format!("login to {A}"),
        "login with CHAP",
        "start of the initiator (autostart)",
        "event log workaround",
    ] {
        let warning = format!("warning: WinPE no longer has the {lost} of an earlier run");
        assert!(run.stderr.contains(&warning), "{lost}\n{}", run.stderr);
    }
    assert!(run.stderr.contains("overwritten in the file"), "{}", run.stderr);
    assert_eq!(loaded(&bench), [r"disk\labdisk.inf"]);
    assert!(!has(&bench, r"drivers\nic") && !has(&bench, "chap.cmd"));
    assert!(!text(&bench, STARTNET).contains("connect.cmd"));
    bench.run(&["verify", "winpe.wim"]).expect(0);
    let again = bench.run(&["inject", "--recipe", "lab.toml", "--check"]).expect(0);
    assert!(!again.stderr.contains("no longer"), "{}", again.stderr);
}

#[test]
fn verify_looks_at_what_is_started() {
    let all = ["--autostart", "--connect", A, "--driver", "nic", "--event-log-workaround"];
    let early = format!(r"{OURS}\early.cmd");
    let connect = format!(r"{OURS}\connect.cmd");
    let ini = r"Windows\System32\winpeshl.ini";
    for (path, content, findings) in [
        (STARTNET, "wpeinit\r\n", vec!["the call of {early}", "the call of {connect}"]),
        (STARTNET, "rem {early}\r\nwpeinit\r\ncall {connect}\r\n", vec!["the call of {early}"]),
        // The ini decides, so that startnet.cmd is no longer run.
        (ini, "[LaunchApps]\r\nx.exe\r\n", vec!["the call of {early}", "the call of {connect}"]),
        (&early, "@echo off\r\n", vec!["the restart of the event log", r"the loading of {nic}"]),
        (&connect, "@echo off\r\n", vec!["the login to iscsi:10.0.0.1"]),
    ] {
        let bench = bench();
        inject(&bench, &all);
        bench.run(&["verify", "winpe.wim"]).expect(0);
        let nic = format!(r"{OURS}\drivers\nic\labnet.inf");
        let filled = |text: &str| {
            text.replace("{early}", &early).replace("{connect}", &connect).replace("{nic}", &nic)
        };
        put(&bench, path, &filled(content));
        let found = bench.run(&["verify", "winpe.wim"]).expect(1).stdout;
        let missing = found.lines().filter(|line| line.starts_with("the ")).count();
        assert_eq!(missing, findings.len(), "{path}\n{found}");
        for finding in findings {
            assert!(found.contains(&filled(finding)), "{finding}\n{found}");
        }
        // A run with any option of the startup mends it, and says what was lost.
        let stderr = inject(&bench, &["--event-log-workaround"]);
        if path.starts_with(OURS) {
            assert!(
                stderr.contains("was changed since it was put in, and is replaced"),
                "{stderr}"
            );
        }
        bench.run(&["verify", "winpe.wim"]).expect(0);
    }
    let bench = bench();
    inject(&bench, &all);
    let shell =
        "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Setup]\n\"CmdLine\"=\"cmd /k pecmd.exe\"\n";
    bench.write("shell.reg", shell);
    inject(&bench, &["--reg", "shell.reg"]);
    let found = bench.run(&["verify", "winpe.wim"]).expect(1).stdout;
    assert!(found.contains(r#"is replaced by that of "cmd /k pecmd.exe""#), "{found}");
}

/// Without a record that says it, the scripts in the image are all that tells what it starts.
#[test]
fn an_image_without_a_record_keeps_what_its_scripts_do() {
    let bench = bench();
    inject(&bench, &["--autostart", "--connect", A, "--driver", "nic", "--event-log-workaround"]);
    let before = tree(&bench);
    bench
        .run(&["wim", "rm", &format!("winpe.wim:/{}/record.json", OURS.replace('\\', "/"))])
        .expect(0);
    inject(&bench, &["--event-log-workaround"]);
    let mut after = tree(&bench);
    after.retain(|path, _| before.contains_key(path));
    assert!(after == before);
}

/// A new secret needs no new login, and a secret without any login is an error.
#[test]
fn a_secret_is_replaced_for_the_logins_that_are_there() {
    let bench = bench();
    inject(&bench, &["--connect", A, "--chap-at-boot"]);
    inject(&bench, &["--chap-secret-file", "chap"]);
    let chap = text(&bench, &format!(r"{OURS}\chap.cmd"));
    assert!(
        chap.contains(SECRET) && !text(&bench, &format!(r"{OURS}\connect.cmd")).contains("gave")
    );
    inject(&bench, &["--connect", B]);
    assert_eq!(text(&bench, &format!(r"{OURS}\chap.cmd")), chap);
    bench.run(&["verify", "winpe.wim"]).expect(0);
}
