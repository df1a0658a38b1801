//! Automatic start in WinPE: the files that are added, and the existing files that are changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use winpe_wim::{Archive, CommitOptions, Content, FileChange, ImageChanges, Target};

use crate::golden::golden;
use crate::support::{Bench, Run};

const STARTNET: &str = r"Windows\System32\startnet.cmd";
const WINPESHL: &str = r"Windows\System32\winpeshl.ini";
const URI: &str = "iscsi:192.168.0.20::::iqn.2011-12.com.example:win7";
const SECRET: &str = "secret-of-lab!";

/// Arguments that add both drivers and logins.
const ALL: &[&str] = &["--autostart", "--connect", URI, "--event-log-workaround"];

fn inject<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["inject", "winpe.wim", "--source", "install.wim:1"][..], more].concat()
}

/// A WinPE image with changed files.
fn with(files: &[(&str, Option<&[u8]>)]) -> Bench {
    let bench = Bench::new();
    if files.is_empty() {
        return bench;
    }
    let changes = files.iter().map(|(path, content)| match content {
        Some(bytes) => {
            FileChange::Put { path: (*path).to_owned(), content: Content::Bytes(bytes.to_vec()) }
        }
        None => FileChange::Delete { path: (*path).to_owned(), recursive: false },
    });
    let changes = [ImageChanges { image: 1, changes: changes.collect() }];
    let archive = Archive::open(&bench.winpe).unwrap();
    archive.commit(&changes, &Target::InPlace, CommitOptions::default()).unwrap();
    bench
}

fn read(bench: &Bench, path: &str) -> Vec<u8> {
    Archive::open(&bench.winpe).unwrap().read(1, path).unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Each byte as a character, or each unit if the text is UTF-16.
fn decoded(bytes: &[u8]) -> String {
    match bytes.strip_prefix(b"\xff\xfe") {
        Some(units) => {
            let units = units.chunks(2).map(|unit| u16::from_le_bytes(unit.try_into().unwrap()));
            String::from_utf16(&units.collect::<Vec<_>>()).unwrap()
        }
        None => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// The report on the file that WinPE starts, and the warnings.
fn start_of(report: &str) -> String {
    let report: Value = serde_json::from_str(report).unwrap();
    let started_by = &report["startup"]["started_by"];
    let texts = report["startup"]["texts"].as_array().unwrap();
    let text = texts.iter().find(|text| text["file"] == *started_by).unwrap();
    let mut shown = format!("{}:\n", started_by.as_str().unwrap());
    for line in text["diff"].as_array().unwrap() {
        shown.push_str(line.as_str().unwrap());
        shown.push('\n');
    }
    for warning in report["warnings"].as_array().unwrap() {
        shown.push_str(&format!("warning: {}\n", warning.as_str().unwrap()));
    }
    shown
}

#[test]
fn every_start_file_calls_our_scripts_and_keeps_its_content() {
    let customised = b"@echo off\r\nrem der Anfang f\x81r alle\r\nwpeinit -unattend:x.xml\r\n\
                       net use z: \\\\server\\share\r\nz:\\start.cmd";
    let oem = b"wpeinit\r\necho Gr\x81\xe1e \x84\x94\r\n";
    let ini = b"[LaunchApps]\r\nwpeinit.exe\r\n%SYSTEMDRIVE%\\Lab\\shell.exe, -a \"b c\"\r\n";
    let recovery = b"[LaunchApp]\r\nAppPath=X:\\sources\\recovery\\recenv.exe\r\n";
    let calls_startnet =
        b"[LaunchApps]\r\n%SYSTEMROOT%\\System32\\cmd.exe, /k %SYSTEMROOT%\\System32\\startnet.cmd\r\n";
    let utf16_ini = utf16("[LaunchApps]\r\nwpeinit\r\nX:\\größe.exe\r\n");
    let utf16_cmd = utf16("wpeinit\r\n");
    type File<'a> = (&'a str, Option<&'a [u8]>);
    let cases: [(&str, &[File<'_>]); 9] = [
        ("default", &[]),
        ("customised", &[(STARTNET, Some(customised))]),
        ("oem", &[(STARTNET, Some(oem))]),
        ("utf16", &[(STARTNET, Some(&utf16_cmd))]),
        ("neither", &[(STARTNET, None)]),
        ("winpeshl", &[(WINPESHL, Some(ini))]),
        ("winpeshl-recovery", &[(WINPESHL, Some(recovery))]),
        ("winpeshl-startnet", &[(WINPESHL, Some(calls_startnet))]),
        ("winpeshl-utf16", &[(WINPESHL, Some(&utf16_ini))]),
    ];
    for (name, files) in cases {
        let bench = with(files);
        let report = bench.run(&inject(&[ALL, &["--json"]].concat())).expect(0).stdout;
        golden(&format!("start-{name}.txt"), &start_of(&report));

        let once = fs::read(&bench.winpe).unwrap();
        let again = bench.run(&inject(ALL)).expect(0).stdout;
        assert!(again.contains("nothing to do"), "{name}\n{again}");
        assert!(fs::read(&bench.winpe).unwrap() == once, "{name}: the second run wrote");

        // The old content is still there, byte for byte and in order.
        for (path, old) in files.iter().filter_map(|(path, old)| Some((path, (*old)?))) {
            let lines = |bytes: &[u8]| -> Vec<String> {
                decoded(bytes).split_inclusive('\n').map(str::to_owned).collect()
            };
            let mut new = lines(&read(&bench, path));
            new.retain(|line| !line.contains("winpe-iscsi"));
            if name == "winpeshl-recovery" {
                assert_eq!(new.remove(0), "[LaunchApps]\r\n");
            }
            assert_eq!(new, lines(old), "{name}: {path}");
        }
    }
}

#[test]
fn the_scripts_are_golden() {
    let bench = Bench::new();
    write_secret(&bench, 0o600);
    let far = "iscsi:[2001:db8::20]::3261:2:iqn.2011-12.com.example:data";
    let more = ["--connect", far, "--chap-secret-file", "chap"];
    bench.run(&inject(&[ALL, &more].concat())).expect(0);
    for name in ["early.cmd", "connect.cmd"] {
        let text =
            String::from_utf8(read(&bench, &format!(r"Windows\System32\winpe-iscsi\{name}")));
        let text = text.unwrap();
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{name}");
        golden(name, &text.replace("\r\n", "\n"));
    }
    // The secret of a boot server is in no file of the image.
    let bench = Bench::new();
    let report = bench.run(&inject(&["--connect", URI, "--chap-at-boot"])).expect(0).stdout;
    assert!(!report.contains(r"winpe-iscsi\chap.cmd"), "{report}");
    let script = read(&bench, r"Windows\System32\winpe-iscsi\connect.cmd");
    let script = String::from_utf8(script).unwrap();
    assert!(script.contains(r#"call "%SystemRoot%\System32\winpe-iscsi-chap.cmd""#), "{script}");
    assert!(script.contains(r#"example:win7 "%chap_user%" "%chap_secret%" &&"#), "{script}");
    // Without CHAP and without a call, the script is only for manual use.
    let bench = Bench::new();
    let report = bench.run(&inject(&["--connect", URI])).expect(0).stdout;
    assert!(!report.contains("startnet.cmd") && !report.contains("chap.cmd"), "{report}");
    assert_eq!(read(&bench, STARTNET), b"wpeinit\r\n");
    let script = read(&bench, r"Windows\System32\winpe-iscsi\connect.cmd");
    let script = String::from_utf8(script).unwrap();
    assert!(
        script.contains("\r\niscsicli QLoginTarget iqn.2011-12.com.example:win7 &&"),
        "{script}"
    );
}

#[test]
fn without_the_options_no_script_is_added() {
    let report = Bench::new().run(&inject(&["--dry-run", "--json"])).expect(0).stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report.get("startup").is_none());
}

#[test]
fn the_name_of_the_initiator_goes_into_the_registry() {
    let bench = Bench::new();
    let name = ["--initiator-name", "iqn.2011-12.com.example:lab"];
    let report = bench.run(&inject(&name)).expect(0).stdout;
    assert!(
        report.contains("+\"DefaultInitiatorName\"=\"iqn.2011-12.com.example:lab\""),
        "{report}"
    );
    bench.run(&inject(&[&name[..], &["--check"]].concat())).expect(0);
    let run = bench.run(&inject(&["--initiator-name", "lab"])).expect(2);
    assert!(run.stderr.contains("iqn., eui. or naa."), "{}", run.stderr);
    let run = bench.run(&inject(&["--connect", "iscsi:h::x::iqn.a"])).expect(2);
    assert!(run.stderr.contains("character 10: expected a port"), "{}", run.stderr);
}

fn write_secret(bench: &Bench, mode: u32) {
    let path = bench.write("chap", format!("lab\n{SECRET}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Neither as text, nor as the hex digits in the script, nor as a list of bytes.
#[track_caller]
fn hides_the_secret(what: &str, output: &str) {
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let bytes = SECRET.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    for form in [SECRET, &hex, &bytes] {
        assert!(!output.to_lowercase().contains(form), "{what} shows the secret:\n{output}");
    }
}

#[test]
fn the_secret_is_in_one_file_of_the_image_and_in_no_output() {
    let bench = Bench::new();
    write_secret(&bench, 0o600);
    let chap = ["--autostart", "--connect", URI, "--chap-secret-file", "chap"];
    let outputs = |run: &Run| format!("{}{}", run.stdout, run.stderr);
    for more in [&["--dry-run"][..], &["--dry-run", "--json"], &["--check"], &["--json"], &[]] {
        let run = bench.run(&inject(&[&chap[..], more].concat()));
        assert!(run.code < 2, "{}", run.stderr);
        assert!(run.stderr.contains("plain text"), "{}", run.stderr);
        hides_the_secret(&format!("{more:?}"), &outputs(&run));
    }
    for words in [&["info", "winpe.wim", "--json"][..], &["verify", "winpe.wim"]] {
        hides_the_secret(words[0], &outputs(&bench.run(words)));
    }
    let mut holders = 0;
    let archive = Archive::open(&bench.winpe).unwrap();
    for name in ["connect.cmd", "early.cmd", "chap.cmd"] {
        let path = format!(r"Windows\System32\winpe-iscsi\{name}");
        if archive.entry(1, &path).unwrap().is_some() {
            let text = String::from_utf8(archive.read(1, &path).unwrap()).unwrap();
            // A secret with an exclamation mark is written as hex digits.
            let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
            holders += usize::from(text.contains(&format!("chap_secret=0x{hex}")));
        }
    }
    assert_eq!(holders, 1);
    no_digest_reveals_it(&bench.run(&["remove", "winpe.wim", "--dry-run", "--json"]).stdout);

    // Another secret gives another file of the same size, and no other difference.
    bench.write("chap", "lab\nanother-secret\n");
    let report = bench.run(&inject(&[&chap[..], &["--dry-run"]].concat())).expect(0).stdout;
    assert!(report.contains("replace  Windows\\System32\\winpe-iscsi\\chap.cmd"), "{report}");
    assert!(report.contains("512 bytes, was 512"), "{report}");
    no_digest_reveals_it(
        &bench.run(&inject(&[&chap[..], &["--dry-run", "--json"]].concat())).stdout,
    );
}

/// A secret of 12 letters could be found from the digest of its file.
fn no_digest_reveals_it(report: &str) {
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let rows = ["files", "record"].map(|list| report[list].as_array().unwrap().clone());
    let holds = |row: &&serde_json::Value| {
        let path = row["path"].as_str().unwrap();
        path.ends_with("chap.cmd") || path.ends_with("record.json")
    };
    let rows: Vec<_> = rows.iter().flatten().filter(holds).collect();
    assert_eq!(rows.len(), 2, "{report}");
    for row in rows {
        assert!(row["sha256"].is_null() && row["old_sha256"].is_null(), "{row}");
    }
}

/// The library's debug output may be written to the log of a user's pipeline.
#[test]
fn debug_output_of_the_library_hides_the_secret() {
    use winpe_inject::{Chap, ImageSelector, Job, Profile, Secret, Session, Source, Startup};
    let bench = Bench::new();
    let profile = Profile::builtin("iscsi-winpe3").unwrap();
    let source = Source::open(bench.install.to_str().unwrap()).unwrap();
    let chap = Chap::new("lab", Secret::new(SECRET)).unwrap();
    let startup = Startup::new().connect([URI.parse().unwrap()]).chap(chap).autostart(true);
    let job = Job::new(&profile).source(&source).startup(startup);
    let staged = Session::open(&bench.winpe, &ImageSelector::Boot).unwrap().stage(&job).unwrap();
    hides_the_secret("the job", &format!("{job:?}"));
    hides_the_secret("what is staged", &format!("{staged:?}"));
}

#[test]
fn a_secret_that_cannot_be_used_is_refused_without_showing_it() {
    let bench = Bench::new();
    write_secret(&bench, 0o644);
    let chap = ["--connect", URI, "--chap-secret-file", "chap"];
    let error = bench.refused(&inject(&chap));
    assert!(error.contains("mode 644") && error.contains("chmod 600"), "{error}");
    hides_the_secret("the error", &error);
    for (text, says) in [
        (format!("{SECRET}\n"), "two lines"),
        (format!("lab\n{SECRET}-too-long\n"), "12 to 16"),
        (format!("{SECRET} & calc\n{SECRET}\n"), "CHAP name"),
    ] {
        bench.write("chap", text);
        fs::set_permissions(bench.path("chap"), fs::Permissions::from_mode(0o600)).unwrap();
        let error = bench.refused(&inject(&chap));
        assert!(error.contains(says), "{error}");
        hides_the_secret("the error", &error);
    }
    write_secret(&bench, 0o600);
    for chap in [&["--chap-secret-file", "chap"][..], &["--chap-at-boot"]] {
        let error = bench.refused(&inject(chap));
        assert!(error.contains("no target") && error.contains("--connect"), "{error}");
    }
}

#[test]
fn an_image_that_starts_something_else_is_refused() {
    let bench = Bench::new();
    let key = "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Setup]\n\"CmdLine\"=\"cmd /k pecmd.exe\"\n";
    bench.write("shell.reg", key);
    bench.run(&inject(&["--reg", "shell.reg"])).expect(0);
    let error = bench.refused(&inject(ALL));
    assert!(
        error.contains("cmd /k pecmd.exe") && error.contains("leave --autostart out"),
        "{error}"
    );
    bench.run(&inject(&["--connect", URI])).expect(0);
}

#[test]
fn a_block_damaged_by_hand_is_reported() {
    let cut = b"wpeinit\r\n@rem winpe-iscsi begin: put here by winpe-iscsi\r\n";
    let error = with(&[(STARTNET, Some(cut))]).refused(&inject(ALL));
    assert!(error.contains("startnet.cmd, line 2"), "{error}");
}

#[test]
fn a_custom_start_script_gets_the_calls_too() {
    let bench = Bench::new();
    bench.write("mine.cmd", "@echo off\nwpeinit\necho mine\n");
    let add = ["--add", r"mine.cmd=\Windows\System32\startnet.cmd"];
    bench.run(&inject(&[ALL, &add].concat())).expect(0);
    let text = String::from_utf8(read(&bench, STARTNET)).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("@rem")).collect();
    let call = |script| format!(r"@call %SystemRoot%\System32\winpe-iscsi\{script}.cmd");
    assert_eq!(lines, ["@echo off", &call("early"), "wpeinit", &call("connect"), "echo mine"]);
    bench.run(&inject(&[ALL, &add, &["--check"]].concat())).expect(0);
    // Our calls occur in no other file.
    let add = ["--add", r"mine.cmd=\Windows\System32\winpe-iscsi\connect.cmd"];
    let error = bench.refused(&inject(&[ALL, &add].concat()));
    assert!(error.contains("given twice"), "{error}");
}

/// The event log of Windows 11 is mentioned, unless the options already handle it.
#[test]
fn windows_11_gives_a_warning_about_its_event_log() {
    use winpe_wim::{Arch, Compression, NewImage, Version, create};
    let bench = Bench::new();
    let archive = Archive::open(&bench.winpe).unwrap();
    let file = |path: &str| (path.to_owned(), archive.read(1, path).unwrap());
    let config = |hive: &str| format!(r"Windows\System32\config\{hive}");
    let files = [config("SYSTEM"), config("SOFTWARE"), STARTNET.to_owned()];
    let image = NewImage {
        boot: true,
        arch: Some(Arch::Amd64),
        version: Some(Version { major: 10, minor: 0, build: 22_621, service_pack_build: 1 }),
        files: files.iter().map(|path| file(path)).collect(),
        ..NewImage::new("WinPE of Windows 11")
    };
    drop(archive);
    fs::remove_file(&bench.winpe).unwrap();
    create(&bench.winpe, Compression::Lzx, &[image]).unwrap();
    bench.write("none/profile.toml", "title = 't'\nwhy = 'w'\n");
    let words = ["inject", "winpe.wim", "--profile", "none", "--dry-run"];
    let told = |more: &[&str]| {
        let run = bench.run(&[&words[..], more].concat()).expect(0);
        run.stderr.contains("build 22621 is Windows 11")
    };
    assert!(told(&["--autostart"]) && told(&[]));
    assert!(!told(&["--autostart", "--event-log-workaround"]));
}
