//! The main job for each generation and each kind of image.

use std::fs;

use winpe_hive::Hive;
use winpe_registry::{KeyTree, ValueName};

use crate::generation::{Generation, LATER, WINDOWS_7, WINDOWS_10_21H2, key};
use crate::media::{Kind, Media, SOFTWARE, SYSTEM, golden, is_written_out};
use crate::readers;

const INJECT: [&str; 4] = ["inject", "winpe.wim", "--source", "install.wim"];

/// All steps of a user, one after another.
fn whole_life(media: &Media, generation: &Generation, golden_name: &str) {
    let original = fs::read(media.path("winpe.wim")).unwrap();
    let listing = media.listing();
    let (before_system, before_software) = (media.hive(SYSTEM), media.hive(SOFTWARE));

    let dry = media.run(&[&INJECT[..], &["--dry-run"]].concat(), 0);
    assert!(fs::read(media.path("winpe.wim")).unwrap() == original, "a dry run wrote");
    golden(golden_name, &dry);
    media.run(&[&INJECT[..], &["--check"]].concat(), 1);

    assert_eq!(media.run(&INJECT, 0), dry);
    let (system, software) = (media.hive(SYSTEM), media.hive(SOFTWARE));
    if !is_written_out(generation) {
        promises(&system, &software, generation);
    }
    readers::agree(&before_system, &system);
    readers::agree(&before_software, &software);
    // The largest change of the large real hives.
    if golden_name != "19041-real-boot.txt" {
        readers::regipy(&system);
        readers::regipy(&software);
    }

    let verdict = media.run(&["verify", "winpe.wim", "--json"], 1);
    // The published recipe needs the control panel too.
    let panel = is_written_out(generation).then_some("comctl32.dll");
    only_findings(&verdict, panel.into_iter().chain(["NewerThanTheImage"]));

    let once = fs::read(media.path("winpe.wim")).unwrap();
    let again = media.run(&INJECT, 0);
    assert!(again.contains("nothing to do"), "{again}");
    assert!(fs::read(media.path("winpe.wim")).unwrap() == once, "the second run wrote");

    media.run(&["remove", "winpe.wim", "--dry-run"], 0);
    assert!(fs::read(media.path("winpe.wim")).unwrap() == once, "a dry run wrote");
    media.run(&["remove", "winpe.wim", "--report", "removal.json"], 0);
    assert_eq!(media.listing(), listing, "the tree is as before");
    same_content(&media.hive(SYSTEM), &before_system);
    same_content(&media.hive(SOFTWARE), &before_software);
    media.run(&["remove", "winpe.wim"], 2);
    assert_eq!(
        media.run(&[&INJECT[..], &["--dry-run"]].concat(), 0),
        dry,
        "as if nothing had been"
    );
}

/// The media have one or two known flaws: programs that import more than the image exports. No
/// other flaw may be reported.
fn only_findings<'a>(verdict: &str, flaws: impl IntoIterator<Item = &'a str>) {
    let verdict: serde_json::Value = serde_json::from_str(verdict).unwrap();
    let findings = verdict["findings"].as_array().unwrap();
    let flaws: Vec<_> = flaws.into_iter().collect();
    assert_eq!(findings.len(), flaws.len(), "{findings:?}");
    for (finding, flaw) in findings.iter().zip(flaws) {
        assert!(finding.as_str().unwrap().contains(flaw), "{findings:?}");
    }
    assert!(verdict["points"].as_array().unwrap().len() > 20, "every point is named");
}

/// Times differ, and a restored value is last in its list.
fn same_content(now: &Hive, before: &Hive) {
    let (now, before) = (now.root().tree().unwrap(), before.root().tree().unwrap());
    assert!(sorted(now) == sorted(before), "a hive is not as it was");
}

/// The state that every image of a later generation must reach.
fn promises(system: &Hive, software: &Hive, generation: &Generation) {
    let tree = |path: &str| -> KeyTree {
        let found = system.key(&key(path)).unwrap();
        found.unwrap_or_else(|| panic!("no key {path}")).tree().unwrap()
    };
    let service = tree(r"ControlSet001\Services\MSiSCSI");
    let expected = expected(generation, r"ControlSet001\Services\MSiSCSI");
    assert_eq!(sorted(service.clone()), sorted(expected));
    let names = |tree: &KeyTree| -> Vec<String> {
        tree.subkeys.iter().map(|(name, _)| name.to_string()).collect()
    };
    assert_eq!(names(&service), ["Parameters"], "no Enum");
    assert_eq!(names(&tree(r"ControlSet001\Services\iScsiPrt")), ["Parameters"]);
    assert_eq!(tree(r"Setup\AllowStart\MSiSCSI"), KeyTree::default());
    for absent in [r"ControlSet001\Enum\ROOT\ISCSIPRT", r"ControlSet002"] {
        assert!(system.key(&key(absent)).unwrap().is_none(), "{absent}");
    }
    // Types are numbers of the compiler of INFs.
    let package = format!(
        r"DriverDatabase\DriverPackages\{}\Configurations\iScsiPort_Install_Control\Driver\Parameters",
        generation.package()
    );
    assert!(tree(&package).values.iter().all(|(_, value)| value.ty.0 == 0x0002_0004));

    let svchost = software.key(&key(r"Microsoft\Windows NT\CurrentVersion\Svchost")).unwrap();
    let list = svchost.unwrap().value(&ValueName::new("netsvcs").unwrap()).unwrap().unwrap();
    let list: Vec<String> =
        list.as_multi_sz().unwrap().iter().map(|text| text.to_string().to_lowercase()).collect();
    assert_eq!(list, ["bits", "schedule", "msiscsi"], "appended to, once, and nothing lost");
    let discovery = key(r"Microsoft\Windows NT\CurrentVersion\iSCSI");
    assert!(software.key(&discovery).unwrap().is_none(), "the source's own name");
}

fn expected(generation: &Generation, path: &str) -> KeyTree {
    let name = winpe_registry::KeyName::new("ROOT").unwrap();
    let mut hive = Hive::create(5, &name, winpe_hive::FileTime::from_unix(0)).unwrap();
    for edit in generation.service("ControlSet001") {
        hive.apply(&edit).unwrap();
    }
    hive.key(&key(path)).unwrap().unwrap().tree().unwrap()
}

/// Values are in the order of their creation, which has no meaning.
fn sorted(mut tree: KeyTree) -> KeyTree {
    tree.values.sort_by(|(a, _), (b, _)| a.cmp(b));
    tree.subkeys = tree.subkeys.into_iter().map(|(name, tree)| (name, sorted(tree))).collect();
    tree
}

#[test]
fn a_bare_image_of_each_generation_gets_everything() {
    for generation in LATER {
        let media = Media::synthetic(&generation, Kind::Bare);
        whole_life(&media, &generation, &format!("{}-bare.txt", generation.name));
    }
}

#[test]
fn a_boot_image_keeps_its_driver_and_gets_the_service() {
    for generation in LATER {
        let media = Media::synthetic(&generation, Kind::Boot);
        whole_life(&media, &generation, &format!("{}-boot.txt", generation.name));
    }
}

#[test]
fn a_recovery_image_gets_only_its_missing_parts() {
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Recovery);
    whole_life(&media, &WINDOWS_10_21H2, "19041-recovery.txt");
}

#[test]
fn the_undo_file_reverts_the_hives() {
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Boot);
    let before = (media.hive(SYSTEM), media.hive(SOFTWARE));
    let inject = [&INJECT[..], &["--undo-reg", "undo.reg", "--report", "report.json"]].concat();
    media.run(&inject, 0);
    assert!(media.run_both(&inject, 0).1.contains("nothing to undo"));

    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(media.path("report.json")).unwrap()).unwrap();
    for file in report["files"].as_array().unwrap() {
        let data = media.read(file["path"].as_str().unwrap());
        assert_eq!(file["sha256"].as_str().unwrap(), sha256(&data), "{file}");
    }
    for (hive, path) in report["hives"].as_array().unwrap().iter().zip([SYSTEM, SOFTWARE]) {
        assert_eq!(hive["file"].as_str().unwrap(), path);
        assert_eq!(hive["sha256"].as_str().unwrap(), sha256(&media.read(path)));
    }

    let profile = media.path("nothing");
    fs::create_dir(&profile).unwrap();
    fs::write(profile.join("profile.toml"), "title = 't'\nwhy = 'w'\n").unwrap();
    media.run(&["inject", "winpe.wim", "--profile", "nothing", "--reg", "undo.reg"], 0);
    same_content(&media.hive(SYSTEM), &before.0);
    same_content(&media.hive(SOFTWARE), &before.1);
}

fn sha256(data: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn replaced_files_are_restored_and_foreign_additions_stay() {
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Boot);
    let listing = media.listing();
    fs::write(media.path("a.cmd"), "first").unwrap();
    fs::write(media.path("b.cmd"), "second").unwrap();
    let startnet = r"Windows\System32\startnet.cmd";
    for file in ["a.cmd", "b.cmd"] {
        media.run(&[&INJECT[..], &["--add", &format!("{file}={startnet}")]].concat(), 0);
    }
    assert_eq!(media.read(startnet), b"second");
    media.run(&["remove", "winpe.wim", "-o", "plain.wim"], 0);
    assert_eq!(media.read(startnet), b"second", "the image itself is left alone");
    fs::rename(media.path("plain.wim"), media.path("winpe.wim")).unwrap();
    assert_eq!(media.read(startnet), b"wpeinit\r\n", "what it was at first");
    assert_eq!(media.listing(), listing);

    media.run(&INJECT, 0);
    let key = r"HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\MSiSCSI";
    let theirs = format!("REGEDIT4\n\n[{key}]\n\"Start\"=dword:2\n\"Theirs\"=\"x\"\n");
    fs::write(media.path("theirs.reg"), theirs).unwrap();
    media.change_hive("theirs.reg");
    let (_, warnings) = media.run_both(&["remove", "winpe.wim"], 0);
    assert!(
        warnings.contains(r#"Services\MSiSCSI: value "Start" was changed since"#),
        "{warnings}"
    );
    assert!(warnings.contains(r"Services\MSiSCSI stays"), "{warnings}");
    let left = media.hive(SYSTEM);
    let left = left.key(&crate::generation::key(r"ControlSet001\Services\MSiSCSI")).unwrap();
    let left = left.unwrap().tree().unwrap();
    assert_eq!(left.count(), (1, 1), "{left:?}");
}

#[test]
fn verify_reports_each_failed_point() {
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Boot);
    let verdict = media.run(&["verify", "winpe.wim"], 1);
    for point in [
        r"Windows\System32\iscsiexe.dll is missing",
        r"Setup\AllowStart\MSiSCSI is missing",
        r#""MSiSCSI" in value "netsvcs" is missing"#,
        "part service is not whole",
    ] {
        assert!(verdict.contains(point), "{point}\n{verdict}");
    }
    assert!(!verdict.contains("part driver"), "that is there\n{verdict}");

    media.run(&INJECT, 0);
    let key = r"HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\MSiSCSI";
    fs::write(media.path("a.reg"), format!("REGEDIT4\n\n[{key}]\n\"Start\"=dword:4\n")).unwrap();
    media.change_hive("a.reg");
    media.replace("winpe.wim", r"Windows\System32\iscsicli.exe", b"MZ, but no more".to_vec());
    let verdict = media.run(&["verify", "winpe.wim"], 1);
    for point in
        [r#"Services\MSiSCSI: value "Start" is"#, r"Windows\System32\iscsicli.exe is not a program"]
    {
        assert!(verdict.contains(point), "{point}\n{verdict}");
    }
}

#[test]
fn info_lists_the_parts_of_the_image() {
    for (kind, service, driver) in [
        (Kind::Bare, "none", "none"),
        (Kind::Boot, "none", "whole"),
        (Kind::Recovery, "some", "whole"),
    ] {
        let media = Media::synthetic(&WINDOWS_10_21H2, kind);
        let info: serde_json::Value =
            serde_json::from_str(&media.run(&["info", "winpe.wim", "--json"], 0)).unwrap();
        let presence = &info["images"][0]["initiator"];
        assert_eq!(presence["profile"], "iscsi-winpe4");
        let extent = |name: &str| {
            let parts = presence["parts"].as_array().unwrap().iter();
            let part = parts.into_iter().find(|part| part["name"] == name).unwrap();
            part["extent"].as_str().unwrap().to_owned()
        };
        assert_eq!((&*extent("service"), &*extent("driver")), (service, driver), "{kind:?}");
    }
}

/// A recovery image has the service and the driver, which is everything that another image needs.
#[test]
fn a_recovery_image_is_a_source_too() {
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Bare);
    let recovery = Media::synthetic(&WINDOWS_10_21H2, Kind::Recovery);
    fs::copy(recovery.path("winpe.wim"), media.path("winre.wim")).unwrap();
    let report = media.run(&["inject", "winpe.wim", "--source", "winre.wim"], 0);
    assert!(
        report.contains("control-panel    is omitted; neither the image nor the source has it"),
        "{report}"
    );
    only_findings(&media.run(&["verify", "winpe.wim", "--json"], 1), ["NewerThanTheImage"]);
}

#[test]
fn windows_7_gets_the_published_recipe_around_its_real_hive() {
    let Some(media) = Media::real(&WINDOWS_7, Kind::Bare) else { return };
    whole_life(&media, &WINDOWS_7, "7601-real.txt");
}

#[test]
fn windows_10_gets_its_own_keys_around_its_real_hive() {
    for (kind, name) in [(Kind::Bare, "19041-real-bare.txt"), (Kind::Boot, "19041-real-boot.txt")] {
        let Some(media) = Media::real(&WINDOWS_10_21H2, kind) else { return };
        whole_life(&media, &WINDOWS_10_21H2, name);
    }
}
