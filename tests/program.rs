//! The `winpe-iscsi` that the tests run.
//!
//! Cargo builds the programs of a package before its tests, and with the same features. A program
//! of another package would have to be built separately, possibly with all its dependencies a
//! second time.

use std::process::ExitCode;

fn main() -> ExitCode {
    winpe_iscsi::main()
}
