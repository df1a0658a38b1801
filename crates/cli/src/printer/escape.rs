//! What names and data may do to a terminal: nothing.

use std::borrow::Cow;
use std::fmt::Write;
use std::io;

use serde_json::ser::Formatter;

/// Whether a character moves the cursor, colours, rings, ends a line or turns the direction of writing.
pub(super) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// One line: what steers is shown as Rust writes it, `\n` or `\u{1b}`.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| push(&mut shown, c));
    shown.into()
}

/// A message of several lines. A break is ours where the next line is indented or numbered, or the line
/// before it ends with a caret; any other is a part of a name.
pub(super) fn message(text: &str) -> Cow<'_, str> {
    if !text.contains('\n') {
        return line(text);
    }
    let mut shown = String::new();
    let mut before = "";
    for (index, part) in text.split('\n').enumerate() {
        if index > 0 {
            let digits = part.trim_start_matches(|c: char| c.is_ascii_digit());
            let is_own =
                part.starts_with("  ") || digits.starts_with(" | ") || before.ends_with('^');
            shown.push_str(if is_own { "\n" } else { r"\n" });
        }
        shown.push_str(&line(part));
        before = part;
    }
    shown.into()
}

fn push(shown: &mut String, c: char) {
    if steers(c) {
        let _ = write!(shown, "{}", c.escape_default());
    } else {
        shown.push(c);
    }
}

/// Bytes that should be text, as they come: what steers is shown, but for line breaks and tabs. Bytes that
/// are no UTF-8 become U+FFFD; NUL, which terminals pass over, stays, so that UTF-16 can be read.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The beginning of a character, or a carriage return whose line feed may follow.
    pending: Vec<u8>,
}

impl Stream {
    pub(super) fn pass(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.pending);
        all.extend_from_slice(bytes);
        let whole = all.len() - unfinished(&all);
        self.pending = all.split_off(whole);
        shown(&all)
    }

    /// What was still waited for.
    pub(super) fn end(&mut self) -> String {
        shown(&std::mem::take(&mut self.pending))
    }
}

/// How many bytes at the end are the beginning of something.
fn unfinished(bytes: &[u8]) -> usize {
    if bytes.ends_with(b"\r") {
        return 1;
    }
    let Some(last) = bytes.utf8_chunks().last() else { return 0 };
    let invalid = last.invalid();
    // Of a character that goes wrong in its middle more is known than that it has not ended.
    let is_cut = std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
    if is_cut { invalid.len() } else { 0 }
}

fn shown(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut chars = chunk.valid().chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\n' | '\t' | '\0' => shown.push(c),
                '\r' if chars.peek() == Some(&'\n') => shown.push(c),
                c => push(&mut shown, c),
            }
        }
        if !chunk.invalid().is_empty() {
            shown.push(char::REPLACEMENT_CHARACTER);
        }
    }
    shown
}

/// JSON in which the characters that JSON allows and terminals obey are escaped too.
pub(super) struct Json<F>(pub(super) F);

impl<F: Formatter> Formatter for Json<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| steers(*c)) {
            self.0.write_string_fragment(writer, &rest[..at])?;
            write!(writer, "\\u{:04x}", u32::from(c))?;
            rest = &rest[at + c.len_utf8()..];
        }
        self.0.write_string_fragment(writer, rest)
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_key(writer)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::ser::PrettyFormatter;

    use super::*;

    #[test]
    fn exactly_what_steers_is_shown() {
        for c in '\0'..=char::MAX {
            let bidi = [0x61c..=0x61c, 0x200e..=0x200f, 0x202a..=0x202e, 0x2066..=0x2069];
            let breaks = [0..=0x1f, 0x7f..=0x9f, 0x2028..=0x2029];
            let among = bidi.iter().chain(&breaks).any(|range| range.contains(&u32::from(c)));
            assert_eq!(steers(c), among, "{c:?}");
        }
        assert_eq!(line("a\u{1b}[31m\n\r\t\u{9b}\u{7f}"), r"a\u{1b}[31m\n\r\t\u{9b}\u{7f}");
        assert_eq!(line("Größe\u{202e}exe.\u{2028}"), r"Größe\u{202e}exe.\u{2028}");
        assert!(matches!(line("Größe 中 🖥 \\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_name_begins_no_line_of_a_message() {
        for (text, expected) in [
            ("no a\nerror: forged", r"no a\nerror: forged"),
            ("2 files:\n  one\n  two\rx", "2 files:\n  one\n  two\\rx"),
            ("a.reg:7:1: no\n7 | x\n  | ^", "a.reg:7:1: no\n7 | x\n  | ^"),
            ("bad\n  |\n1 | a = \n  |     ^\nexpected", "bad\n  |\n1 | a = \n  |     ^\nexpected"),
            ("a\u{1b}]0;x\u{7}\n  b", "a\\u{1b}]0;x\\u{7}\n  b"),
        ] {
            assert_eq!(message(text), expected);
        }
    }

    #[test]
    fn a_stream_is_the_same_however_it_is_cut() {
        let bytes = "a\r\nGröße\t中🖥\u{1b}[2J\u{9b}\r\u{202e}\0\r".as_bytes();
        let bytes = [bytes, b"\xff\xe4\xb8x\xf0\x9f\r\nz\xe4\xb8"].concat();
        let expected =
            "a\r\nGröße\t中🖥\\u{1b}[2J\\u{9b}\\r\\u{202e}\0\\r�".to_owned() + "�x�\r\nz�";
        for step in 1..bytes.len() {
            let mut stream = Stream::default();
            let mut text: String = bytes.chunks(step).map(|part| stream.pass(part)).collect();
            text.push_str(&stream.end());
            assert_eq!(text, expected, "in pieces of {step}");
        }
    }

    #[test]
    fn json_says_the_same_and_steers_nothing() {
        #[derive(Serialize)]
        struct Both<'a> {
            list: Vec<&'a str>,
            empty: [u8; 0],
        }
        let text = "\u{9b}a\u{7f}\u{202e}\u{2028}Größe\"\\\n\u{1b}🖥";
        let value = Both { list: vec![text, ""], empty: [] };
        let mut bytes = Vec::new();
        let format = Json(PrettyFormatter::new());
        let mut writer = serde_json::Serializer::with_formatter(&mut bytes, format);
        value.serialize(&mut writer).unwrap();
        let json = String::from_utf8(bytes).unwrap();
        assert!(json.chars().all(|c| c == '\n' || !steers(c)), "{json}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["list"][0], text);
        // But for the escapes, the layout is that of serde_json.
        let plain = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(json.lines().count(), plain.lines().count());
    }
}
