//! Readable text or number of a value that `.reg` text writes as bytes.

use winpe_registry::{NtString, Value, ValueType};

/// The text (in quotes) or number (in decimal) of a value that `.reg` text writes as bytes.
///
/// ```
/// use winpe_regfile::explain;
/// use winpe_registry::Value;
/// assert_eq!(explain(&Value::expand_sz("%windir%")).as_deref(), Some(r#""%windir%""#));
/// assert_eq!(explain(&Value::multi_sz(["Tcpip", "Dhcp"])).as_deref(), Some(r#""Tcpip", "Dhcp""#));
/// assert_eq!(explain(&Value::qword(260)).as_deref(), Some("260"));
/// assert_eq!(explain(&Value::binary([1, 2])), None);
/// ```
#[must_use]
pub fn explain(value: &Value) -> Option<String> {
    let units = NtString::from_utf16le(&value.data);
    let is_whole = value.data.len().is_multiple_of(2);
    match value.ty {
        ValueType::MULTI_SZ if is_whole => {
            let strings = value.as_multi_sz()?;
            let length: usize = strings.iter().map(|string| string.len() + 1).sum();
            let shown: Vec<_> = strings.iter().map(|string| format!("{string:?}")).collect();
            let rest = units.units().get(length..).unwrap_or_default();
            Some(with_remark(shown.join(", "), rest == [0] || units.is_empty()))
        }
        ValueType::SZ | ValueType::EXPAND_SZ | ValueType::LINK if is_whole => {
            let text = value.as_text()?;
            let rest = &units.units()[text.len()..];
            // The target of a link has no NUL.
            let is_usual = rest == [0] || rest.is_empty() && value.ty == ValueType::LINK;
            Some(with_remark(format!("{text:?}"), is_usual))
        }
        ValueType::QWORD => Some(value.as_qword()?.to_string()),
        _ => None,
    }
}

/// Adds a comment with the text or number, if the lines of a value have it as bytes.
pub(crate) fn add_comment(lines: &mut Vec<u8>, value: &Value) {
    let is_hex = lines.windows(5).any(|at| at == b"=hex(");
    if let Some(text) = explain(value).filter(|_| is_hex) {
        lines.extend_from_slice(format!("; {text}\n").as_bytes());
    }
}

/// The text or number of a value as a list shows it, if its bytes are what its type says.
///
/// ```
/// use winpe_regfile::meaning;
/// use winpe_registry::Value;
/// assert_eq!(meaning(&Value::dword(16)).as_deref(), Some("0x00000010 (16)"));
/// assert_eq!(meaning(&Value::sz("text")).as_deref(), Some("text"));
/// assert_eq!(meaning(&Value::multi_sz(["Tcpip", "Dhcp"])).as_deref(), Some(r"Tcpip\0Dhcp"));
/// assert_eq!(meaning(&Value::binary([1, 2])), None);
/// ```
#[must_use]
pub fn meaning(value: &Value) -> Option<String> {
    let number = value.as_dword().map(|number| format!("{number:#010x} ({number})"));
    number
        .or_else(|| value.as_qword().map(|number| format!("{number:#018x} ({number})")))
        .or_else(|| value.as_text().map(|text| text.to_string()))
        .or_else(|| {
            let strings = value.as_multi_sz()?;
            Some(strings.iter().map(ToString::to_string).collect::<Vec<_>>().join(r"\0"))
        })
}

fn with_remark(text: String, is_usual: bool) -> String {
    if is_usual { text } else { format!("{text} (not closed as usual)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusual_end_of_a_text_is_reported() {
        for (ty, data, expected) in [
            (2, &b"a\0\0\0"[..], r#""a""#),
            (2, b"a\0", r#""a" (not closed as usual)"#),
            (1, b"a\0\0\0b\0\0\0", r#""a" (not closed as usual)"#),
            (6, b"a\0", r#""a""#),
            (7, b"", ""),
            (7, b"\0\0", ""),
            (7, b"a\0\0\0", r#""a" (not closed as usual)"#),
            (7, b"a\0\0\0\0\0", r#""a""#),
            (7, b"a\0\0\0\0\0b\0\0\0\0\0", r#""a" (not closed as usual)"#),
            (1, b"\0\xd8\n\0\0\0", r#""\u{d800}\n""#),
        ] {
            let value = Value::new(ValueType(ty), data);
            assert_eq!(explain(&value).as_deref(), Some(expected), "{value:?}");
        }
        for (ty, data) in [(1, &b"a"[..]), (7, b"a\0b"), (11, b"a"), (3, b"a\0\0\0")] {
            assert_eq!(explain(&Value::new(ValueType(ty), data)), None);
        }
    }
}
