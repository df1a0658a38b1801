//! What happens to a result that is staged: it is shown, compared or written.

use std::path::Path;

use winpe_inject::{Document, Report, Staged, Target, Totals};

use crate::atomic_file::tell_swept;
use crate::detail::DetailArgs;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::saved::Saved;
use crate::secret;
use crate::{Exit, Outcome};

/// How a run of `inject` or `remove` ends.
pub(crate) struct Ending<'a> {
    /// Whether all images were asked for, which machines are answered with a list.
    pub(crate) all: bool,
    /// What is written beside the image.
    pub(crate) saved: &'a Saved,
    /// How much of the report is shown.
    pub(crate) detail: DetailArgs,
    /// Another file for the result.
    pub(crate) output: Option<&'a Path>,
    /// Whether that may be overwritten.
    pub(crate) overwrite: bool,
    /// Whether the result is only shown.
    pub(crate) dry_run: bool,
    /// Whether the exit status says if anything would change.
    pub(crate) check: bool,
    /// Whether it is known where the result goes.
    pub(crate) target_known: bool,
}

impl Ending<'_> {
    /// Everything that a run would refuse is refused before a line of the report, in a dry run too.
    pub(crate) fn run(&self, staged: Staged, printer: &mut Printer) -> Outcome {
        let is_outcome = match self.output.filter(|_| self.check || !self.overwrite) {
            Some(path) => staged.is_outcome(path)?,
            None => false,
        };
        if self.target_known {
            let target = self.target(self.overwrite || self.check || is_outcome);
            staged.check_target(&target)?;
        }
        self.show(staged.reports(), printer)?;
        self.saved.write(staged.reports(), self.all, printer)?;
        if self.check {
            let differs = match self.output {
                Some(_) => !is_outcome,
                None => staged.reports().iter().any(Report::has_changes),
            };
            return Ok(if differs { Exit::Differs } else { Exit::Done });
        }
        if self.dry_run {
            return Ok(Exit::Done);
        }
        match self.output.filter(|_| is_outcome) {
            Some(path) => {
                printer.finish()?;
                printer.file(path, false);
                let path = path.display();
                printer
                    .status(format_args!("{path} is what it would be already, and is not written"));
                Ok(Exit::Done)
            }
            None => commit(staged, &self.target(self.overwrite), printer),
        }
    }

    /// The warnings, the reports and their totals.
    fn show(&self, reports: &[Report], printer: &mut Printer) -> Result<(), Failure> {
        for warning in reports.iter().flat_map(|report| &report.warnings) {
            printer.warning(warning);
        }
        if printer.is_json() {
            return printer.document(&Document::of(reports, self.all));
        }
        if printer.is_quiet() {
            return Ok(());
        }
        for report in reports {
            printer.diff(&report.shown(self.detail.into()).to_string())?;
        }
        printer.diff(&format!("\n{}\n", Totals::of(reports)))?;
        if self.dry_run || self.check {
            printer.status("nothing is written");
        }
        Ok(())
    }

    fn target(&self, overwrite: bool) -> Target {
        match self.output {
            Some(path) => Target::File { path: path.to_path_buf(), overwrite },
            None => Target::InPlace,
        }
    }
}

/// Writes what is staged, in place or to another file, and says so.
fn commit(staged: Staged, target: &Target, printer: &mut Printer) -> Outcome {
    let changes = staged.reports().iter().any(Report::has_changes);
    // A report that cannot be written is an error before anything is changed.
    printer.finish()?;
    let secret = staged.holds_secret()?;
    let bar = printer.progress("writing");
    let committed = staged.commit_with(target, &mut |step| bar.step(step))?;
    drop(bar);
    if let Some(left) = committed.repaired {
        let tail = left.tail;
        printer
            .status(format_args!("an earlier write was interrupted; {tail} bytes of it are gone"));
    }
    tell_swept(&committed.swept, printer);
    let written = match target {
        Target::InPlace => &committed.path,
        Target::File { path, .. } => path,
    };
    printer.file(written, changes || !matches!(target, Target::InPlace));
    if secret {
        secret::warn_if_readable(written, printer);
    }
    secret::tell_erased(written, &committed.erased, printer);
    match target {
        Target::InPlace if !changes => {}
        Target::InPlace => printer.status(format_args!(
            "{} is changed; {} bytes were appended",
            committed.path.display(),
            committed.appended
        )),
        Target::File { path, .. } => printer.status(format_args!("{} is written", path.display())),
    }
    Ok(Exit::Done)
}
