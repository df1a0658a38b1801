//! Measures memory and CPU time of one run of the program.
//!
//! The kernel reports, for a process that has ended, the memory of its largest child. So a process
//! of this test program starts the command, waits for it, and prints the numbers. CPU time is
//! measured, since it does not depend on other work of the machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};

/// The arguments for the meter, one per line.
const ARGUMENTS: &str = "WINPE_BOUNDS_ARGUMENTS";
/// Another build of the program to measure, such as a release build.
const PROGRAM: &str = "WINPE_BOUNDS_PROGRAM";

/// The limits of the rule for any input below 1 MiB.
pub(crate) const MOST_MEMORY: u64 = 64 << 20;
const MOST_TIME: Duration = Duration::from_secs(2);
/// The factor by which a test build is slower than a release build: 10 in the engines, which are
/// partly optimized, and 17 to 25 in a listing or a report.
const DEBUG_FACTOR: u32 = 25;

/// The resources that a run used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) status: i32,
    /// Peak memory in bytes.
    pub(crate) memory: u64,
    /// CPU time of the process and the kernel.
    pub(crate) time: Duration,
}

impl Taken {
    /// Whether it satisfies the rule, which has an exception: a copy out of an image creates files; 70,000 take
    /// the kernel four seconds, and more with long paths.
    ///
    /// A test build of the program has 15 MiB of code that a release build does not have. It counts where a command
    /// comes close to the rule: `inject` holds each edit of a `.reg` text twice, and 82,000 values fit into 1 MiB.
    pub(crate) fn is_bounded(&self, command: &[&str]) -> bool {
        let time = if let ["wim", "cp", ..] = command { 10 } else { 1 };
        let code = match command {
            ["inject", .., "--reg", _, "--dry-run"] if env::var_os(PROGRAM).is_none() => 15 << 20,
            _ => 0,
        };
        self.memory <= MOST_MEMORY + code && self.time <= most_time() * time
    }
}

pub(crate) fn most_time() -> Duration {
    if env::var_os(PROGRAM).is_some() { MOST_TIME } else { MOST_TIME * DEBUG_FACTOR }
}

/// Runs the program with `args` in `folder`.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Taken {
    let meter = Command::new(env::current_exe().expect("a test knows where it is"))
        .args(["--exact", "meter::meter", "--nocapture", "--test-threads=1"])
        .env(ARGUMENTS, args.join("\n"))
        .current_dir(folder)
        .stderr(Stdio::inherit())
        .output()
        .expect("the meter starts");
    let text = String::from_utf8_lossy(&meter.stdout);
    let line = text.lines().find_map(|line| line.split_once("measured ").map(|(_, rest)| rest));
    let numbers = line.unwrap_or_else(|| panic!("the meter says: {text}"));
    let numbers: Vec<i64> =
        numbers.split(' ').map(|number| number.parse().expect("a number")).collect();
    Taken {
        status: i32::try_from(numbers[0]).expect("an exit status"),
        memory: numbers[1].unsigned_abs(),
        time: Duration::from_micros(numbers[2].unsigned_abs()),
    }
}

/// Runs only as a child of [`run`].
#[test]
fn meter() {
    let Ok(arguments) = env::var(ARGUMENTS) else { return };
    let program = env::var_os(PROGRAM)
        .map_or_else(|| winpe_tests::winpe_iscsi().to_path_buf(), PathBuf::from);
    let status = Command::new(program)
        .args(arguments.lines())
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(if env::var_os("WINPE_BOUNDS_SHOW").is_some() {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .status()
        .expect("the program starts");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel knows");
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    let time = micros(usage.user_time()) + micros(usage.system_time());
    // A signal is not an exit status.
    let status = status.code().unwrap_or(-1);
    println!("measured {status} {} {time}", usage.max_rss() * 1024);
}
