//! `hive info`: the header of a hive, its root, counts and sizes.

use schemars::JsonSchema;
use serde::Serialize;
use winpe_hive::{Hive, ReadError};

use super::input::{Place, open};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Show what a hive is: its version, state, size and content
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The hives: files, or WIM:HIVE
    #[arg(required = true, value_name = "HIVE")]
    hives: Vec<Place>,
    /// Read a damaged hive as far as it goes, and a dirty one without its logs
    #[arg(long)]
    lenient: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Report {
    hives: Vec<Info>,
}

#[derive(Serialize, JsonSchema)]
struct Info {
    hive: String,
    version: String,
    root: String,
    file_name: String,
    primary_sequence: u32,
    secondary_sequence: u32,
    last_written: Option<String>,
    bytes: u64,
    bins: u32,
    trailing: u64,
    keys: usize,
    values: usize,
    unreadable: usize,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let mut report = Report { hives: vec![] };
    for place in &args.hives {
        let hive = open(place, args.lenient, printer)?;
        report.hives.push(describe(place, &hive));
    }
    if printer.is_json() {
        printer.json(&report)?;
    } else {
        for info in &report.hives {
            show(info, printer)?;
        }
    }
    Ok(Exit::Done)
}

fn describe(place: &Place, hive: &Hive) -> Info {
    let header = hive.header();
    let (mut keys, mut values, mut unreadable) = (0, 0, 0);
    let mut count = |found: Result<(), ReadError>, kind: &mut usize| match found {
        Ok(()) => *kind += 1,
        Err(_) => unreadable += 1,
    };
    let mut walk = hive.root().walk();
    while let Some(visit) = walk.next() {
        if let Ok(visit) = &visit {
            for entry in walk.values(&visit.key) {
                count(entry.map(drop), &mut values);
            }
        }
        count(visit.map(drop), &mut keys);
    }
    let last_written = hive.root().last_written();
    Info {
        hive: place.to_string(),
        version: header.version(),
        root: hive.root().name().to_string(),
        file_name: header.file_name.to_string(),
        primary_sequence: header.primary_sequence,
        secondary_sequence: header.secondary_sequence,
        last_written: (last_written.0 != 0).then(|| last_written.to_string()),
        bytes: 4096 + u64::from(header.bins_len) + header.trailing_len,
        bins: header.bins_len,
        trailing: header.trailing_len,
        keys,
        values,
        unreadable,
    }
}

fn show(info: &Info, printer: &mut Printer) -> Result<(), Failure> {
    printer.heading(&info.hive)?;
    let sequence = match (info.primary_sequence, info.secondary_sequence) {
        (primary, secondary) if primary == secondary => format!("{primary}, clean"),
        (primary, secondary) => format!("{primary} begun, {secondary} ended: dirty"),
    };
    let unreadable = match info.unreadable {
        0 => String::new(),
        count => format!(", {count} unreadable"),
    };
    for (name, value) in [
        ("version", info.version.clone()),
        ("root key", info.root.clone()),
        ("loaded from", info.file_name.clone()),
        ("root written", info.last_written.clone().unwrap_or_default()),
        ("write", sequence),
        ("size", format!("{} bytes, {} of them bins", info.bytes, info.bins)),
        ("content", format!("{} keys, {} values{unreadable}", info.keys, info.values)),
    ] {
        if !value.is_empty() {
            printer.line(format_args!("  {name:13} {value}"))?;
        }
    }
    Ok(())
}
