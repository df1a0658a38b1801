//! Runs that are killed while they write a temporary file.

use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::Bench;

fn end(child: &mut Child, signal: Signal) {
    let pid = Pid::from_child(child);
    // It may already have ended.
    let _ = kill_process(pid, signal);
    child.wait().unwrap();
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
            end(&mut child, [Signal::KILL, Signal::INT, Signal::TERM][point as usize % 3]);
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
