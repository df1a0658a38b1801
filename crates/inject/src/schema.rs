//! JSON schemas of what is read and written, made from the types that read and write it.

use schemars::Schema;
use schemars::generate::SchemaSettings;

use crate::recipe::RecipeFile;
use crate::report::Report;

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

/// The schema of a [`Report`] as JSON.
///
/// ```
/// let schema = winpe_inject::report_schema();
/// assert!(schema.pointer("/properties/hives").is_some());
/// ```
#[must_use]
pub fn report_schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Report>()
}
