//! `winpe-iscsi mounts`.

use serde::Serialize;
use winpe_mount::{Mount, State, mounts};

use crate::printer::Printer;
use crate::{Exit, Outcome};

/// List mounted images, and what a crash left of one
///
/// Examples:
///   winpe-iscsi mounts
///   winpe-iscsi mounts --json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Shown {
    mounts: Vec<ShownMount>,
}

#[derive(Serialize)]
struct ShownMount {
    state: State,
    changes: usize,
    #[serde(flatten)]
    mount: Mount,
}

pub(crate) fn run(_: &Args, printer: &mut Printer) -> Outcome {
    let found = mounts()?;
    if printer.is_json() {
        let mounts = found
            .into_iter()
            .map(|(mount, state)| ShownMount { state, changes: mount.changes(), mount })
            .collect();
        printer.json(&Shown { mounts })?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        printer.status("no image is mounted");
    }
    for (mount, state) in &found {
        let Mount { wim, image, dir, staging, pid, .. } = mount;
        let kind = if staging.is_some() { "changeable" } else { "read-only" };
        printer.line(format_args!(
            "{}: {}, image {image}, {kind}",
            dir.display(),
            wim.display()
        ))?;
        let changes = mount.changes();
        if let Some(staging) = staging {
            printer.line(format_args!("  {changes} changes in {}", staging.display()))?;
        }
        if *state == State::Dead {
            printer.line(format_args!(
                "  its process {pid} is gone; the WIM is as it was. Write the changes to it, or throw \
                 them away:"
            ))?;
            for what in ["--commit", "--discard"].iter().filter(|_| staging.is_some()) {
                printer.line(format_args!("  winpe-iscsi unmount {} {what}", dir.display()))?;
            }
            if staging.is_none() {
                printer.line(format_args!("  winpe-iscsi unmount {}", dir.display()))?;
            }
        }
    }
    Ok(Exit::Done)
}
