//! Images to work on, and results of runs of the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The demo's images in a temporary folder.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) winpe: PathBuf,
    pub(crate) install: PathBuf,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let demo = winpe_inject::demo::create(dir.path()).unwrap();
        Self { winpe: demo.winpe, install: demo.install, dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file with this content in the folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Runs `winpe-iscsi` with these arguments in the folder.
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        let mut command = Command::new(winpe_tests::winpe_iscsi());
        command.args(words).current_dir(self.dir.path()).env_remove("SOURCE_DATE_EPOCH");
        Run::of(command)
    }

    /// The run must fail with status 2 and leave the WinPE's bytes unchanged.
    #[track_caller]
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let before = fs::read(&self.winpe).unwrap();
        let files = names(self.dir.path());
        let run = self.run(words);
        assert_eq!(run.code, 2, "{words:?}\n{}\n{}", run.stdout, run.stderr);
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        assert!(fs::read(&self.winpe).unwrap() == before, "the image was changed");
        assert_eq!(names(self.dir.path()), files, "a file was left behind");
        run.stderr
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// The result of a run of the program.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code().expect("not ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// The output of `wimlib-imagex` for these arguments; `None` if it is not installed.
#[track_caller]
pub(crate) fn wimlib(words: &[&str]) -> Option<String> {
    let program = winpe_tests::tool("wimlib-imagex", "wimtools")?;
    let output = winpe_tests::run(&program, words);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "wimlib-imagex {words:?}\n{text}\n{errors}");
    Some(text)
}

/// The `+` lines of a report without their first character: a `.reg` file.
pub(crate) fn plus_side(report: &str) -> String {
    report
        .lines()
        .filter_map(|line| line.strip_prefix('+'))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// A path as an argument of a command.
pub(crate) fn word(path: &Path) -> &str {
    path.to_str().unwrap()
}
