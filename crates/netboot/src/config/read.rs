//! Reads the file: finds every error that it has, and where each is.
//!
//! `toml` and `serde` stop at the first error. So what is wrong is taken out of the parsed document and the
//! rest is read again, until there is nothing left to refuse. Then the meaning of the rest is checked in the
//! same run. An error that a key is missing is dropped where a key of that table was taken out.

use std::ops::Range;
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

use super::Config;
use super::error::{ConfigError, ConfigErrors, KeyPath, Missing, Place, Reason, Step};

/// Errors of shape that are reported of one file. Each costs reading the document once more.
const MAX_ERRORS: usize = 20;

impl FromStr for Config {
    type Err = ConfigErrors;

    fn from_str(text: &str) -> Result<Self, ConfigErrors> {
        let (mut document, errors) = DeTable::parse_recoverable(text);
        let lines = &Lines::of(text);
        if !errors.is_empty() {
            let errors = errors.iter().take(MAX_ERRORS).map(|error| lines.error(error));
            ConfigErrors::new(errors.collect())?;
        }
        let (config, mut errors, incomplete) = read(&mut document, lines);
        if let Some(config) = &config {
            let mut found = config.find_errors();
            found.retain_mut(|error| incomplete.allows(error, &document));
            place(&mut found, &document, lines);
            errors.append(&mut found);
        }
        ConfigErrors::new(errors)?;
        Ok(config.expect("a file without errors was read"))
    }
}

/// Gives errors their places in the text of a file.
pub(super) fn set_places(errors: &mut [ConfigError], text: &str) {
    place(errors, &DeTable::parse_recoverable(text).0, &Lines::of(text));
}

fn place(errors: &mut [ConfigError], document: &Spanned<DeTable<'_>>, lines: &Lines<'_>) {
    for error in errors {
        error.place = Some(lines.place(locate(document, &error.key).start));
    }
}

/// What could be read of a document, and why the rest could not.
fn read(
    document: &mut Spanned<DeTable<'_>>,
    lines: &Lines<'_>,
) -> (Option<Config>, Vec<ConfigError>, Incomplete) {
    let (mut errors, mut incomplete) = (Vec::new(), Incomplete::default());
    while errors.len() < MAX_ERRORS {
        let error = match Config::deserialize(Deserializer::from(document.clone())) {
            Ok(config) => return (Some(config), errors, incomplete),
            Err(error) => error,
        };
        let removed = error.span().and_then(|span| remove(document.get_mut(), &span));
        // Where a required key was taken out before, that it is missing now is no other error.
        if !removed.as_ref().is_some_and(|it| incomplete.tables.contains(&it.start)) {
            errors.push(lines.error(&error));
        }
        let Some(removed) = removed else { break };
        incomplete.note(removed);
    }
    (None, errors, incomplete)
}

/// Tables out of which something was taken, so that the check may find too little in them.
#[derive(Default)]
struct Incomplete {
    /// Where they begin.
    tables: Vec<usize>,
    /// Whether one of them is an entry, or an entry is missing.
    entries: bool,
    /// The same of subnets.
    subnets: bool,
}

/// What was taken out.
struct Removed {
    /// Where it began.
    start: usize,
    /// Where the table begins that had it; none where it was a table itself.
    table: Option<usize>,
    /// Whether it was in `[[entry]]`.
    of_entries: bool,
    /// Whether it was in `[[serve.subnet]]`.
    of_subnets: bool,
}

impl Incomplete {
    fn note(&mut self, removed: Removed) {
        self.tables.extend(removed.table);
        self.entries |= removed.of_entries;
        self.subnets |= removed.of_subnets;
    }

    /// Whether an error does not come from what was taken out.
    fn allows(&self, error: &ConfigError, document: &Spanned<DeTable<'_>>) -> bool {
        match error.reason.missing() {
            Missing::Nothing => true,
            Missing::Entry => !self.entries,
            Missing::Subnet => !self.subnets,
            Missing::Key => !self.tables.contains(&table_of(document, &error.key)),
        }
    }
}

/// Takes the smallest value out of a table whose span or whose key's span is `wrong`.
fn remove(root: &mut DeTable<'_>, wrong: &Range<usize>) -> Option<Removed> {
    let mut path = Vec::new();
    let mut best: Option<(usize, Vec<Found>)> = None;
    search(root, wrong, &mut path, &mut best);
    let (_, path) = best?;
    let is = |at: usize, name| matches!(path.get(at), Some(Found::Key(key)) if key == name);
    let (of_entries, of_subnets) = (is(0, "entry"), is(0, "serve") && is(1, "subnet"));
    take(root, &path, 0).map(|removed| Removed { of_entries, of_subnets, ..removed })
}

/// A step of a document whose keys are not known beforehand.
#[derive(Clone)]
enum Found {
    Key(String),
    Index(usize),
}

fn search(
    table: &DeTable<'_>,
    wrong: &Range<usize>,
    path: &mut Vec<Found>,
    best: &mut Option<(usize, Vec<Found>)>,
) {
    for (key, value) in table.iter() {
        path.push(Found::Key(key.get_ref().clone().into_owned()));
        consider(&key.span(), wrong, path, best);
        search_value(value, wrong, path, best);
        path.pop();
    }
}

fn search_value(
    value: &Spanned<DeValue<'_>>,
    wrong: &Range<usize>,
    path: &mut Vec<Found>,
    best: &mut Option<(usize, Vec<Found>)>,
) {
    consider(&value.span(), wrong, path, best);
    match value.get_ref() {
        DeValue::Table(table) => search(table, wrong, path, best),
        DeValue::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                path.push(Found::Index(index));
                search_value(value, wrong, path, best);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Of spans that hold the wrong place, the shortest and, among equal ones, the deepest counts.
fn consider(
    span: &Range<usize>,
    wrong: &Range<usize>,
    path: &[Found],
    best: &mut Option<(usize, Vec<Found>)>,
) {
    let holds = span.start <= wrong.start && wrong.end <= span.end;
    if holds && best.as_ref().is_none_or(|(length, _)| span.len() <= *length) {
        *best = Some((span.len(), path.to_vec()));
    }
}

/// Takes out what `path` leads to. The table begins at `start`.
fn take(table: &mut DeTable<'_>, path: &[Found], start: usize) -> Option<Removed> {
    let (Found::Key(key), rest) = path.split_first()? else { return None };
    if rest.is_empty() {
        let (_, value) = table.remove_entry(key.as_str())?;
        return Some(Removed::of(&value, start));
    }
    take_value(table.get_mut(key.as_str())?, rest, start)
}

impl Removed {
    /// A value of the table that begins at `table`.
    fn of(value: &Spanned<DeValue<'_>>, table: usize) -> Self {
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        let start = value.span().start;
        Self { start, table: (!is_table).then_some(table), of_entries: false, of_subnets: false }
    }
}

fn take_value(value: &mut Spanned<DeValue<'_>>, path: &[Found], start: usize) -> Option<Removed> {
    let begins = value.span().start;
    match (value.get_mut(), path) {
        (DeValue::Table(table), path) => take(table, path, begins),
        (DeValue::Array(values), [Found::Index(index)]) => {
            let removed = Removed::of(values.get(*index)?, start);
            let rest = std::mem::replace(values, DeArray::new()).into_iter().enumerate();
            *values = rest.filter(|(at, _)| at != index).map(|(_, value)| value).collect();
            Some(removed)
        }
        (DeValue::Array(values), [Found::Index(index), rest @ ..]) => {
            take_value(values.get_mut(*index)?, rest, start)
        }
        _ => None,
    }
}

/// The values on the way to a key, as far as the document has them.
fn walk<'d, 'i>(
    document: &'d Spanned<DeTable<'i>>,
    path: &KeyPath,
) -> impl Iterator<Item = &'d Spanned<DeValue<'i>>> {
    let mut steps = path.iter();
    let first = match steps.next() {
        Some(Step::Key(key)) => document.get_ref().get(*key),
        _ => None,
    };
    std::iter::successors(first, move |value| match (steps.next()?, value.get_ref()) {
        (Step::Key(key), DeValue::Table(table)) => table.get(*key),
        (Step::Index(index), DeValue::Array(values)) => values.get(*index),
        _ => None,
    })
}

/// Where a key's value is; the nearest table that has it, where the file leaves it to its default.
fn locate(document: &Spanned<DeTable<'_>>, path: &KeyPath) -> Range<usize> {
    walk(document, path).last().map_or(0..0, Spanned::span)
}

/// Where the table begins that a key is in.
fn table_of(document: &Spanned<DeTable<'_>>, path: &KeyPath) -> usize {
    let tables = walk(document, path).filter(|value| matches!(value.get_ref(), DeValue::Table(_)));
    tables.last().map_or(0, |table| table.span().start)
}

/// Translates offsets into lines and columns.
struct Lines<'a> {
    text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: [0].into_iter().chain(starts).collect() }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|&start| start <= offset);
        let before = self.text.get(self.starts[line - 1]..offset).unwrap_or_default();
        Place { line, column: before.chars().count() + 1 }
    }

    fn error(&self, error: &toml::de::Error) -> ConfigError {
        let place = self.place(error.span().map_or(0, |span| span.start));
        let reason = Reason::Toml(error.message().trim().to_owned());
        ConfigError { place: Some(place), reason, key: KeyPath::new() }
    }
}
