//! A commit in a separate process: killed, and without space.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use winpe_wim::{Archive, ImageChanges, Target};

use crate::tools::{Bench, HIVE, commit, hash, hive, listing, noise, options, put};

const WIM: &str = "WINPE_WIM_TEST_COMMITS";
const OUT: &str = "WINPE_WIM_TEST_OUT";

fn changes() -> Vec<winpe_wim::FileChange> {
    let mut bytes = hive();
    bytes[7] ^= 1;
    let mut changes = vec![put(HIVE, &bytes)];
    let new = |number: u8| put(&format!("Windows/new{number}.sys"), &noise(150_000, 100 + number));
    changes.extend((0..8).map(new));
    changes
}

/// Not a test itself: the other tests run it as a process, by the name of this test.
#[test]
fn commits_in_a_child_process() {
    let Some(wim) = std::env::var_os(WIM) else { return };
    let changes = [ImageChanges { image: 1, changes: changes() }];
    let target = std::env::var_os(OUT)
        .map_or(Target::InPlace, |path| Target::File { path: path.into(), overwrite: false });
    let archive = Archive::open(Path::new(&wim)).expect("opens");
    if let Err(error) = archive.commit(&changes, &target, options()) {
        println!("refused: {error}");
        std::process::exit(7);
    }
}

/// `shell` runs the commit as `"$@"`.
fn child(wim: &Path, shell: &str) -> Command {
    let this = std::env::current_exe().expect("this test");
    let mut command = Command::new("sh");
    command
        .args(["-c", shell, "sh"])
        .arg(this)
        .args(["--exact", "process::commits_in_a_child_process", "--nocapture"])
        .env(WIM, wim)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[test]
fn a_killed_commit_leaves_the_old_or_the_new_wim() {
    let Some(bench) = Bench::capture("XPRESS", &["--check"]) else { return };
    let old = fs::read(&bench.wim).expect("a WIM");
    let begun = Instant::now();
    let status = child(&bench.wim, "exec \"$@\"").status().expect("a process");
    let takes = begun.elapsed();
    assert!(status.success());
    let new = fs::read(&bench.wim).expect("a WIM");
    assert!(new.len() > old.len() + 1_000_000, "the commit is large enough to be met halfway");
    let mut met = [0, 0];
    // The states after a power cut at each step of the write are tested next to the writer.
    let points = if std::env::var_os("WINPE_SLOW").is_some() { 200 } else { 24 };
    for point in 0..points {
        fs::write(&bench.wim, &old).expect("the old WIM");
        let mut process = child(&bench.wim, "exec \"$@\"").spawn().expect("a process");
        thread::sleep(takes * point / points);
        process.kill().expect("it is ours");
        process.wait().expect("it ends");
        let killed = Archive::open(&bench.wim).expect("a whole WIM");
        killed.verify(None).expect("old or new, all of it reads");
        let is_new = killed.entry(1, "Windows/new0.sys").expect("metadata").is_some();
        met[usize::from(is_new)] += 1;
        let done = commit(&bench.wim, 1, changes()).expect("the next run");
        assert_eq!(done.changed, !is_new);
        assert!(fs::read(&bench.wim).expect("a WIM") == new, "as if nothing had happened");
    }
    assert!(met[0] > 0, "{met:?}");
    bench.accept(&bench.wim);
}

#[test]
fn a_full_disk_leaves_everything_unchanged() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let before = hash(&bench.wim);
    let names = listing(bench.folder.path());
    // A limit on the size of files simulates a small disk; in blocks of 512 bytes.
    let limit = fs::metadata(&bench.wim).expect("a WIM").len() / 512 + 400;
    let shell = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$@\"");
    for out in [None, Some(bench.folder.path().join("out.wim"))] {
        let mut command = child(&bench.wim, &shell);
        if let Some(out) = &out {
            command.env(OUT, out);
        }
        let output = command.output().expect("a process");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(7), "{text}");
        assert!(text.contains("no space left"), "{text}");
        assert_eq!(hash(&bench.wim), before);
        assert_eq!(listing(bench.folder.path()), names);
    }
}

/// A shell in a separate mount namespace, where it may mount; `None`, with a message, if the system
/// does not allow that.
pub(crate) fn in_namespace(shell: &str) -> Option<Command> {
    let unshare = winpe_tests::tool("unshare", "util-linux")?;
    let flags: &[&str] = if rustix::process::geteuid().is_root() { &["-m"] } else { &["-rm"] };
    let may =
        Command::new(&unshare).args(flags).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no mount namespaces on this machine");
        return None;
    }
    let mut command = Command::new(unshare);
    command.args(flags).args(["sh", "-c", shell, "sh"]);
    Some(command)
}

#[test]
fn a_small_file_system_that_runs_full_keeps_the_old_wim() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let size = fs::metadata(&bench.wim).expect("a WIM").len();
    let room = bench.folder.path().join("room");
    fs::create_dir(&room).expect("a folder");
    // Room for none of the change, some of it, almost all of it; then for all.
    for (more, fits) in [(4 << 10, false), (400 << 10, false), (1100 << 10, false), (4 << 20, true)]
    {
        let shell = format!(
            "mount -t tmpfs -o size={} none \"$1\" && cp \"$2\" \"$1/w.wim\" && shift 2 || exit 99
             \"$@\"; code=$?
             cmp -s \"$OLD\" \"$ROOM/w.wim\" && echo unchanged
             echo holds $(ls -A \"$ROOM\"); exit $code",
            (size + more).next_multiple_of(4096)
        );
        let Some(mut command) = in_namespace(&shell) else { return };
        command.arg(&room).arg(&bench.wim).arg(std::env::current_exe().expect("this test"));
        command.args(["--exact", "process::commits_in_a_child_process", "--nocapture"]);
        command.env(WIM, room.join("w.wim")).env("OLD", &bench.wim).env("ROOM", &room);
        let output = command.output().expect("a process");
        let text = String::from_utf8_lossy(&output.stdout);
        let code = if fits { 0 } else { 7 };
        assert_eq!(output.status.code(), Some(code), "{more} bytes: {text}");
        assert_eq!(text.contains("no space left"), !fits, "{more} bytes: {text}");
        assert_eq!(text.contains("unchanged"), !fits, "{more} bytes: {text}");
        assert!(text.ends_with("holds w.wim\n"), "no stray file: {text}");
    }
}
