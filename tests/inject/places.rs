//! `WIM[:IMAGE][:PATH]` by one rule in every command: the longest beginning that exists is the WIM.

use std::fs;

use crate::support::Bench;

/// The demo's WinPE under a name with a colon and a number.
fn bench() -> Bench {
    let bench = Bench::new();
    fs::rename(&bench.winpe, bench.path("pe:1")).unwrap();
    bench
}

#[test]
fn a_wim_with_a_colon_in_its_name_works_with_each_command() {
    let bench = bench();
    fs::copy(bench.path("install.wim"), bench.path("in:2")).unwrap();
    let startnet = "Windows/System32/startnet.cmd";
    bench.write("new.cmd", "wpeinit\r\n");
    for words in [
        &["info", "pe:1"][..],
        &["wim", "ls", "pe:1"],
        &["wim", "ls", "pe:1:1:/Windows"],
        &["wim", "ls", "pe:1:Windows"],
        &["wim", "cat", &format!("pe:1:{startnet}")],
        &["wim", "cp", &format!("pe:1:1:{startnet}"), "copy.cmd"],
        &["wim", "cp", "new.cmd", "pe:1:new.cmd"],
        &["wim", "rm", "pe:1:1:new.cmd"],
        &["wim", "verify", "pe:1"],
        &["wim", "export", "pe:1:1", "out.wim"],
        &["hive", "info", "pe:1:SYSTEM"],
        &["hive", "query", "pe:1:1:SYSTEM", "Select"],
        &["inject", "pe:1", "--source", "in:2:1"],
        &["inject", "pe:1", "--source", "in:2"],
        &["verify", "pe:1"],
        &["wim", "optimize", "pe:1"],
        &["remove", "pe:1"],
    ] {
        bench.run(words).expect(0);
    }
}

/// An entry of the boot menu is an image too.
#[test]
fn the_server_divides_it_as_the_others_do() {
    let bench = bench();
    let name = "Microsoft Windows PE (x64), synthetic";
    for wim in ["pe:1", "pe:1:1", &format!("pe:1:{name}")] {
        // The boot programs need not be installed here.
        let words = ["serve", "--check", "--iface", "lo", "--wim", wim, "--json"];
        let ran = bench.run(&words);
        assert!(matches!(ran.code, 0 | 1), "{wim}: {}", ran.stderr);
        assert!(ran.stdout.contains("\"menu\""), "{}", ran.stdout);
    }
    let none = bench.run(&["serve", "--check", "--iface", "lo", "--wim", "pe:1:none"]).expect(2);
    assert!(none.stderr.contains("no image \"none\""), "{}", none.stderr);
}
