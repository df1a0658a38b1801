//! `hive find`: keys, values and data that match an expression.

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Serialize;
use winpe_hive::{Find, Match, ValueEntry};
use winpe_registry::{KeyPath, ValueName};

use super::input::{Input, find_key};
use super::roots::{KeyArg, Roots};
use super::show::{ShownValue, line};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Search key paths, value names and data by a regular expression, without regard to case
///
/// Examples:
///   winpe-iscsi hive find SYSTEM iscsi
///   winpe-iscsi hive find SYSTEM '\.sys$' --data --key 'ControlSet001\Services'
///   winpe-iscsi hive find SOFTWARE -F 'C:\Windows'
///
/// Data is searched without the NULs that end a text, and each string of a REG_MULTI_SZ by itself. Exits
/// with 1 if nothing is found.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// A regular expression, or with -F a text
    pattern: String,
    /// Take the pattern as it is, not as a regular expression
    #[arg(short = 'F', long)]
    fixed: bool,
    /// Search this key and what is below it [default: the whole hive]
    #[arg(long)]
    key: Option<KeyArg>,
    /// Look at paths of keys; without any of these three, look everywhere
    #[arg(long)]
    keys: bool,
    /// Look at names of values
    #[arg(long)]
    names: bool,
    /// Look at data
    #[arg(long)]
    data: bool,
    /// Tell capitals from small letters
    #[arg(long)]
    case_sensitive: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Report {
    hive: String,
    found: Vec<Found>,
}

#[derive(Serialize, JsonSchema)]
struct Found {
    key: KeyPath,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<ShownValue>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let everywhere = !(args.keys || args.names || args.data);
    let find = Find {
        pattern: pattern(args)?,
        keys: args.keys || everywhere,
        names: args.names || everywhere,
        data: args.data || everywhere,
    };
    let place = args.input.place();
    let hive = args.input.open(printer)?;
    let roots = Roots::of(place, &hive);
    let (top, key) = find_key(&hive, place, args.key.as_ref(), &roots)?;
    let root = roots.shown;

    let mut report = Report { hive: place.to_string(), found: vec![] };
    let mut last = None;
    let mut is_found = false;
    for found in find.below(&key) {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                printer.warning(error);
                continue;
            }
        };
        let path = top.join(&found.key);
        let value = match found.what {
            Match::Key => None,
            Match::Name(entry) | Match::Data(entry) => match shown(&entry) {
                Ok(value) => Some(value),
                Err(error) => {
                    printer.warning(error);
                    continue;
                }
            },
        };
        is_found = true;
        if printer.is_json() {
            let value = value.map(|(name, value)| ShownValue::new(name, &value));
            report.found.push(Found { key: path, value });
            continue;
        }
        if last.as_ref() != Some(&path) {
            printer.line(root.join(&path))?;
            last = Some(path);
        }
        if let Some((name, value)) = value {
            printer.line(line(&name, &value))?;
        }
    }
    if printer.is_json() {
        printer.json(&report)?;
    }
    Ok(if is_found { Exit::Done } else { Exit::Differs })
}

fn pattern(args: &Args) -> Result<Regex, Failure> {
    let escaped = args.fixed.then(|| regex::escape(&args.pattern));
    let pattern = escaped.as_ref().unwrap_or(&args.pattern);
    let pattern = RegexBuilder::new(pattern).case_insensitive(!args.case_sensitive).build();
    pattern.map_err(|error| Failure::new(error).hint("-F takes the pattern as a plain text"))
}

fn shown(
    entry: &ValueEntry<'_>,
) -> Result<(ValueName, winpe_registry::Value), winpe_hive::ReadError> {
    Ok((ValueName::from_stored(entry.name()), entry.value()?))
}
