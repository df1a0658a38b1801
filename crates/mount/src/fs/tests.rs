//! Tests of the file system without the kernel, and of its changes in the committed WIM.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use tempfile::TempDir;
use winpe_wim::{CommitOptions, Compression, ImageChanges, NewImage, Target, create};

use super::*;
use crate::staging::{count, replay};

const SD: &[u8] = &[1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A WIM, and its image as a writable file system.
struct Bench {
    _folder: TempDir,
    wim: PathBuf,
    fs: ImageFs,
}

fn big() -> Vec<u8> {
    (0..100_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect()
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let wim = folder.path().join("pe.wim");
        let mut image = NewImage::new("PE");
        image.time = Some(UNIX_EPOCH);
        image.security = Some(SD.to_vec());
        image.dirs.push("Empty".to_owned());
        image.files.push(("Windows/System32/startnet.cmd".to_owned(), b"wpeinit\r\n".to_vec()));
        image.files.push(("Windows/big.dll".to_owned(), big()));
        image.files.push(("Windows/Größe".to_owned(), Vec::new()));
        create(&wim, Compression::Lzx, &[image]).expect("a WIM");
        let staging = folder.path().join("staging");
        std::fs::create_dir(&staging).expect("a folder");
        let staging = Staging::create(&staging).expect("a staging folder");
        let fs = ImageFs::new(Archive::open(&wim).expect("own WIM"), 1, Some(staging));
        Self { _folder: folder, wim, fs: fs.expect("own WIM") }
    }

    fn at(&self, path: &str) -> Result<Ino, Errno> {
        let names = path.split('/').filter(|name| !name.is_empty());
        names.into_iter().try_fold(ROOT, |folder, name| Ok(self.fs.lookup(folder, name)?.ino))
    }

    fn read(&mut self, path: &str) -> Vec<u8> {
        let ino = self.at(path).expect(path);
        self.fs.read(ino, 0, 1 << 20).expect(path)
    }

    fn commit(self) -> (TempDir, Archive) {
        let staging = self.fs.staging().expect("it can be changed").folder().to_path_buf();
        let archive = Archive::open(&self.wim).expect("unchanged");
        let changes = replay(&staging, &archive, 1, None).expect("own journal");
        let changes = [ImageChanges { image: 1, changes }];
        archive.commit(&changes, &Target::InPlace, CommitOptions::default()).expect("a commit");
        (self._folder, Archive::open(&self.wim).expect("own WIM"))
    }
}

/// Path → data (`None` for a folder), read from the file system.
fn shown(fs: &mut ImageFs) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut left = vec![(String::new(), ROOT)];
    while let Some((path, folder)) = left.pop() {
        for (name, ino, kind) in fs.list(folder).expect("a folder").into_iter().skip(2) {
            let path = format!("{path}\\{name}");
            if kind == EntryKind::Folder {
                left.push((path.clone(), ino));
                found.insert(path, None);
            } else {
                let size = fs.attributes(ino).expect("a file").size;
                let data = fs.read(ino, 0, usize::try_from(size).expect("small") + 1);
                found.insert(path, Some(data.expect("data")));
            }
        }
    }
    found
}

/// The same, read from the WIM.
fn held(archive: &Archive) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut entries = Vec::new();
    let walked = archive.walk(1, "", &mut |entry| {
        entries.push((entry.path.to_string(), entry.is_dir));
        std::ops::ControlFlow::Continue(())
    });
    walked.expect("an image");
    let data = |path: &str| archive.read(1, path).expect("data");
    let held = entries.into_iter().skip(1);
    held.map(|(path, is_dir)| (path.clone(), (!is_dir).then(|| data(&path)))).collect()
}

#[test]
fn names_are_found_in_any_case_and_keep_their_own() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.at("WINDOWS/system32/StartNet.CMD"),
        bench.at("Windows/System32/startnet.cmd")
    );
    assert_eq!(bench.at("windows/GRÖßE"), bench.at("Windows/Größe"));
    assert_eq!(bench.at("Windows/none"), Err(Errno::NOENT));
    let folder = bench.at("windows").expect("a folder");
    let names: Vec<_> = bench.fs.list(folder).expect("a folder").into_iter().map(|e| e.0).collect();
    assert_eq!(names, [".", "..", "big.dll", "Größe", "System32"]);
    assert_eq!(bench.fs.create(folder, "BIG.DLL"), Err(Errno::EXIST));
    assert_eq!(bench.fs.create(folder, "a:b"), Err(Errno::INVAL));
    let file = bench.at("windows/big.dll").expect("a file");
    assert!(bench.fs.read(file, 70_001, 5).expect("data") == big()[70_001..70_006]);
    assert_eq!(bench.fs.read(file, 1 << 30, 5), Ok(Vec::new()));
    assert_eq!(bench.fs.attribute(file, "system.ntfs_acl").as_deref(), Ok(SD));
    assert_eq!(bench.fs.attribute(file, "user.none"), Err(Errno::NODATA));
    assert!(bench.fs.staging().is_some_and(|staging| count(staging.folder()) == 0));
}

#[test]
fn without_staging_nothing_changes() {
    let bench = Bench::new();
    let mut fs = ImageFs::new(Archive::open(&bench.wim).expect("own WIM"), 1, None).expect("own");
    let file = bench.at("Windows/big.dll").expect("a file");
    assert_eq!(fs.write(file, 0, b"x"), Err(Errno::ROFS));
    assert_eq!(fs.truncate(file, 0), Err(Errno::ROFS));
    assert_eq!(fs.create(ROOT, "new"), Err(Errno::ROFS));
    assert_eq!(fs.mkdir(ROOT, "new"), Err(Errno::ROFS));
    assert_eq!(fs.remove(ROOT, "Empty", true), Err(Errno::ROFS));
    assert_eq!(fs.rename(ROOT, "Empty", ROOT, "Full", true), Err(Errno::ROFS));
    assert_eq!(fs.set_info(file, Some(true), None, None), Err(Errno::ROFS));
    assert_eq!(fs.lookup(ROOT, "new"), Err(Errno::NOENT));
}

#[test]
fn writes_are_committed_and_files_keep_their_identity() {
    let mut bench = Bench::new();
    let big = bench.at("windows/BIG.DLL").expect("a file");
    bench.fs.write(big, 50_000, b"changed").expect("a write");
    let start = bench.at("Windows/System32/startnet.cmd").expect("a file");
    bench.fs.truncate(start, 3).expect("shorter");
    bench
        .fs
        .set_info(start, Some(true), None, Some(UNIX_EPOCH + Duration::from_secs(7)))
        .expect("set");
    let tools = bench.fs.mkdir(ROOT, "Tools").expect("a folder").ino;
    let new = bench.fs.create(tools, "new.txt").expect("a file").ino;
    bench.fs.write(new, 2, b"ab").expect("a write");
    bench.fs.rename(ROOT, "EMPTY", tools, "Moved", true).expect("a move");
    let mut wanted = self::big();
    wanted[50_000..50_007].copy_from_slice(b"changed");
    assert!(bench.read("windows/big.dll") == wanted);
    let seen = shown(&mut bench.fs);
    let (_folder, wim) = bench.commit();
    assert!(held(&wim) == seen);
    let entry = |path: &str| wim.entry(1, path).expect("metadata").expect(path);
    let file = entry("Windows/big.dll");
    assert_eq!((file.security.as_deref(), file.created), (Some(SD), Some(UNIX_EPOCH)));
    assert!(file.written > file.created);
    let start = entry("Windows/System32/startnet.cmd");
    assert_eq!(start.attributes & READONLY, READONLY);
    assert_eq!(start.written, Some(UNIX_EPOCH + Duration::from_secs(7)));
    assert_eq!(wim.read(1, "Tools/new.txt").expect("data"), b"\0\0ab");
    assert_eq!(entry("Tools").security.as_deref(), Some(SD));
    assert!(entry("Tools/Moved").is_dir);
}

/// As many editors save: write a new file, then rename it over the old one.
#[test]
fn a_file_saved_by_renaming_keeps_its_identity() {
    let mut bench = Bench::new();
    let folder = bench.at("Windows/System32").expect("a folder");
    let new = bench.fs.create(folder, "startnet.cmd~").expect("a file").ino;
    bench.fs.write(new, 0, b"saved").expect("a write");
    bench.fs.rename(folder, "startnet.cmd~", folder, "STARTNET.cmd", true).expect("a rename");
    assert_eq!(bench.fs.rename(folder, "startnet.cmd", ROOT, "Windows", true), Err(Errno::ISDIR));
    assert_eq!(bench.read("Windows/System32/startnet.cmd"), b"saved");
    let (_folder, wim) = bench.commit();
    let entry = wim.entry(1, "Windows/System32/startnet.cmd").expect("metadata").expect("a file");
    assert_eq!(entry.name, "startnet.cmd");
    assert_eq!((entry.security.as_deref(), entry.created), (Some(SD), Some(UNIX_EPOCH)));
    assert_eq!(wim.read(1, "Windows/System32/startnet.cmd").expect("data"), b"saved");
    assert_eq!(wim.entry(1, "Windows/System32/startnet.cmd~").expect("metadata"), None);
}

#[test]
fn a_folder_is_removed_only_when_it_is_empty_and_never_goes_into_itself() {
    let mut bench = Bench::new();
    assert_eq!(bench.fs.remove(ROOT, "Windows", true), Err(Errno::NOTEMPTY));
    assert_eq!(bench.fs.remove(ROOT, "Windows", false), Err(Errno::ISDIR));
    let system = bench.at("Windows/System32").expect("a folder");
    assert_eq!(bench.fs.rename(ROOT, "Windows", system, "x", true), Err(Errno::INVAL));
    assert_eq!(bench.fs.rename(system, "startnet.cmd", ROOT, "empty", true), Err(Errno::ISDIR));
    bench.fs.remove(system, "startnet.cmd", false).expect("removed");
    bench.fs.remove(bench.at("Windows").expect("a folder"), "SYSTEM32", true).expect("removed");
    bench.fs.rename(ROOT, "Windows", ROOT, "Empty", true).expect("over an empty folder");
    let seen = shown(&mut bench.fs);
    let (_folder, wim) = bench.commit();
    assert!(held(&wim) == seen);
}

#[test]
fn an_incomplete_last_line_of_the_journal_is_ignored() {
    let mut bench = Bench::new();
    bench.fs.mkdir(ROOT, "Whole").expect("a folder");
    let journal = bench.fs.staging().expect("staging").folder().join("journal");
    let whole = std::fs::read(&journal).expect("a journal");
    std::fs::write(&journal, [&whole[..], b"{\"mkdir\":{\"fold"].concat()).expect("a journal");
    let archive = Archive::open(&bench.wim).expect("own WIM");
    let folder = journal.parent().expect("staging");
    assert_eq!(replay(folder, &archive, 1, None).expect("a replay").len(), 2);
    std::fs::write(&journal, [&whole[..], b"{}\n"].concat()).expect("a journal");
    let error = replay(folder, &archive, 1, None).expect_err("no change");
    assert!(error.to_string().contains("line 2"), "{error}");
}

/// An operation of a program on a mounted image.
#[derive(Debug, Clone)]
enum Act {
    Write(String, u16, Vec<u8>),
    Truncate(String, u16),
    Create(String),
    Mkdir(String),
    Remove(String),
    Rename(String, String),
}

fn path() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] =
        &["Windows", "Empty", "Windows/System32", "windows/BIG.dll", "Windows/größe"];
    let name = "[a-c]|[A-C]|startnet.cmd";
    let below =
        (prop::sample::select(&["", "Windows/", "EMPTY/", "a/", "Windows/System32/"][..]), name)
            .prop_map(|(folder, name)| format!("{folder}{name}"));
    prop_oneof![prop::sample::select(KNOWN).prop_map(str::to_owned), below]
}

fn act() -> impl Strategy<Value = Act> {
    let data = prop::collection::vec(any::<u8>(), 0..50);
    prop_oneof![
        (path(), any::<u16>(), data).prop_map(|(path, at, data)| Act::Write(path, at, data)),
        (path(), any::<u16>()).prop_map(|(path, size)| Act::Truncate(path, size)),
        path().prop_map(Act::Create),
        path().prop_map(Act::Mkdir),
        path().prop_map(Act::Remove),
        (path(), path()).prop_map(|(from, to)| Act::Rename(from, to)),
    ]
}

impl Bench {
    fn act(&mut self, act: &Act) -> Result<(), Errno> {
        let place = |bench: &Self, path: &str| -> Result<(Ino, String), Errno> {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            Ok((bench.at(folder)?, name.to_owned()))
        };
        match act {
            Act::Write(path, at, data) => {
                let ino = self.at(path)?;
                self.fs.write(ino, (*at).into(), data)
            }
            Act::Truncate(path, size) => {
                let ino = self.at(path)?;
                self.fs.truncate(ino, (*size).into())
            }
            Act::Create(path) => {
                let (folder, name) = place(self, path)?;
                self.fs.create(folder, &name).map(drop)
            }
            Act::Mkdir(path) => {
                let (folder, name) = place(self, path)?;
                self.fs.mkdir(folder, &name).map(drop)
            }
            Act::Remove(path) => {
                let (folder, name) = place(self, path)?;
                let is_folder = self.fs.lookup(folder, &name)?.kind == EntryKind::Folder;
                self.fs.remove(folder, &name, is_folder)
            }
            Act::Rename(from, to) => {
                let ((folder, name), (to, new)) = (place(self, from)?, place(self, to)?);
                self.fs.rename(folder, &name, to, &new, true)
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_committed_image_is_what_the_mount_showed(acts in prop::collection::vec(act(), 0..30)) {
        let mut bench = Bench::new();
        for act in &acts {
            // A refused operation must change nothing, which the comparison at the end checks.
            let _ = bench.act(act);
        }
        let seen = shown(&mut bench.fs);
        let (_folder, wim) = bench.commit();
        prop_assert!(held(&wim) == seen);
        wim.verify(None).expect("wimlib reads all of it");
    }
}

#[test]
fn data_in_the_staging_folder_is_no_link() {
    let mut bench = Bench::new();
    let ino = bench.fs.create(ROOT, "new").expect("a new file").ino;
    bench.fs.write(ino, 0, b"data").expect("a write");
    let data = bench.fs.staging().expect("staging").data(ino);
    let secret = data.with_file_name("secret");
    std::fs::write(&secret, "secret").expect("a file");
    std::fs::remove_file(&data).expect("ours");
    std::os::unix::fs::symlink(&secret, &data).expect("a link");
    let archive = Archive::open(&bench.wim).expect("unchanged");
    let folder = bench.fs.staging().expect("staging").folder();
    let error = replay(folder, &archive, 1, None).expect_err("it is a link").to_string();
    assert!(error.contains("it is not a regular file"), "{error}");
}
