//! The plan of the rooms: which folder of a crate may use which. `scripts/arrows` reads the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// `folder → the folders that it may use`. The files beside `lib.rs` are the room `.`.
type Rooms = &'static [(&'static str, &'static [&'static str])];

/// The crates that have such a plan, in ARCHITECTURE.md too, under "The rooms of `NAME`".
const CRATES: &[(&str, Rooms)] = &[("inject", INJECT), ("netboot", NETBOOT)];

/// The crates in which no two files use each other in a circle. In `netboot` there are such circles within
/// rooms: a module and its parent, or an exchange of DHCP messages spread over several files.
const NO_FILE_CIRCLES: &[&str] = &["inject"];

const INJECT: Rooms = &[
    ("image", &[]),
    ("report", &["image"]),
    ("hives", &["image", "report"]),
    ("profile", &["image", "hives"]),
    ("files", &["image", "report", "profile"]),
    ("program", &["image", "report", "profile", "files"]),
    ("parts", &["image", "report", "hives", "profile", "files"]),
    ("startup", &["image", "report", "hives", "files", "program"]),
    ("demo", &["hives", "profile", "program"]),
    (".", &["image", "report", "hives", "profile", "files", "program", "parts", "startup"]),
];

const NETBOOT: Rooms = &[
    ("wire", &[]),
    ("digest", &[]),
    ("client", &["wire"]),
    ("config", &["client", "wire"]),
    ("event", &["client", "digest", "wire"]),
    ("meter", &["config", "event"]),
    ("policy", &["client", "config", "wire"]),
    ("logic", &["client", "config", "event", "policy", "wire"]),
    ("files", &["digest", "event"]),
    ("net", &["config"]),
    ("dhcp", &["config", "event", "logic", "net", "wire"]),
    ("ipv6", &["event", "logic", "net", "wire"]),
    ("tftp", &["config", "digest", "event", "files", "logic", "meter", "net", "wire"]),
    ("http", &["config", "digest", "event", "files", "logic", "meter", "net"]),
    ("timeline", &["client", "digest", "event", "logic", "wire"]),
    ("watch", &["config", "event", "http", "logic", "meter", "timeline"]),
    (
        "serve",
        &[
            "client", "config", "dhcp", "event", "files", "http", "ipv6", "logic", "meter", "net",
            "policy", "tftp", "watch", "wire",
        ],
    ),
    (".", &[]),
];

#[test]
fn folders_use_each_other_as_drawn() {
    if winpe_tests::tool("python3", "python3").is_none() {
        return;
    }
    for (name, rooms) in CRATES {
        let found = read(name);
        let rooms: BTreeMap<_, _> = rooms.iter().copied().collect();
        let built: BTreeSet<&str> = strings(&found["rooms"]).collect();
        assert_eq!(built, rooms.keys().copied().collect(), "the rooms of {name}");
        let arrows = found["arrows"].as_object().expect("arrows");
        for (room, may_use) in &rooms {
            let uses: BTreeSet<_> = arrows.get(*room).into_iter().flat_map(strings).collect();
            let drawn: BTreeSet<_> = may_use.iter().copied().collect();
            assert_eq!(uses, drawn, "{name}: what {room} uses, and what is drawn");
        }
        assert_eq!(found["room_circles"], json!([]), "{name}");
        if NO_FILE_CIRCLES.contains(name) {
            assert_eq!(found["file_circles"], json!([]), "{name}");
        }
    }
}

#[test]
fn architecture_has_the_same_table() {
    let text = std::fs::read_to_string(winpe_tests::workspace().join("ARCHITECTURE.md"));
    let text = text.expect("ARCHITECTURE.md");
    for (name, rooms) in CRATES {
        let (_, section) =
            text.split_once(&format!("## The rooms of `{name}`")).expect("a section");
        let section = section.split("\n## ").next().unwrap_or_default();
        let quoted = |cell: &str| -> BTreeSet<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let drawn: BTreeMap<_, _> = rows
            .map(|(room, rest)| (room, quoted(rest.split('|').nth(1).expect("two columns"))))
            .collect();
        let held = rooms.iter().filter(|(room, _)| *room != ".");
        let held: BTreeMap<_, BTreeSet<_>> = held
            .map(|(room, uses)| (*room, uses.iter().map(|&it| it.to_owned()).collect()))
            .collect();
        assert_eq!(drawn, held, "{name}");
    }
}

/// Otherwise a script that reads nothing would hold any plan.
#[test]
fn the_script_sees_arrows_and_circles() {
    if winpe_tests::tool("python3", "python3").is_none() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (file, text) in [
        ("lib.rs", "mod a;\nmod b;\nmod c;\npub use b::B;\n"),
        (
            "a/mod.rs",
            "use crate::b::{B, more};\n// crate::c::C\nfn f() -> &'static str { \"crate::c\" }\n",
        ),
        ("b/mod.rs", "mod inner;\npub use inner::{B, more};\n"),
        (
            "b/inner.rs",
            "pub struct B(crate::a::A);\n#[cfg(test)]\nmod tests { use crate::c::C; }\n",
        ),
        ("c.rs", "use super::B;\npub struct C;\n"),
    ] {
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let found = run(dir.path());
    assert_eq!(found["arrows"], json!({".": ["b"], "a": ["b"], "b": ["a"]}));
    assert_eq!(found["room_circles"], json!([["a", "b"]]));
    assert_eq!(found["file_circles"], json!([["a/mod.rs", "b/inner.rs"]]));
}

/// What `scripts/arrows` finds in a crate.
fn read(name: &str) -> Value {
    let found = run(&winpe_tests::workspace().join("crates").join(name).join("src"));
    assert!(found["file_arrows"].as_u64() > Some(10), "arrows are found at all: {found}");
    found
}

fn run(source: &Path) -> Value {
    let output = Command::new(winpe_tests::workspace().join("scripts/arrows"))
        .arg("--json")
        .arg(source)
        .output()
        .expect("scripts/arrows runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    found["crates"][0].take()
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().expect("a list").iter().map(|it| it.as_str().expect("a string"))
}
