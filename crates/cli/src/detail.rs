//! How much of a change is shown.

use winpe_inject::Detail;

/// The options of commands that show a diff of what they change.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct DetailArgs {
    /// Count what changes, instead of showing the diff and the files
    #[arg(long, help_heading = "Output")]
    pub(crate) stat: bool,
    /// Show texts and numbers that stand as bytes in the diff below their bytes
    #[arg(long, help_heading = "Output")]
    pub(crate) explain: bool,
}

impl From<DetailArgs> for Detail {
    fn from(args: DetailArgs) -> Self {
        Self::default().summary(args.stat).explained(args.explain)
    }
}
