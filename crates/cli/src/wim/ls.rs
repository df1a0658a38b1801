//! `wim ls`: lists a folder of an image.

use std::cell::Cell;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use winpe_wim::Entry;

use super::place::{Found, Place};
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// List a folder of an image
///
/// Examples:
///   winpe-iscsi wim ls winpe.wim
///   winpe-iscsi wim ls -l winpe.wim:Windows/System32/drivers
///   winpe-iscsi wim ls -R boot.wim:2:sources --json
///
/// The long listing shows attributes (Directory, Readonly, Hidden, System, Archive, repARse point as
/// L), names of the file, bytes, time of last write in UTC, and 8.3 names and alternate streams.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// What to list
    #[arg(value_name = "WIM[:IMAGE][:PATH]")]
    place: Place,
    /// Attributes, sizes and times too
    #[arg(short, long)]
    long: bool,
    /// Everything below too
    #[arg(short = 'R', long)]
    recursive: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(bound = "")]
pub(super) struct Listing<I: Iterator<Item = Entry>> {
    wim: String,
    image: u32,
    #[serde(serialize_with = "shown")]
    #[schemars(with = "Vec<Shown>")]
    entries: Cell<Option<I>>,
}

#[derive(Serialize, JsonSchema)]
struct Shown {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    short_name: Option<String>,
    directory: bool,
    attributes: u32,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    /// Seconds since 1970.
    created: Option<i64>,
    written: Option<i64>,
    accessed: Option<i64>,
    links: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reparse_tag: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    streams: Vec<ShownStream>,
}

#[derive(Serialize, JsonSchema)]
struct ShownStream {
    name: String,
    size: u64,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let found = args.place.open()?;
    let found = &found;
    let (archive, image, path) = (&found.archive, found.image, &found.path);
    match archive.entry(image, path)? {
        Some(entry) if !entry.is_dir => list(found, std::iter::once(entry), args, printer),
        // The folder itself is what was asked for.
        _ if args.recursive => list(found, archive.below(image, path)?.skip(1), args, printer),
        _ => list(found, archive.read_dir(image, path)?, args, printer),
    }
}

/// Shows one entry after the other: an image can have a million.
fn list(
    found: &Found,
    mut entries: impl Iterator<Item = Entry>,
    args: &Args,
    printer: &mut Printer,
) -> Outcome {
    if printer.is_json() {
        let wim = found.archive.path().display().to_string();
        let entries = Cell::new(Some(entries));
        printer.json(&Listing { wim, image: found.image, entries })?;
    } else {
        entries.try_for_each(|entry| show(&entry, args, printer))?;
    }
    Ok(Exit::Done)
}

/// Serializes each entry as it comes. An iterator can be used up only once.
fn shown<S: Serializer>(
    entries: &Cell<Option<impl Iterator<Item = Entry>>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(entries.take().into_iter().flatten().map(|entry| Shown::new(&entry)))
}

fn show(entry: &Entry, args: &Args, printer: &mut Printer) -> io::Result<()> {
    let path = entry.path.names().join("/");
    let name = if args.recursive { &path } else { &entry.name };
    let mark = if entry.is_dir { "/" } else { "" };
    if !args.long {
        return printer.line(format_args!("{name}{mark}"));
    }
    let short = entry.short_name.as_ref().map(|short| format!("  [{short}]"));
    printer.line(format_args!(
        "{} {:>3} {:>12} {} {name}{mark}{}",
        letters(entry.attributes),
        entry.links,
        entry.size,
        entry.written.map_or_else(|| "-".repeat(19), text),
        short.unwrap_or_default()
    ))?;
    for stream in &entry.streams {
        let (gap, size) = ("", stream.size);
        printer.line(format_args!("{gap:10} {size:>12} {gap:19} {name}:{}", stream.name))?;
    }
    Ok(())
}

/// The attributes that people look for, a letter each.
fn letters(attributes: u32) -> String {
    // Source: "File Attribute Constants", Windows SDK.
    const LETTERS: [(u32, char); 6] =
        [(0x10, 'D'), (0x1, 'R'), (0x2, 'H'), (0x4, 'S'), (0x20, 'A'), (0x400, 'L')];
    LETTERS.iter().map(|(bit, letter)| if attributes & bit != 0 { *letter } else { '-' }).collect()
}

impl Shown {
    fn new(entry: &Entry) -> Self {
        let hex = |sha1: [u8; 20]| sha1.iter().map(|byte| format!("{byte:02x}")).collect();
        let streams = entry.streams.iter();
        Self {
            path: entry.path.to_string(),
            short_name: entry.short_name.clone(),
            directory: entry.is_dir,
            attributes: entry.attributes,
            size: entry.size,
            sha1: entry.sha1.map(hex),
            created: entry.created.map(seconds),
            written: entry.written.map(seconds),
            accessed: entry.accessed.map(seconds),
            links: entry.links,
            reparse_tag: entry.reparse_tag,
            security_bytes: entry.security.as_ref().map(|security| security.len()),
            streams: streams
                .map(|stream| ShownStream { name: stream.name.clone(), size: stream.size })
                .collect(),
        }
    }
}

fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_secs().cast_signed(),
        Err(before) => -before.duration().as_secs().cast_signed(),
    }
}

/// `2026-11-22T19:50:00`, in UTC.
fn text(time: SystemTime) -> String {
    let seconds = seconds(time);
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(day);
    let [hour, minute, second] = [second / 3600, second / 60 % 60, second % 60];
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Year, month and day of the Gregorian calendar from days since 1970. Years begin in March here, so
/// that the day that some have more is their last.
fn civil(days: i64) -> (i64, i64, i64) {
    const PER_ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(PER_ERA), days.rem_euclid(PER_ERA));
    let year = (day - day / 1460 + day / 36_524 - day / (PER_ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_709_251_200, "2024-03-01T00:00:00"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ] {
            assert_eq!(text(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
        let before = UNIX_EPOCH - Duration::from_secs(11_644_473_600);
        assert_eq!(text(before), "1601-01-01T00:00:00");
    }
}
