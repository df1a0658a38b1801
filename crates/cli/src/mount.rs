//! `winpe-iscsi mount`.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::Serialize;
use winpe_inject::ImageSelector;
use winpe_mount::{Mount, Request};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Show an image as a folder, to read or to change it
///
/// Examples:
///   winpe-iscsi mount winpe.wim /mnt/pe
///   winpe-iscsi mount boot.wim --image 2 /mnt/setup --rw
///   winpe-iscsi unmount /mnt/setup --commit
///
/// The case of letters does not count. Changes are kept in a staging folder beside the WIM, which
/// itself stays as it is until unmount --commit. Needs FUSE; a user other than root needs fusermount3 (Debian
/// package fuse3). winpe-iscsi wim does much of this without a mount.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The WIM
    wim: PathBuf,
    /// A folder to show it in
    dir: PathBuf,
    /// Which image, by number or name [default: the boot image]
    #[arg(long, value_name = "N|NAME")]
    image: Option<ImageSelector>,
    /// Allow changes
    #[arg(long)]
    rw: bool,
    /// Keep changes in a folder within this one [default: beside the WIM]
    #[arg(long, value_name = "DIR", requires = "rw")]
    staging: Option<PathBuf>,
    /// Let other users in
    #[arg(long)]
    allow_other: bool,
    /// Stay, and end when it is unmounted
    #[arg(long)]
    foreground: bool,
    /// Serve the mount in this process, which `mount` starts
    #[arg(long, hide = true)]
    daemon: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    mount: &'a Mount,
}

/// The message of the process that serves the mount to the one that waits for it.
const READY: &str = "mounted";

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    if !args.foreground && !args.daemon {
        return leave_behind(printer);
    }
    let mounted = Request {
        wim: args.wim.clone(),
        image: args.image.clone().unwrap_or(ImageSelector::Boot),
        dir: args.dir.clone(),
        write: args.rw,
        staging: args.staging.clone(),
        allow_other: args.allow_other,
    }
    .mount()?;
    if args.daemon {
        let mut out = io::stdout();
        writeln!(out, "{READY}")?;
        serde_json::to_writer(&mut out, mounted.mount())?;
        writeln!(out)?;
        out.flush()?;
        // The folder that it was called in is not its own to hold.
        env::set_current_dir("/")?;
    } else {
        shown(mounted.mount(), printer)?;
        printer.finish()?;
    }
    mounted.run()?;
    Ok(Exit::Done)
}

/// Starts a process that serves the mount, and returns when it is ready.
fn leave_behind(printer: &mut Printer) -> Outcome {
    let mut command = Command::new(env::current_exe()?);
    command.args(env::args_os().skip(1)).arg("--daemon");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Ctrl-C at this terminal is not for it.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    let mut out = child.stdout.take().map(BufReader::new);
    let mut next = || -> io::Result<String> {
        let mut line = String::new();
        if let Some(out) = &mut out {
            out.read_line(&mut line)?;
        }
        Ok(line)
    };
    if next()?.trim_end() == READY {
        shown(&serde_json::from_str(&next()?)?, printer)?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    if let Some(mut errors) = child.stderr.take() {
        errors.read_to_string(&mut text)?;
    }
    child.wait()?;
    // It speaks as this program does.
    let (mut message, mut hints) = (String::new(), Vec::new());
    for line in text.lines() {
        match (line.strip_prefix("error: "), line.strip_prefix("hint: ")) {
            (Some(error), _) => message = error.to_owned(),
            (_, Some(hint)) => hints.push(hint.to_owned()),
            _ => message = format!("{message}\n{line}").trim().to_owned(),
        }
    }
    Err(hints.into_iter().fold(Failure::new(message), Failure::hint))
}

fn shown(mount: &Mount, printer: &mut Printer) -> Result<(), Failure> {
    if printer.is_json() {
        return printer.json(&Shown { mount });
    }
    let Mount { wim, image, dir, staging, .. } = mount;
    printer.status(format_args!("{}, image {image}, is in {}", wim.display(), dir.display()));
    if let Some(staging) = staging {
        printer.status(format_args!("changes are kept in {}", staging.display()));
    }
    Ok(())
}
