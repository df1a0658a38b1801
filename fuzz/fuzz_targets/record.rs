//! Arbitrary records in an image, as `remove` reads them: refused, or undone so that everything
//! that the record does not name is unchanged, by file, key and value.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::{Value as Json, json};
use winpe_hive::{FileTime, Hive};
use winpe_inject::{ImagePath, ImageSelector, Session, Target};
use winpe_registry::{Edit, KeyName, KeyPath, KeyTree, Op, Value, ValueName, upcase};
use winpe_wim::{Archive, Compression, NewImage, create};

const RECORD: &str = r"Windows\System32\winpe-iscsi\record.json";
const SYSTEM: &str = r"Windows\System32\config\SYSTEM";
/// Paths in the image, and of files that it lacks.
const PATHS: [&str; 12] = [
    SYSTEM,
    r"Windows\System32\config\SOFTWARE",
    r"Windows\System32\drivers\msiscsi.sys",
    r"Windows\System32\drivers",
    r"Windows\System32\startnet.cmd",
    r"Windows\System32\winpe-iscsi\connect.cmd",
    r"Windows\System32\winpe-iscsi\replaced\0-a.txt",
    r"Windows\System32\winpe-iscsi\replaced\1-gone.txt",
    r"Windows\System32\winpe-iscsi\replaced",
    r"Windows\System32\winpe-iscsi",
    r"Windows\made\within",
    r"windows\MADE",
];
const KEYS: [&str; 8] = ["a", r"a\b", r"a\b\c", r"A\B\c\d", "e", r"e\new", "Select", ""];
const NAMES: [&str; 4] = ["", "one", "ONE", "two"];

fuzz_target!(|input: &[u8]| {
    let Some((&flags, rest)) = input.split_first() else { return };
    let record = match flags & 1 {
        0 => rest.to_vec(),
        _ => serde_json::to_vec(&program(rest)).expect("JSON"),
    };
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let path = folder.path().join("fuzz.wim");
    let mut image = IMAGE.clone();
    image.files.push((RECORD.to_owned(), record.clone()));
    create(&path, Compression::None, &[image]).expect("room in memory");
    let session =
        Session::open(&path, &ImageSelector::Index(1)).expect("all but the record is sound");
    let Ok(staged) = session.stage_removal(None) else { return };
    let bytes = fs::read(&path).expect("own file");
    let before = Tree::of(&path);
    if let Err(error) = staged.commit(&Target::InPlace) {
        assert!(fs::read(&path).expect("as before") == bytes, "changed despite {error}");
        return;
    }
    let record: Json = serde_json::from_slice(&record).expect("it was read");
    Law { named: &Named::of(&record), before: &before, after: &Tree::of(&path) }.check();
});

/// The image without a record.
static IMAGE: LazyLock<NewImage> = LazyLock::new(|| {
    let mut image = NewImage::new("PE");
    image.dirs = vec![r"Windows\made\within".to_owned()];
    for path in &PATHS[..7] {
        let content = match path {
            _ if path.contains("config") => hive(),
            _ if path.ends_with("drivers") => continue,
            _ => path.as_bytes().to_vec(),
        };
        image.files.push(((*path).to_owned(), content));
    }
    image.files.push((r"Windows\System32\ntdll.dll".to_owned(), b"not ours".to_vec()));
    image
});

fn hive() -> Vec<u8> {
    let name = KeyName::new("ROOT").expect("a name");
    let mut hive = Hive::create(5, &name, FileTime::from_unix(0)).expect("a hive");
    for (number, key) in KEYS.iter().enumerate().filter(|(_, key)| !key.ends_with("new")) {
        for name in &NAMES[..number % 3 + 1] {
            hive.apply(&set(key, name, number as u32)).expect("room in the hive");
        }
    }
    hive.into_bytes()
}

fn set(key: &str, name: &str, number: u32) -> Edit {
    let name = ValueName::new(name).expect("a name");
    Edit::set_value(key.parse().expect("a path"), name, Value::dword(number))
}

/// Decodes a record from steps of three bytes: the kind of item, the item, and its state.
fn program(bytes: &[u8]) -> Json {
    let (mut files, mut folders) = (vec![], vec![]);
    let mut hives: BTreeMap<&str, [Vec<Edit>; 2]> = BTreeMap::new();
    for step in bytes.as_chunks::<3>().0.iter().take(64) {
        let [what, which, how] = step.map(usize::from);
        let path = PATHS[which % PATHS.len()];
        match what % 8 {
            0 => folders.push(path),
            1 | 2 => {
                let mut file = json!({ "path": path, "sha256": "00".repeat(32) });
                if what % 8 == 2 {
                    file["kept"] = PATHS[how % PATHS.len()].into();
                }
                files.push(file);
            }
            other => {
                let key = KEYS[how % KEYS.len()];
                let name = NAMES[how / KEYS.len() % NAMES.len()];
                let edit = match other {
                    3 | 4 => set(key, name, how as u32),
                    5 => Edit::delete_key(key.parse().expect("a path")),
                    6 => {
                        let Edit { key, .. } = set(key, name, 0);
                        Edit::delete_value(key, ValueName::new(name).expect("a name"))
                    }
                    _ => Edit::create_key(key.parse().expect("a path")),
                };
                let [done, undo] = hives.entry(PATHS[which % 2]).or_default();
                if which & 64 == 0 { undo } else { done }.push(edit);
            }
        }
    }
    let hives: Vec<_> = hives
        .into_iter()
        .map(|(file, [done, undo])| json!({ "file": file, "done": done, "undo": undo }))
        .collect();
    json!({ "schema": 1, "profile": "x", "hives": hives, "files": files, "folders": folders })
}

/// The files and folders of an image, each by its path in upper case; folders have no content.
struct Tree(BTreeMap<String, Option<Vec<u8>>>);

impl Tree {
    fn of(path: &std::path::Path) -> Self {
        let wim = Archive::open(path).expect("own WIM");
        let mut entries = Vec::new();
        wim.walk(1, "", &mut |entry| {
            entries.push((entry.path.to_string(), entry.is_dir));
            ControlFlow::Continue(())
        })
        .expect("own metadata");
        let read = |(path, is_dir): (String, bool)| {
            let content = (!is_dir).then(|| wim.read(1, &path).expect("own file"));
            (fold(&path), content)
        };
        Self(entries.into_iter().map(read).collect())
    }
}

/// The form in which Windows compares paths.
fn fold(path: &str) -> String {
    let path = ImagePath::new(path);
    let units: Vec<u16> = path.as_str().encode_utf16().map(upcase).collect();
    String::from_utf16_lossy(&units)
}

/// The items that a record names.
struct Named {
    /// Files, folders and hives.
    paths: BTreeSet<String>,
    /// The edits that undo the changes, by hive.
    undo: BTreeMap<String, Vec<Edit>>,
}

impl Named {
    fn of(record: &Json) -> Self {
        let text = |json: &Json| json.as_str().map(fold);
        let list = |name: &str| record[name].as_array().cloned().unwrap_or_default();
        let mut paths = BTreeSet::from([fold(RECORD)]);
        paths.extend(list("folders").iter().filter_map(text));
        for file in list("files") {
            paths.extend([&file["path"], &file["kept"]].into_iter().filter_map(text));
        }
        let hives = list("hives");
        let undo = hives.iter().map(|hive| {
            let file = text(&hive["file"]).expect("it was read");
            let edits = serde_json::from_value(hive["undo"].clone()).expect("they were read");
            (file, edits)
        });
        Self { paths, undo: undo.collect() }
    }
}

struct Law<'a> {
    named: &'a Named,
    before: &'a Tree,
    after: &'a Tree,
}

impl Law<'_> {
    fn check(&self) {
        for (path, content) in &self.before.0 {
            let now = self.after.0.get(path);
            match (self.named.undo.get(path), content) {
                (Some(edits), Some(old)) => {
                    let new = now.and_then(Option::as_ref).expect("a hive is never deleted");
                    if old != new {
                        check_hive(old, new, edits);
                    }
                }
                _ if self.named.paths.contains(path) => {}
                _ => assert!(now == Some(content), "{path} is not named, and was changed"),
            }
        }
        for path in self.after.0.keys().filter(|path| !self.before.0.contains_key(*path)) {
            let named = self.named.paths.iter().any(|named| {
                named == path
                    || named.strip_prefix(path.as_str()).is_some_and(|it| it.starts_with('\\'))
            });
            assert!(named, "{path} is not named, and was made");
        }
        let kept = fold(r"Windows\System32\winpe-iscsi\replaced");
        for path in self.before.0.keys().filter(|path| !self.after.0.contains_key(*path)) {
            assert!(!path.starts_with(&kept) || self.named.paths.contains(path));
        }
    }
}

/// A key is deleted only if it is named and empty; a value is changed only if it is named.
fn check_hive(old: &[u8], new: &[u8], edits: &[Edit]) {
    let [old, new] = [old, new].map(|bytes| Hive::open(bytes.to_vec()).expect("a sound hive"));
    assert_eq!(new.check().iter().count(), 0, "a sound hive");
    let [mut before, mut after] = [BTreeMap::new(), BTreeMap::new()];
    collect(old.root().tree().expect("a sound hive"), &KeyPath::root(), &mut before);
    collect(new.root().tree().expect("a sound hive"), &KeyPath::root(), &mut after);
    let deletes =
        |key: &KeyPath| edits.iter().any(|edit| edit.op == Op::DeleteKey && edit.key == *key);
    let names = |key: &KeyPath, value: &ValueName| {
        edits.iter().any(|edit| match &edit.op {
            Op::SetValue { name, .. } | Op::DeleteValue { name } => {
                edit.key == *key && name == value
            }
            Op::CreateKey | Op::DeleteKey => false,
        })
    };
    for (key, values) in &before {
        let Some(now) = after.get(key) else {
            assert!(deletes(key), "{key} is not named, and was deleted");
            assert!(values.keys().all(|name| names(key, name)), "{key} held something else");
            continue;
        };
        for (name, value) in values.iter().filter(|(name, _)| !names(key, name)) {
            assert_eq!(now.get(name), Some(value), "{key}: {name:?} is not named");
        }
    }
    for (key, values) in &after {
        let known = before.get(key);
        assert!(
            known.is_some() || edits.iter().any(|edit| edit.key.starts_with(key)),
            "{key} is not named, and was made"
        );
        let new = values.keys().filter(|name| !known.is_some_and(|old| old.contains_key(*name)));
        new.for_each(|name| assert!(names(key, name), "{key}: {name:?} is not named"));
    }
}

type Values = BTreeMap<ValueName, Value>;

fn collect(tree: KeyTree, path: &KeyPath, into: &mut BTreeMap<KeyPath, Values>) {
    into.insert(path.clone(), tree.values.into_iter().collect());
    for (name, subkey) in tree.subkeys {
        collect(subkey, &path.child(name), into);
    }
}
