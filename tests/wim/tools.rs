//! Inputs made by wimlib-imagex, and checks by other tools.
//!
//! The crate `wim`, in Rust only, is not used: 0.1.3 and 0.1.2, its only versions, require a later
//! compiler (1.96, 1.99) than this workspace has, and export wimlib's C functions under wimlib's
//! names, which cannot be linked twice. Built separately, ignoring the required compiler, 0.1.3
//! verified a WIM that `benches/wim_commit.py` had left.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use winpe_tests::{run, tool};
use winpe_wim::{
    Archive, CommitOptions, Committed, Content, FileChange, ImageChanges, Target, WimError,
};

pub(crate) const HIVE: &str = r"\Windows\System32\config\SYSTEM";

/// A folder with a WIM captured by wimlib-imagex, and the tools that check it.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) wim: PathBuf,
    pub(crate) imagex: PathBuf,
    sevenzip: PathBuf,
}

impl Bench {
    /// Captures [`tree`] with `--compress=compress` and `flags`; `None` if a tool is missing.
    pub(crate) fn capture(compress: &str, flags: &[&str]) -> Option<Self> {
        let bench = Self::empty()?;
        let source = bench.folder.path().join("tree");
        tree(&source);
        let compress = format!("--compress={compress}");
        let (source, wim) = (path_text(&source), path_text(&bench.wim));
        let mut args = vec!["capture", &source, &wim, "Windows PE", "A description"];
        args.extend([compress.as_str(), "--boot", "--unix-data"]);
        args.extend(flags);
        bench.imagex(&args);
        Some(bench)
    }

    /// Without a WIM.
    pub(crate) fn empty() -> Option<Self> {
        let imagex = tool("wimlib-imagex", "wimtools")?;
        let sevenzip = tool("7z", "p7zip-full")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let wim = folder.path().join("winpe.wim");
        Some(Self { folder, wim, imagex, sevenzip })
    }

    /// Runs wimlib-imagex, which must succeed, and returns what it printed.
    pub(crate) fn imagex(&self, args: &[&str]) -> String {
        let output = run(&self.imagex, args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "wimlib-imagex {args:?}: {text}\n{errors}");
        text
    }

    /// Captures `source` as a further image.
    pub(crate) fn append(&self, source: &Path, name: &str) {
        self.imagex(&["append", &path_text(source), &path_text(&self.wim), name]);
    }

    /// wimlib-imagex and 7-Zip read all of the WIM without a warning, except the one about a
    /// missing integrity table.
    pub(crate) fn accept(&self, wim: &Path) {
        for args in [["verify", &path_text(wim)], ["info", &path_text(wim)]] {
            let output = run(&self.imagex, args);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "wimlib-imagex {args:?}: {errors}");
            let warnings = errors.lines().filter(|line| line.contains("[WARNING]"));
            let mut warnings = warnings.filter(|line| !line.contains("integrity information"));
            assert_eq!(warnings.next(), None, "wimlib-imagex {args:?}");
        }
        let output = run(&self.sevenzip, ["t", &path_text(wim)]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "7z t: {text}");
        assert!(!text.contains("Warning"), "7z t: {text}");
    }

    /// Applies an image to a new folder.
    pub(crate) fn apply(&self, wim: &Path, image: u32) -> PathBuf {
        let to = tempfile::tempdir_in(self.folder.path()).expect("a folder").keep();
        self.imagex(&["apply", &path_text(wim), &image.to_string(), &path_text(&to)]);
        to
    }

    /// Everything that `wimlib-imagex dir --detailed` prints about a path or, with "/", about all
    /// paths.
    pub(crate) fn details(&self, wim: &Path, image: u32, path: &str) -> String {
        let path = format!("--path={path}");
        self.imagex(&["dir", &path_text(wim), &image.to_string(), &path, "--detailed"])
    }

    pub(crate) fn commit(
        &self,
        image: u32,
        changes: Vec<FileChange>,
    ) -> Result<Committed, WimError> {
        commit(&self.wim, image, changes)
    }
}

/// Commits in place, at a fixed time.
pub(crate) fn commit(
    wim: &Path,
    image: u32,
    changes: Vec<FileChange>,
) -> Result<Committed, WimError> {
    let changes = [ImageChanges { image, changes }];
    Archive::open(wim)?.commit(&changes, &Target::InPlace, options())
}

pub(crate) fn options<'a>() -> CommitOptions<'a> {
    CommitOptions { time: Some(time()), ..CommitOptions::default() }
}

pub(crate) fn time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

pub(crate) fn put(path: &str, bytes: &[u8]) -> FileChange {
    FileChange::Put { path: path.into(), content: Content::Bytes(bytes.to_vec()) }
}

pub(crate) fn delete(path: &str) -> FileChange {
    FileChange::Delete { path: path.into(), recursive: false }
}

/// A small WinPE-like tree: nested folders, an empty file, hard links, names beyond ASCII, a large
/// file of many chunks.
pub(crate) fn tree(at: &Path) {
    let system = at.join("Windows/System32");
    fs::create_dir_all(system.join("config")).expect("folders");
    fs::create_dir_all(system.join("drivers/en-US")).expect("folders");
    fs::create_dir_all(at.join("Empty Folder")).expect("folders");
    fs::write(system.join("config/SYSTEM"), hive()).expect("a file");
    fs::write(system.join("startnet.cmd"), "wpeinit\r\n").expect("a file");
    fs::write(system.join("empty.txt"), "").expect("a file");
    fs::write(at.join("Größe.txt"), "not ASCII\r\n").expect("a file");
    fs::write(at.join("Windows/notepad.exe"), noise(100_000, 7)).expect("a file");
    fs::hard_link(at.join("Windows/notepad.exe"), system.join("notepad.exe")).expect("a link");
    for number in 0..40 {
        let name = format!("drivers/driver{number:02}.sys");
        fs::write(system.join(name), noise(9_000, number)).expect("a file");
    }
}

/// Forty-odd chunks, partly compressible.
pub(crate) fn hive() -> Vec<u8> {
    let mut bytes = b"regf".to_vec();
    for chunk in 0..42_u8 {
        bytes.extend(noise(9_000, chunk));
        bytes.extend(std::iter::repeat_n(chunk, 24_000));
    }
    bytes
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(size: usize, seed: u8) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(seed);
    let step = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(step).take(size).collect()
}

pub(crate) fn hash(path: &Path) -> [u8; 32] {
    Sha256::digest(fs::read(path).expect("a readable file")).into()
}

pub(crate) fn path_text(path: &Path) -> String {
    path.to_str().expect("temporary paths are UTF-8").to_owned()
}

pub(crate) fn inode(path: &Path) -> u64 {
    fs::metadata(path).expect("a file").ino()
}

/// The names of all entries of a folder.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}
