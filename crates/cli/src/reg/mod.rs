//! `winpe-iscsi reg`: tools for people who write `.reg` files.

mod check;
mod convert;
mod diff;
mod file;
mod fmt;

use clap::Subcommand;
use schemars::Schema;

use crate::Outcome;
use crate::hive::apply;
use crate::printer::Printer;
use crate::schema::output;

/// Check, lay out, convert, compare and apply .reg files
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Args),
    Fmt(fmt::Args),
    Convert(convert::Args),
    Diff(diff::Args),
    Apply(apply::Args),
}

/// The schemas of what the commands print with `--json`.
pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("reg-check", output::<check::Checked>()),
        ("reg-fmt", output::<fmt::Formatted>()),
        ("reg-diff", output::<diff::Diff>()),
    ]
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    match &args.command {
        Command::Check(args) => check::run(args, printer),
        Command::Fmt(args) => fmt::run(args, printer),
        Command::Convert(args) => convert::run(args, printer),
        Command::Diff(args) => diff::run(args, printer),
        Command::Apply(args) => apply::run(args, printer),
    }
}
