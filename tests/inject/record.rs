//! The record that inject keeps in the image, so that its work can be undone and checked.

use std::fs::File;

use serde_json::{Value, json};
use winpe_wim::{Archive, CommitOptions, Content, FileChange, ImageChanges, Target};

use crate::support::Bench;

const RECORD: &str = r"Windows\System32\winpe-iscsi\record.json";
const INJECT: [&str; 4] = ["inject", "winpe.wim", "--source", "install.wim"];

/// An image with the initiator.
fn injected() -> Bench {
    let bench = Bench::new();
    bench.run(&INJECT).expect(0);
    bench
}

fn record(bench: &Bench) -> Value {
    let archive = Archive::open(&bench.winpe).unwrap();
    serde_json::from_slice(&archive.read(1, RECORD).unwrap()).unwrap()
}

fn put(bench: &Bench, path: &str, content: Content) {
    let change = FileChange::Put { path: path.to_owned(), content };
    let changes = [ImageChanges { image: 1, changes: vec![change] }];
    let archive = Archive::open(&bench.winpe).unwrap();
    archive.commit(&changes, &Target::InPlace, CommitOptions::default()).unwrap();
}

/// Neither command may act on such a record.
#[track_caller]
fn all_refuse(bench: &Bench, says: &str) {
    for words in [&["remove", "winpe.wim"][..], &["verify", "winpe.wim"]] {
        let error = bench.refused(words);
        assert!(error.contains("record.json") && error.contains(says), "{words:?}: {error}");
    }
    bench.write("a.txt", "a");
    let error = bench.refused(&[&INJECT[..], &["--add", r"a.txt=\a.txt"]].concat());
    assert!(error.contains("record.json") && error.contains(says), "{error}");
}

#[test]
fn a_record_that_inject_could_not_have_written_is_refused() {
    let bench = injected();
    let mut good = record(&bench);
    good["startup"] = Value::Null;
    let file = good["files"][0].clone();
    let kept = |path: &str| {
        let mut file = file.clone();
        file["kept"] = json!(path);
        file
    };
    for (pointer, wrong, says) in [
        ("/schema", json!(2), "is of schema 2, expected 1"),
        ("/files", json!([file, file]), "is named twice"),
        ("/folders", json!([r"Windows\a", "windows/A"]), "is named twice"),
        ("/hives/1", good["hives"][0].clone(), "is named twice"),
        ("/folders", json!([r"Windows\..\Users"]), "is no path in an image"),
        // Its name goes into a script.
        (
            "/startup",
            json!({"drivers": [r#"drivers\nic\a.inf" & del "b"#]}),
            "is not where drivers are put",
        ),
        ("/startup", json!({"targets": ["iscsi:h & calc::::iqn.a"]}), "expected"),
        // Removing it would delete a file of Windows.
        ("/files/0", kept(r"Windows\System32\ntdll.dll"), "is not where replaced files are kept"),
        ("/files/0", kept(RECORD), "is not where replaced files are kept"),
        ("/files/0/sha256", json!("ab"), "expected 64 hex digits"),
        ("/hives/0/undo/0", json!({"key": "a", "op": "format-disk"}), "format-disk"),
        ("/profile", json!(null), "invalid type"),
    ] {
        let mut record = good.clone();
        *record.pointer_mut(pointer).expect(pointer) = wrong;
        put(&bench, RECORD, Content::Bytes(serde_json::to_vec(&record).unwrap()));
        all_refuse(&bench, says);
    }
    put(&bench, RECORD, Content::Bytes(b"[".repeat(100_000)));
    all_refuse(&bench, "invalid type");
}

/// The record would be a small file in the WIM, but take gigabytes in memory.
#[test]
fn a_record_that_is_too_large_is_not_read() {
    let bench = injected();
    let file = File::create(bench.path("large.json")).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    put(&bench, RECORD, Content::File(bench.path("large.json")));
    all_refuse(&bench, "a record of 67108865 bytes, expected at most 2796202");
}

/// A small WIM may not expand to much, so a record that it can hold may be one that is not read again.
#[test]
fn a_record_that_could_not_be_read_is_not_written() {
    for (values, code) in [(15_000, 0), (30_000, 2)] {
        let bench = Bench::new();
        let before = std::fs::read(&bench.winpe).unwrap();
        let mut text = "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\k]\n".to_owned();
        (0..values).for_each(|number| text.push_str(&format!("\"{number:06}\"=dword:0\n")));
        bench.write("many.reg", text);
        let words = ["inject", "winpe.wim", "--source", "install.wim:1", "--reg", "many.reg"];
        let ran = bench.run(&words).expect(code);
        if code == 0 {
            bench.run(&["verify", "winpe.wim"]).expect(0);
            bench.run(&["remove", "winpe.wim"]).expect(0);
        } else {
            assert!(ran.stderr.contains("expected at most 2796202"), "{}", ran.stderr);
            assert!(std::fs::read(&bench.winpe).unwrap() == before);
        }
    }
}
