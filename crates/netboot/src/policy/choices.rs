//! What machines report that they boot: a file for each entry, which scripts ask for before it.

use crate::client::{Choice, ChoiceKind};
use crate::config::{Config, Entry, Target};

impl Entry {
    /// What a machine reports that boots it; none where it boots nothing.
    pub(crate) fn choice(&self) -> Option<Choice> {
        let kind = match self.target()? {
            Target::Local => ChoiceKind::Local,
            Target::San(_) => ChoiceKind::San,
            Target::Wim { .. } | Target::Windows { .. } => ChoiceKind::Wim,
            Target::Iso(_) => ChoiceKind::Iso,
            Target::Pxe(_) | Target::Efi(_) => ChoiceKind::Program,
            Target::Linux { .. } => ChoiceKind::Linux,
        };
        Some(Choice::new(kind, &self.name))
    }
}

impl Config {
    /// Everything that scripts report.
    pub(crate) fn choices(&self) -> impl Iterator<Item = Choice> {
        let others = [(ChoiceKind::Shell, "shell"), (ChoiceKind::Failed, "menu")];
        let others = others.map(|(kind, name)| Choice::new(kind, name));
        self.entries.iter().filter_map(Entry::choice).chain(others)
    }
}
