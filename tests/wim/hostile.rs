//! For any image and any links in the destination, nothing outside the destination changes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use winpe_disk::folder::Folder;
use winpe_wim::{EntryFault, ExtractOptions, FormatError, WimError};

use crate::ground::{Ground, snapshot};
use crate::raw::{Raw, What};

/// In names and targets of links, a placeholder for the sentinel tree.
const VICTIM: &str = "@";

/// The previous content of the destination.
#[derive(Debug, Clone)]
enum Before {
    File,
    Folder,
    Link(&'static str),
}

#[derive(Debug, Clone)]
struct Case {
    tree: Vec<Raw>,
    before: Vec<(Vec<&'static str>, Before)>,
    overwrite: bool,
    /// Extracted into the destination itself, or as a folder in it.
    name: &'static str,
}

const PLAIN: &[&str] =
    &["a", "A", "b", "B", "c", "d", "e", "file", "link", "a:b", "ä", "CON", "x "];
const BAD: &[&str] = &["", ".", "..", "a/b", "../x", r"..\x", "/x", "@/x", "a\0", "../victim/file"];
const TARGETS: &[&str] = &[
    "@",
    "@/a",
    "@/file",
    "@/new",
    r"..\victim",
    r"..\..\victim",
    r"\??\C:\a",
    "a",
    ".",
    "..",
    r"\\server\share",
    "",
    "//",
    "../victim/file",
    "loop",
];

fn name() -> impl Strategy<Value = Vec<u16>> {
    prop_oneof![
        60 => prop::sample::select(PLAIN).prop_map(|name| name.encode_utf16().collect()),
        1 => prop::sample::select(BAD).prop_map(|name| name.encode_utf16().collect()),
        1 => Just(vec![0xd800]),
        1 => Just(vec![0xd801, 0x41]),
    ]
}

fn target() -> impl Strategy<Value = String> {
    prop::sample::select(TARGETS).prop_map(str::to_owned)
}

fn entry() -> impl Strategy<Value = Raw> {
    let what = prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 0..40).prop_map(What::File),
        2 => (target(), any::<bool>()).prop_map(|(target, folder)| What::Link(target, folder)),
        1 => target().prop_map(What::Junction),
        1 => Just(What::Folder),
    ];
    let streams = prop_oneof![
        9 => Just(vec![]),
        1 => Just(vec![("../../stream".to_owned(), b"data".to_vec())]),
    ];
    let leaf = (name(), what, streams, 0_u64..3).prop_map(|(name, what, streams, group)| {
        let is_file = matches!(what, What::File(_));
        Raw {
            name,
            what,
            streams,
            group: if is_file { group } else { 0 },
            ..Raw::new("", What::Folder)
        }
    });
    leaf.prop_recursive(4, 24, 5, |inner| {
        let what = prop_oneof![
            40 => Just(What::Folder),
            1 => target().prop_map(What::Junction),
            1 => target().prop_map(|target| What::Link(target, true)),
            1 => Just(What::Tagged(0x9000_001a)),
        ];
        (name(), what, prop::collection::vec(inner, 0..5)).prop_map(|(name, what, below)| Raw {
            name,
            what,
            below,
            ..Raw::new("", What::Folder)
        })
    })
}

fn case() -> impl Strategy<Value = Case> {
    let before = prop_oneof![
        Just(Before::File),
        Just(Before::Folder),
        prop::sample::select(&["@", "@/file", "@/new", "..", "nowhere"][..]).prop_map(Before::Link),
    ];
    let path = prop_oneof![2 => Just(1_usize), 1 => Just(2), 1 => Just(3)];
    let path =
        path.prop_flat_map(|depth| prop::collection::vec(prop::sample::select(PLAIN), depth));
    let tree = prop::collection::vec(entry(), 0..6);
    // Trees with repeated names are refused; some must not be.
    let tree = (tree, prop::bool::weighted(0.9)).prop_map(|(mut tree, single)| {
        if single {
            drop_doubled(&mut tree);
        }
        tree
    });
    let before = prop::collection::vec((path, before), 0..8);
    let name = prop::sample::select(&["", "", "", "new", "a"][..]);
    (tree, before, any::<bool>(), name).prop_map(|(tree, before, overwrite, name)| Case {
        tree,
        before,
        overwrite,
        name,
    })
}

fn drop_doubled(tree: &mut Vec<Raw>) {
    let mut names = std::collections::HashSet::new();
    tree.retain(|entry| names.insert(entry.name.clone()));
    tree.iter_mut().for_each(|entry| drop_doubled(&mut entry.below));
}

/// The same tree, with [`VICTIM`] replaced by the path of the sentinel.
fn aimed(tree: &[Raw], victim: &str) -> Vec<Raw> {
    let aim = |text: &String| text.replace(VICTIM, victim);
    let entry = |raw: &Raw| Raw {
        what: match &raw.what {
            What::Link(target, folder) => What::Link(aim(target), *folder),
            What::Junction(target) => What::Junction(aim(target)),
            other => other.clone(),
        },
        name: match String::from_utf16(&raw.name) {
            Ok(name) => aim(&name).encode_utf16().collect(),
            Err(_) => raw.name.clone(),
        },
        below: aimed(&raw.below, victim),
        ..raw.clone()
    };
    tree.iter().map(entry).collect()
}

/// Whether Windows could have written the tree, by separate rules of this test.
fn is_sound(tree: &[Raw]) -> bool {
    let mut names = Vec::new();
    tree.iter().all(|raw| {
        let name = String::from_utf16_lossy(&raw.name);
        let plain = !name.is_empty() && !name.contains(['/', '\\', '\0']);
        let single = !names.contains(&&raw.name);
        names.push(&raw.name);
        let leads = matches!(raw.what, What::Link(..) | What::Junction(_));
        let kept = raw.below.is_empty() || !leads;
        plain && name != "." && name != ".." && single && kept && is_sound(&raw.below)
    })
}

fn prepare(ground: &Ground, before: &[(Vec<&str>, Before)]) {
    let victim = ground.victim().display().to_string();
    for (path, what) in before {
        let path = ground.out().join(path.join("/"));
        // Never through a link that an earlier entry created.
        let above = path.parent().expect("below out");
        if above.ancestors().take_while(|at| *at != ground.out()).any(Path::is_symlink) {
            continue;
        }
        let _ = fs::create_dir_all(above);
        let _ = match what {
            _ if path.symlink_metadata().is_ok() => Ok(()),
            Before::File => fs::write(&path, "was here"),
            Before::Folder => fs::create_dir(&path),
            Before::Link(target) => symlink(target.replace(VICTIM, &victim), &path),
        };
    }
}

/// Counts of extractions that succeeded, were refused for an entry, and failed otherwise.
#[derive(Default)]
struct Tally {
    written: AtomicU64,
    refused: AtomicU64,
    ended: AtomicU64,
}

fn check(ground: &Ground, case: &Case, tally: &Tally) -> Result<(), TestCaseError> {
    let tree = aimed(&case.tree, &ground.victim().display().to_string());
    ground.clear();
    prepare(ground, &case.before);
    let sound = is_sound(&tree);
    let wim = ground.wim(tree.clone());
    let (outside, before) = (ground.outside(), snapshot(&ground.out()));
    let out = Folder::open(&ground.out()).expect("a folder");
    let options = ExtractOptions { overwrite: case.overwrite, ..ExtractOptions::default() };
    let result = wim.extract(1, "", &out, case.name.as_ref(), options);
    prop_assert_eq!(ground.outside(), outside, "{:?}", result);
    match &result {
        Ok(_) => {
            tally.written.fetch_add(1, Ordering::Relaxed);
            prop_assert!(sound);
            written_as(&ground.out().join(case.name), &tree)?;
        }
        Err(WimError::Format(FormatError::BadEntry { .. })) => {
            tally.refused.fetch_add(1, Ordering::Relaxed);
            prop_assert!(!sound);
            prop_assert_eq!(
                &snapshot(&ground.out()),
                &before,
                "refused before anything is written"
            );
        }
        Err(error) => {
            tally.ended.fetch_add(1, Ordering::Relaxed);
            prop_assert!(sound && !case.before.is_empty(), "{}", error);
        }
    }
    let faults = wim.findings(None).into_iter();
    let faults = faults
        // Names that differ in case are written as they are.
        .filter(|error| match error {
            WimError::Format(FormatError::BadEntry { fault, .. }) => {
                *fault != EntryFault::OtherCase
            }
            _ => false,
        })
        .count();
    prop_assert_eq!(faults == 0, sound, "{} faults", faults);
    if !case.overwrite {
        for (path, (mode, .., content)) in &before {
            let after = snapshot(path).remove(path).expect("nothing is removed");
            prop_assert_eq!((&after.0, &after.4), (mode, content), "{}", path.display());
        }
    }
    // No temporary file is left.
    let names = snapshot(&ground.out());
    prop_assert!(names.keys().all(|path| !path.to_string_lossy().contains(".winpe-iscsi-")));
    Ok(())
}

/// The tree is at `at`, and no file of it is reached through a link.
fn written_as(at: &Path, tree: &[Raw]) -> Result<(), TestCaseError> {
    for raw in tree {
        let Ok(name) = String::from_utf16(&raw.name) else { continue };
        let path = at.join(&name);
        let found = path.symlink_metadata();
        prop_assert!(found.is_ok(), "{}", path.display());
        let found = found.expect("it is there");
        match &raw.what {
            // All names of one file hold the data of the first one.
            What::File(data) if raw.group == 0 => prop_assert_eq!(&fs::read(&path)?, data),
            What::File(_) => prop_assert!(found.is_file()),
            What::Folder | What::Tagged(_) | What::TaggedFile(_) => {
                prop_assert!(found.is_dir(), "{}", path.display());
                written_as(&path, &raw.below)?;
            }
            What::Link(target, _) | What::Junction(target) => {
                prop_assert!(found.is_symlink() || target.is_empty(), "{}", path.display());
            }
        }
    }
    Ok(())
}

/// 500 trees, and 10,000 where `WINPE_SLOW` is set.
#[test]
fn no_tree_changes_files_outside_the_destination() {
    let cases = if std::env::var_os("WINPE_SLOW").is_some() { 10_000 } else { 500 };
    let (ground, tally) = (Ground::new(), Tally::default());
    ground.clear();
    fs::write(ground.path().join("hostile.wim"), "").expect("a file");
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    runner
        .run(&case(), |case| check(&ground, &case, &tally))
        .unwrap_or_else(|error| panic!("{error}"));
    // Otherwise the trees would show little.
    let [written, refused, ended] =
        [tally.written, tally.refused, tally.ended].map(AtomicU64::into_inner);
    let enough = u64::from(cases) / 10;
    assert!(
        written > enough && refused > enough && ended > enough / 2,
        "{written} written, {refused} refused, {ended} ended"
    );
}

/// A folder of the destination is replaced by a link and back, all the time.
#[test]
fn a_link_that_appears_meanwhile_leads_nowhere() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let ground = Ground::new();
    ground.clear();
    let files = (0..20).map(|number| Raw::file(&format!("new{number}"), b"data"));
    let deep = Raw::folder("a", vec![Raw::folder("b", files.collect())]);
    let wim = ground.wim(vec![deep]);
    let outside = ground.outside();
    let (one, other) = (ground.out().join("a"), ground.out().join("swapped"));
    let over = AtomicBool::new(false);
    let mut refused = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            symlink(ground.victim().join("a"), &other).expect("a link");
            while !over.load(Ordering::Relaxed) {
                let _ = renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE);
            }
        });
        for _ in 0..300 {
            let out = Folder::open(&ground.out()).expect("a folder");
            let options = ExtractOptions { overwrite: true, ..ExtractOptions::default() };
            refused += u32::from(wim.extract(1, "", &out, "".as_ref(), options).is_err());
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(ground.outside(), outside, "{refused} of 300 refused");
}

#[test]
fn every_fault_is_named() {
    let file = |name: &str| Raw::file(name, b"x");
    let link = |what| Raw::new("l", what).with(vec![file("new")]);
    for (tree, at, fault) in [
        (vec![file("")], r"\", EntryFault::Unnamed),
        (vec![file("..")], r"\..", EntryFault::Dots),
        (vec![file(".")], r"\.", EntryFault::Dots),
        (vec![file("a/b")], r"\a/b", EntryFault::Separator),
        (vec![file(r"..\x")], r"\..\x", EntryFault::Separator),
        (vec![file("a\0b")], "\\a\0b", EntryFault::Separator),
        (vec![file("a"), file("a")], r"\a", EntryFault::Doubled),
        (vec![Raw::folder("f", vec![file("a"), file("a")])], r"\f\a", EntryFault::Doubled),
        (vec![link(What::Junction("@".into()))], r"\l", EntryFault::LinkWithEntries),
        (vec![link(What::Link(r"..\x".into(), true))], r"\l", EntryFault::LinkWithEntries),
        (vec![link(What::Link(String::new(), true))], r"\l", EntryFault::LinkWithEntries),
        (vec![Raw::folder("..", vec![file("a"), file("a")])], r"\..", EntryFault::Dots),
    ] {
        let ground = Ground::new();
        let wim = ground.wim(tree);
        let found = wim.findings(None);
        let Some(WimError::Format(FormatError::BadEntry {
            at: place, fault: found, image: 1, ..
        })) = found.first()
        else {
            panic!("{at}: {found:?}");
        };
        assert_eq!((place.as_str(), *found), (at, fault));
    }
    for tree in [
        vec![file("a"), file("b"), file("..."), file("a:b")],
        vec![Raw::new("cloud", What::Tagged(0x9000_001a)).with(vec![file("a")])],
        vec![Raw::new("l", What::Junction("@".into()))],
        vec![Raw { name: vec![0xd800], ..file("") }, Raw { name: vec![0xdc00], ..file("") }],
    ] {
        let found = Ground::new().wim(tree).findings(None);
        assert!(found.is_empty(), "{found:?}");
    }
}
