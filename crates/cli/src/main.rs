//! `winpe-iscsi`.

use std::process::ExitCode;

fn main() -> ExitCode {
    winpe_iscsi::main()
}
