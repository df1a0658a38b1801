//! What `inject` and `remove` write beside the image: the report, and how to undo it.

use std::path::{Path, PathBuf};

use winpe_inject::{Document, Report, report_html};

use crate::atomic_file;
use crate::failure::Failure;
use crate::printer::Printer;

/// Where to write them.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Saved {
    /// Write the report to this file too, as JSON with the SHA-256 of everything before and after
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write the report to this file too, as a page for a browser, with all that it needs
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write a .reg file that undoes the changes of the registry
    #[arg(long, value_name = "FILE")]
    pub(crate) undo_reg: Option<PathBuf>,
}

impl Saved {
    /// Writes what is asked for, before the image is changed: then nothing is lost if it cannot be.
    pub(crate) fn write(
        &self,
        reports: &[Report],
        all: bool,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        if let Some(path) = &self.report {
            let text = serde_json::to_vec_pretty(&Document::of(reports, all))?;
            atomic_file::replace(path, None, &text, printer)
                .map_err(|error| cannot_write(path, &error))?;
        }
        if let Some(path) = &self.html {
            atomic_file::replace(path, None, report_html(reports).as_bytes(), printer)
                .map_err(|error| cannot_write(path, &error))?;
        }
        let Some(path) = &self.undo_reg else { return Ok(()) };
        let [report] = reports else {
            let failure = Failure::new("--undo-reg is for one image, since a .reg file names none");
            return Err(failure.hint("do it image by image: --image 1, and so on"));
        };
        if !report.has_changes() {
            printer.status("nothing is changed, so there is nothing to undo");
            return Ok(());
        }
        let text = report.undo_reg()?;
        atomic_file::create(path, None, &text, printer)
            .map_err(|error| atomic_file::not_created(path, &error, "name another file"))
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
