//! What `--json` says of what was written, and of errors.

use std::fs;

use serde_json::Value;
use winpe_inject::Sha256;

use crate::support::{Bench, word};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Each command that writes names its file, with size and digest.
#[test]
fn every_action_says_what_it_wrote() {
    let bench = Bench::new();
    bench.write("tweak.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Lab]\n\"a\"=\"b\"\n");
    let inject = ["inject", "winpe.wim", "--source", "install.wim"];
    for (words, outputs) in [
        (
            [&inject[..], &["-o", "new.wim", "--report", "r.json", "--html", "r.html"]].concat(),
            vec![("r.json", true), ("r.html", true), ("new.wim", true)],
        ),
        ([&inject[..], &["-o", "new.wim"]].concat(), vec![("new.wim", false)]),
        ([&inject[..], &["--dry-run"]].concat(), vec![]),
        (inject.to_vec(), vec![("winpe.wim", true)]),
        (inject.to_vec(), vec![("winpe.wim", false)]),
        (vec!["remove", "winpe.wim"], vec![("winpe.wim", true)]),
        (vec!["wim", "cp", "tweak.reg", "winpe.wim:tweak.reg"], vec![("winpe.wim", true)]),
        (vec!["wim", "cp", "winpe.wim:tweak.reg", "out.reg"], vec![("out.reg", true)]),
        (vec!["wim", "cp", "winpe.wim:Windows", "folder"], vec![("folder", true)]),
        (vec!["wim", "rm", "winpe.wim:tweak.reg"], vec![("winpe.wim", true)]),
        (vec!["wim", "export", "winpe.wim", "copy.wim"], vec![("copy.wim", true)]),
        (vec!["wim", "optimize", "winpe.wim"], vec![("winpe.wim", true)]),
        (vec!["hive", "new", "SYSTEM"], vec![("SYSTEM", true)]),
        (vec!["hive", "import", "SYSTEM", "tweak.reg"], vec![("SYSTEM", true)]),
        (vec!["hive", "import", "SYSTEM", "tweak.reg"], vec![("SYSTEM", false)]),
        (vec!["hive", "set", "winpe.wim:SYSTEM", "a", "b", "c"], vec![("winpe.wim", true)]),
        (vec!["hive", "set", "SYSTEM", "a", "b", "c", "--dry-run"], vec![]),
        (vec!["hive", "compact", "SYSTEM", "-o", "S2"], vec![("S2", true)]),
        (vec!["hive", "export", "SYSTEM", "-o", "system.reg"], vec![("system.reg", true)]),
        (vec!["reg", "fmt", "tweak.reg"], vec![("tweak.reg", true)]),
        (
            vec!["reg", "convert", "tweak.reg", "--to", "utf8", "-o", "utf8.reg"],
            vec![("utf8.reg", true)],
        ),
        (vec!["manual", "manual"], vec![("manual", true)]),
        (vec!["demo", "demo"], vec![("demo/winpe.wim", true), ("demo/install.wim", true)]),
    ] {
        let run = bench.run(&[&words[..], &["--json"]].concat()).expect(0);
        let document = json(&run.stdout);
        assert_eq!(document["schema"], 1, "{words:?}");
        assert!(document.get("error").is_none(), "{words:?}");
        let found: Vec<_> = document["outputs"].as_array().into_iter().flatten().collect();
        let shown: Vec<_> = found
            .iter()
            .map(|it| {
                let path = it["path"].as_str().unwrap();
                let short = path.strip_prefix(&format!("{}/", word(bench.dir.path())));
                (short.unwrap_or(path).to_owned(), it["written"].as_bool().unwrap())
            })
            .collect();
        let expected: Vec<_> =
            outputs.iter().map(|(path, written)| ((*path).to_owned(), *written)).collect();
        assert_eq!(shown, expected, "{words:?}");
        for (output, (path, _)) in found.iter().zip(&expected) {
            match fs::read(bench.path(path)) {
                Ok(bytes) => {
                    assert_eq!(output["bytes"], bytes.len(), "{words:?}");
                    assert_eq!(output["sha256"], Sha256::of(&bytes).to_string(), "{words:?}");
                }
                Err(_) => assert!(output.get("bytes").is_none(), "a folder: {words:?}"),
            }
        }
    }
}

#[test]
fn an_error_is_a_field_of_the_document() {
    let bench = Bench::new();
    fs::create_dir(bench.path("full")).unwrap();
    for words in [
        &["info", "absent.wim"][..],
        &["inject", "winpe.wim", "--source", "install.wim", "-o", "full", "--force"],
        &["inject", "winpe.wim"],
        &["hive", "query", "winpe.wim:SYSTEM", "absent"],
        &["hive", "query", "winpe.wim", "absent"],
        &["reg", "check", "absent.reg"],
        &["wim", "cat", "winpe.wim:absent"],
        &["remove", "winpe.wim"],
        &["serve", "--config", "absent.toml", "--check"],
        &["profile", "absent"],
    ] {
        let run = bench.run(&[words, &["--json"]].concat()).expect(2);
        let document = json(&run.stdout);
        let message = document["error"]["message"].as_str().unwrap();
        assert!(
            run.stderr.starts_with(&format!("error: {}", message.lines().next().unwrap())),
            "{}",
            run.stderr
        );
        let hints: Vec<_> = document["error"]["hints"].as_array().into_iter().flatten().collect();
        assert_eq!(hints.len(), run.stderr.matches("hint: ").count(), "{}", run.stderr);
        // Without --json nothing is on standard output.
        let plain = bench.run(words).expect(2);
        assert_eq!(plain.stdout, "", "{words:?}");
    }
}

/// What fails after the report was printed ends the document all the same.
#[test]
fn an_error_after_the_report_ends_the_document() {
    let bench = Bench::new();
    let Some(prlimit) = winpe_tests::tool("prlimit", "util-linux") else { return };
    let size = fs::metadata(&bench.winpe).unwrap().len() + 100;
    let mut command = std::process::Command::new(prlimit);
    command.arg(format!("--fsize={size}")).arg(winpe_tests::winpe_iscsi());
    command.args(["inject", "winpe.wim", "--source", "install.wim", "--json"]);
    let output = command.current_dir(bench.dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let document = json(&String::from_utf8(output.stdout).unwrap());
    assert!(document["hives"].is_array(), "{document}");
    assert!(
        document["error"]["message"].as_str().unwrap().contains("File too large"),
        "{document}"
    );
}

/// The schema of each output, and commands whose output it describes.
#[test]
fn every_output_has_its_schema() {
    let bench = Bench::new();
    bench.write("a.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Lab]\n\"a\"=\"b\"\n\"c\"=\n");
    bench.write("b.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Lab]\n\"a\"=\"c\"\n");
    bench.run(&["hive", "new", "SYSTEM", "b.reg"]).expect(0);
    bench.run(&["hive", "new", "OTHER"]).expect(0);
    for (schema, words, code) in [
        ("report", &["inject", "winpe.wim", "--source", "install.wim"][..], 0),
        ("verdict", &["verify", "winpe.wim"], 0),
        ("info", &["info", "winpe.wim"], 0),
        ("hive-info", &["hive", "info", "winpe.wim:SYSTEM"], 0),
        ("hive-query", &["hive", "query", "winpe.wim:SYSTEM", "Select"], 0),
        ("hive-find", &["hive", "find", "winpe.wim:SYSTEM", "iscsi"], 0),
        ("hive-changes", &["hive", "set", "SYSTEM", "a", "b", "c"], 0),
        ("hive-changes", &["hive", "import", "SYSTEM", "b.reg"], 0),
        ("hive-diff", &["hive", "diff", "SYSTEM", "OTHER"], 1),
        ("hive-check", &["hive", "check", "SYSTEM"], 0),
        ("hive-recover", &["hive", "recover", "SYSTEM"], 0),
        ("hive-compact", &["hive", "compact", "SYSTEM"], 0),
        ("reg-check", &["reg", "check", "a.reg"], 1),
        ("reg-fmt", &["reg", "fmt", "b.reg"], 0),
        ("reg-diff", &["reg", "diff", "b.reg", "b.reg"], 0),
        ("wim-ls", &["wim", "ls", "-R", "winpe.wim"], 0),
        ("wim-du", &["wim", "du", "winpe.wim"], 0),
        ("wim-verify", &["wim", "verify", "winpe.wim"], 0),
        ("wim-cp-in", &["wim", "cp", "b.reg", "winpe.wim:b.reg"], 0),
        ("wim-cp-out", &["wim", "cp", "winpe.wim:b.reg", "c.reg"], 0),
        ("outcome", &["wim", "rm", "winpe.wim:b.reg"], 0),
        ("outcome", &["manual", "manual"], 0),
        ("hive-find", &["hive", "find", "absent", "iscsi"], 2),
        ("report", &["inject", "absent"], 2),
        ("outcome", &["demo", "."], 2),
    ] {
        let text = bench.run(&["schema", schema]).expect(0).stdout;
        let schema_of = json(&text);
        assert_eq!(schema_of["$id"], format!("urn:winpe-iscsi:schema:1:{schema}"));
        let validator = jsonschema::validator_for(&schema_of).unwrap();
        let document = json(&bench.run(&[words, &["--json"]].concat()).expect(code).stdout);
        let errors: Vec<_> = validator.iter_errors(&document).map(|it| it.to_string()).collect();
        assert!(errors.is_empty(), "{words:?}: {errors:?}");
        // Every field is one that the schema knows, and without what it requires it is refused.
        for field in document.as_object().unwrap().keys() {
            assert!(text.contains(&format!("\"{field}\": {{")), "{schema}: {field}");
            let mut less = document.clone();
            less.as_object_mut().unwrap().remove(field);
            let required = text.contains(&format!("\"{field}\"\n"))
                || text.contains(&format!("\"{field}\",\n"));
            let may_go =
                field == "outputs" || (field == "error" && schema == "outcome") || !required;
            assert!(may_go || !validator.is_valid(&less), "{schema} without {field}");
        }
        let wrong = serde_json::json!({ "schema": 2 });
        assert!(!validator.is_valid(&wrong), "{schema}");
    }
    // A list of profiles is a document too.
    let profiles = json(&bench.run(&["profile", "iscsi", "--json"]).expect(0).stdout);
    assert_eq!(profiles["profiles"][0]["name"], "iscsi");
}
