//! `Totals`: the sums of a report.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_registry::Op;

use super::file::Thousands;
use super::{FileAction, FileReport, HiveReport, Report};

/// The sums of one or several reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Totals {
    /// Hives that change.
    pub hives: usize,
    /// Keys that are created.
    pub keys_created: usize,
    /// Keys that are deleted; one with subkeys counts once.
    pub keys_deleted: usize,
    /// Values that are set.
    pub values_set: usize,
    /// Values that are deleted.
    pub values_deleted: usize,
    /// Files that are added, those of the record included.
    pub files_added: usize,
    /// Files that are replaced.
    pub files_replaced: usize,
    /// Files that are removed.
    pub files_removed: usize,
    /// The size of the files that are added or replaced, in bytes, before compression.
    pub bytes: u64,
    /// The size of the files that are removed, in bytes, before compression.
    pub bytes_removed: u64,
}

impl Totals {
    /// The sums of these reports.
    pub fn of<'r>(reports: impl IntoIterator<Item = &'r Report>) -> Self {
        let mut totals = Self::default();
        for report in reports {
            report.hives.iter().for_each(|hive| totals.add_hive(hive));
            report.files.iter().chain(&report.record).for_each(|file| totals.add_file(file));
        }
        totals
    }

    fn add_hive(&mut self, hive: &HiveReport) {
        self.hives += usize::from(!hive.is_unchanged());
        for change in &hive.changes {
            *match change.edit.op {
                Op::CreateKey => &mut self.keys_created,
                Op::DeleteKey => &mut self.keys_deleted,
                Op::SetValue { .. } => &mut self.values_set,
                Op::DeleteValue { .. } => &mut self.values_deleted,
            } += 1;
        }
    }

    fn add_file(&mut self, file: &FileReport) {
        match file.action {
            FileAction::Add => self.files_added += 1,
            FileAction::Replace => self.files_replaced += 1,
            FileAction::Remove => {
                self.files_removed += 1;
                self.bytes_removed += file.old_size.unwrap_or(0);
                return;
            }
            FileAction::Keep => return,
        }
        self.bytes += file.size;
    }
}

/// One line.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = [
            (self.keys_created, "key", "created"),
            (self.keys_deleted, "key", "deleted"),
            (self.values_set, "value", "set"),
            (self.values_deleted, "value", "deleted"),
            (self.files_added, "file", "added"),
            (self.files_replaced, "file", "replaced"),
            (self.files_removed, "file", "removed"),
        ];
        let mut parts: Vec<_> = counted
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, what, done)| {
                format!("{count} {what}{} {done}", if count == 1 { "" } else { "s" })
            })
            .collect();
        if self.bytes > 0 {
            parts.push(format!("{} bytes of files", Thousands(self.bytes)));
        }
        if self.bytes_removed > 0 {
            parts.push(format!("{} bytes of files removed", Thousands(self.bytes_removed)));
        }
        match parts.is_empty() {
            true => f.write_str("total: nothing changes"),
            false => write!(f, "total: {}", parts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural_and_nothing_is_said() {
        let totals = Totals { values_set: 1, files_added: 2, bytes: 1234, ..Totals::default() };
        let expected = "total: 1 value set, 2 files added, 1,234 bytes of files";
        assert_eq!(totals.to_string(), expected);
        assert_eq!(Totals::default().to_string(), "total: nothing changes");
    }
}
