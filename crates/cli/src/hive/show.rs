//! Values in words, and changes as the lines of a diff.

use std::io::Write;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_regfile::{DiffWriter, WriteError, meaning};
use winpe_registry::{Change, KeyPath, Value, ValueName};

use crate::failure::Failure;

/// A value for machines: its bytes, and what they mean where that is plain.
#[derive(Serialize, JsonSchema)]
pub(super) struct ShownValue {
    name: ValueName,
    #[serde(rename = "type")]
    ty: String,
    data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl ShownValue {
    pub(super) fn new(name: ValueName, value: &Value) -> Self {
        Self { name, ty: value.ty.to_string(), data: hex(&value.data), text: meaning(value) }
    }
}

/// `name  type  data`, as `reg query` lays it out.
pub(super) fn line(name: &ValueName, value: &Value) -> String {
    let name = if name.is_default() { "(default)".to_owned() } else { name.to_string() };
    format!("    {name}    {}    {}", value.ty, data(value))
}

fn data(value: &Value) -> String {
    const SHOWN: usize = 64;
    meaning(value).unwrap_or_else(|| match value.data.len() {
        ..=SHOWN => hex(&value.data),
        len => format!("{}… ({len} bytes)", hex(&value.data[..SHOWN])),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes changes key by key. Returns a sentence for each that has a name which a `.reg` file cannot hold; the
/// others are written all the same.
pub(super) fn write_changes(
    writer: &mut DiffWriter<impl Write>,
    changes: &[Change],
    root: &KeyPath,
) -> Result<Vec<String>, Failure> {
    let mut unsaid = Vec::new();
    for of_key in changes.chunk_by(|a, b| a.edit.key == b.edit.key) {
        match writer.changes(of_key, root) {
            Ok(()) => continue,
            Err(error @ (WriteError::Io(_) | WriteError::Root { .. })) => {
                return Err(Failure::new(error));
            }
            Err(_) => {}
        }
        for change in of_key {
            match writer.changes(std::slice::from_ref(change), root) {
                Ok(()) => {}
                Err(WriteError::Io(error)) => return Err(error.into()),
                Err(error) => unsaid.push(format!("not among the lines: {error}")),
            }
        }
    }
    Ok(unsaid)
}
