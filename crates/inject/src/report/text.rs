//! The report as text for people.

use std::fmt;

use super::{HiveReport, OneLine, Report, Unresolved};

/// How much of a report is shown, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Detail {
    /// Only a line for each hive, and neither diff nor files.
    pub summary: bool,
    /// Below each value of the diff that is written as bytes, its text or number.
    pub explained: bool,
}

impl Detail {
    /// With or without the diff and the files.
    #[must_use]
    pub fn summary(mut self, summary: bool) -> Self {
        self.summary = summary;
        self
    }

    /// With or without the texts and numbers of bytes.
    #[must_use]
    pub fn explained(mut self, explained: bool) -> Self {
        self.explained = explained;
        self
    }
}

/// A report with a level of detail: see [`Report::shown`].
#[derive(Debug, Clone, Copy)]
pub struct Shown<'r> {
    report: &'r Report,
    detail: Detail,
}

impl Report {
    /// The report as text, with this detail.
    #[must_use]
    pub fn shown(&self, detail: Detail) -> Shown<'_> {
        Shown { report: self, detail }
    }
}

/// The whole report for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(Detail::default()).fmt(f)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { report, detail } = self;
        head(report, f)?;
        for hive in &report.hives {
            let line = format!("{}: {}", OneLine(&hive.file), hive.summary());
            match detail.summary {
                true => writeln!(f, "{line}")?,
                false => hive_diff(hive, &line, *detail, f)?,
            }
        }
        if !detail.summary {
            rest(report, f)?;
        }
        if !report.has_changes() {
            writeln!(f, "\nnothing to do: everything is there already")?;
        }
        Ok(())
    }
}

fn head(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (wim, name) = (OneLine(&report.wim), OneLine(&report.image_name));
    writeln!(f, "{wim}, image {} ({name})", report.image)?;
    write!(f, "profile {}", OneLine(&report.profile))?;
    if let Some(source) = &report.source {
        write!(f, ", files from {}", OneLine(source))?;
    }
    writeln!(f)?;
    for (index, part) in report.parts.iter().enumerate() {
        if index == 0 {
            writeln!(f, "\nparts:")?;
        }
        writeln!(f, "  {part}")?;
    }
    Ok(())
}

fn hive_diff(
    hive: &HiveReport,
    line: &str,
    detail: Detail,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    writeln!(f, "\n{line}")?;
    match detail.explained {
        // The names were written once already.
        true => f.write_str(&hive.explained_diff().unwrap_or_else(|_| hive.diff.clone())),
        false => f.write_str(&hive.diff),
    }
}

/// What is below the hives.
fn rest(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (heading, files) in [("files", &report.files), ("record", &report.record)] {
        if !files.is_empty() {
            writeln!(f, "\n{heading}:")?;
        }
        for file in files {
            writeln!(f, "  {}", OneLine(file))?;
        }
    }
    if let Some(signatures) = &report.signatures {
        write!(f, "{signatures}")?;
    }
    if report.adds_integrity {
        writeln!(f, "\nthe WIM gets an integrity table")?;
    }
    if let Some(startup) = &report.startup {
        write!(f, "{startup}")?;
    }
    if !report.unresolved.is_empty() {
        writeln!(f, "\nimports that no library exports:")?;
    }
    for (library, imports) in Unresolved::by_library(&report.unresolved) {
        let is_missing = imports.iter().all(|import| import.symbols.is_empty());
        let missing = if is_missing { ", which neither the image nor the source has" } else { "" };
        writeln!(f, "  {}{missing}:", OneLine(library))?;
        for import in imports {
            writeln!(f, "    {}", OneLine(import.of_its_library()))?;
        }
    }
    Ok(())
}
