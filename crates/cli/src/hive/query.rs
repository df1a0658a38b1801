//! `hive query`: a key with its values and subkeys.

use schemars::JsonSchema;
use serde::Serialize;
use winpe_hive::Key;
use winpe_registry::{KeyName, KeyPath, Value, ValueName};

use super::input::{Input, find_key};
use super::roots::{KeyArg, Roots};
use super::show::{ShownValue, line};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Show a key: its values and the names of its subkeys
///
/// Examples:
///   winpe-iscsi hive query SYSTEM Select
///   winpe-iscsi hive query winpe.wim:SYSTEM Select --value Current
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// The key [default: the hive's root key]
    key: Option<KeyArg>,
    /// Show this value only; an empty name means the key's default value
    #[arg(long, value_name = "NAME")]
    value: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Shown {
    hive: String,
    key: KeyPath,
    last_written: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    class: String,
    values: Vec<ShownValue>,
    subkeys: Vec<KeyName>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let place = args.input.place();
    let hive = args.input.open(printer)?;
    let roots = Roots::of(place, &hive);
    let (path, key) = find_key(&hive, place, args.key.as_ref(), &roots)?;
    let root = roots.shown;

    let mut values = values(&key, printer);
    let mut subkeys = Vec::new();
    if let Some(wanted) = &args.value {
        let name = ValueName::new(wanted.as_str()).map_err(Failure::new)?;
        values.retain(|(found, _)| *found == name);
        if values.is_empty() {
            return Err(Failure::new(format!("{path} in {place} has no value {name:?}")));
        }
    } else {
        for subkey in key.subkeys() {
            match subkey {
                Ok(subkey) => subkeys.push(KeyName::from_stored(subkey.name())),
                Err(error) => printer.warning(error),
            }
        }
    }
    if printer.is_json() {
        let values = values.into_iter().map(|(name, value)| ShownValue::new(name, &value));
        printer.json(&Shown {
            hive: place.to_string(),
            last_written: key.last_written().to_string(),
            class: key.class().unwrap_or_default().to_string(),
            key: path,
            values: values.collect(),
            subkeys,
        })?;
        return Ok(Exit::Done);
    }
    if args.value.is_none() {
        printer.heading(root.join(&path))?;
    }
    for (name, value) in &values {
        printer.line(line(name, value))?;
    }
    for name in subkeys {
        printer.line(root.join(&path.child(name)))?;
    }
    Ok(Exit::Done)
}

fn values(key: &Key<'_>, printer: &mut Printer) -> Vec<(ValueName, Value)> {
    let mut values = Vec::new();
    for entry in key.values() {
        match entry.and_then(|entry| Ok((ValueName::from_stored(entry.name()), entry.value()?))) {
            Ok(value) => values.push(value),
            Err(error) => printer.warning(error),
        }
    }
    values
}
