//! The lines of a script in any encoding, without loss.

use std::ops::Range;

use crate::report::UnfitText;

/// A text that is written with the same bytes as it was read.
///
/// Texts in an OEM code page or UTF-8 are kept as bytes: all that is searched for and inserted is ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    encoding: Encoding,
    /// Each with its line end; bytes are widened to units.
    lines: Vec<Vec<u16>>,
    /// Half a unit at the end of UTF-16.
    odd: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Bytes { bom: bool },
    Utf16 { big: bool, bom: bool },
}

const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
const LF: u16 = b'\n' as u16;
const CR: u16 = b'\r' as u16;

impl Text {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let (encoding, rest) = match bytes {
            [0xff, 0xfe, rest @ ..] => (Encoding::Utf16 { big: false, bom: true }, rest),
            [0xfe, 0xff, rest @ ..] => (Encoding::Utf16 { big: true, bom: true }, rest),
            [1..=0x7f, 0, ..] => (Encoding::Utf16 { big: false, bom: false }, bytes),
            [0, 1..=0x7f, ..] => (Encoding::Utf16 { big: true, bom: false }, bytes),
            _ => match bytes.strip_prefix(UTF8_BOM) {
                Some(rest) => (Encoding::Bytes { bom: true }, rest),
                None => (Encoding::Bytes { bom: false }, bytes),
            },
        };
        let (units, odd): (Vec<u16>, _) = match encoding {
            Encoding::Bytes { .. } => (rest.iter().map(|&byte| byte.into()).collect(), None),
            Encoding::Utf16 { big, .. } => {
                let unit = if big { u16::from_be_bytes } else { u16::from_le_bytes };
                let pairs = rest.chunks_exact(2);
                let odd = pairs.remainder().first().copied();
                (pairs.map(|pair| unit([pair[0], pair[1]])).collect(), odd)
            }
        };
        let lines = units.split_inclusive(|&unit| unit == LF).map(<[u16]>::to_vec).collect();
        Self { encoding, lines, odd }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let units = self.lines.iter().flatten();
        let mut bytes = Vec::new();
        match self.encoding {
            Encoding::Bytes { bom } => {
                bytes.extend(bom.then_some(UTF8_BOM).into_iter().flatten());
                // Each unit is a byte of the text, or ASCII that was inserted.
                bytes.extend(units.map(|unit| unit.to_le_bytes()[0]));
            }
            Encoding::Utf16 { big, bom } => {
                let pair = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
                bytes.extend(bom.then(|| pair(0xfeff)).into_iter().flatten());
                bytes.extend(units.flat_map(|&unit| pair(unit)));
            }
        }
        bytes.extend(self.odd);
        bytes
    }

    /// Why `cmd.exe` does not run the text as a script, if so.
    pub(super) fn unfit_for_cmd(&self) -> Option<UnfitText> {
        match self.encoding {
            Encoding::Bytes { bom: false } => None,
            Encoding::Bytes { bom: true } => Some(UnfitText::ByteOrderMark),
            Encoding::Utf16 { .. } => Some(UnfitText::Utf16),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// A line without its end, to search in; each byte beyond ASCII is some character.
    pub(super) fn line(&self, index: usize) -> String {
        let line = &self.lines[index];
        let line = line.strip_suffix(&[LF]).unwrap_or(line);
        String::from_utf16_lossy(line.strip_suffix(&[CR]).unwrap_or(line))
    }

    /// A line for people. In a code page, each byte beyond ASCII is shown as U+FFFD.
    pub(super) fn shown(&self, index: usize) -> String {
        let line = self.line(index);
        match self.encoding {
            Encoding::Utf16 { .. } => line,
            Encoding::Bytes { .. } => {
                let bytes: Vec<_> = line.chars().map(|c| u32::from(c).to_le_bytes()[0]).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
        }
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        (0..self.len()).map(|index| self.line(index))
    }

    /// The first line at or after `start` for which this holds.
    pub(super) fn find(&self, start: usize, holds: impl Fn(&str) -> bool) -> Option<usize> {
        (start..self.len()).find(|&index| holds(&self.line(index)))
    }

    /// Inserts lines of ASCII before the line `at`, with the line ends of the text.
    pub(super) fn insert(&mut self, at: usize, lines: &[String]) {
        let end = match at.checked_sub(1).and_then(|index| self.lines.get(index)) {
            // With LF alone, the CR before it would become part of a line end and be removed with it.
            Some(before) if before.last() == Some(&CR) => &[CR, LF],
            _ => self.line_end(),
        };
        let mut new: Vec<Vec<u16>> = lines
            .iter()
            .map(|line| line.encode_utf16().chain(end.iter().copied()).collect())
            .collect();
        // If the last line has no end, the new last line has none either.
        if let Some(before) = at.checked_sub(1).and_then(|index| self.lines.get_mut(index))
            && before.last() != Some(&LF)
        {
            before.extend(end);
            if let Some(last) = new.last_mut() {
                last.truncate(last.len() - end.len());
            }
        }
        self.lines.splice(at..at, new);
    }

    /// Removes lines that were inserted.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        let end = self.line_end();
        let start = range.start;
        let removed: Vec<_> = self.lines.splice(range, []).collect();
        if removed.last().is_some_and(|last| last.last() != Some(&LF))
            && let Some(before) = start.checked_sub(1).and_then(|it| self.lines.get_mut(it))
            && before.ends_with(end)
        {
            before.truncate(before.len() - end.len());
        }
    }

    /// CR LF, unless all line ends of the text are LF.
    fn line_end(&self) -> &'static [u16] {
        let ended = || self.lines.iter().filter(|line| line.last() == Some(&LF));
        let unix = ended().next().is_some() && !ended().any(|line| line.ends_with(&[CR, LF]));
        if unix { &[LF] } else { &[CR, LF] }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_written_as_it_was_read(bytes: Vec<u8>) {
            prop_assert_eq!(Text::parse(&bytes).to_bytes(), bytes);
        }

        #[test]
        fn removing_inserted_lines_restores_the_text(text in "(\u{feff})?([a-z ]{0,5}\r?(\r\n|\n)){0,5}[a-z]{0,5}\r?", utf16: bool, at: prop::sample::Index, count in 1..3usize) {
            let bytes = match utf16 {
                true => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                false => text.into_bytes(),
            };
            let old = Text::parse(&bytes);
            let mut new = old.clone();
            let at = at.index(old.len() + 1);
            new.insert(at, &vec!["x".to_owned(); count]);
            prop_assert_eq!(new.len(), old.len() + count);
            new.remove(at..at + count);
            prop_assert_eq!(new.to_bytes(), bytes);
        }
    }

    /// In a text with LF, a CR and an inserted LF would become one line end.
    #[test]
    fn a_cr_without_a_lf_stays_at_the_end() {
        for old in ["a\nb\r", "b\r", "a\r\nb\r", "a\nb\r\r", "a\n\r"] {
            let mut text = Text::parse(old.as_bytes());
            text.insert(text.len(), &["x".to_owned(), "y".to_owned()]);
            text.remove(text.len() - 2..text.len());
            assert_eq!(text.to_bytes(), old.as_bytes(), "{old:?}");
        }
    }

    #[test]
    fn lines_are_read_in_any_encoding() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let texts = [
            b"wpeinit\r\necho \x81\r\n".to_vec(),
            b"\xef\xbb\xbfwpeinit\r\necho\n".to_vec(),
            utf16("\u{feff}wpeinit\r\necho\r\n"),
            utf16("wpeinit\r\necho\r\n"),
        ];
        for bytes in texts {
            let text = Text::parse(&bytes);
            assert_eq!(text.line(0), "wpeinit");
            assert!(text.line(1).starts_with("echo"));
        }
    }
}
