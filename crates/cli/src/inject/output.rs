//! The output must not be one of the files that a run reads: with `--force` it would overwrite it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use winpe_wim::WimPlace;

use super::Args;
use crate::failure::Failure;

impl Args {
    /// Refuses an output that is an input. Over the WIM itself it may be written, as in place.
    pub(super) fn check_output(&self) -> Result<(), Failure> {
        let Some(output) = self.output.as_deref().filter(|_| !self.force_target) else {
            return Ok(());
        };
        let source = self.source.as_ref().map(|source| WimPlace::find(source).wim);
        let chap = self.chap_secret_file.clone();
        let single = [source, self.iso.clone(), chap, self.recipe.clone()];
        let inputs: Vec<PathBuf> =
            single.into_iter().flatten().chain(self.reg.iter().cloned()).collect();
        match inputs.iter().find(|input| is_same_file(input, output)) {
            Some(input) => {
                let (input, output) = (input.display(), output.display());
                let failure = Failure::new(format!("{output} is {input}, which this run reads"));
                Err(failure.hint("--force-target writes over it all the same"))
            }
            None => Ok(()),
        }
    }
}

/// Whether two paths lead to one file, through links too.
fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}
