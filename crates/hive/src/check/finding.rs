//! `Finding` and `Findings`: the results of a check, bounded in memory.

use std::collections::BTreeMap;
use std::fmt;

use winpe_registry::KeyPath;

use super::{Rule, Severity};

/// One deviation from what Windows writes or accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The place, in bytes from the start of the file.
    pub offset: u64,
    /// The rule that is broken.
    pub rule: Rule,
    /// The key concerned, if there is one and the memory limit for paths is not reached.
    pub key: Option<KeyPath>,
    /// What was expected and what was found.
    pub detail: String,
}

impl Finding {
    /// The severity of its rule.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.rule.severity()
    }
}

/// As `error nk-parent at 0x1020 in Software\Classes: …`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {:#x}", self.severity(), self.rule, self.offset)?;
        if let Some(key) = self.key.as_ref().filter(|key| !key.is_root()) {
            write!(f, " in {key}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

/// All findings of a check, in the order of the walk.
///
/// The first [`Findings::KEPT`] of each rule are listed and all are counted, so that a ruined hive
/// does not fill the memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    list: Vec<Finding>,
    counts: BTreeMap<Rule, usize>,
    /// Bytes that paths may still use.
    budget: usize,
}

impl Findings {
    /// How many findings of one rule are listed.
    pub const KEPT: usize = 100;

    pub(super) fn with_budget(budget: usize) -> Self {
        Self { budget, ..Self::default() }
    }

    pub(super) fn add(
        &mut self,
        offset: u64,
        rule: Rule,
        key: impl FnOnce() -> KeyPath,
        detail: impl FnOnce() -> String,
    ) {
        let count = self.counts.entry(rule).or_default();
        *count += 1;
        if *count > Self::KEPT {
            return;
        }
        let key = (self.budget > 0).then(key);
        let path_len: usize =
            key.iter().flat_map(KeyPath::names).map(|name| 2 * name.units().len() + 24).sum();
        self.budget = self.budget.saturating_sub(path_len);
        self.list.push(Finding { offset, rule, key, detail: detail() });
    }

    /// The listed findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.list.iter()
    }

    /// The number of findings of each rule, listed or not.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<Rule, usize> {
        &self.counts
    }

    /// The number of findings of a severity, listed or not.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let of_it = self.counts.iter().filter(|(rule, _)| rule.severity() == severity);
        of_it.map(|(_, count)| count).sum()
    }

    /// Whether Windows would load the hive unchanged: there is no error.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.count(Severity::Error) == 0
    }
}

impl<'f> IntoIterator for &'f Findings {
    type Item = &'f Finding;
    type IntoIter = std::slice::Iter<'f, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}
