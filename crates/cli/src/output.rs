//! Where a result goes, for commands that change a file.

use std::path::PathBuf;

/// In place, into another file, or nowhere.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Output {
    /// Write the result to another file, and leave this one as it is
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite OUT
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl Output {
    /// Whether the result is asked for in another file, which is then made though nothing has changed.
    pub(crate) fn is_new_file(&self) -> bool {
        self.output.is_some() && !self.dry_run
    }
}
