//! `winpe-iscsi demo` and `info`, as a new user runs them.

use serde_json::Value;

use crate::support::Bench;

#[test]
fn the_demo_succeeds_and_leaves_its_images() {
    let bench = Bench::new();
    let demo = bench.run(&["demo", "try"]).expect(0).stdout;
    for step in ["--dry-run", "--check", "verify", "not in: 0 of 16 files", "in: 16 of 16 files"] {
        assert!(demo.contains(step), "{step}\n{demo}");
    }
    bench.run(&["verify", "try/winpe.wim"]).expect(0);
    // It does not overwrite its own output.
    bench.refused(&["demo", "try"]);
}

#[test]
fn info_lists_the_parts() {
    let bench = Bench::new();
    let info = || -> Value {
        serde_json::from_str(&bench.run(&["info", "winpe.wim", "--json"]).expect(0).stdout).unwrap()
    };
    let before = info();
    assert_eq!(before["schema"], 1);
    assert_eq!(before["boot_index"], 1);
    assert_eq!(before["compression"], "LZX");
    let image = &before["images"][0];
    assert_eq!(image["architecture"], "amd64");
    assert_eq!(image["version"], "6.1.7601.17514");
    assert_eq!(image["initiator"]["files_missing"].as_array().unwrap().len(), 16);
    assert_eq!(image["initiator"]["services_present"].as_array().unwrap().len(), 0);

    bench.run(&["inject", "winpe.wim", "--source", "install.wim"]).expect(0);
    let after = &info()["images"][0]["initiator"];
    assert_eq!(after["files_missing"].as_array().unwrap().len(), 0);
    assert_eq!(after["services_present"], serde_json::json!(["MSiSCSI", "iScsiPrt"]));
}

#[test]
fn verify_lists_missing_parts() {
    let bench = Bench::new();
    let verdict = bench.run(&["verify", "winpe.wim"]).expect(1).stdout;
    assert!(verdict.contains(r"Windows\System32\iscsiexe.dll is missing"), "{verdict}");

    bench.run(&["inject", "winpe.wim", "--source", "install.wim"]).expect(0);
    bench.run(&["verify", "winpe.wim"]).expect(0);
    bench.write(
        "break.reg",
        "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\PE_Sys\\ControlSet001\\Services\\MSiSCSI]\n\"Start\"=-\n",
    );
    bench.run(&["inject", "winpe.wim", "--reg", "break.reg"]).expect(0);
    let verdict = bench.run(&["verify", "winpe.wim"]).expect(1).stdout;
    assert!(verdict.contains("Services\\MSiSCSI: value \"Start\""), "{verdict}");
}
