//! `winpe-iscsi inject`.

mod ending;
mod output;
mod recipe;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use winpe_inject::{
    Addition, IscsiName, Job, Profile, SanUri, Session, Source, SourcedEdit, read_reg,
};

use crate::Outcome;
use crate::detail::DetailArgs;
use crate::failure::Failure;
use crate::images::Images;
use crate::printer::Printer;
use crate::saved::Saved;

pub(crate) use ending::Ending;

/// Put the Microsoft iSCSI initiator into a WinPE image
///
/// Examples:
///   winpe-iscsi inject winpe.wim --source install.wim:1 --dry-run
///   winpe-iscsi inject winpe.wim --source install.wim:1
///   winpe-iscsi inject boot.wim --image 2 --source windows/ -o new.wim
///   winpe-iscsi inject boot.wim --image all --source install.wim:1 --integrity
///   winpe-iscsi inject --iso Windows.iso -o winpe.wim
///   winpe-iscsi inject winpe.wim --reg tweaks.reg --add tools=\Tools
///   winpe-iscsi inject winpe.wim --source install.wim --driver netkvm/ \
///       --autostart --connect iscsi:192.168.0.20::::iqn.2011-12.com.example:win7
///   winpe-iscsi inject --recipe winpe-iscsi.toml --check
///
/// The image is changed in place: the new data is appended, and only then the WIM's header is
/// switched, so that at any moment the file is the old image or the new one.
///
/// A later run adds to what WinPE does at its start: drivers, logins and the scripts of earlier runs
/// stay. A driver package replaces an earlier version of itself. With --recipe, the recipe and the options
/// beside it say all that WinPE does: what they leave out is taken out, with a warning. See also
/// winpe-iscsi remove --driver.
///
/// With -o, an OUT that already is what would be written is left as it is, so that a recipe can be run
/// again; any other OUT that exists is an error without --force. A new file gets the mode of the WIM; one with a CHAP secret in it only its owner can
/// read. A file that exists keeps its mode, and a warning says so if every user can read the secret.
#[derive(Debug, Clone, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The WIM with the WinPE image
    wim: Option<PathBuf>,
    /// Take both the WinPE and the initiator's files from an installation disc, and write to -o OUT
    #[arg(long, value_name = "FILE", conflicts_with = "wim")]
    iso: Option<PathBuf>,
    /// Which image, by number or name, or `all` of them [default: the boot image]
    #[arg(long, value_name = "N|NAME|all")]
    image: Option<Images>,
    /// Where the initiator's files come from: a WIM, an ISO image, or a folder that holds Windows
    #[arg(long, value_name = "PATH[:IMAGE]")]
    source: Option<String>,
    /// What to put in: a built-in profile, or a folder with a profile.toml
    /// [default: iscsi]
    #[arg(long, value_name = "NAME|DIR")]
    profile: Option<String>,
    /// Take a source of another build than the image's, whose driver may be refused or stop the machine
    #[arg(long)]
    allow_build_mismatch: bool,
    /// Apply this .reg file too; may be given again
    #[arg(long, value_name = "FILE")]
    reg: Vec<PathBuf>,
    /// Add this file or folder too; may be given again
    #[arg(long, value_name = "SRC=DEST", value_parser = Addition::parse)]
    add: Vec<Addition>,
    /// Add an integrity table to a WIM without one; one that is there is always kept right
    #[arg(long)]
    integrity: bool,
    /// Set SystemRoot, and everything like it, to the X:\Windows that WinPE boots from: image 1 of a setup's
    /// boot.wim does not boot by itself without
    #[arg(long)]
    fix_systemroot: bool,
    /// Have WinPE log in to this target: iscsi:HOST:PROTOCOL:PORT:LUN:NAME, where protocol, port and
    /// LUN may be empty; may be given again, for further targets. Without --autostart, by hand:
    /// X:\Windows\System32\winpe-iscsi\connect.cmd
    #[arg(long, value_name = "TARGET", help_heading = "At the start of WinPE")]
    connect: Vec<SanUri>,
    /// The initiator's name, as iqn.2011-12.com.example:lab
    #[arg(long, value_name = "NAME", help_heading = "At the start of WinPE")]
    initiator_name: Option<IscsiName>,
    /// Log in with the CHAP name and secret that stand in the two lines of this file
    #[arg(long, value_name = "FILE", help_heading = "At the start of WinPE")]
    chap_secret_file: Option<PathBuf>,
    /// Log in with the CHAP name and secret that `winpe-iscsi serve` gives each machine as it boots
    /// (login in [serve] or [[client]]), so that the image holds none
    #[arg(long, help_heading = "At the start of WinPE")]
    chap_at_boot: bool,
    /// Start the initiator and log in by itself
    #[arg(long, help_heading = "At the start of WinPE")]
    autostart: bool,
    /// Restart the event log so that it writes, which the initiator of Windows 11 needs; not tried by
    /// us
    #[arg(long, help_heading = "At the start of WinPE")]
    event_log_workaround: bool,
    /// Load the driver package in this folder (.inf, .sys, .cat) before the network starts. Of a folder
    /// without an .inf file, a .zip or a .cab file, all packages in it are taken, and those for other
    /// processors or builds are skipped; of an .inf file, the package of that file. May be given again
    #[arg(long, value_name = "PATH", help_heading = "At the start of WinPE")]
    driver: Vec<PathBuf>,
    /// Refuse a driver package below --driver that cannot be used, instead of skipping it with a warning
    #[arg(long, help_heading = "At the start of WinPE")]
    strict_drivers: bool,
    /// Take what is not given here from [inject] of this file
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    #[command(flatten)]
    saved: Saved,
    #[command(flatten)]
    detail: DetailArgs,
    /// Write the result to another file, and leave the WIM as it is
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Overwrite OUT
    #[arg(long)]
    force: bool,
    /// Change an image that is not WinPE, or write over a file that this run reads
    #[arg(long)]
    force_target: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// As --dry-run, and exit with 1 if anything would change; with -o, if OUT is not what it would be
    #[arg(long)]
    check: bool,
}

const PROFILE: &str = "iscsi";

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let args = &args.completed()?;
    let only_shown = args.dry_run || args.check;
    if args.iso.is_some() && args.output.is_none() && !only_shown {
        let failure = Failure::new("a disc cannot be changed");
        return Err(failure.hint("write the WinPE to a file: -o winpe.wim"));
    }
    let profile = Profile::find(args.profile.as_deref().unwrap_or(PROFILE))?;
    let source = match (&args.source, &args.iso) {
        (Some(source), _) => Some(Source::open(source)?),
        (None, Some(iso)) => Some(Source::open(&iso.to_string_lossy())?),
        (None, None) => None,
    };
    let mut job = Job::new(&profile)
        .edits(read_edits(&args.reg)?)
        .additions(args.add.clone())
        .allow_build_mismatch(args.allow_build_mismatch)
        .force_target(args.force_target)
        .fix_system_root(args.fix_systemroot)
        .startup(args.startup()?);
    if let Some(source) = &source {
        job = job.source(source);
    }
    if let Some(time) = source_date_epoch()? {
        job = job.time(time);
    }
    if args.integrity {
        job = job.add_integrity();
    }
    args.check_output()?;
    let ending = Ending {
        all: Images::are_all(args.image.as_ref()),
        saved: &args.saved,
        detail: args.detail,
        output: args.output.as_deref(),
        overwrite: args.force,
        dry_run: args.dry_run,
        check: args.check,
        // A dry run may look at a disc without a name for the result.
        target_known: args.iso.is_none() || args.output.is_some(),
    };
    let bar = printer.progress("staging");
    let staged = open(args)?.stage_with(&job, &mut |progress| bar.say(progress.step))?;
    drop(bar);
    ending.run(staged, printer)
}

fn open(args: &Args) -> Result<Session, Failure> {
    let images = args.image.as_ref();
    Ok(match (&args.wim, &args.iso) {
        (_, Some(iso)) => Images::open_in_iso(images, iso)?,
        (Some(wim), None) => Images::open(images, wim)?,
        (None, None) => return Err(Failure::new("neither a WIM nor --iso is given")),
    })
}

fn read_edits(files: &[PathBuf]) -> Result<Vec<SourcedEdit>, Failure> {
    let mut edits = Vec::new();
    for file in files {
        edits.extend(read_reg(file)?);
    }
    Ok(edits)
}

/// Builds that must repeat byte for byte set `SOURCE_DATE_EPOCH`, in seconds since 1970.
/// Source: reproducible-builds.org, "SOURCE_DATE_EPOCH specification".
pub(crate) fn source_date_epoch() -> Result<Option<SystemTime>, Failure> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    let time = seconds.and_then(|s| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(s)));
    match time {
        Some(time) => Ok(Some(time)),
        None => {
            Err(Failure::new(format!("SOURCE_DATE_EPOCH is {text:?}, expected seconds since 1970")))
        }
    }
}
