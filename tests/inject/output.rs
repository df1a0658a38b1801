//! What inject and remove print and save of a change: all of it, in numbers, in words, as a page.

use std::fs;

use serde_json::Value;
use winpe_tests::tool;

use crate::support::{Bench, plus_side, wimlib, word};

const INJECT: &[&str] = &["inject", "winpe.wim", "--source", "install.wim"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [INJECT, more].concat()
}

/// A count in the last line, such as that of `keys created`; 0 if it is not there.
fn counted(line: &str, what: &str) -> u64 {
    let mut parts = line.split([':', ',', ';']).map(str::trim);
    let found = parts.find_map(|part| part.strip_suffix(what).map(str::trim).map(str::to_owned));
    found.map_or(0, |number| number.parse().unwrap())
}

#[test]
fn the_last_line_counts_what_the_report_has() {
    let bench = Bench::new();
    for more in [&["--dry-run"][..], &["--check"], &["--stat", "--dry-run"], &[]] {
        let code = i32::from(more == ["--check"]);
        let report = bench.run(&with(&["--dry-run", "--json"])).expect(0).stdout;
        let report: Value = serde_json::from_str(&report).unwrap();
        let run = bench.run(&with(more)).expect(code);
        let last = run.stdout.lines().last().unwrap();
        let ops = |op: &str| {
            let hives = report["hives"].as_array().unwrap().iter();
            let changes = hives.flat_map(|hive| hive["changes"].as_array().unwrap());
            changes.filter(|change| change["op"] == op).count()
        };
        let files: Vec<_> = ["files", "record"]
            .iter()
            .flat_map(|list| report[list].as_array().unwrap())
            .filter(|file| file["action"] == "add")
            .collect();
        let bytes: u64 = files.iter().map(|file| file["size"].as_u64().unwrap()).sum();
        assert_eq!(counted(last, "files added"), files.len() as u64, "{last}");
        let values = counted(last, "values set");
        assert!(values > 50 && last.starts_with("total: "), "{last}");
        assert_eq!(values, ops("set-value") as u64, "{last}");
        let grouped = bytes.to_string();
        let (thousands, rest) = grouped.split_at(grouped.len() - 3);
        assert!(last.contains(&format!("{thousands},{rest} bytes of files")), "{last}");
        assert_eq!(run.stderr == "nothing is written\n", !more.is_empty(), "{}", run.stderr);
    }
    let last = bench.run(&with(&["--dry-run"])).expect(0).stdout;
    assert!(last.ends_with("total: nothing changes\n"), "{last}");
}

#[test]
fn a_summary_has_neither_diff_nor_files_and_quiet_is_quiet() {
    let bench = Bench::new();
    let stat = bench.run(&with(&["--stat", "--dry-run"])).expect(0).stdout;
    assert!(stat.lines().count() < 8, "{stat}");
    assert!(!stat.contains("dword") && !stat.contains("  add "), "{stat}");
    assert!(stat.contains(r"config\SYSTEM: "), "{stat}");
    for words in [
        with(&["-q", "--dry-run"]),
        with(&["-q", "-o", "new.wim"]),
        with(&["-q"]),
        vec!["remove", "winpe.wim", "-q"],
        vec!["hive", "set", "winpe.wim:SYSTEM", "a", "b", "c", "-q"],
    ] {
        let run = bench.run(&words).expect(0);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "{words:?}");
    }
    // What it says is wrong is said all the same.
    let failed = bench.run(&with(&["-q", "--profile", "none"])).expect(2);
    assert!(failed.stderr.starts_with("error: "), "{}", failed.stderr);
}

/// The decoded values are comments, so the diff still is what brings the change about.
#[test]
fn an_explained_diff_is_the_same_reg_file() {
    let bench = Bench::new();
    let cat = |name: &str| {
        let hive = bench.run(&["hive", "export", &format!("winpe.wim:{name}")]).expect(0).stdout;
        bench.write(&format!("{name}.reg"), hive);
        bench.run(&["hive", "new", name, &format!("{name}.reg")]).expect(0);
    };
    ["SYSTEM", "SOFTWARE"].into_iter().for_each(cat);
    let plain = bench.run(&with(&["--dry-run"])).expect(0).stdout;
    let explained = bench.run(&with(&["--dry-run", "--explain"])).expect(0).stdout;
    assert!(!plain.contains("+; \"MSiSCSI\""), "{plain}");
    assert!(explained.contains("+; \"MSiSCSI\""), "{explained}");
    let without = |text: &str| {
        let lines = plus_side(text);
        lines.lines().filter(|line| !line.starts_with(';')).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(without(&plain), without(&explained));
    // As one file of several hives it is read by our strict parser.
    bench.write("explained.reg", plus_side(&explained));
    bench.run(&["reg", "fmt", "explained.reg", "--check"]).expect(1);

    let set = ["hive", "set", "SYSTEM", "a", "b", "--type", "multi-sz", "one", "two"];
    let out = bench.run(&[&set[..], &["--explain"]].concat()).expect(0).stdout;
    assert!(out.contains("+; \"one\", \"two\""), "{out}");
    fs::copy(bench.path("SYSTEM"), bench.path("OLD")).unwrap();
    bench.run(&["hive", "set", "SYSTEM", "a", "b", "--type", "multi-sz", "three"]).expect(0);
    let diff = bench.run(&[
        "hive",
        "diff",
        "OLD",
        "SYSTEM",
        "--explain",
        "--root",
        r"HKEY_LOCAL_MACHINE\SYSTEM",
    ]);
    let diff = diff.expect(1).stdout;
    assert!(diff.contains("-; \"one\", \"two\"\n") && diff.contains("+; \"three\"\n"), "{diff}");
    bench.write("diff.reg", plus_side(&diff));
    bench
        .run(&["hive", "import", "OLD", "diff.reg", "--root", r"HKEY_LOCAL_MACHINE\SYSTEM"])
        .expect(0);
    bench.run(&["hive", "diff", "OLD", "SYSTEM"]).expect(0);
}

/// A name and data that would be an element of the page, and another one's title.
const EVIL: &str = "</table><img src=x onerror=document.title=1><b id=taken>";

fn page(bench: &Bench) -> String {
    bench.write(
        "evil.reg",
        format!(
            "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Setup\\{EVIL}]\r\n\
             \"{EVIL}\"=\"{EVIL}\"\r\n\"path\"=hex(2):25,00,61,00,25,00,00,00\r\n"
        ),
    );
    bench.write("tool.txt", "a tool");
    let words = ["--reg", "evil.reg", "--add", "tool.txt=\\Tools\\tool.txt", "--html", "page.html"];
    bench.run(&with(&[&words[..], &["--dry-run"]].concat())).expect(0);
    fs::read_to_string(bench.path("page.html")).unwrap()
}

#[test]
fn the_page_has_the_report_and_needs_nothing_else() {
    let bench = Bench::new();
    let page = page(&bench);
    for wanted in [
        "<!doctype html>",
        r"<h2>Windows\System32\config\SYSTEM</h2>",
        "<ins>REG_MULTI_SZ MSiSCSI</ins>",
        "<ins>REG_EXPAND_SZ %a%</ins>",
        "(1)</ins>",
        r"<td>\Tools\tool.txt</td>",
        "&lt;img src=x",
    ] {
        let found = page.contains(wanted) || page.contains(&wanted.replace(r"<td>\", "<td>"));
        assert!(found, "{wanted}\n{page}");
    }
    for unwanted in ["<img", "<script", "http://", "https://", "<link", "url("] {
        assert!(!page.contains(unwanted), "{unwanted}");
    }
    // Every element is closed in the order in which it was opened.
    let mut open = Vec::new();
    for tag in page.split('<').skip(1) {
        let name = tag.split([' ', '>', '\n']).next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if matches!(name, "!doctype" | "meta") => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_browser_shows_the_page_and_runs_nothing_of_the_image() {
    let Some(chromium) = tool("chromium", "chromium") else { return };
    let bench = Bench::new();
    page(&bench);
    let profile = format!("--user-data-dir={}", word(&bench.path("profile")));
    let url = format!("file://{}", word(&bench.path("page.html")));
    // The sandbox needs rights that a container does not have; the page is our own.
    let words = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        &profile,
        "--dump-dom",
        &url,
    ];
    let output = winpe_tests::run(&chromium, words);
    assert!(output.status.success(), "{output:?}");
    let document = String::from_utf8(output.stdout).unwrap();
    assert!(document.contains("<title>winpe.wim - winpe-iscsi</title>"), "{document}");
    assert!(document.contains("<ins>REG_MULTI_SZ MSiSCSI</ins>"), "{document}");
    assert!(!document.contains("<img") && !document.contains("id=\"taken\""), "{document}");
    let details = document.matches("<details").count();
    assert!(details > 20, "{details} keys and parts");
}

/// Wimlib says how large the file becomes.
#[test]
fn usage_is_what_the_files_take_and_what_is_left() {
    let bench = Bench::new();
    bench.run(&with(&[])).expect(0);
    bench.run(&["remove", "winpe.wim"]).expect(0);
    let usage = |place: &str| -> Value {
        let text = bench.run(&["wim", "du", place, "--json", "--depth", "9"]).expect(0).stdout;
        serde_json::from_str(&text).unwrap()
    };
    let before = usage("winpe.wim");
    let size = fs::metadata(&bench.winpe).unwrap().len();
    assert_eq!(before["wim_bytes"], size);
    let unused = before["unused_bytes"].as_u64().unwrap();
    assert!(unused > 1000, "{before}");
    bench.run(&["wim", "optimize", "winpe.wim"]).expect(0);
    let after = usage("winpe.wim");
    assert_eq!(after["unused_bytes"], 0);
    let found = fs::metadata(&bench.winpe).unwrap().len();
    // The tables of the new file may be a little larger or smaller.
    assert!(found.abs_diff(size - unused) <= 64, "{size} - {unused} = {found}");
    // The whole is the sum of its files, each folder that of those in it.
    let listing = bench.run(&["wim", "ls", "-R", "winpe.wim", "--json"]).expect(0).stdout;
    let listing: Value = serde_json::from_str(&listing).unwrap();
    let below = |folder: &str| -> u64 {
        let mut seen = std::collections::BTreeSet::new();
        let entries = listing["entries"].as_array().unwrap().iter();
        let files = entries.filter(|it| it["path"].as_str().unwrap().starts_with(folder));
        let files =
            files.filter(|it| it["sha1"].is_string() && seen.insert(it["sha1"].to_string()));
        files.map(|it| it["size"].as_u64().unwrap()).sum()
    };
    let folders = after["folders"].as_array().unwrap();
    let size_of = |path: &str| {
        folders.iter().find(|it| it["path"] == path).map(|it| it["size"].as_u64().unwrap())
    };
    assert_eq!(size_of(""), Some(below("\\")));
    assert_eq!(size_of("Windows/System32/config"), Some(below("\\Windows\\System32\\config\\")));
    let stored: Vec<_> = folders.iter().map(|it| it["stored"].as_u64().unwrap()).collect();
    assert!(stored.is_sorted_by(|a, b| a >= b) && stored[0] < found, "{stored:?}");

    // A solid WIM: each file has its share of what all take together.
    let solid = bench.path("solid.wim");
    let words = ["export", word(&bench.winpe), "1", word(&solid), "--solid"];
    if wimlib(&words).is_some() {
        let usage = usage("solid.wim");
        let stored = usage["folders"][0]["stored"].as_u64().unwrap();
        let file = fs::metadata(&solid).unwrap().len();
        assert!(stored > 0 && stored < file, "{stored} of {file}");
    }
}
