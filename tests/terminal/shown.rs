//! Control characters in names and data: escaped on a terminal, unchanged in a pipe.

use std::fs;

use winpe_registry::{Edit, Value};
use winpe_tests::{run, tool};
use winpe_wim::{Archive, CommitOptions, Content, FileChange, ImageChanges, Target};

use crate::support::{BREAKS, Bench, STEERS, hive, on_terminal, set};

/// Control characters that XML can hold.
const IN_XML: &str = "PE \u{7f}\u{9b}31m\u{85}\u{202e}\u{2028}\nerror: forged";

/// A WIM and hives with control characters in names and data; `None` if the tool that makes such a
/// WIM is missing.
fn hostile() -> Option<Bench> {
    let imagex = tool("wimlib-imagex", "wimtools")?;
    let bench = Bench::new();
    fs::create_dir_all(bench.path("tree/folder")).unwrap();
    fs::create_dir_all(bench.path("tree/Windows/System32/config")).unwrap();
    for name in [STEERS, BREAKS, "plain"] {
        bench.write(&format!("tree/folder/{name}"), format!("{name}\ttext\r\n"));
    }
    let old = [set(STEERS, "stays", Value::sz("same")), set(STEERS, STEERS, Value::sz("old"))];
    let data = format!("{STEERS}{BREAKS}");
    let new = [
        set(STEERS, "stays", Value::sz("same")),
        set(STEERS, STEERS, Value::sz(data.as_str())),
        set(&format!(r"{STEERS}\below"), "list", Value::multi_sz([STEERS, "b"])),
        set(r"tab\key", "t\tb", Value::expand_sz(STEERS)),
    ];
    bench.write("tree/Windows/System32/config/SYSTEM", hive(&new));
    let (tree, wim) = (bench.path("tree"), bench.path("esc.wim"));
    let [tree, wim] = [&tree, &wim].map(|path| path.to_str().unwrap());
    let made = run(&imagex, ["capture", tree, wim, IN_XML, IN_XML]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    bench.write("OLD", hive(&old));
    bench.write("NEW", hive(&new));
    // A name with a line break cannot be written in a .reg file, but can be listed.
    bench.write("BREAKS", hive(&[set(BREAKS, BREAKS, Value::sz(BREAKS))]));
    bench.write("add.txt", STEERS);
    bench.write("tweak.reg", {
        let key = r"HKEY_LOCAL_MACHINE\SOFTWARE";
        format!(
            "Windows Registry Editor Version 5.00\n\n[{key}\\{STEERS}]\n\"{STEERS}\"=\"{STEERS}\"\n"
        )
    });
    Some(bench)
}

fn steers(c: char) -> bool {
    c.is_control() || STEERS.contains(c) && !c.is_ascii_graphic()
}

#[test]
fn only_our_own_line_ends_control_a_terminal() {
    let Some(bench) = hostile() else { return };
    // `--add` accepts no control characters.
    let add: String = STEERS.chars().filter(|c| !c.is_control() && !"[];".contains(*c)).collect();
    let add = format!(r"add.txt=\{add}");
    let dry = ["inject", "winpe.wim", "--source", "install.wim", "--dry-run", "--reg", "tweak.reg"];
    let dry = [&dry[..], &["--add", &add]].concat();
    for (words, code, holds) in [
        (&["info", "esc.wim"][..], 0, "image 1: PE \\u{7f}\\u{9b}31m"),
        (&["info", "esc.wim", "--json"], 0, "\\u009b31m"),
        (&["wim", "ls", "-R", "esc.wim"], 0, "folder/b\\n+forged\\r\\nerror: forged\n"),
        (&["wim", "ls", "-l", "esc.wim:folder"], 0, "\\u{202e}"),
        (&["wim", "ls", "-R", "esc.wim", "--json"], 0, "\\u202e"),
        (&["wim", "cat", &format!("esc.wim:folder/{STEERS}")], 0, "\\u{2028}\\u{2029}z\ttext\r\n"),
        (&["hive", "query", "NEW", STEERS], 0, "\\u{1b}]0;t\\u{7}\\u{8}\\u{b}\\u{7f}"),
        (&["hive", "query", "BREAKS", BREAKS], 0, "    b\\n+forged\\r\\nerror: forged    REG_SZ"),
        (&["hive", "export", "NEW"], 0, "\\u{9b}2J"),
        (&["hive", "find", "NEW", "."], 0, "\\u{200f}"),
        (&["hive", "find", "BREAKS", "forged"], 0, "\\n+forged"),
        (&["hive", "diff", "OLD", "NEW"], 1, "\n+\"a\\u{1b}[31m"),
        (&["hive", "diff", "OLD", "NEW", "--json"], 1, "\\u202a"),
        (&["hive", "info", "NEW"], 0, "NEW"),
        (&["hive", "query", "NEW", &format!("no {BREAKS}")], 2, "\\n+forged\\r\\nerror: forged"),
        (&["hive", "export", "BREAKS"], 1, "warning: "),
        (&["wim", "ls", &format!("esc.wim:no {BREAKS}")], 2, "\\n+forged"),
        (&["wim", "ls", &format!("esc.wim:3:{STEERS}")], 2, "it has 1 (PE \\u{7f}\\u{9b}31m"),
        (&["reg", "check", "tweak.reg"], 1, "tweak.reg: "),
        (&["reg", "fmt", "--explain", "tweak.reg"], 0, "\"a\\u{1b}[31m"),
        (&dry, 0, "+\"a\\u{1b}[31m"),
        (&["reg", "convert", "tweak.reg", "--to", "utf8"], 0, "\\u{1b}"),
    ] {
        let plain = [words, &["--color", "never"]].concat();
        // Errors quote arguments of the command line too; messages of clap are not tested here.
        let (shown, status) = on_terminal(bench.command(&plain));
        assert_eq!(status, code, "{words:?}\n{shown}");
        // Text files contain tabs, and line ends of Windows.
        let tab = words.contains(&"cat") || words.contains(&"export") || words.contains(&"convert");
        let text = if tab { shown.replace("\r\n", "\n").replace('\t', " ") } else { shown.clone() };
        let bad: Vec<_> = text.chars().filter(|&c| steers(c) && c != '\n').collect();
        assert!(bad.is_empty(), "{words:?}: {bad:?}\n{shown}");
        assert!(shown.contains(holds), "{words:?}: no {holds:?}\n{shown}");
        assert!(!shown.lines().any(|line| line.starts_with("error: forged")), "{words:?}\n{shown}");
        assert!(!shown.lines().any(|line| line.starts_with("+forged")), "{words:?}\n{shown}");

        // With colours, only their sequences are added.
        let (coloured, _) = on_terminal(bench.command(words));
        let mut plain = coloured.clone();
        for style in ["0", "1", "2", "31", "32", "33", "36"] {
            plain = plain.replace(&format!("\u{1b}[{style}m"), "");
        }
        assert_eq!(plain, shown, "{words:?}");
    }
    let (coloured, _) = on_terminal(bench.command(&["hive", "diff", "OLD", "NEW"]));
    assert!(coloured.contains("\u{1b}[32m+[HKEY_LOCAL_MACHINE\\NEW\\a\\u{1b}[31m"), "{coloured}");
}

#[test]
fn a_pipe_gets_every_byte() {
    let Some(bench) = hostile() else { return };
    let listed = bench.run(&["wim", "ls", "-R", "esc.wim"], 0).0;
    assert!(listed.contains(&format!("folder/{STEERS}\n")), "{listed:?}");
    assert!(listed.contains(&format!("folder/{BREAKS}\n")), "{listed:?}");
    let queried = bench.run(&["hive", "query", "NEW", STEERS], 0).0;
    assert!(
        queried.contains(&format!("    {STEERS}    REG_SZ    {STEERS}{BREAKS}\n")),
        "{queried:?}"
    );
    let json = bench.run(&["wim", "ls", "-R", "esc.wim", "--json"], 0).0;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let paths = json["entries"].as_array().unwrap().iter().map(|entry| entry["path"].clone());
    assert!(paths.clone().any(|path| path == format!(r"\folder\{STEERS}")), "{paths:?}");
    // Our own colours do not depend on this, nor this on them.
    let coloured = bench.run(&["hive", "diff", "OLD", "NEW", "--color", "always"], 1).0;
    assert!(coloured.contains("\u{1b}[32m+\"") && coloured.contains(STEERS), "{coloured:?}");
    let dry = ["inject", "winpe.wim", "--source", "install.wim", "--dry-run", "--reg", "tweak.reg"];
    let dry = bench.run(&dry, 0).0;
    assert!(dry.contains(&format!("+\"{STEERS}\"=\"{STEERS}\"\n")), "{dry:?}");
}

/// Every control character that a name in a .reg file can contain, and any in data.
#[test]
fn the_plus_lines_of_a_piped_diff_give_the_new_hive() {
    let bench = Bench::new();
    let mut edits = vec![];
    let chars =
        ('\u{1}'..='\u{a0}').chain("\u{61c}\u{200e}\u{202e}\u{2028}\u{2069}\u{feff}".chars());
    for c in chars {
        edits.push(set("data", &format!("{:x}", u32::from(c)), Value::sz(format!("a{c}b"))));
        edits.push(set(
            "list",
            &format!("{:x}", u32::from(c)),
            Value::multi_sz([format!("{c}"), c.into()]),
        ));
        if !matches!(c, '\n' | '\r' | '\\') {
            edits.push(set(&format!(r"keys\{c}Drivers{c}"), "", Value::dword(u32::from(c))));
            edits.push(set(
                "names",
                &format!("{c}Drivers{c}[31m"),
                Value::expand_sz(c.to_string()),
            ));
        }
    }
    let old = [set("data", "1b", Value::sz("old")), Edit::create_key("gone".parse().unwrap())];
    fs::create_dir(bench.path("old")).unwrap();
    bench.write("old/SYSTEM", hive(&old));
    bench.write("SYSTEM", hive(&edits));
    for color in ["auto", "never"] {
        let diff = bench.run(&["hive", "diff", "old/SYSTEM", "SYSTEM", "--color", color], 1).0;
        let plus: String = diff
            .split_terminator('\n')
            .filter_map(|line| line.strip_prefix('+'))
            .map(|line| format!("{line}\n"))
            .collect();
        bench.write("plus.reg", plus);
        bench.run(&["hive", "import", "old/SYSTEM", "plus.reg", "-o", "made", "--force", "-q"], 0);
        fs::rename(bench.path("made"), bench.path("old/made")).unwrap();
        let root = ["--root", r"HKEY_LOCAL_MACHINE\SYSTEM"];
        let left = bench.run(&[&["hive", "diff", "old/made", "SYSTEM"][..], &root].concat(), 0).0;
        assert_eq!(left, "", "nothing differs");
    }
    // An export is a .reg file too.
    let export = bench.run(&["hive", "export", "SYSTEM"], 0).0;
    bench.write("all.reg", export);
    bench.write("SYSTEM.empty", hive(&[]));
    let import =
        ["hive", "import", "SYSTEM.empty", "all.reg", "--root", r"HKEY_LOCAL_MACHINE\SYSTEM"];
    bench.run(&import, 0);
    bench.run(&["hive", "diff", "SYSTEM.empty", "SYSTEM"], 0);
}

/// The record in an image is not trusted, and `remove` prints its content.
#[test]
fn the_record_of_an_image_cannot_control_a_terminal() {
    const RECORD: &str = r"Windows\System32\winpe-iscsi\record.json";
    let bench = Bench::new();
    bench.run(&["inject", "winpe.wim", "--source", "install.wim", "-q"], 0);
    let archive = Archive::open(&bench.path("winpe.wim")).unwrap();
    let mut record: serde_json::Value =
        serde_json::from_slice(&archive.read(1, RECORD).unwrap()).unwrap();
    record["files"][0]["path"] = format!("Windows\\{STEERS}{BREAKS}").into();
    record["profile"] = format!("{STEERS}{BREAKS}").into();
    let content = Content::Bytes(serde_json::to_vec(&record).unwrap());
    let changes = vec![FileChange::Put { path: RECORD.to_owned(), content }];
    let changes = [ImageChanges { image: 1, changes }];
    archive.commit(&changes, &Target::InPlace, CommitOptions::default()).unwrap();
    let words = ["remove", "winpe.wim", "--dry-run"];
    let (shown, status) = on_terminal(bench.command(&[&words[..], &["--color=never"]].concat()));
    assert_eq!(status, 0, "{shown}");
    let bad: Vec<_> = shown.chars().filter(|&c| steers(c) && c != '\n').collect();
    assert!(bad.is_empty(), "{bad:?}\n{shown}");
    for forged in ["+forged", "error: forged"] {
        assert!(!shown.lines().any(|line| line.starts_with(forged)), "{shown}");
    }
    assert!(shown.contains("warning: Windows\\a\\u{1b}[31m") && shown.contains("profile a\\u{1b}"));
    // In a pipe a name is on one line too, since the report has a line for each.
    let (piped, _) = bench.run(&words, 0);
    assert!(piped.contains(STEERS) && !piped.lines().any(|line| line.starts_with("+forged")));
}

#[test]
fn a_terminal_shows_what_happens_in_its_order() {
    let bench = Bench::new();
    let inject = bench.command(&["inject", "winpe.wim", "--source", "install.wim"]);
    let (shown, status) = on_terminal(inject);
    let last = shown.lines().last().unwrap();
    assert_eq!((status, last.starts_with("winpe.wim is changed; ")), (0, true), "{shown}");
}
