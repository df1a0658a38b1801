//! Recipes.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Bench, Run};

pub(crate) const RECIPE: &str = r#"
[inject]
wim = "../winpe.wim"
source = "../install.wim:1"
reg = ["lab.reg"]
add = ['tools=\Tools']
output = "lab.wim"
connect = ["iscsi:192.168.0.20::::iqn.2011-12.com.example:win7"]
initiator-name = "iqn.2011-12.com.example:lab"
autostart = true

[serve]
mode = "proxy"

[[entry]]
name = "lab"
wim = "lab/lab.wim"
"#;

pub(crate) fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("lab/winpe-iscsi.toml", RECIPE);
    bench.write("lab/lab.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lab]\n\"a\"=\"b\"\n");
    bench.write("lab/tools/a.txt", "a");
    bench
}

/// With fixed times, since the digests of the hives depend on them.
pub(crate) fn report(bench: &Bench, words: &[&str]) -> Value {
    let mut command = Command::new(winpe_tests::winpe_iscsi());
    command.args(["inject", "--json"]).args(words).current_dir(bench.dir.path());
    command.env("SOURCE_DATE_EPOCH", "1600000000");
    let run = Run::of(command).expect(0);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn a_recipe_says_what_the_command_line_says() {
    let bench = bench();
    let by_recipe = report(&bench, &["--recipe", "lab/winpe-iscsi.toml", "--dry-run"]);
    let mut by_words = report(
        &bench,
        &[
            "winpe.wim",
            "--source=install.wim:1",
            "--reg=lab/lab.reg",
            r"--add=lab/tools=\Tools",
            "--connect=iscsi:192.168.0.20::::iqn.2011-12.com.example:win7",
            "--initiator-name=iqn.2011-12.com.example:lab",
            "--autostart",
            "--dry-run",
        ],
    );
    // The paths differ only in spelling.
    by_words["wim"] = json!("lab/../winpe.wim");
    by_words["source"] = json!("lab/../install.wim, image 1");
    assert_eq!(by_recipe, by_words);

    bench.run(&["inject", "--recipe", "lab/winpe-iscsi.toml"]).expect(0);
    assert!(bench.path("lab/lab.wim").is_file());
    bench.run(&["verify", "lab/lab.wim"]).expect(0);
}

#[test]
fn the_command_line_overrides_the_recipe() {
    let bench = bench();
    bench.write("other.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Other]\n");
    let words = ["--recipe=lab/winpe-iscsi.toml", "--reg=other.reg", "--output=other.wim"];
    let report = report(&bench, &words);
    assert!(bench.path("other.wim").is_file() && !bench.path("lab/lab.wim").exists());
    let software = report["hives"].to_string();
    assert!(software.contains("Other") && !software.contains(r"SOFTWARE\\Lab"), "{software}");
    assert_eq!(report["startup"]["targets"].as_array().unwrap().len(), 1);
}

#[test]
fn a_misspelt_key_is_reported_with_the_similar_one() {
    let bench = bench();
    for (text, place, hint) in [
        ("[inject]\nwim = 'a'\nconect = []\n", ":3:1: ", "did you mean connect?"),
        ("[inject]\ninitiator_name = 'x'\n", ":2:1: ", "did you mean initiator-name?"),
        ("[injekt]\n", ":1:2: ", "did you mean inject?"),
        ("[serve]\n", "has no [inject]", "schema recipe"),
    ] {
        bench.write("bad.toml", text);
        let error = bench.refused(&["inject", "--recipe", "bad.toml"]);
        assert!(error.contains(place) && error.contains(hint), "{error}");
    }
    bench.write("bad.toml", "[inject]\nanything = 1\n[serve]\nhttp_port = 81\n");
    let error = bench.refused(&["serve", "--config", "bad.toml", "--check"]);
    assert!(
        error.contains("bad.toml:4:1: ") && error.contains("did you mean http-port?"),
        "{error}"
    );
    let error = bench.refused(&["inject", "--recipe", "absent.toml"]);
    assert!(error.contains("absent.toml"), "{error}");
    bench.write("bad.toml", "[inject]\nautostart = true\n");
    let error = bench.refused(&["inject", "--recipe", "bad.toml"]);
    assert!(error.contains("bad.toml names neither a wim nor an iso"), "{error}");
}
