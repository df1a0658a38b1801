//! `winpe-iscsi`: WinPE images that speak iSCSI, made on Linux.
//!
//! The program is a library with one function, so that the tests of the workspace can build it together
//! with themselves, and the table of [`FOREIGN_KEYS`], which is a page of the book too. What others can call is in the crates below it, as `winpe-inject`.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the documentation of arguments is their help, where brackets say what may be left out"
)]

mod atomic_file;
mod boots;
mod demo;
mod detail;
mod exit;
mod failure;
mod foreign;
mod help;
mod hints;
mod hive;
mod images;
mod info;
mod inject;
mod interrupt;
mod kind;
mod manual;
mod mount;
mod mounts;
mod output;
mod printer;
mod profile;
mod reg;
mod remove;
mod saved;
mod schema;
mod secret;
mod serve;
mod suggest;
mod unmount;
mod verify;
mod wim;

use std::process::ExitCode;

use clap::{FromArgMatches, Parser, Subcommand};
use nix::sys::signal::{SigSet, Signal};

use exit::Exit;
use failure::Failure;
pub use foreign::{FOREIGN_KEYS, ForeignKey};
use printer::{Color, Printer};

/// Make WinPE images that speak iSCSI, on Linux, without Windows and without root
///
/// Examples:
///   winpe-iscsi demo                                               # try it first
///   winpe-iscsi inject winpe.wim --source install.wim:1 --dry-run  # look
///   winpe-iscsi inject winpe.wim --source install.wim:1            # change it
///   winpe-iscsi verify winpe.wim                                   # is all in?
///   winpe-iscsi remove winpe.wim                                   # take it out
///   winpe-iscsi serve --wim winpe.wim --iface eth1                 # boot it
#[derive(Parser)]
#[command(
    name = "winpe-iscsi",
    bin_name = "winpe-iscsi",
    version,
    max_term_width = 100,
    infer_subcommands = true
)]
#[command(verbatim_doc_comment)]
struct Cli {
    /// Print JSON for machines instead of text
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
    /// Print results and errors only; of a command that changes something, no diff and no files
    #[arg(short, long, global = true, help_heading = "Output")]
    quiet: bool,
    /// When to colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Output"
    )]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inject(Box<inject::Args>),
    Info(info::Args),
    Verify(verify::Args),
    Remove(remove::Args),
    Profile(profile::Args),
    Hive(hive::Args),
    Reg(reg::Args),
    Wim(wim::Args),
    Mount(mount::Args),
    Unmount(unmount::Args),
    Mounts(mounts::Args),
    Serve(Box<serve::Args>),
    Schema(schema::Args),
    Boots(boots::Args),
    Demo(demo::Args),
    #[command(hide = true)]
    Manual(manual::Args),
}

impl Command {
    /// Whether a signal is to end it. The others take signals themselves, or start processes, which would
    /// inherit what is blocked.
    fn ends_at_signals(&self) -> bool {
        !matches!(self, Self::Serve(_) | Self::Boots(_) | Self::Mount(_) | Self::Unmount(_))
    }

    fn run(&self, printer: &mut Printer) -> Outcome {
        match self {
            Self::Inject(args) => inject::run(args, printer),
            Self::Info(args) => info::run(args, printer),
            Self::Verify(args) => verify::run(args, printer),
            Self::Remove(args) => remove::run(args, printer),
            Self::Profile(args) => profile::run(args, printer),
            Self::Hive(args) => hive::run(args, printer),
            Self::Reg(args) => reg::run(args, printer),
            Self::Wim(args) => wim::run(args, printer),
            Self::Mount(args) => mount::run(args, printer),
            Self::Unmount(args) => unmount::run(args, printer),
            Self::Mounts(args) => mounts::run(args, printer),
            Self::Serve(args) => serve::run(args, printer),
            Self::Schema(args) => schema::run(args, printer),
            Self::Boots(args) => boots::run(args, printer),
            Self::Demo(args) => demo::run(args, printer),
            Self::Manual(args) => manual::run(args, printer),
        }
    }
}

/// Does what the words of the command line say.
#[must_use]
pub fn main() -> ExitCode {
    survive_file_limits();
    let cli = parse();
    if cli.command.ends_at_signals() {
        interrupt::leave_nothing_unfinished();
    }
    let mut printer = Printer::new(cli.json, cli.quiet, cli.color);
    match cli.command.run(&mut printer).and_then(|exit| printer.done().map(|()| exit)) {
        Ok(exit) => exit.into(),
        // Whoever read our output has seen enough, and there was nothing else to do.
        Err(failure) if printer.was_ended() && failure.is_broken_pipe() => Exit::Done.into(),
        Err(failure) => {
            printer.failure(&failure);
            Exit::Error.into()
        }
    }
}

/// Reads the words of the command line. Where they are wrong, or ask for help, the program ends here.
fn parse() -> Cli {
    let found = Cli::from_arg_matches_mut(&mut help::command().get_matches());
    found.unwrap_or_else(|error| error.format(&mut help::command()).exit())
}

/// Has a write beyond `ulimit -f` fail as one on a full disk does. The signal that comes with it would end
/// the program where it is, with unfinished files; threads that are started later block it too.
fn survive_file_limits() {
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGXFSZ);
    // Where this fails, everything but such a write is as it would be.
    let _ = blocked.thread_block();
}

/// Runs a command given as words, as the demo does to show what each does.
fn run_words(words: &[&str], printer: &mut Printer) -> Outcome {
    let cli = Cli::try_parse_from(["winpe-iscsi"].iter().chain(words));
    cli.map_err(Failure::new)?.command.run(printer)
}

/// The result of a subcommand.
type Outcome = Result<Exit, Failure>;
