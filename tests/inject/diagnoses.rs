//! Mistakes that people make, and the words that lead out of them.

use std::fs;

use crate::support::{Bench, word};
use winpe_tests::tool;

/// A folder with a file of each kind.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("a.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Lab]\n\"a\"=\"b\"\n");
    bench.run(&["hive", "new", "SYSTEM", "a.reg"]).expect(0);
    bench.write("WIN98.DAT", "CREG\0\0\0\0 and more");
    bench.write("there.reg", "");
    bench.write("empty/readme.txt", "no driver");
    bench.write("quoted.toml", "[inject]\nwim = winpe.wim\n");
    bench.write("list.toml", "[inject]\nwim = \"winpe.wim\"\ndriver = \"x\"\n");
    bench.write("serve.toml", "[serve]\nmode = proxy\n");
    bench.write(
        "client.toml",
        "[[entry]]\nname = 'pe'\nlocal = true\n[[client]]\nname = 'x'\nmac = '52:54:00:00:00:01'\nentry = 'pe'\n",
    );
    bench.write("profile/profile.toml", "title = 'x'\nwhyy = 1\n");
    bench.write("no-profile/readme.txt", "");
    bench
}

#[track_caller]
fn says(bench: &Bench, words: &[&str], error: &str, hint: &str) {
    let run = bench.run(words).expect(2);
    let found = run.stderr.lines().any(|line| line.starts_with("error: ") && line.contains(error));
    assert!(found, "{words:?}: {error}\n{}", run.stderr);
    let hints: Vec<_> = run.stderr.lines().filter(|line| line.starts_with("hint: ")).collect();
    assert!(
        hints.iter().any(|line| line.contains(hint)) || hint.is_empty(),
        "{words:?}: {hint}\n{}",
        run.stderr
    );
    assert!(hint.is_empty() == hints.is_empty(), "{words:?}\n{}", run.stderr);
}

#[test]
fn a_file_of_another_kind_is_named() {
    let bench = bench();
    for (words, error, hint) in [
        (
            &["hive", "query", "winpe.wim", "Select"][..],
            "winpe.wim: not a hive, but a WIM",
            "winpe.wim:SYSTEM",
        ),
        (
            &["hive", "query", "a.reg", "Lab"],
            "a.reg: not a hive, but a .reg file",
            "hive import HIVE a.reg",
        ),
        (&["hive", "check", "WIN98.DAT"], "a registry of Windows 9x", ""),
        (&["hive", "set", "winpe.wim", "a", "b", "c"], "not a hive, but a WIM", "winpe.wim:SYSTEM"),
        (&["info", "SYSTEM"], "SYSTEM: not a WIM, but a registry hive", "hive info SYSTEM"),
        (&["info", "a.reg"], "a.reg: not a WIM, but a .reg file", "--reg a.reg"),
        (&["inject", "SYSTEM"], "not a WIM, but a registry hive", "hive export SYSTEM"),
        (&["wim", "ls", "SYSTEM"], "not a WIM, but a registry hive", "hive info SYSTEM"),
        (&["verify", "a.reg"], "not a WIM, but a .reg file", "reg check a.reg"),
        (&["reg", "fmt", "SYSTEM"], "not a .reg file, but a registry hive", "hive export SYSTEM"),
        (
            &["reg", "convert", "winpe.wim", "--to", "utf8"],
            "not a .reg file, but a WIM",
            "winpe.wim:SYSTEM",
        ),
        (
            &["inject", "winpe.wim", "--source", "SYSTEM"],
            "not a WIM, but a registry hive",
            "hive info SYSTEM",
        ),
        // What is none of these is said as before.
        (&["info", "empty/readme.txt"], "not a WIM file: it begins with 6e6f", ""),
    ] {
        says(&bench, words, error, hint);
    }
}

#[test]
fn a_disc_is_a_disc() {
    let Some(genisoimage) = tool("genisoimage", "genisoimage") else { return };
    let bench = bench();
    for (udf, name) in [(true, "udf.iso"), (false, "iso9660.iso")] {
        let (disc, folder) = (bench.path(name), bench.path("empty"));
        let mut words = vec!["-quiet"];
        words.extend(udf.then_some("-udf"));
        words.extend(["-o", word(&disc), word(&folder)]);
        assert!(winpe_tests::run(&genisoimage, words).status.success());
        for words in
            [&["info", name][..], &["inject", name], &["wim", "ls", name], &["mount", name, "m"]]
        {
            says(
                &bench,
                words,
                "not a WIM, but the image of a disc (ISO)",
                &format!("--iso {name}"),
            );
        }
        says(&bench, &["hive", "info", name], "not a hive, but the image of a disc", "--iso");
        let serve = ["serve", "--check", "--iface", "lo", "--iso", name];
        says(&bench, &serve, "has no sources/boot.wim", "a Windows disc has sources/boot.wim");
        let inject = ["inject", "--iso", name, "-o", "x.wim"];
        says(&bench, &inject, "has no sources/install.wim", "a Windows disc has");
    }
}

#[test]
fn what_is_missing_or_in_the_way_is_said() {
    let bench = bench();
    for (words, error, hint) in [
        (
            &["inject", "winpe.wim", "--profile", "./absent"][..],
            "no profile \"./absent\"",
            "there is no folder ./absent",
        ),
        (
            &["inject", "winpe.wim", "--profile", "absent"],
            "no profile \"absent\"",
            "--profile ./DIR",
        ),
        (&["demo", "."], "exists already", "name a folder without these files"),
        (&["inject"], "name a WIM, or --iso FILE, or --recipe FILE", "inject --help"),
        (&["wim", "cp", "winpe.wim", "."], "neither side is in a WIM", "winpe.wim:/ is all"),
        (&["wim", "cp", "a.reg", "b.reg"], "neither side is in a WIM", "WIM[:IMAGE]:PATH"),
        (&["boots", "--url", "127.0.0.1:8067"], "127.0.0.1:8067", "http://127.0.0.1:8067"),
        (
            &["hive", "export", "SYSTEM", "-o", "there.reg"],
            "there.reg exists already",
            "--force overwrites it",
        ),
        (
            &["reg", "convert", "a.reg", "--to", "utf8", "-o", "there.reg"],
            "there.reg exists already",
            "--force",
        ),
        (
            &["inject", "winpe.wim", "--source", "install.wim", "--driver", "empty"],
            "has no .inf file",
            "a driver package is",
        ),
        (
            &["inject", "winpe.wim", "--source", "install.wim", "--undo-reg", "there.reg"],
            "there.reg exists already",
            "another file",
        ),
    ] {
        says(&bench, words, error, hint);
    }
}

#[test]
fn an_error_in_any_toml_file_has_one_form() {
    let bench = bench();
    for (words, error, hint) in [
        (&["inject", "--recipe", "quoted.toml"][..], "quoted.toml:2:7: ", "key = \"text\""),
        (&["inject", "--recipe", "list.toml"], "list.toml:3:10: ", "a list is written in brackets"),
        (&["serve", "--config", "serve.toml", "--check"], "serve.toml:2:8: ", "key = \"text\""),
        (
            &["serve", "--config", "client.toml", "--check"],
            "client.toml:7:1: unknown field `entry`",
            "did you mean default?",
        ),
        (
            &["profile", "./profile"],
            "./profile/profile.toml:2:1: unknown field `whyy`",
            "did you mean why?",
        ),
    ] {
        says(&bench, words, error, hint);
    }
}

/// The second part of a split WIM lacks the metadata.
#[test]
fn the_first_part_of_a_set_is_asked_for() {
    let Some(imagex) = tool("wimlib-imagex", "wimtools") else { return };
    let bench = Bench::new();
    let mut state = 1_u64;
    for name in ["noise1", "noise2", "noise3"] {
        let noise = (0..1_500_000).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        fs::write(bench.path(name), noise.collect::<Vec<_>>()).unwrap();
        bench.run(&["wim", "cp", name, "install.wim:/"]).expect(0);
    }
    let swm = bench.path("install.swm");
    let words = ["split", word(&bench.install), word(&swm), "1"];
    assert!(winpe_tests::run(&imagex, words).status.success());
    let inject = ["inject", "winpe.wim", "--source", "install2.swm"];
    says(&bench, &inject, "part 2 of", "name the first part");
}
