//! The `winpe-iscsi` that the tests run.
//!
//! Cargo builds the programs of a package before its tests, and with the same features. One of another
//! package it would have to be asked for, which may build everything below it a second time.

use std::process::ExitCode;

fn main() -> ExitCode {
    winpe_iscsi::main()
}
