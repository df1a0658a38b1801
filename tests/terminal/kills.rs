//! Runs that are killed while they write a temporary file.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bench, hive, names, set};
use winpe_registry::Value;
use winpe_tests::slow;

fn end(child: &mut Child, signal: Signal) {
    let pid = Pid::from_child(child);
    // It may already have ended.
    let _ = kill_process(pid, signal);
    child.wait().unwrap();
}

/// A WIM that takes a while to write, and what else the jobs need.
fn bench() -> Bench {
    let bench = Bench::new();
    let noise: Vec<u8> =
        (0..6_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    bench.write("noise", noise);
    bench.run(&["wim", "cp", "noise", "winpe.wim:noise"], 0);
    let values: Vec<_> =
        (0..2000).map(|at| set("a", &at.to_string(), Value::binary(vec![7; 500]))).collect();
    bench.write("SYSTEM", hive(&values));
    bench.write(
        "new.reg",
        "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\n]\n\"a\"=\"b\"\n",
    );
    bench
}

/// What the program does to a file that exists, or to one that is new (`out`).
const JOBS: &[&[&str]] = &[
    &["inject", "winpe.wim", "--source", "install.wim", "-o", "out", "-q"],
    &["inject", "winpe.wim", "--source", "install.wim", "-q"],
    &["wim", "optimize", "winpe.wim", "--recompress", "--compress", "xpress"],
    &["wim", "export", "winpe.wim", "out"],
    &["wim", "export", "winpe.wim", "out", "--for-boot"],
    &["wim", "cp", "winpe.wim:noise", "out"],
    &["hive", "import", "SYSTEM", "new.reg"],
    &["hive", "import", "SYSTEM", "new.reg", "-o", "out"],
    &["hive", "export", "SYSTEM", "-o", "out"],
    &["manual", "manual"],
];

/// Sound, except for bytes that a change in place had appended, and to which nothing in the file refers.
#[track_caller]
fn is_sound(bench: &Bench, wim: &str) {
    let output = bench.command(&["wim", "verify", wim]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let appended = said.contains("an interrupted write left") && said.lines().count() == 1;
    assert!(output.status.success() || appended, "{said}");
}

/// Interrupts each job at moments spread over its time. Returns how many ended by the signal.
fn interrupt_all(points: u32) -> u32 {
    let bench = bench();
    bench.run(&["manual", "manual"], 0);
    let before: Vec<_> = ["winpe.wim", "SYSTEM"]
        .map(|name| (name, fs::read(bench.path(name)).unwrap()))
        .into_iter()
        .collect();
    let (known, pages) = (bench.names(), names(&bench.path("manual")));
    let mut interrupted = 0;
    for words in JOBS {
        let start =
            || bench.command(words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        assert!(start().wait().unwrap().success(), "{words:?}");
        let takes = begun.elapsed();
        let whole = fs::read(bench.path("out")).ok();
        for point in 0..points {
            for (name, bytes) in &before {
                fs::write(bench.path(name), bytes).unwrap();
            }
            let _ = fs::remove_file(bench.path("out"));
            let mut child = start();
            thread::sleep(takes * point / points);
            let signal = [Signal::INT, Signal::TERM, Signal::HUP][point as usize % 3];
            let _ = kill_process(Pid::from_child(&child), signal);
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            let status = child.wait().unwrap();
            let by_signal = status.signal() == Some(signal.as_raw());
            assert!(by_signal || status.success(), "{words:?}: {status}\n{said}");
            interrupted += u32::from(by_signal);
            let found = bench.names();
            let stray: Vec<_> =
                found.iter().filter(|name| !known.contains(name) && *name != "out").collect();
            assert!(stray.is_empty(), "{words:?} at {point}: {stray:?}\n{said}");
            assert_eq!(names(&bench.path("manual")), pages, "{words:?} at {point}");
            // What is there is whole.
            if let Ok(out) = fs::read(bench.path("out")) {
                assert!(Some(out) == whole, "{words:?} at {point}: a part\n{said}");
            }
            is_sound(&bench, "winpe.wim");
        }
        for (name, bytes) in &before {
            fs::write(bench.path(name), bytes).unwrap();
        }
        let _ = fs::remove_file(bench.path("out"));
    }
    interrupted
}

#[test]
fn an_interrupt_leaves_no_file() {
    let interrupted = interrupt_all(3);
    assert!(interrupted > 0);
}

#[test]
fn two_hundred_interrupts_leave_no_file() {
    if !slow() {
        return;
    }
    // A run that ends before its signal counts for nothing; a fast machine has more of them.
    let (mut interrupted, mut rounds) = (0, 0);
    while interrupted < 200 {
        assert!(rounds < 20, "{interrupted} of {rounds} rounds");
        interrupted += interrupt_all(30);
        rounds += 1;
    }
    println!("{interrupted} of {} runs ended by a signal", rounds * 30 * JOBS.len());
}

/// A shell that has a program run on after its end has it ignore the signals.
#[test]
fn an_ignored_signal_does_not_interrupt() {
    let Some(bash) = winpe_tests::tool("bash", "bash") else { return };
    let bench = bench();
    let script =
        "trap '' HUP INT; echo ready; exec \"$0\" inject winpe.wim --source install.wim -o out -q";
    let mut command = std::process::Command::new(bash);
    command.args(["-c", script]).arg(winpe_tests::winpe_iscsi()).current_dir(bench.dir.path());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 6];
    child.stdout.take().unwrap().read_exact(&mut ready).unwrap();
    while !child.try_wait().is_ok_and(|status| status.is_some()) {
        for signal in [Signal::HUP, Signal::INT] {
            let _ = kill_process(Pid::from_child(&child), signal);
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(bench.path("out").is_file());
}

#[test]
fn files_left_by_killed_runs_are_removed_by_the_next_run() {
    let bench = Bench::new();
    // A size that makes writing take most of the time.
    let noise: Vec<u8> =
        (0..6_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    bench.write("noise", noise);
    bench.run(&["wim", "cp", "noise", "winpe.wim:noise"], 0);
    fs::remove_file(bench.path("noise")).unwrap();
    let before = fs::read(bench.path("winpe.wim")).unwrap();
    let names = bench.names();
    let jobs: [&[&str]; 2] = [
        &["inject", "winpe.wim", "--source", "install.wim", "-o", "out.wim", "-q"],
        &["wim", "optimize", "winpe.wim", "--recompress", "--compress", "xpress"],
    ];
    let mut left = 0;
    for words in jobs {
        let start =
            || bench.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        assert!(start().wait().unwrap().success());
        let takes = begun.elapsed();
        for point in 0..25 {
            fs::write(bench.path("winpe.wim"), &before).unwrap();
            let _ = fs::remove_file(bench.path("out.wim"));
            let mut child = start();
            thread::sleep(takes * point / 25);
            end(&mut child, [Signal::KILL, Signal::KILL, Signal::TERM][point as usize % 3]);
            let found = bench.names();
            let stray = found.iter().filter(|name| !names.contains(name) && *name != "out.wim");
            for name in stray.collect::<Vec<_>>() {
                assert!(name.starts_with(".winpe-wim-") && name.ends_with(".tmp"), "{name}");
                left += 1;
                let stray = File::options().write(true).open(bench.path(name)).unwrap();
                stray.set_modified(SystemTime::now() - Duration::from_secs(100)).unwrap();
                // The next run removes it, and reports that.
                drop(stray);
                let (_, said) = bench.run(&["wim", "export", "winpe.wim", "other.wim"], 0);
                assert!(
                    said.contains(&format!(
                        "{name}, which an interrupted run had left, is removed"
                    )),
                    "{said}"
                );
                fs::remove_file(bench.path("other.wim")).unwrap();
            }
            bench.run(&["wim", "verify", "winpe.wim"], 0);
        }
        let _ = fs::remove_file(bench.path("out.wim"));
        assert_eq!(bench.names(), names);
    }
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let nameless = openat(CWD, bench.dir.path(), flags, Mode::RUSR | Mode::WUSR);
    // Between the last write and the rename, the file has a temporary name, under which wimlib
    // reads it.
    assert!(nameless.is_err() || left <= 15, "{left} of 50");
    println!("{left} of 50 runs left a file");
}
