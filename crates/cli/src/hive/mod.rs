//! `winpe-iscsi hive`.

pub(crate) mod apply;
mod check;
mod compact;
mod diff;
mod edit;
mod export;
mod find;
mod import;
mod info;
mod input;
mod mend;
mod output;
mod query;
mod recover;
mod roots;
mod show;

use clap::Subcommand;
use schemars::Schema;

use crate::Outcome;
use crate::printer::Printer;
use crate::schema::output;

/// Read, search, compare, check and change registry hives
///
/// Examples:
///   winpe-iscsi hive info SYSTEM
///   winpe-iscsi hive query winpe.wim:SYSTEM 'ControlSet001\Services\MSiSCSI'
///   winpe-iscsi hive export winpe.wim:2:SOFTWARE -o software.reg
///   winpe-iscsi hive diff SYSTEM.old SYSTEM
///
/// HIVE is a file, or a hive inside a WIM: WIM:HIVE for the boot image, WIM:IMAGE:HIVE for another. There
/// HIVE is a name such as SYSTEM, or a path such as Users/Default/NTUSER.DAT.
///
/// A hive that Windows did not write to its end is read through its transaction logs, which are
/// expected beside it.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Info(info::Args),
    Query(query::Args),
    Find(find::Args),
    Export(export::Args),
    Import(import::Args),
    New(edit::New),
    Set(edit::Set),
    Delete(edit::Delete),
    Copy(edit::Copy),
    Rename(edit::Rename),
    Diff(diff::Args),
    Check(check::Args),
    Recover(recover::Args),
    Mend(mend::Args),
    Compact(compact::Args),
}

/// The schemas of what the commands print with `--json`.
pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("hive-info", output::<info::Report>()),
        ("hive-query", output::<query::Shown>()),
        ("hive-find", output::<find::Report>()),
        ("hive-changes", output::<import::Report<'_>>()),
        ("hive-diff", output::<diff::Report>()),
        ("hive-check", output::<check::Report>()),
        ("hive-recover", output::<recover::Report>()),
        ("hive-compact", output::<compact::Report>()),
    ]
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    match &args.command {
        Command::Info(args) => info::run(args, printer),
        Command::Query(args) => query::run(args, printer),
        Command::Find(args) => find::run(args, printer),
        Command::Export(args) => export::run(args, printer),
        Command::Import(args) => import::run(args, printer),
        Command::New(args) => edit::new(args, printer),
        Command::Set(args) => edit::set(args, printer),
        Command::Delete(args) => edit::delete(args, printer),
        Command::Copy(args) => edit::copy(args, printer),
        Command::Rename(args) => edit::rename(args, printer),
        Command::Diff(args) => diff::run(args, printer),
        Command::Check(args) => check::run(args, printer),
        Command::Recover(args) => recover::run(args, printer),
        Command::Mend(args) => mend::run(args, printer),
        Command::Compact(args) => compact::run(args, printer),
    }
}
