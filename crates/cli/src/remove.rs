//! `winpe-iscsi remove`.

use winpe_inject::{Removal, SanUri};

use crate::Outcome;
use crate::detail::DetailArgs;
use crate::images::Which;
use crate::inject::{Ending, source_date_epoch};
use crate::output::Output;
use crate::printer::Printer;
use crate::saved::Saved;

/// Take out of an image what inject has put in, and restore what it replaced
///
/// Examples:
///   winpe-iscsi remove winpe.wim --dry-run
///   winpe-iscsi remove winpe.wim
///   winpe-iscsi remove winpe.wim -o plain.wim
///   winpe-iscsi remove boot.wim --image all
///   winpe-iscsi remove winpe.wim --driver netkvm
///   winpe-iscsi remove winpe.wim \
///       --connect iscsi:192.168.0.20::::iqn.2011-12.com.example:win7
///
/// Without --driver, --connect, --autostart and --event-log-workaround, everything is taken out. With
/// these, only they are, and the rest stays.
///
/// What inject did is recorded in the image. Keys and folders in which something else has been put
/// since stay, with a warning. Of all images, those into which nothing was put stay as they are.
///
/// What the image no longer has stays in the file until winpe-iscsi wim optimize takes it out of the
/// file. Where a CHAP secret was in, it is overwritten at once.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    saved: Saved,
    #[command(flatten)]
    detail: DetailArgs,
    #[command(flatten)]
    output: Output,
    /// As --dry-run, and exit with 1 if anything would change
    #[arg(long)]
    check: bool,
    /// Take out only the driver package in this folder of the image, below
    /// \Windows\System32\winpe-iscsi\drivers; may be given again
    #[arg(long, value_name = "NAME", help_heading = "Only a part")]
    driver: Vec<String>,
    /// Take out only the login to this target, and with the last one the CHAP secret; may be given again
    #[arg(long, value_name = "TARGET", help_heading = "Only a part")]
    connect: Vec<SanUri>,
    /// Take out only the start of the initiator; the login script stays, to be run by hand
    #[arg(long, help_heading = "Only a part")]
    autostart: bool,
    /// Take out only the restart of the event log
    #[arg(long, help_heading = "Only a part")]
    event_log_workaround: bool,
}

impl Args {
    /// The part to take out; empty for everything.
    fn part(&self) -> Removal {
        Removal::new()
            .drivers(&self.driver)
            .targets(self.connect.iter().cloned())
            .autostart(self.autostart)
            .event_log_workaround(self.event_log_workaround)
    }
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let all = args.which.are_all();
    let (session, time, part) = (args.which.open()?, source_date_epoch()?, args.part());
    let staged = match part.is_empty() {
        true => session.stage_removal(time)?,
        false => session.stage_removal_of(&part, time)?,
    };
    let ending = Ending {
        all,
        saved: &args.saved,
        detail: args.detail,
        output: args.output.output.as_deref(),
        overwrite: args.output.force,
        dry_run: args.output.dry_run,
        check: args.check,
        target_known: true,
    };
    ending.run(staged, printer)
}
