//! The lines of an INF: decoding, and splitting into keys and values.

/// `key = value, value`, or values without a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'t> {
    pub(super) key: Option<&'t str>,
    values: &'t str,
}

impl<'t> Entry<'t> {
    pub(super) fn parse(line: &'t str) -> Self {
        let line = line.trim();
        let key = parts(line, '=').next().filter(|key| key.len() < line.len());
        Self { key, values: key.map_or(line, |key| &line[key.len() + 1..]) }
    }

    pub(super) fn values(self) -> impl Iterator<Item = String> + use<'t> {
        parts(self.values, ',').map(unquote)
    }

    pub(super) fn value(self, index: usize) -> Option<String> {
        self.values().nth(index)
    }

    pub(super) fn key_is(&self, key: &str) -> bool {
        self.key.is_some_and(|it| unquote(it).eq_ignore_ascii_case(key))
    }
}

/// Decodes UTF-16 and UTF-8 with a byte order mark; anything else is a code page, of which only ASCII
/// matters here.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<_> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ if bytes.contains(&0) => None,
        _ => Some(match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
        }),
    }
}

/// Splits at separators outside of quotes.
pub(super) fn parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// A value without its quotes.
pub(super) fn unquote(value: &str) -> String {
    let value = value.trim();
    match value.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest)) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => value.to_owned(),
    }
}
