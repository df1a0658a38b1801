//! `winpe-iscsi demo`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Try everything on synthetic images, with no Windows at hand
///
/// Examples:
///   winpe-iscsi demo
///   winpe-iscsi demo /tmp/demo
///
/// Makes a small winpe.wim and install.wim (real formats, made-up content), then looks at them, shows
/// what inject would do, does it, and verifies the result. Each step names the command that does the
/// same on real media.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Where to put the images [default: a new folder for temporary files]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let dir = match &args.dir {
        Some(dir) => {
            fs::create_dir_all(dir).map_err(|error| cannot_make(dir, &error))?;
            dir.clone()
        }
        None => tempfile::Builder::new().prefix("winpe-iscsi-demo-").tempdir()?.keep(),
    };
    let demo = winpe_inject::demo::create(&dir)?;
    if printer.is_json() {
        // The steps are for people.
        printer.file(&demo.winpe, true);
        printer.file(&demo.install, true);
        return Ok(Exit::Done);
    }
    let (winpe, install) = (demo.winpe.display().to_string(), demo.install.display().to_string());
    let source = format!("{install}:1");

    printer.heading("Two synthetic images")?;
    printer.line(format_args!(
        "{winpe} plays the part of a plain WinPE, {install} of a Windows DVD."
    ))?;
    printer.line(
        "They are real WIM files with real registry hives, and hold no Microsoft software.",
    )?;

    let steps: [(&str, &[&str], Exit); 6] = [
        ("What is in the WinPE? The initiator is not.", &["info", &winpe], Exit::Done),
        (
            "What would be changed? Nothing is written yet.",
            &["inject", &winpe, "--source", &source, "--dry-run"],
            Exit::Done,
        ),
        ("Now the same for real, in place.", &["inject", &winpe, "--source", &source], Exit::Done),
        (
            "Once more: there is nothing left to do, and the exit status says so.",
            &["inject", &winpe, "--source", &source, "--check"],
            Exit::Done,
        ),
        ("Is everything in, and is the WIM sound?", &["verify", &winpe], Exit::Done),
        ("The initiator is in.", &["info", &winpe], Exit::Done),
    ];
    for (number, (what, words, expected)) in (1..).zip(steps) {
        printer.line("")?;
        printer.heading(format_args!("Step {number}. {what}"))?;
        printer.line(format_args!("$ winpe-iscsi {}", words.join(" ")))?;
        let exit = crate::run_words(words, printer)?;
        if exit != expected {
            let words = words.join(" ");
            return Err(Failure::new(format!("winpe-iscsi {words} ended with {exit:?}")));
        }
    }
    printer.line("")?;
    printer.heading("With real media")?;
    printer.line(
        "Name your own files in the commands above: the WinPE's winpe.wim or boot.wim, and as",
    )?;
    printer
        .line("--source the install.wim of the same Windows. The images of this demo stay here:")?;
    printer.line(dir.display())?;
    Ok(Exit::Done)
}

fn cannot_make(dir: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", dir.display()))
}
