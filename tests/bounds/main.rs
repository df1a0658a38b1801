//! Memory and time are bounded by the size of the input: no input below 1 MiB takes more than 64
//! MiB of memory or two seconds in any command.
//!
//! For each format a generator creates the worst input for a seed. Most seeds are read through the
//! library, in this process, which measures their CPU time; some are passed to the program, whose
//! memory is measured too. The ordinary run has a few seeds of each; with `WINPE_SLOW` set up to a
//! thousand and twenty.

mod discs;
mod hives;
mod library;
mod meter;
mod program;
mod random;
mod texts;
mod wim;

/// Size of an input in bytes. With everything that a format adds it stays below 1 MiB.
const BUDGET: usize = 1_000_000;

/// The seeds for the library and for the program.
fn seeds(in_slow_group: u64, in_ordinary_run: u64) -> std::ops::Range<u64> {
    let slow = std::env::var_os("WINPE_SLOW").is_some();
    0..if slow { in_slow_group } else { in_ordinary_run }
}
