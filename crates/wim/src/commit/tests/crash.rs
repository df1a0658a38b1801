//! Simulates power cuts and full disks during a commit in place, on storage that models durability.
//!
//! Data written before a `sync` is durable after it. Of data written since the last `sync`, any
//! part may have reached the storage when power fails, in any order, and a write may be torn
//! between sectors.

use std::cell::{Cell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::TempDir;

use crate::archive::Archive;
use crate::coding::Compression;
use crate::commit::plan::Plan;
use crate::commit::storage::Storage;
use crate::commit::target::append_and_switch;
use crate::commit::{CommitOptions, Content, Erasure, FileChange, ImageChanges, Target};
use crate::create::{NewImage, create};
use crate::error::{CommitError, WimError};
use crate::format::time;

const SECTOR: usize = 512;

#[derive(Clone)]
enum Op {
    Write { at: usize, bytes: Vec<u8> },
    SetLen(usize),
    Sync,
}

/// Performs operations and logs them, and fails once `budget` bytes are written.
struct Recorder {
    file: File,
    log: RefCell<Vec<Op>>,
    budget: Cell<Option<usize>>,
}

impl Recorder {
    fn open(path: &Path, budget: Option<usize>) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path).expect("a WIM");
        Self { file, log: RefCell::default(), budget: Cell::new(budget) }
    }

    fn written(&self) -> usize {
        let log = self.log.borrow();
        let sizes =
            log.iter().map(|op| if let Op::Write { bytes, .. } = op { bytes.len() } else { 0 });
        sizes.sum()
    }
}

impl Storage for Recorder {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let room = self.budget.get().unwrap_or(usize::MAX);
        let fits = &bytes[..bytes.len().min(room)];
        self.file.write_all_at(fits, at)?;
        self.log.borrow_mut().push(Op::Write { at: at as usize, bytes: fits.to_vec() });
        if fits.len() < bytes.len() {
            // The disk stays full for new data; overwriting needs no space.
            self.budget.set(None);
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.budget.set(self.budget.get().map(|room| room - bytes.len()));
        Ok(())
    }

    fn set_len(&self, size: u64) -> io::Result<()> {
        self.log.borrow_mut().push(Op::SetLen(size as usize));
        Storage::set_len(&self.file, size)
    }

    fn sync(&self) -> io::Result<()> {
        self.log.borrow_mut().push(Op::Sync);
        Ok(())
    }

    fn file(&self) -> &File {
        &self.file
    }
}

/// A WIM with two images, and a change of the first.
struct Scene {
    _folder: TempDir,
    wim: PathBuf,
    changes: Vec<ImageChanges>,
    /// Whether the commit erases dropped data.
    erase: bool,
}

impl Scene {
    fn new(integrity: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let wim = folder.path().join("winpe.wim");
        let [pe, setup] = ["PE", "Setup"].map(|name| {
            let mut image = NewImage::new(name);
            image.time = Some(std::time::UNIX_EPOCH);
            image.files.push(("Windows/hive".to_owned(), content(3)));
            image.files.push((format!("{name}.txt"), name.repeat(50).into_bytes()));
            image
        });
        create(&wim, Compression::Xpress, &[pe, setup]).expect("a WIM");
        if integrity {
            let options = CommitOptions { add_integrity: true, ..options() };
            let opened = Archive::open(&wim).expect("own WIM");
            opened.commit(&[], &Target::InPlace, options).expect("a table");
        }
        let put = |path: &str, bytes: Vec<u8>| FileChange::Put {
            path: path.to_owned(),
            content: Content::Bytes(bytes),
        };
        let changes = vec![
            put("windows/HIVE", content(5)),
            put("Windows/new.sys", content(8)),
            FileChange::Delete { path: "pe.txt".to_owned(), recursive: false },
        ];
        let changes = vec![ImageChanges { image: 1, changes }];
        Self { _folder: folder, wim, changes, erase: false }
    }

    fn commit(&self, storage: &dyn Storage) -> Result<(), WimError> {
        let mut archive = Archive::open(&self.wim)?;
        let at = time::to_system(time::from_system(std::time::UNIX_EPOCH)).expect("a time");
        let plan = Plan::new(&mut archive, &self.changes, at)?;
        let mut options = CommitOptions { erase: self.erase, ..options() };
        let done = append_and_switch(archive, &plan, storage, &mut options)?;
        assert_eq!(matches!(done.erased, Erasure::Done { .. }), self.erase, "{:?}", done.erased);
        Ok(())
    }
}

fn options() -> CommitOptions<'static> {
    CommitOptions {
        time: Some(std::time::UNIX_EPOCH),
        threads: Some(1),
        ..CommitOptions::default()
    }
}

/// 100 KB; contents with different seeds share most of their chunks.
fn content(seed: u8) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        (0..100_000_u32).map(|at| (at / 7) as u8 ^ (at / 1000) as u8).collect();
    bytes[50_000..50_100].fill(seed);
    bytes
}

/// All files of the images; each file is read and compared with its SHA-1.
fn contents(wim: &Path) -> Result<Vec<(u32, String, Vec<u8>)>, WimError> {
    let archive = Archive::open(wim)?;
    let mut found = Vec::new();
    for image in 1..=archive.header().image_count {
        let mut files = Vec::new();
        archive.walk(image, "\\", &mut |entry| {
            files.push((entry.path.to_string(), entry.is_dir));
            ControlFlow::Continue(())
        })?;
        for (path, is_dir) in files {
            let data = if is_dir { Vec::new() } else { archive.read(image, &path)? };
            found.push((image, path, data));
        }
    }
    Ok(found)
}

/// A possible content of the storage after a crash at the end of `log`.
fn after_crash(old: &[u8], log: &[Op], choose: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
    let synced = log.iter().rposition(|op| matches!(op, Op::Sync)).map_or(0, |at| at + 1);
    let mut bytes = old.to_vec();
    log[..synced].iter().for_each(|op| apply(&mut bytes, op));
    let mut pending = Vec::new();
    for op in &log[synced..] {
        match op {
            Op::Write { at, bytes } => {
                let mut start = 0;
                while start < bytes.len() {
                    let end = (start + SECTOR - (at + start) % SECTOR).min(bytes.len());
                    pending.push(Op::Write { at: at + start, bytes: bytes[start..end].to_vec() });
                    start = end;
                }
            }
            other => pending.push(other.clone()),
        }
    }
    // How much of the operation is durable: nothing, everything, or a random part of it.
    match choose(4) {
        0 => {}
        1 => pending.iter().for_each(|op| apply(&mut bytes, op)),
        _ => {
            while !pending.is_empty() {
                let op = pending.swap_remove(choose(pending.len()));
                if choose(2) == 0 {
                    apply(&mut bytes, &op);
                }
            }
        }
    }
    bytes
}

fn apply(file: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write { at, bytes } => {
            let end = at + bytes.len();
            file.resize(file.len().max(end), 0);
            file[*at..end].copy_from_slice(bytes);
        }
        Op::SetLen(size) => file.resize(*size, 0),
        Op::Sync => {}
    }
}

/// The same choices in every run.
fn choices() -> impl FnMut(usize) -> usize {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    }
}

#[test]
fn after_a_power_cut_the_wim_is_the_old_or_the_new_one() {
    let mut choose = choices();
    let mut points = 0;
    for (integrity, erase) in [(false, false), (true, false), (false, true), (true, true)] {
        let scene = Scene { erase, ..Scene::new(integrity) };
        let before = fs::read(&scene.wim).expect("a WIM");
        let old = contents(&scene.wim).expect("the old WIM");
        let recorder = Recorder::open(&scene.wim, None);
        scene.commit(&recorder).expect("a commit");
        let new = contents(&scene.wim).expect("the new WIM");
        let committed = fs::read(&scene.wim).expect("a WIM");
        assert!(old != new);
        let log = recorder.log.take();
        let mut seen = [0, 0];
        for end in 0..=log.len() {
            for _ in 0..12 {
                let bytes = after_crash(&before, &log[..end], &mut choose);
                fs::write(&scene.wim, bytes).expect("a crashed WIM");
                let found = contents(&scene.wim).expect("a whole WIM");
                assert!(found == old || found == new, "after {end} of {} steps", log.len());
                let whole = Archive::open(&scene.wim).expect("a whole WIM");
                let findings = whole.findings(None);
                assert!(findings.is_empty(), "after {end} of {} steps: {findings:?}", log.len());
                seen[usize::from(found == new)] += 1;
                points += 1;
            }
            // A later commit finishes the work, or finds it finished, and leaves no unused bytes at
            // the end.
            let done = contents(&scene.wim).expect("a whole WIM") == new;
            let left = if done { &[][..] } else { &scene.changes };
            let opened = Archive::open(&scene.wim).expect("a whole WIM");
            opened.commit(left, &Target::InPlace, options()).expect("a commit after the crash");
            assert!(contents(&scene.wim).expect("a WIM") == new);
            assert_eq!(Archive::open(&scene.wim).expect("a WIM").leftover(), None);
        }
        assert!(seen.iter().all(|count| *count > 0), "both sides of the switch were met: {seen:?}");
        fs::write(&scene.wim, &committed).expect("a WIM");
        let whole = Archive::open(&scene.wim).expect("a WIM");
        whole.verify(None).expect("wimlib reads all of it, and the integrity table is right");
        assert_eq!(whole.header().integrity, integrity);
    }
    assert!(points >= 200, "{points}");
}

/// The commit succeeds, and reports that erasing failed.
#[test]
fn a_failure_while_erasing_leaves_the_new_wim() {
    for integrity in [false, true] {
        let scene = Scene { erase: true, ..Scene::new(integrity) };
        let before = fs::read(&scene.wim).expect("a WIM");
        let recorder = Recorder::open(&scene.wim, None);
        scene.commit(&recorder).expect("a commit");
        let new = contents(&scene.wim).expect("the new WIM");
        // The bytes up to the first write after the switch of the header.
        let log = recorder.log.take();
        let switched = log.iter().position(|op| matches!(op, Op::Write { at: 0, .. }));
        let size = |op: &Op| if let Op::Write { bytes, .. } = op { bytes.len() } else { 0 };
        let budget: usize = log[..=switched.expect("it was switched")].iter().map(size).sum();

        fs::write(&scene.wim, &before).expect("the old WIM");
        let mut archive = Archive::open(&scene.wim).expect("a WIM");
        let time = SystemTime::UNIX_EPOCH;
        let plan = Plan::new(&mut archive, &scene.changes, time).expect("a plan");
        let mut options = CommitOptions { erase: true, ..options() };
        let storage = Recorder::open(&scene.wim, Some(budget + 10));
        let done = append_and_switch(archive, &plan, &storage, &mut options).expect("a commit");
        let Erasure::Failed { why } = done.erased else { panic!("{:?}", done.erased) };
        assert!(why.contains("no space left"), "{why}");
        assert!(contents(&scene.wim).expect("a whole WIM") == new);
        let whole = Archive::open(&scene.wim).expect("a whole WIM");
        whole.verify(None).expect("all of it is whole");
        assert_eq!(whole.header().integrity, integrity);
    }
}

#[test]
fn a_disk_full_at_any_byte_leaves_the_wim_unchanged() {
    let scene = Scene::new(true);
    let before = fs::read(&scene.wim).expect("a WIM");
    let recorder = Recorder::open(&scene.wim, None);
    scene.commit(&recorder).expect("a commit");
    let needed = recorder.written();
    for budget in (0..needed).step_by(needed / 60) {
        fs::write(&scene.wim, &before).expect("the old WIM");
        let refused = scene.commit(&Recorder::open(&scene.wim, Some(budget)));
        assert!(
            matches!(refused, Err(WimError::Commit(CommitError::NoSpace { .. }))),
            "{budget}: {refused:?}"
        );
        assert!(fs::read(&scene.wim).expect("a WIM") == before, "after {budget} of {needed} bytes");
    }
}

#[test]
fn a_mark_of_another_program_is_removed_or_refused() {
    let scene = Scene::new(false);
    let mut bytes = fs::read(&scene.wim).expect("a WIM");
    // The header flag WRITE_IN_PROGRESS, and the bytes that such a write leaves after the end.
    bytes[16] |= 0x40;
    bytes.extend([0xaa; 1000]);
    fs::write(&scene.wim, &bytes).expect("an interrupted WIM");
    let open = || Archive::open(&scene.wim).expect("it can be read");
    let leftover = open().leftover().expect("a leftover");
    assert_eq!((leftover.marked, leftover.tail), (true, 1000));
    let strict = CommitOptions { repair: false, ..options() };
    let refused = open().commit(&scene.changes, &Target::InPlace, strict);
    assert!(
        matches!(refused, Err(WimError::Commit(CommitError::Interrupted { .. }))),
        "{refused:?}"
    );
    assert!(fs::read(&scene.wim).expect("a WIM") == bytes, "refused before anything is written");
    let done = open().commit(&[], &Target::InPlace, options()).expect("a repair");
    assert_eq!((done.changed, done.repaired), (false, Some(leftover)));
    assert_eq!(open().leftover(), None);
    open().verify(None).expect("verifies");
}
