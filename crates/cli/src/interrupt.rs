//! A signal that ends the program, such as Ctrl-C, leaves no unfinished file.

use std::fs;
use std::io::{self, Write};
use std::process;
use std::thread;

use nix::sys::signal::{SigSet, Signal, raise};
use winpe_disk::unfinished;

/// The signals by which a person, a shell or a supervisor ends a program.
const ENDING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Has a thread wait for these signals. Threads that are started later block them, so this comes first.
pub(crate) fn leave_nothing_unfinished() {
    let ignored = ignored();
    let mut awaited = SigSet::empty();
    ENDING.into_iter().filter(|&signal| ignored >> (signal as u64 - 1) & 1 == 0).for_each(
        |signal| {
            awaited.add(signal);
        },
    );
    // Where it fails, a signal ends the program at once, and the next run removes what it leaves.
    let blocked = awaited.thread_block().is_ok();
    if blocked && thread::Builder::new().spawn(move || end_on(awaited)).is_err() {
        let _ = awaited.thread_unblock();
    }
}

fn end_on(awaited: SigSet) {
    let Ok(signal) = awaited.wait() else { return };
    let removed = unfinished::remove_all();
    let what = match removed {
        0 => "",
        1 => "; the unfinished file is removed",
        _ => "; the unfinished files are removed",
    };
    let _ = writeln!(io::stderr(), "error: interrupted by {signal}{what}");
    // A shell is to see that a signal has ended the program.
    let _ = awaited.thread_unblock();
    let _ = raise(signal);
    process::exit(128 + signal as i32);
}

/// The signals that this process is to ignore, as `nohup` has it: bit 0 is signal 1. Waiting for a signal
/// would take it though it is ignored.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
