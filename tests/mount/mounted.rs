//! `winpe-iscsi mount`: what programs see in the mount, and the resulting WIM.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;
use winpe_tests::{run, tool};
use winpe_wim::{Archive, Compression, NewImage, create};

/// A folder with a WIM, a mount point, and the folder for records of mounts.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) wim: PathBuf,
    pub(crate) dir: PathBuf,
    /// Held while the test runs. If another test starts a process, that process inherits the files
    /// that are open here until it runs its program, and with them the locks of the WIM.
    _alone: MutexGuard<'static, ()>,
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The result of `winpe-iscsi`.
pub(crate) struct Run {
    stdout: String,
    stderr: String,
}

const CHUNKS: usize = 40;

fn large() -> Vec<u8> {
    (0..CHUNKS * 8192).flat_map(|number| ((number / 5) as u32).to_le_bytes()).collect()
}

impl Bench {
    /// `None`, with a message, if this machine has no FUSE.
    pub(crate) fn new() -> Option<Self> {
        // FUSE depends on the kernel and the container, so no package can be named.
        if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/fuse") {
            let _ = writeln!(std::io::stderr(), "SKIPPED: /dev/fuse cannot be opened: {error}");
            return None;
        }
        // Root mounts without fusermount3; a machine without it is not one on which users mount.
        tool("fusermount3", "fuse3")?;
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        let wim = folder.path().join("winpe.wim");
        let mut image = NewImage::new("PE");
        image.time = Some(UNIX_EPOCH + Duration::from_secs(1_000_000_000));
        image.security = Some(vec![1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        image.dirs.push("Users/Empty Folder".to_owned());
        image.files.push(("Windows/System32/startnet.cmd".to_owned(), b"wpeinit\r\n".to_vec()));
        image.files.push(("Windows/System32/config/SYSTEM".to_owned(), large()));
        image.files.push(("Windows/notepad.exe".to_owned(), b"MZ".repeat(30_000)));
        create(&wim, Compression::Lzx, &[image]).expect("a WIM");
        let dir = folder.path().join("mnt");
        fs::create_dir(&dir).expect("a folder");
        Some(Self { folder, wim, dir, _alone: alone })
    }

    #[track_caller]
    pub(crate) fn iscsi(&self, words: &[&str], code: i32) -> Run {
        let mut command = Command::new(winpe_tests::winpe_iscsi());
        command.args(words).current_dir(self.folder.path());
        command.env("XDG_RUNTIME_DIR", self.folder.path()).env_remove("SOURCE_DATE_EPOCH");
        let output = command.output().expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}\n{stdout}\n{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        Run { stdout, stderr }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.join(path)
    }

    /// The files next to the WIM, without the mount and its records.
    pub(crate) fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
        let names = names.map(|name| name.expect("UTF-8"));
        names.filter(|name| !["winpe.wim", "mnt", "winpe-iscsi"].contains(&name.as_str())).collect()
    }

    fn mounts(&self) -> serde_json::Value {
        let json = self.iscsi(&["mounts", "--json"], 0).stdout;
        serde_json::from_str::<serde_json::Value>(&json).expect("JSON")["mounts"].clone()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // A failed test leaves its mount, which would keep the folder busy.
        let program = winpe_tests::winpe_iscsi();
        let mut command = Command::new(program);
        command.args(["unmount", "mnt", "--discard"]).current_dir(self.folder.path());
        let _ = command.env("XDG_RUNTIME_DIR", self.folder.path()).output();
    }
}

#[test]
fn an_image_is_read_through_a_mount() {
    let Some(bench) = Bench::new() else { return };
    let before = fs::read(&bench.wim).expect("a WIM");
    bench.iscsi(&["mount", "winpe.wim", "mnt"], 0);
    assert!(fs::read(bench.at("windows/SYSTEM32/Config/system")).expect("a file") == large());
    let mut names: Vec<_> = fs::read_dir(bench.at("WINDOWS"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    assert_eq!(names, ["System32", "notepad.exe"]);
    let file = File::open(bench.at("Windows/notepad.exe")).expect("a file");
    let mut bytes = [0; 5];
    file.read_exact_at(&mut bytes, 32_767).expect("across two chunks");
    assert_eq!(&bytes, b"ZMZMZ");
    let metadata = file.metadata().expect("a file");
    assert_eq!((metadata.len(), metadata.mtime()), (60_000, 1_000_000_000));
    assert!(bench.at("users/empty folder").is_dir());
    let refused = fs::write(bench.at("new"), "x").expect_err("read-only");
    assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    let mounts = bench.mounts();
    assert_eq!((&mounts[0]["state"], &mounts[0]["changes"]), (&"mounted".into(), &0.into()));

    let busy = bench.iscsi(&["unmount", "mnt"], 2).stderr;
    assert!(busy.contains("in use"), "{busy}");
    drop(file);
    let twice = bench.iscsi(&["mount", "winpe.wim", "mnt"], 2).stderr;
    assert!(twice.contains("mounted there already"), "{twice}");
    bench.iscsi(&["unmount", "mnt"], 0);
    let gone = bench.iscsi(&["unmount", "mnt"], 2).stderr;
    assert!(gone.contains("no image is mounted there"), "{gone}");
    assert!(fs::read(&bench.wim).expect("a WIM") == before);
    assert!(bench.left().is_empty() && bench.mounts().as_array().is_some_and(Vec::is_empty));
}

/// All operations of programs on files.
fn work(at: &Path) {
    let path = |name: &str| at.join(name);
    let hive = OpenOptions::new().write(true).open(path("Windows/System32/config/SYSTEM"));
    hive.expect("a file").write_all_at(b"edited", 500_000).expect("a write");
    let mut script = OpenOptions::new()
        .append(true)
        .open(path("windows/system32/STARTNET.cmd"))
        .expect("a file");
    script.write_all(b"net start msiscsi\r\n").expect("a write");
    fs::create_dir_all(path("Tools/deep")).expect("folders");
    fs::write(path("Tools/deep/new.sys"), large()).expect("a file");
    fs::copy(path("Tools/deep/new.sys"), path("Tools/copy.sys")).expect("a copy");
    fs::write(path("Tools/deep/gone"), "x").expect("a file");
    fs::remove_file(path("tools/DEEP/gone")).expect("removed");
    fs::rename(path("Users/Empty Folder"), path("Tools/Moved")).expect("moved");
    fs::remove_dir(path("USERS")).expect("removed");
    // As editors save.
    fs::write(path("Windows/notepad.exe.tmp"), "MZ, saved").expect("a file");
    fs::rename(path("Windows/notepad.exe.tmp"), path("Windows/notepad.exe")).expect("renamed");
    let file = File::options().write(true).open(path("Tools/copy.sys")).expect("a file");
    file.set_len(10).expect("shorter");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(5)).expect("a time");
    fs::set_permissions(path("Tools/copy.sys"), fs::Permissions::from_mode(0o444)).expect("a mode");
}

#[test]
fn changes_of_programs_are_committed() {
    let Some(bench) = Bench::new() else { return };
    let Some(imagex) = tool("wimlib-imagex", "wimtools") else { return };
    let before = fs::read(&bench.wim).expect("a WIM");
    bench.iscsi(&["mount", "winpe.wim", "mnt", "--rw"], 0);
    work(&bench.dir);
    let locked = bench.iscsi(&["wim", "rm", "winpe.wim:Windows/notepad.exe"], 2).stderr;
    assert!(locked.contains("open for writing elsewhere"), "{locked}");
    let undecided = bench.iscsi(&["unmount", "mnt"], 2).stderr;
    assert!(undecided.contains("not committed") && undecided.contains("--discard"), "{undecided}");
    assert!(fs::read(&bench.wim).expect("a WIM") == before, "the WIM is as it was until then");
    let seen = diffable(&bench.dir);
    bench.iscsi(&["unmount", "mnt", "--commit"], 0);
    assert!(bench.left().is_empty(), "{:?}", bench.left());

    let applied = bench.folder.path().join("applied");
    let words = ["apply", "winpe.wim", "1", "applied"];
    let output = Command::new(&imagex).args(words).current_dir(bench.folder.path()).output();
    assert!(output.expect("wimlib-imagex").status.success());
    assert!(diffable(&applied) == seen, "wimlib applies what the mount showed");
    assert!(run(&imagex, [Path::new("verify"), &bench.wim]).status.success());
    let wim = Archive::open(&bench.wim).expect("opens");
    let entry = |path: &str| wim.entry(1, path).expect("metadata").expect(path);
    let created = Some(UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    for path in ["Windows/notepad.exe", "Windows/System32/startnet.cmd"] {
        assert_eq!(entry(path).created, created, "{path} stays the same file");
    }
    let copy = entry("Tools/copy.sys");
    assert_eq!(copy.written, Some(UNIX_EPOCH + Duration::from_secs(5)));
    assert_eq!(copy.attributes & 1, 1, "read-only");
}

/// Paths with the data of files.
fn diffable(top: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut left = vec![top.to_path_buf()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(top).expect("below").to_path_buf();
            if path.is_dir() {
                left.push(path);
                found.push((name, None));
            } else {
                found.push((name, Some(fs::read(&path).expect("a file"))));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn discarded_changes_leave_nothing() {
    let Some(bench) = Bench::new() else { return };
    let before = fs::read(&bench.wim).expect("a WIM");
    bench.iscsi(&["mount", "winpe.wim", "mnt", "--rw"], 0);
    work(&bench.dir);
    bench.iscsi(&["unmount", "mnt", "--discard"], 0);
    assert!(fs::read(&bench.wim).expect("a WIM") == before && bench.left().is_empty());
}

/// A WIM that only its owner may read may hold a secret.
#[test]
fn data_removed_from_a_private_wim_is_erased_from_the_file() {
    let Some(bench) = Bench::new() else { return };
    let holds = |data: &[u8]| {
        let bytes = fs::read(&bench.wim).expect("a WIM");
        bytes.windows(data.len()).any(|window| window == data)
    };
    // Stored uncompressed, since no codec makes nine different bytes shorter.
    let script = b"wpeinit\r\n";
    fs::set_permissions(&bench.wim, fs::Permissions::from_mode(0o600)).expect("a mode");
    assert!(holds(script));
    bench.iscsi(&["mount", "winpe.wim", "mnt", "--rw"], 0);
    fs::remove_file(bench.dir.join("Windows/System32/startnet.cmd")).expect("removed");
    bench.iscsi(&["unmount", "mnt", "--commit"], 0);
    assert!(!holds(script));
}

#[test]
fn a_killed_mount_loses_nothing() {
    let Some(bench) = Bench::new() else { return };
    let before = fs::read(&bench.wim).expect("a WIM");
    bench.iscsi(&["mount", "winpe.wim", "mnt", "--rw"], 0);
    work(&bench.dir);
    let seen = diffable(&bench.dir);
    let pid = bench.mounts()[0]["pid"].as_u64().expect("a process").to_string();
    assert!(Command::new("kill").args(["-9", &pid]).status().expect("kill").success());
    for _ in 0..200 {
        if bench.mounts()[0]["state"] == "dead" {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(fs::read(&bench.wim).expect("a WIM") == before);
    let told = bench.iscsi(&["mounts"], 0).stdout;
    assert!(told.contains("--commit") && told.contains("--discard"), "{told}");
    assert_eq!(bench.left().len(), 1, "the staging folder");
    bench.iscsi(&["unmount", "mnt", "--commit"], 0);
    assert!(bench.left().is_empty() && bench.mounts().as_array().is_some_and(Vec::is_empty));
    bench.iscsi(&["mount", "winpe.wim", "mnt"], 0);
    assert!(diffable(&bench.dir) == seen);
    bench.iscsi(&["unmount", "mnt"], 0);
}

#[test]
fn a_wim_that_changed_meanwhile_is_not_committed_to() {
    let Some(bench) = Bench::new() else { return };
    bench.iscsi(&["mount", "winpe.wim", "mnt", "--rw"], 0);
    fs::write(bench.at("new"), "x").expect("a file");
    let mut other = OpenOptions::new().append(true).open(&bench.wim).expect("a WIM");
    other.write_all(b"x").expect("another program does not ask");
    let changed = bench.iscsi(&["unmount", "mnt", "--commit"], 2).stderr;
    assert!(changed.contains("changed by another program"), "{changed}");
    assert_eq!(bench.left().len(), 1, "nothing is lost");
    bench.iscsi(&["unmount", "mnt", "--discard"], 0);
    assert!(bench.left().is_empty());
}
