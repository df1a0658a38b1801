//! JSON schemas of what is read and written, made from the types that read and write it.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::document::Document;
use crate::profile::Manifest;
use crate::recipe::RecipeFile;
use crate::report::Report;
use crate::verify::Verdict;

/// The schema of a `winpe-iscsi.toml`, as far as [`Recipe`](crate::Recipe) reads it.
///
/// ```
/// let schema = winpe_inject::recipe_schema();
/// assert!(schema.pointer("/$defs/Recipe/properties/connect").is_some());
/// ```
#[must_use]
pub fn recipe_schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RecipeFile>()
}

/// The schema of a `profile.toml`.
///
/// ```
/// let schema = winpe_inject::profile_schema();
/// assert!(schema.pointer("/$defs/Part/properties/there-if").is_some());
/// ```
#[must_use]
pub fn profile_schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Manifest>()
}

/// The schema of what `inject` and `remove` print for machines: a [`Report`], or those of all images.
///
/// ```
/// let schema = winpe_inject::report_schema();
/// assert!(schema.pointer("/$defs/Report/properties/hives").is_some());
/// ```
#[must_use]
pub fn report_schema() -> Schema {
    written::<Document<Report>>()
}

/// The schema of what `verify` prints for machines: a [`Verdict`], or those of all images.
///
/// ```
/// let schema = winpe_inject::verdict_schema();
/// assert!(schema.pointer("/$defs/Verdict/properties/points").is_some());
/// ```
#[must_use]
pub fn verdict_schema() -> Schema {
    written::<Document<Verdict>>()
}

fn written<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>()
}
