//! `winpe-iscsi schema`.

use clap::ValueEnum;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::printer::{Ending, Printer};
use crate::{Exit, Outcome, hive, info, reg, wim};

/// Print the JSON schema of a file that is read, or of what a command prints
///
/// Examples:
///   winpe-iscsi schema serve > winpe-iscsi.schema.json
///   winpe-iscsi schema report
///   winpe-iscsi schema hive-diff
///
/// An editor that knows the schema of a file completes its keys. TOML is checked as the JSON with the
/// same content.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Of what
    what: What,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// The tables of a winpe-iscsi.toml that serve reads
    Serve,
    /// [inject] of a winpe-iscsi.toml
    Recipe,
    /// A profile.toml
    Profile,
    /// What inject --json and remove --json print, of one image or of all
    Report,
    /// What verify --json prints, of one image or of all
    Verdict,
    /// What every other command prints with --json: what it made, or why it failed
    Outcome,
    /// What info --json prints
    Info,
    /// What hive info --json prints
    HiveInfo,
    /// What hive query --json prints
    HiveQuery,
    /// What hive find --json prints
    HiveFind,
    /// What hive import, set, delete, copy and rename print with --json
    HiveChanges,
    /// What hive diff --json prints
    HiveDiff,
    /// What hive check --json prints
    HiveCheck,
    /// What hive recover --json prints
    HiveRecover,
    /// What hive compact --json prints
    HiveCompact,
    /// What reg check --json prints
    RegCheck,
    /// What reg fmt --json prints
    RegFmt,
    /// What reg diff --json prints
    RegDiff,
    /// What wim ls --json prints
    WimLs,
    /// What wim du --json prints
    WimDu,
    /// What wim verify --json prints
    WimVerify,
    /// What wim cp --json prints of a copy into an image
    WimCpIn,
    /// What wim cp --json prints of a copy out of an image
    WimCpOut,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let name =
        args.what.to_possible_value().map_or_else(String::new, |it| it.get_name().to_owned());
    let schema = match args.what {
        What::Serve => winpe_netboot::config::config_schema(),
        What::Profile => winpe_inject::profile_schema(),
        What::Recipe => winpe_inject::recipe_schema(),
        What::Report => with_ending(winpe_inject::report_schema()),
        What::Verdict => with_ending(winpe_inject::verdict_schema()),
        What::Outcome => output::<Nothing>(),
        What::Info => output::<info::Info>(),
        _ => {
            let all = hive::schemas().into_iter().chain(reg::schemas()).chain(wim::schemas());
            let mut found = all.filter(|(known, _)| *known == name).map(|(_, schema)| schema);
            found.next().expect("each value has a schema, as a test shows")
        }
    };
    printer.document(&named(schema, &name))?;
    Ok(Exit::Done)
}

/// No fields but those that every document can have.
#[derive(JsonSchema)]
struct Nothing {}

/// The schema of a document of a command.
pub(crate) fn output<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    with_ending(settings.into_generator().into_root_schema_for::<T>())
}

/// Adds the version, and the fields that end a document: see [`Ending`]. A document of a failure may have no other.
fn with_ending(schema: Schema) -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let ending = Value::from(settings.into_generator().into_root_schema_for::<Ending>());
    let mut document = Value::from(schema);
    let mut root = json!({
        "type": "object",
        "properties": { "schema": { "const": crate::printer::SCHEMA } },
        "required": ["schema"],
        "$defs": {},
    });
    merge(&mut root["properties"], &ending["properties"]);
    merge(&mut root["$defs"], &ending["$defs"]);
    merge(&mut root["$defs"], &document["$defs"]);
    for word in ["$schema", "title", "description"] {
        if let Some(text) = document.get(word) {
            root[word] = text.clone();
        }
    }
    if let Some(object) = document.as_object_mut() {
        object.retain(|key, _| {
            !matches!(key.as_str(), "$schema" | "$defs" | "title" | "description")
        });
    }
    root["anyOf"] = json!([{ "required": ["error"] }, document]);
    Schema::try_from(root).expect("an object is a schema")
}

fn merge(into: &mut Value, from: &Value) {
    if let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) {
        into.extend(from.clone());
    }
}

/// Gives a schema its name. The version is that of the documents.
fn named(schema: Schema, name: &str) -> Schema {
    let mut schema = schema;
    let version = crate::printer::SCHEMA;
    schema.insert("$id".to_owned(), json!(format!("urn:winpe-iscsi:schema:{version}:{name}")));
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_a_schema_and_each_schema_its_value() {
        let lists = [hive::schemas(), reg::schemas(), wim::schemas()].concat();
        let names: Vec<_> = What::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .map(|value| value.get_name().to_owned())
            .collect();
        for (name, _) in &lists {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
        assert_eq!(names.len(), lists.len() + 7);
    }
}
