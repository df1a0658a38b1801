//! Changes of WIMs that wimlib-imagex captured.

use std::fs;
use std::os::unix::fs::MetadataExt;

use winpe_wim::{
    Archive, CommitError, CommitOptions, Content, FileChange, ImageChanges, Progress, READ_LIMIT,
    ReadError, Target, WimError,
};

use crate::tools::{
    Bench, HIVE, commit, delete, hash, hive, inode, listing, noise, options, path_text, put, tree,
};

/// The hive with a few bytes changed and a page added, as after an edit.
fn edited_hive() -> Vec<u8> {
    let mut bytes = hive();
    for at in [5, 400_000, 1_000_000] {
        bytes[at] ^= 0xff;
    }
    bytes.extend(vec![0x68; 4096]);
    bytes
}

fn changes() -> Vec<FileChange> {
    vec![
        put(r"windows\system32\CONFIG\system", &edited_hive()),
        put("Windows/System32/drivers/msiscsi.sys", &noise(70_000, 99)),
        put("Windows/New Folder/deep/file.txt", b"new"),
        put("Windows/System32/empty.txt", b""),
        delete(r"\Windows\System32\drivers\driver07.sys"),
        FileChange::Rename {
            from: "windows/system32/startnet.cmd".into(),
            to: "Windows/System32/started.cmd".into(),
        },
    ]
}

#[test]
fn every_compression_takes_changes_and_foreign_tools_accept_them() {
    for (compress, flags) in [
        ("LZX", &["--check"][..]),
        ("LZX", &[]),
        ("XPRESS", &["--check"]),
        ("none", &[]),
        ("LZMS", &[]),
        ("LZX", &["--chunk-size=128K"]),
    ] {
        let Some(bench) = Bench::capture(compress, flags) else { return };
        let done = bench.commit(1, changes()).expect("a commit");
        assert!(done.changed, "{compress}");
        assert_eq!((done.added, done.replaced, done.same), (2, 1, 1), "{compress}");
        assert!(compress == "none" || done.chunks_kept > done.chunks_packed / 2, "{done:?}");
        bench.accept(&bench.wim);
        let applied = bench.apply(&bench.wim, 1);
        let read = |path: &str| fs::read(applied.join(path)).expect(path);
        assert!(read("Windows/System32/config/SYSTEM") == edited_hive(), "{compress}");
        assert!(read("Windows/System32/drivers/msiscsi.sys") == noise(70_000, 99), "{compress}");
        assert_eq!(read("Windows/New Folder/deep/file.txt"), b"new");
        assert_eq!(read("Windows/System32/started.cmd"), b"wpeinit\r\n");
        assert!(!applied.join("Windows/System32/startnet.cmd").exists());
        assert!(!applied.join("Windows/System32/drivers/driver07.sys").exists());
        assert!(read("Windows/notepad.exe") == noise(100_000, 7), "{compress}");
        let wim = Archive::open(&bench.wim).expect("the result");
        wim.verify(None).expect("verifies");
        assert_eq!(wim.header().integrity, flags.contains(&"--check"), "{compress}");
        assert_eq!(wim.header().boot_index, Some(1));
        assert_eq!(wim.leftover(), None);
    }
}

#[test]
fn a_second_commit_of_the_same_changes_writes_nothing() {
    let Some(bench) = Bench::capture("LZX", &["--check"]) else { return };
    let puts = || vec![put(HIVE, &edited_hive()), put("a/b/c", b"x")];
    assert!(bench.commit(1, puts()).expect("a commit").changed);
    let before = hash(&bench.wim);
    let done = bench.commit(1, puts()).expect("a commit");
    assert!(!done.changed && done.same == 2, "{done:?}");
    assert_eq!(hash(&bench.wim), before);
}

#[test]
fn the_counts_are_those_of_wimlib() {
    let Some(bench) = Bench::capture("XPRESS", &[]) else { return };
    bench.commit(1, changes()).expect("a commit");
    let ours = Archive::open(&bench.wim).expect("the result").images()[0].stats;
    // wimlib recounts when it changes an image: rename a file, and back.
    let wim = bench.wim.to_str().expect("UTF-8");
    bench.imagex(&["update", wim, "1", "--command=rename /Windows /W"]);
    let theirs = Archive::open(&bench.wim).expect("wimlib's result").images()[0].stats;
    assert_eq!(ours, theirs);
}

#[test]
fn an_untouched_image_and_untouched_files_keep_every_detail() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let second = bench.folder.path().join("second");
    tree(&second);
    fs::write(second.join("only here.txt"), "second image").expect("a file");
    bench.append(&second, "Setup");
    let details = |image, path: &str| bench.details(&bench.wim, image, path);
    let offsets_aside = |text: String| -> Vec<String> {
        // References are counted over all images.
        text.lines().filter(|line| !line.contains("Reference Count")).map(str::to_owned).collect()
    };
    let setup = offsets_aside(details(2, "/"));
    let driver = offsets_aside(details(1, "/Windows/System32/drivers/driver08.sys"));
    let xml_before = Archive::open(&bench.wim).expect("opens").images()[1].clone();
    bench.commit(1, changes()).expect("a commit");
    assert_eq!(offsets_aside(details(2, "/")), setup);
    assert_eq!(offsets_aside(details(1, "/Windows/System32/drivers/driver08.sys")), driver);
    assert_eq!(Archive::open(&bench.wim).expect("opens").images()[1], xml_before);
    bench.accept(&bench.wim);
    let applied = bench.apply(&bench.wim, 2);
    assert!(fs::read(applied.join("Windows/System32/config/SYSTEM")).expect("a file") == hive());
}

#[test]
fn a_replaced_file_keeps_its_identity() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let path = "Windows/notepad.exe";
    let before = Archive::open(&bench.wim).expect("opens").entry(1, path).expect("metadata");
    let before = before.expect("a file");
    assert_eq!(before.links, 2);
    bench.commit(1, vec![put("WINDOWS/NOTEPAD.EXE", b"short")]).expect("a commit");
    let wim = Archive::open(&bench.wim).expect("opens");
    for path in [path, "Windows/System32/notepad.exe"] {
        let after = wim.entry(1, path).expect("metadata").expect("a file");
        assert_eq!(after.created, before.created);
        assert_eq!(after.attributes, before.attributes);
        assert_eq!(after.link_group, before.link_group);
        assert_eq!(after.links, 2);
        assert_eq!(wim.read(1, path).expect("data"), b"short");
    }
    assert_eq!(
        wim.entry(1, path).expect("metadata").expect("a file").path,
        r"\Windows\notepad.exe"
    );
    bench.accept(&bench.wim);
    let applied = bench.apply(&bench.wim, 1);
    let [one, two] = ["Windows/notepad.exe", "Windows/System32/notepad.exe"];
    assert_eq!(inode(&applied.join(one)), inode(&applied.join(two)), "still one file");
}

#[test]
fn replacing_little_of_a_large_file_writes_little() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let done = bench.commit(1, vec![put(HIVE, &edited_hive())]).expect("a commit");
    // Three changed chunks, one longer chunk, and one chunk of metadata.
    assert!(done.chunks_packed <= 6, "{done:?}");
    assert!(done.chunks_kept >= 39, "{done:?}");
}

#[test]
fn folders_that_do_not_change_are_not_written_again() {
    let Some(bench) = Bench::empty() else { return };
    let tree = bench.folder.path().join("tree");
    let path = |number: usize| {
        format!("Windows/{:03}/{number}{}.dll", number % 300, "x".repeat(number * number % 17))
    };
    for number in 0..2000 {
        let path = tree.join(path(number));
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, number.to_string()).expect("a file");
    }
    bench.imagex(&["capture", &path_text(&tree), &path_text(&bench.wim), "--compress=LZX"]);
    let changes = vec![
        put("Windows/007/new.dll", b"new"),
        put("Windows/150/new folder/new.dll", b"new"),
        put("top.txt", b"new"),
        FileChange::Delete { path: "Windows/200".into(), recursive: true },
        delete(&path(42)),
    ];
    let done = bench.commit(1, changes).expect("a commit");
    assert!(done.chunks_kept >= 4, "of the nine that the metadata have: {done:?}");
    bench.accept(&bench.wim);
    let applied = bench.apply(&bench.wim, 1);
    for number in (0..2000).filter(|number| number % 300 != 200 && *number != 42) {
        let data = fs::read(applied.join(path(number))).expect("a file");
        assert_eq!(data, number.to_string().as_bytes(), "{}", path(number));
    }
    assert!(!applied.join("Windows/200").exists() && !applied.join(path(42)).exists());
    for path in ["Windows/007/new.dll", "Windows/150/new folder/new.dll", "top.txt"] {
        assert_eq!(fs::read(applied.join(path)).expect(path), b"new");
    }
}

#[test]
fn another_file_is_written_and_never_replaces_one_unasked() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let source = hash(&bench.wim);
    let out = bench.folder.path().join("out.wim");
    let changes = [ImageChanges { image: 1, changes: changes() }];
    let write = |overwrite| {
        let target = Target::File { path: out.clone(), overwrite };
        Archive::open(&bench.wim)?.commit(&changes, &target, options())
    };
    write(false).expect("a commit");
    bench.accept(&out);
    let first = hash(&out);
    let refused = write(false);
    assert!(
        matches!(refused, Err(WimError::Commit(CommitError::TargetExists { .. }))),
        "{refused:?}"
    );
    write(true).expect("a commit");
    assert_eq!(hash(&out), first, "the same input and time give the same bytes");
    assert_eq!(hash(&bench.wim), source, "the source is only read");
    assert_eq!(listing(bench.folder.path()), ["out.wim", "tree", "winpe.wim"]);
}

#[test]
fn a_panic_of_the_callback_leaves_the_wim_as_it_was() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let before = hash(&bench.wim);
    let out = bench.folder.path().join("out.wim");
    for target in [Target::InPlace, Target::File { path: out, overwrite: false }] {
        for stage in 0..3 {
            let result = std::panic::catch_unwind(|| {
                let mut callback = |progress| {
                    let hit = match progress {
                        Progress::Write { .. } => stage == 0,
                        Progress::Sync => stage == 1,
                        Progress::Confirm => stage == 2,
                        _ => false,
                    };
                    assert!(!hit, "stop here");
                };
                let options = CommitOptions { progress: Some(&mut callback), ..options() };
                let changes = [ImageChanges { image: 1, changes: changes() }];
                Archive::open(&bench.wim).expect("opens").commit(&changes, &target, options)
            });
            assert!(result.is_err(), "the panic goes on, stage {stage}");
            assert_eq!(hash(&bench.wim), before, "{target:?}, stage {stage}");
            assert_eq!(listing(bench.folder.path()), ["tree", "winpe.wim"]);
        }
    }
}

#[test]
fn a_panic_while_wimlib_verifies_is_resumed_afterwards() {
    let Some(bench) = Bench::capture("LZX", &["--check"]) else { return };
    let result = std::panic::catch_unwind(|| {
        let mut callback = |_| panic!("stop here");
        let _ = Archive::open(&bench.wim).expect("opens").verify(Some(&mut callback));
    });
    let panic = result.expect_err("it panics");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"stop here"));
}

#[test]
fn content_may_be_a_file() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let file = bench.folder.path().join("content");
    fs::write(&file, edited_hive()).expect("a file");
    let content = Content::File(file);
    let put = FileChange::Put { path: HIVE.into(), content };
    bench.commit(1, vec![put]).expect("a commit");
    let wim = Archive::open(&bench.wim).expect("opens");
    assert!(wim.read(1, HIVE).expect("data") == edited_hive());
    assert!(edited_hive().len() as u64 <= READ_LIMIT);
}

#[test]
fn content_may_be_an_existing_blob() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let entry = Archive::open(&bench.wim).expect("opens").entry(1, HIVE).expect("reads");
    let sha1 = entry.and_then(|entry| entry.sha1).expect("a hive");
    let content = Content::Blob(sha1);
    let copy = "Windows/kept/SYSTEM";
    // It is kept although the file that had it is deleted.
    let put = FileChange::Put { path: copy.into(), content };
    let done = bench.commit(1, vec![delete(HIVE), put]).expect("a commit");
    assert!(done.appended < hive().len() as u64 / 4, "{done:?}");
    bench.accept(&bench.wim);
    assert!(fs::read(bench.apply(&bench.wim, 1).join(copy)).expect("a file") == hive());

    let content = Content::Blob([7; 20]);
    let refused = bench.commit(1, vec![FileChange::Put { path: copy.into(), content }]);
    assert!(matches!(refused, Err(WimError::Read(ReadError::MissingData { .. }))), "{refused:?}");
}

#[test]
fn an_integrity_table_is_added_on_request() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let options = CommitOptions { add_integrity: true, ..options() };
    Archive::open(&bench.wim)
        .expect("opens")
        .commit(&[], &Target::InPlace, options)
        .expect("a commit");
    assert!(Archive::open(&bench.wim).expect("opens").header().integrity);
    bench.accept(&bench.wim);
    commit(&bench.wim, 1, changes()).expect("a commit");
    Archive::open(&bench.wim).expect("opens").verify(None).expect("the table is kept up to date");
}

#[test]
fn the_file_keeps_its_links_owner_and_mode() {
    let Some(bench) = Bench::capture("XPRESS", &[]) else { return };
    let (wim, other) = (&bench.wim, bench.folder.path().join("other name.wim"));
    fs::hard_link(wim, &other).expect("a link");
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    fs::set_permissions(wim, mode(0o640)).expect("own file");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(wim, Some(1234), Some(4321)).expect("root may");
    }
    let of = |path: &std::path::Path| {
        let metadata = fs::metadata(path).expect("a file");
        (metadata.ino(), metadata.uid(), metadata.gid(), metadata.mode())
    };
    let before = of(wim);
    bench.commit(1, changes()).expect("a commit");
    assert_eq!(of(wim), before);
    assert_eq!(of(&other), before, "still the same file");

    // Another file replaces an existing one, whose owner and mode stay.
    let target = Target::File { path: other.clone(), overwrite: true };
    let add = [ImageChanges { image: 1, changes: vec![put("x", b"x")] }];
    Archive::open(wim).expect("opens").commit(&add, &target, options()).expect("a commit");
    let (_, uid, gid, mode) = of(&other);
    assert_eq!((uid, gid, mode), (before.1, before.2, before.3));
}

#[test]
fn no_change_of_an_image_is_no_change_of_the_wim() {
    let Some(bench) = Bench::capture("XPRESS", &[]) else { return };
    let before = hash(&bench.wim);
    assert!(!bench.commit(1, vec![]).expect("nothing to do").changed);
    let missing = bench.commit(2, vec![]);
    assert!(matches!(missing, Err(WimError::Read(ReadError::NoSuchImage { .. }))), "{missing:?}");
    assert_eq!(hash(&bench.wim), before);
}
