//! `winpe-iscsi schema`.

use clap::ValueEnum;

use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Print the JSON schema of a file that is read, or of what a command prints
///
/// Examples:
///   winpe-iscsi schema serve > winpe-iscsi.schema.json
///   winpe-iscsi schema report
///
/// An editor that knows the schema of a file completes its keys. TOML is checked as the JSON with the
/// same content.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Of what
    what: What,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// The tables of a winpe-iscsi.toml that serve reads
    Serve,
    /// [inject] of a winpe-iscsi.toml
    Recipe,
    /// A profile.toml
    Profile,
    /// What inject --json and remove --json print, of one image or of all
    Report,
    /// What verify --json prints, of one image or of all
    Verdict,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    printer.document(&match args.what {
        What::Serve => winpe_netboot::config::config_schema(),
        What::Profile => winpe_inject::profile_schema(),
        What::Recipe => winpe_inject::recipe_schema(),
        What::Report => winpe_inject::report_schema(),
        What::Verdict => winpe_inject::verdict_schema(),
    })?;
    Ok(Exit::Done)
}
