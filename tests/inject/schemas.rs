//! The JSON schemas of inputs and outputs.

use std::fs;

use jsonschema::Validator;
use serde_json::{Value, json};
use winpe_tests::workspace;

use crate::recipes::{RECIPE, bench, report};
use crate::support::Bench;

#[track_caller]
fn validator(bench: &Bench, of: &str) -> Validator {
    let schema = bench.run(&["schema", of]).expect(0).stdout;
    let schema = serde_json::from_str(&schema).unwrap();
    jsonschema::meta::validate(&schema).expect("a schema");
    jsonschema::validator_for(&schema).expect("a schema")
}

#[track_caller]
fn check(schema: &Validator, document: &Value) {
    let errors: Vec<_> = schema.iter_errors(document).map(|it| it.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn the_schema_of_a_recipe_accepts_recipes_only() {
    let bench = bench();
    let schema = validator(&bench, "recipe");
    let check = |text: &str| schema.is_valid(&toml::from_str::<Value>(text).unwrap());
    assert!(check(RECIPE));
    assert!(check("[inject]\nimage = 2\n") && check("[inject]\nimage = 'all'\n"));
    for text in [
        "[inject]\nconect = []\n",
        "[inject]\nwim = 1\n",
        "[inject]\nconnect = ['nbd:x']\n",
        "[inject]\nimage = -1\n",
        "[other]\n",
    ] {
        assert!(!check(text), "{text}");
    }
}

/// Reports of jobs of every kind match the schema, and invalid reports do not.
#[test]
fn the_schema_of_a_report_accepts_reports_only() {
    let bench = bench();
    let schema = validator(&bench, "report");
    let full = report(&bench, &["--recipe=lab/winpe-iscsi.toml"]);
    check(&schema, &full);
    // Deleted trees, replaced values, and kept files.
    bench.write(
        "more.reg",
        "REGEDIT4\n\n[-HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\.cmd]\n\n\
         [HKEY_LOCAL_MACHINE\\SYSTEM\\Setup]\n\"CmdLine\"=-\n\"SetupType\"=dword:2\n",
    );
    let words = ["winpe.wim", "--source=install.wim", "--reg=more.reg"];
    check(&schema, &report(&bench, &words));
    check(&schema, &report(&bench, &words));

    // A removal, and the output for all images.
    let removal = bench.run(&["remove", "winpe.wim", "--dry-run", "--json"]).expect(0).stdout;
    check(&schema, &serde_json::from_str(&removal).unwrap());
    let words = ["winpe.wim", "--source=install.wim", "--image=all", "--dry-run"];
    let of_all = report(&bench, &words);
    check(&schema, &of_all);
    let mut wrong = of_all;
    wrong["images"][0]["files"][0]["action"] = json!("move");
    assert!(!schema.is_valid(&wrong), "the reports in a list are looked at too");

    for (pointer, wrong) in [
        ("/schema", json!("1")),
        ("/hives/0/changes/0/key", json!(1)),
        ("/hives/0/changes/0/op", json!("rename-key")),
        ("/hives/0/unchanged", json!(-1)),
        ("/files/0/action", json!("move")),
        ("/startup/targets", Value::Null),
        ("/startup/texts/0/diff", json!("text")),
    ] {
        let mut report = full.clone();
        *report.pointer_mut(pointer).expect(pointer) = wrong;
        assert!(!schema.is_valid(&report), "{pointer}");
    }
}

#[test]
fn the_schema_of_a_verdict_accepts_verdicts_only() {
    let bench = Bench::new();
    let schema = validator(&bench, "verdict");
    let verdict = |words: &[&str], code| -> Value {
        let words = [&["verify", "winpe.wim", "--json"], words].concat();
        serde_json::from_str(&bench.run(&words).expect(code).stdout).unwrap()
    };
    let bare = verdict(&[], 1);
    check(&schema, &bare);
    check(&schema, &verdict(&["--image", "all"], 1));
    bench.run(&["inject", "winpe.wim", "--source", "install.wim"]).expect(0);
    check(&schema, &verdict(&[], 0));
    for (pointer, wrong) in [
        ("/image", json!("1")),
        ("/points/0/what", json!(1)),
        ("/findings/0", json!({})),
        ("/windows/build", json!("7601")),
    ] {
        let mut verdict = bare.clone();
        *verdict.pointer_mut(pointer).expect(pointer) = wrong;
        assert!(!schema.is_valid(&verdict), "{pointer}");
    }
}

#[test]
fn the_schema_of_a_profile_knows_what_is_one() {
    let schema = validator(&Bench::new(), "profile");
    let folders = fs::read_dir(workspace().join("crates/inject/profiles")).unwrap();
    let mut seen = 0;
    for folder in folders.map(|folder| folder.unwrap().path()).filter(|path| path.is_dir()) {
        let text = fs::read_to_string(folder.join("profile.toml")).unwrap();
        check(&schema, &toml::from_str(&text).unwrap());
        seen += 1;
    }
    assert!(seen >= 3, "found {seen} profiles only");
    for text in [
        "title = 'a'\n",
        "title = 'a'\nwhy = 'b'\nparts = []\n",
        "title = 'a'\nwhy = 'b'\n[[part]]\nname = 'a'\n",
        "title = 'a'\nwhy = 'b'\n[[part]]\nname = 'a'\nwhy = 'b'\n[[part.copy]]\nkey = 1\nwhy = 'c'\n",
        "title = 'a'\nwhy = 'b'\n[[choice]]\nprofile = 'a'\nwhy = 'c'\nimage-builds = { from = '7600' }\n",
    ] {
        assert!(!schema.is_valid(&toml::from_str::<Value>(text).unwrap()), "{text}");
    }
}

#[test]
fn the_schema_of_the_server_knows_what_is_a_configuration() {
    let schema = validator(&Bench::new(), "serve");
    let packaged = fs::read_to_string(workspace().join("packaging/winpe-iscsi.toml")).unwrap();
    for text in
        [&packaged, RECIPE, "[watch]\nlisten = 'off'\n", "[serve.boot-files]\nuefi-x64 = 'a'\n"]
    {
        check(&schema, &toml::from_str(text).unwrap());
    }
    for text in [
        "[serve]\nfilename = 'a'\n",
        "[serve]\nmode = 'on'\n",
        "[serve]\nhttp-port = 65536\n",
        "[serve.limits]\ntftp-transfers = 0\n",
        "[serve.boot-files]\nuefi = 'a'\n",
        "[[serve.subnet]]\nfirst = '10.0.0.1'\n",
        "[[client]]\nname = 'a'\nmac = 1\n",
        "[[entry]]\nnames = 'a'\n",
        "[other]\n",
    ] {
        assert!(!schema.is_valid(&toml::from_str::<Value>(text).unwrap()), "{text}");
    }
}
