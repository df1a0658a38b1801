//! The JSON schema of the file, made from the types that read it.

use schemars::Schema;
use schemars::generate::SchemaSettings;

use super::Config;

/// The JSON schema of a `winpe-iscsi.toml`, as far as [`Config`] reads it: each key with its words, type, default and
/// an example.
///
/// ```
/// let schema = winpe_netboot::config::config_schema();
/// let lease = schema.pointer("/$defs/SubnetConfig/properties/lease").unwrap();
/// assert_eq!(lease["default"], 3600);
/// ```
#[must_use]
pub fn config_schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>()
}
