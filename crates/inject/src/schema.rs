//! JSON schemas of recipes, reports and verdicts, derived from their types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::profile::Manifest;
use crate::recipe::RecipeFile;
use crate::report::{Document, Report};
use crate::verdict::Verdict;

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

/// The schema of the JSON output of `inject` and `remove`: a [`Report`], or those of all images.
///
/// ```
/// let schema = winpe_inject::report_schema();
/// assert!(schema.pointer("/$defs/Report/properties/hives").is_some());
/// ```
#[must_use]
pub fn report_schema() -> Schema {
    written::<Document<Report>>()
}

/// The schema of the JSON output of `verify`: a [`Verdict`], or those of all images.
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
