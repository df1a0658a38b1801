//! Values in words.

use serde::Serialize;
use winpe_registry::{Value, ValueName};

/// A value for machines: its bytes, and what they mean where that is plain.
#[derive(Serialize)]
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

/// Text and numbers as people write them, if the bytes are what the type says.
fn meaning(value: &Value) -> Option<String> {
    let number = value.as_dword().map(|number| format!("{number:#010x} ({number})"));
    number
        .or_else(|| value.as_qword().map(|number| format!("{number:#018x} ({number})")))
        .or_else(|| value.as_text().map(|text| text.to_string()))
        .or_else(|| {
            let strings = value.as_multi_sz()?;
            Some(strings.iter().map(ToString::to_string).collect::<Vec<_>>().join(r"\0"))
        })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
