//! Many machines that boot over a lossy network from a server that is restarted meanwhile.
//!
//! ```text
//!   cargo test -p winpe-tests --test soak                    some hundred boots, in a minute
//!   WINPE_SOAK=10000 cargo test -p winpe-tests --test soak -- --nocapture
//! ```
//!
//! The server is the program itself (or `WINPE_SOAK_SERVER`, which takes the same words), in a network
//! namespace of its own. The machines are threads in another one, behind a relay, each with its own
//! addresses.

mod ledger;
mod machine;
mod network;

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ledger::Ledger;
use machine::{Line, Machine, Tale};
use network::Network;

/// A test that measures memory must not run next to another server.
static TURN: Mutex<()> = Mutex::new(());
/// Threads that boot machines.
const WORKERS: u32 = 32;
/// Percentage of packets lost, in each direction.
const LOSS: u32 = 3;
/// Number of boots of each machine.
const TIMES: u32 = 8;
const MEGABYTE: u64 = 1 << 20;

#[test]
fn no_lease_is_given_twice_and_no_boot_is_lost_during_restarts() {
    let _turn = TURN.lock().unwrap();
    let Some(network) = Network::new() else { return };
    let wanted = std::env::var("WINPE_SOAK").ok().map(|boots| boots.parse().unwrap());
    let boots: u32 = wanted.unwrap_or(320);
    let machines = (boots / TIMES).max(1);
    let (ledger, next) = (Ledger::default(), AtomicU32::new(0));
    let tales: Mutex<Vec<Tale>> = Mutex::default();
    let mut server = network.start();
    let began = Instant::now();
    let mut memory = Vec::new();
    let mut restarts = 0;
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (network, ledger, next, tales) = (&network, &ledger, &next, &tales);
            scope.spawn(move || {
                network.enter();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= boots {
                        return;
                    }
                    // The workers start with different machines, so that none boots twice at the
                    // same time.
                    let line = Line::new(worker, LOSS, u64::from(number));
                    let machine = Machine { number: number % machines, line };
                    let tale = machine.boot(network, ledger);
                    tales.lock().unwrap().push(tale);
                }
            });
        }
        // In the first part the server is killed and stopped alternately; in the second its memory
        // is measured.
        let mut due = boots / 20;
        loop {
            let done = tales.lock().unwrap().len() as u32;
            if done >= boots {
                break;
            }
            if done >= due && done < boots / 2 {
                server.end(restarts % 2 == 0);
                server = network.start();
                restarts += 1;
                due = done + (boots / 20).max(60);
            }
            if done >= boots / 2 && memory.len() as u32 <= (done - boots / 2) * 8 / boots {
                memory.push(server.memory("VmRSS"));
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    memory.push(server.memory("VmRSS"));

    let tales = tales.into_inner().unwrap();
    let lost: Vec<_> = tales.iter().filter_map(|tale| tale.lost.as_ref()).collect();
    let again: u32 = tales.iter().map(|tale| tale.again).sum();
    let mut told = format!(
        "{boots} boots of {machines} machines in {:.1?}, {restarts} restarts, {LOSS}% loss: {again} \
         steps were tried again, {} boots lost, memory in MB:",
        began.elapsed(),
        lost.len(),
    );
    for kilobytes in &memory {
        write!(told, " {:.1}", *kilobytes as f64 / 1024.0).unwrap();
    }
    println!("{told}");
    assert_eq!(lost, [] as [&String; 0], "{told}");
    assert_eq!(ledger.violations(), [] as [String; 0], "{told}");
    assert!(restarts >= 2, "{told}");
    let (first, last) = (memory[0] * 1024, memory[memory.len() - 1] * 1024);
    assert!(last <= first + first / 4 + 4 * MEGABYTE, "{told}");
}

#[test]
fn five_hundred_machines_boot_in_parallel() {
    let _turn = TURN.lock().unwrap();
    let Some(network) = Network::new() else { return };
    let (ledger, tales) = (Ledger::default(), Mutex::new(Vec::new()));
    let server = network.start();
    let rest = server.memory("VmRSS");
    let began = Instant::now();
    thread::scope(|scope| {
        for number in 0..500 {
            let (network, ledger, tales) = (&network, &ledger, &tales);
            scope.spawn(move || {
                network.enter();
                let line = Line::new(number, 0, u64::from(number));
                let tale = Machine { number, line }.boot(network, ledger);
                tales.lock().unwrap().push(tale);
            });
        }
    });
    let took = began.elapsed();
    let peak = server.memory("VmHWM");
    let tales = tales.into_inner().unwrap();
    let told = format!(
        "500 machines at once took {took:.1?}; memory {:.1} MB at rest, {:.1} MB at most",
        rest as f64 / 1024.0,
        peak as f64 / 1024.0,
    );
    println!("{told}");
    let lost: Vec<_> = tales.iter().filter_map(|tale| tale.lost.as_ref()).collect();
    assert_eq!(lost, [] as [&String; 0], "{told}");
    assert_eq!(ledger.violations(), [] as [String; 0], "{told}");
    assert!(peak < 100 * 1024, "{told}");
}

/// The server under load.
fn program() -> PathBuf {
    std::env::var_os("WINPE_SOAK_SERVER")
        .map_or_else(|| winpe_tests::winpe_iscsi().to_owned(), PathBuf::from)
}
