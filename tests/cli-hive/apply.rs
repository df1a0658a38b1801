//! `reg apply`: one .reg file over all hives of an image or a folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use winpe_hive::{FileTime, Hive};
use winpe_registry::{KeyName, Value, ValueName};
use winpe_tests::plain_user;
use winpe_wim::{Archive, Compression, NewImage};

use crate::bench::{Bench, Ran, set, system};

const CONFIG: &str = "Windows/System32/config";

/// A .reg file with a key of each hive, and a foreign root name.
const ALL: &str = r#"Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Lab]
"Start"=dword:00000002

[HKEY_CLASSES_ROOT\.lab]
@="lab"

[HKEY_LOCAL_MACHINE\WIM_SOFT\Lab]
"Path"="a\\b"

[HKEY_USERS\S-1-5-18\Console]
"Own"="x"

[HKEY_CURRENT_USER\Console]
"QuickEdit"=dword:00000001

[-HKEY_LOCAL_MACHINE\SYSTEM\Setup]
"#;

const ROOTS: [&str; 4] = ["--root", "WIM_SOFT=SOFTWARE", "--root", "HKCU=Users/Default/NTUSER.DAT"];

fn empty() -> Hive {
    Hive::create(5, &KeyName::new("ROOT").unwrap(), FileTime::from_unix(1_500_000_000)).unwrap()
}

/// The hives of a Windows: path in the image, bytes.
fn hives() -> Vec<(String, Vec<u8>)> {
    let machine = [("SYSTEM", system()), ("SOFTWARE", empty()), ("DEFAULT", empty())];
    let mut hives: Vec<_> = machine
        .into_iter()
        .map(|(name, hive)| (format!("{CONFIG}/{name}"), hive.into_bytes()))
        .collect();
    hives.push(("Users/Default/NTUSER.DAT".into(), empty().into_bytes()));
    hives
}

/// An image, a folder with a Windows, and a folder with the hives alone.
fn bench() -> Bench {
    let bench = Bench::new();
    let mut image = NewImage::new("Windows PE");
    image.boot = true;
    image.files = hives();
    winpe_wim::create(&bench.path("all.wim"), Compression::Lzx, &[image]).unwrap();
    for (path, bytes) in hives() {
        let name = path.rsplit('/').next().unwrap();
        // The case of the names is not that of hives.toml.
        for path in [format!("tree/{}", path.to_lowercase()), format!("flat/{name}")] {
            let path = bench.path(&path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &bytes).unwrap();
        }
    }
    bench.put("all.reg", ALL.as_bytes());
    bench
}

/// The bytes of each hive of a target.
fn contents(bench: &Bench, target: &str) -> Vec<Vec<u8>> {
    let archive = (target == "all.wim").then(|| Archive::open(&bench.path(target)).unwrap());
    let read = |path: &str| match (&archive, target) {
        (Some(archive), _) => archive.read(1, path).unwrap(),
        (None, "tree") => bench.bytes(&format!("tree/{}", path.to_lowercase())),
        _ => bench.bytes(&format!("flat/{}", path.rsplit('/').next().unwrap())),
    };
    hives().iter().map(|(path, _)| read(path)).collect()
}

fn value(bytes: &[u8], key: &str, name: &str) -> Option<Value> {
    let hive = Hive::open(bytes.to_vec()).unwrap();
    assert!(hive.check().is_sound());
    let key = hive.key(&key.parse().unwrap()).unwrap()?;
    key.value(&ValueName::new(name).unwrap()).unwrap()
}

#[test]
fn every_key_goes_into_its_hive() {
    let bench = bench();
    let mut diffs = Vec::new();
    for target in ["all.wim", "tree", "flat"] {
        let before = contents(&bench, target);
        let words = [&["reg", "apply", target, "all.reg"][..], &ROOTS].concat();
        let dry = bench.run(&[&words[..], &["--dry-run"]].concat());
        assert_eq!(dry.code, 0, "{}", dry.err);
        assert!(contents(&bench, target) == before, "{target}: a dry run writes nothing");
        let ran = bench.run(&words);
        assert_eq!((ran.code, &ran.out), (0, &dry.out), "{}", ran.err);

        let after = contents(&bench, target);
        let dword = |number| Some(Value::dword(number));
        assert_eq!(value(&after[0], r"ControlSet001\Services\Lab", "Start"), dword(2));
        assert_eq!(value(&after[0], "Setup", "CmdLine"), None);
        assert_eq!(value(&after[1], r"Classes\.lab", ""), Some(Value::sz("lab")));
        assert_eq!(value(&after[1], "Lab", "Path"), Some(Value::sz(r"a\b")));
        assert_eq!(value(&after[2], "Console", "Own"), Some(Value::sz("x")));
        assert_eq!(value(&after[3], "Console", "QuickEdit"), dword(1));

        let again = bench.run(&words);
        assert!(again.code == 0 && again.err.contains("nothing to do"), "{}", again.err);
        assert!(contents(&bench, target) == after, "{target}: nothing is written again");
        diffs.push(dry.out);
    }
    assert!(diffs.iter().all(|diff| *diff == diffs[0]));
}

/// The lines of the diff, applied with the same arguments, bring about the same.
#[test]
fn the_diff_can_be_applied() {
    let bench = bench();
    let words = [&["reg", "apply", "flat", "all.reg"][..], &ROOTS].concat();
    let diff = bench.run(&[&words[..], &["--dry-run"]].concat()).out;
    let plus: Vec<&str> = diff.lines().filter_map(|line| line.strip_prefix('+')).collect();
    let text = format!("Windows Registry Editor Version 5.00\n{}\n", plus.join("\n"));
    bench.put("plus.reg", text.as_bytes());
    let applied = bench.run(&[&["reg", "apply", "tree", "plus.reg"][..], &ROOTS].concat());
    assert_eq!(applied.code, 0, "{}", applied.err);
    assert_eq!(bench.run(&words).code, 0);
    for (flat, tree) in contents(&bench, "flat").into_iter().zip(contents(&bench, "tree")) {
        bench.put("A", &flat);
        bench.put("B", &tree);
        assert_eq!(bench.hive(&["diff", "A", "B"]).out, "");
    }
}

#[test]
fn machines_get_the_changes_of_each_hive() {
    let bench = bench();
    let words = [&["reg", "apply", "all.wim", "all.reg", "--dry-run", "--json"][..], &ROOTS];
    let ran = bench.run(&words.concat());
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["schema"], 1);
    let hives = json["hives"].as_array().unwrap();
    let names: Vec<_> = hives.iter().map(|hive| hive["hive"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 4);
    assert!(names[0].ends_with(r"config\SYSTEM"), "{names:?}");
    assert_eq!(hives[0]["changes"].as_array().unwrap().len(), 3, "{}", hives[0]);
}

/// None of the hives is changed if one edit cannot be made.
#[test]
fn an_error_changes_no_hive() {
    let bench = bench();
    for (text, words, says) in [
        (r"[HKEY_USERS\S-1-5-21-1\Console]", &[][..], r"--root 'HKEY_USERS\S-1-5-21-1=HIVE'"),
        (r"[HKEY_LOCAL_MACHINE\Tmp\a]", &[], r"no hive is known for HKEY_LOCAL_MACHINE\Tmp\a"),
        (r"[HKEY_LOCAL_MACHINE\SAM\a]", &[], r"config\SAM"),
        (r"[HKEY_LOCAL_MACHINE\T\a]", &["--root", "T=../SYSTEM"], ".."),
        (r"[-HKEY_LOCAL_MACHINE\SYSTEM]", &[], "root"),
        (r"[nonsense", &[], "all.reg"),
    ] {
        let first = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\First]\n";
        let text = format!("Windows Registry Editor Version 5.00\n\n{first}\n{text}\n");
        bench.put("all.reg", text.as_bytes());
        for target in ["all.wim", "tree", "flat"] {
            let before = contents(&bench, target);
            let ran = bench.run(&[&["reg", "apply", target, "all.reg"], words].concat());
            assert_eq!(ran.code, 2, "{target} {text}: {}", ran.out);
            assert!(ran.err.contains(says), "{target} {says}: {}", ran.err);
            assert!(contents(&bench, target) == before);
        }
    }
}

#[test]
fn a_link_does_not_lead_out_of_the_folder() {
    let bench = bench();
    fs::remove_file(bench.path("flat/SYSTEM")).unwrap();
    symlink("../SYSTEM", bench.path("flat/SYSTEM")).unwrap();
    let before = bench.bytes("SYSTEM");
    bench.put("a.reg", b"REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\New]\n");
    let ran = bench.run(&["reg", "apply", "flat", "a.reg"]);
    assert!(ran.code == 2 && ran.err.contains("leads out of flat"), "{}", ran.err);
    assert!(bench.bytes("SYSTEM") == before);
    // Two names of one hive are one hive.
    fs::remove_file(bench.path("flat/SYSTEM")).unwrap();
    bench.put("flat/Real", &before);
    symlink("Real", bench.path("flat/SYSTEM")).unwrap();
    let ran = bench.run(&["reg", "apply", "flat", "a.reg", "--root", "Real=Real"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(fs::symlink_metadata(bench.path("flat/SYSTEM")).unwrap().is_symlink());
    assert!(bench.bytes("flat/Real") != before);
}

/// A dry run refuses an image or a folder that the run could not write to, before a line of the diff.
#[test]
fn a_dry_run_looks_whether_the_result_can_be_written() {
    let bench = bench();
    bench.put("a.reg", b"REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\New]\n");
    bench.put("none.reg", b"REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\n");
    let Some(user) = plain_user(&bench.path("")) else { return };
    let run = |words: &[&str]| {
        let mut command = Command::new(user.get_program());
        let command = command.args(user.get_args()).args(words).current_dir(bench.path(""));
        Ran::new(&command.output().unwrap())
    };
    // They belong to the user who runs the test, and not to the one who runs the program.
    let hive = r"all.wim:SYSTEM";
    for words in [
        &["reg", "apply", "all.wim", "a.reg"][..],
        &["reg", "apply", "tree", "a.reg"],
        &["hive", "set", hive, "New"],
        &["hive", "delete", hive, "Setup"],
        &["hive", "rename", hive, "Setup", "Setup2"],
        &["hive", "copy", hive, "Setup", "Setup2"],
        &["hive", "import", hive, "a.reg"],
        &["hive", "import", "flat/SYSTEM", "a.reg"],
    ] {
        for dry in [&["--dry-run"][..], &[]] {
            let ran = run(&[words, dry].concat());
            assert!(ran.code == 2 && ran.out.is_empty(), "{words:?}: {}{}", ran.out, ran.err);
        }
    }
    // What changes nothing needs no right.
    let ran = run(&["reg", "apply", "all.wim", "none.reg"]);
    assert!(ran.code == 0, "{}", ran.err);
}

/// The control set is that of each image.
#[test]
fn the_control_set_can_be_named() {
    let bench = bench();
    bench.put(
        "a.reg",
        b"REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control]\n\"a\"=\"b\"\n",
    );
    let mut hive = system();
    hive.apply(&set("Select", "Current", Value::dword(7))).unwrap();
    hive.apply(&set(r"ControlSet002\Control", "b", Value::dword(7))).unwrap();
    bench.put("flat/SYSTEM", &hive.into_bytes());
    let words = ["reg", "apply", "flat", "a.reg"];
    for (arg, sets) in [("2", &["ControlSet002"][..]), ("all", &["ControlSet001", "ControlSet002"])]
    {
        let ran = bench.run(&[&words[..], &["--control-set", arg]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        for set in sets {
            let key = format!(r"{set}\Control");
            assert_eq!(value(&bench.bytes("flat/SYSTEM"), &key, "a"), Some(Value::sz("b")));
        }
    }
}
