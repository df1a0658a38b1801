//! Whole documents in another layout (`formatted`, `explained`), or in another encoding, version or
//! line break (`converted`).

use std::ops::Range;

use winpe_registry::{Edit, Op};

use crate::dialect::Dialect;
use crate::encoding::{Encoding, encode};
use crate::lexer::{Data, EXACT, What, is_text, line_end, next_line, skip_blanks};
use crate::render::{self, Layout};
use crate::walk::Walk;
use crate::{Document, EditError, Version, explain, wtf8};

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineBreak {
    /// Unix line breaks.
    Lf,
    /// Windows line breaks.
    CrLf,
}

impl LineBreak {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }
}

impl Document {
    /// The same document as regedit would lay it out, with its comments, in its encoding and with its
    /// line breaks. Keys are set off by blank lines, of which no two follow each other.
    ///
    /// ```
    /// use winpe_regfile::{Document, ParseOptions};
    /// let text = b"REGEDIT4\n[hkey_users\\x]\n  \"a\" = dword:1;one\n;two\n\n\n[HKEY_USERS\\y]";
    /// let document = Document::parse(text, &ParseOptions::default())?;
    /// assert_eq!(String::from_utf8(document.formatted()?.to_bytes())?, "REGEDIT4\n\n\
    ///     [HKEY_USERS\\x]\n\"a\"=dword:00000001 ;one\n;two\n\n[HKEY_USERS\\y]\n\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EditError::OtherMeaning`] for lines that only lenient mode reads.
    pub fn formatted(&self) -> Result<Self, EditError> {
        self.laid_out(false)
    }

    /// As [`formatted`](Self::formatted), with a comment below each text or number that is written
    /// as bytes: see [`explain`].
    ///
    /// # Errors
    /// As for [`formatted`](Self::formatted), and [`EditError::Unencodable`] for a text that the
    /// document's encoding does not have.
    pub fn explained(&self) -> Result<Self, EditError> {
        self.laid_out(true)
    }

    fn laid_out(&self, explained: bool) -> Result<Self, EditError> {
        let layout = self.layout();
        let mut out = Lines { text: vec![], layout, last: Last::Nothing };
        for (step, item) in Walk::new(self).zip(self.items()) {
            let end = content_end(&self.text, step.start, step.end);
            let whole = self.text[step.start..end].trim_ascii();
            match (&step.what, &item.edit) {
                (What::Blank, _) => out.blank(),
                (What::Header(version), _) => {
                    if out.last == Last::Nothing {
                        out.line(&[version.header().as_bytes()]);
                        out.last = Last::Header;
                    }
                    let comment = whole.iter().position(|&byte| byte == b';');
                    comment.into_iter().for_each(|at| out.comment(&whole[at..]));
                }
                (What::Key { delete, .. }, Some(Edit { key, .. })) => {
                    out.set_off();
                    let close = whole.iter().rposition(|&byte| byte == b']').unwrap_or(0);
                    let mut line = vec![];
                    let one_line = Layout { line_break: b"", ..layout };
                    render::key_line(&mut line, key, *delete, one_line)?;
                    out.line(&[&line, &tail(&whole[close + 1..])]);
                }
                (What::Value { extent, .. }, Some(edit)) => {
                    let comment = tail(&self.text[extent.end.min(end)..end]);
                    // A comment between bytes has to stay there.
                    if self.text[extent.clone()].contains(&b';')
                        && !is_exact_only(&self.text, extent)
                    {
                        out.line(&[whole]);
                    } else {
                        let line = value_line(edit, layout)?;
                        out.line(&[&line, &comment]);
                    }
                    if explained && let Some(text) = explanation(edit, layout) {
                        out.line(&[text.as_bytes()]);
                    }
                }
                _ => out.comment(whole),
            }
        }
        out.set_off();
        self.checked(out.text, self.dialect)
    }

    /// The same document in another form; only the necessary bytes change.
    ///
    /// In `REGEDIT4`, texts are in the code page: that of the new encoding, or else the one with
    /// which the document was read.
    ///
    /// ```
    /// use winpe_regfile::{Document, Encoding, LineBreak, ParseOptions, Version};
    /// let text = b"REGEDIT4\r\n[HKEY_USERS\\x]\r\n\"a\"=hex(2):e9,00 ;\xe9\r\n";
    /// let document = Document::parse(text, &ParseOptions::default())?;
    /// let utf8 = document.converted(Version::V5, Encoding::Utf8, LineBreak::Lf)?;
    /// assert_eq!(String::from_utf8(utf8.to_bytes())?, "Windows Registry Editor Version 5.00\n\
    ///     [HKEY_USERS\\x]\n\"a\"=hex(2):e9,00,00,00 ;é\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EditError`]: the form lacks a character, or cannot express a value.
    pub fn converted(
        &self,
        version: Version,
        encoding: Encoding,
        line_break: LineBreak,
    ) -> Result<Self, EditError> {
        if !self.importable {
            return Err(EditError::NoHeader);
        }
        let codepage = match encoding {
            Encoding::Ansi(codepage) => codepage,
            _ => self.dialect.codepage,
        };
        let dialect = Dialect { version, encoding, codepage };
        let layout = Layout { line_break: line_break.bytes(), ..dialect.layout() };
        let version_changes = self.dialect.version != version;
        let mut out = vec![];
        for (step, item) in Walk::new(self).zip(self.items()) {
            let text = &self.text[step.start..step.end];
            match (&step.what, &item.edit) {
                (What::Header(_), _) => {
                    let start = skip_blanks(&self.text, step.start);
                    let old = self.dialect.version.header();
                    out.extend_from_slice(version.header().as_bytes());
                    let rest = &self.text[start + old.len()..step.end];
                    push_with_breaks(&mut out, &self.plain(rest), layout.line_break);
                }
                (
                    What::Value { data, extent, .. },
                    Some(Edit { op: Op::SetValue { value, .. }, .. }),
                ) if must_be_rewritten(&self.text, data, version_changes) => {
                    let before = &self.text[step.start..extent.start];
                    out.extend_from_slice(&self.plain(before));
                    let width = before.len();
                    render::data(&mut out, width, value.ty, &value.data, layout)?;
                    let after = self.plain(&self.text[extent.end..step.end]);
                    push_with_breaks(&mut out, &after, layout.line_break);
                }
                _ => push_with_breaks(&mut out, &self.plain(text), layout.line_break),
            }
        }
        self.checked(out, dialect)
    }

    /// The text, with bytes that were kept as stray surrogates converted back to bytes of the code
    /// page.
    fn plain(&self, text: &[u8]) -> Vec<u8> {
        let mut units = Vec::with_capacity(text.len());
        self.dialect.push_units(text, &mut units);
        let mut plain = Vec::with_capacity(text.len());
        wtf8::push_units(&mut plain, units);
        plain
    }

    fn checked(&self, text: Vec<u8>, dialect: Dialect) -> Result<Self, EditError> {
        encode(&text, dialect.encoding, &mut vec![]).map_err(|character| {
            EditError::Unencodable { encoding: dialect.encoding.name(), character }
        })?;
        let new = self.with_text_in(text, dialect);
        let same = new.edits().map(|(edit, _)| edit).eq(self.edits().map(|(edit, _)| edit));
        if same { Ok(new) } else { Err(EditError::OtherMeaning) }
    }
}

/// Whether the text of a value must be rewritten for the new form: line breaks inside a string are
/// data.
fn must_be_rewritten(text: &[u8], data: &Data, version_changes: bool) -> bool {
    match data {
        Data::Text(string) => line_end(text, string.start) < string.end,
        Data::Hex(hex) => version_changes && is_text(hex.ty),
        Data::Dword(_) | Data::Delete => false,
    }
}

fn push_with_breaks(out: &mut Vec<u8>, mut text: &[u8], line_break: &[u8]) {
    while !text.is_empty() {
        let end = line_end(text, 0);
        out.extend_from_slice(&text[..end]);
        if end < text.len() {
            out.extend_from_slice(line_break);
        }
        text = &text[next_line(text, end)..];
    }
}

/// The end of an item without its last line break.
fn content_end(text: &[u8], start: usize, end: usize) -> usize {
    let breaks = text[start..end].iter().rev().take_while(|&&b| b == b'\r' || b == b'\n');
    end - breaks.count()
}

/// A comment after something, separated by one space; empty if there is none.
fn tail(text: &[u8]) -> Vec<u8> {
    match text.trim_ascii() {
        b"" => vec![],
        comment => [b" ", comment].concat(),
    }
}

fn is_exact_only(text: &[u8], extent: &Range<usize>) -> bool {
    let data = &text[extent.clone()];
    // Inside a string, `;` is text.
    data.first() == Some(&b'"')
        || data.iter().filter(|&&byte| byte == b';').count() == 1
            && data.trim_ascii_end().ends_with(EXACT.as_bytes())
}

fn value_line(edit: &Edit, layout: Layout) -> Result<Vec<u8>, EditError> {
    let mut line = vec![];
    match &edit.op {
        Op::SetValue { name, value } => {
            render::value_lines(&mut line, name, value.ty, &value.data, layout)?;
        }
        Op::DeleteValue { name } => render::deletion_line(&mut line, name, layout)?,
        Op::CreateKey | Op::DeleteKey => {}
    }
    line.truncate(line.len() - layout.line_break.len());
    Ok(line)
}

fn explanation(edit: &Edit, layout: Layout) -> Option<String> {
    let Op::SetValue { value, .. } = &edit.op else { return None };
    let line = value_line(edit, layout).ok()?;
    let is_hex = line.windows(5).any(|at| at == b"=hex(");
    let text = explain(value).filter(|text| is_hex && !text.is_empty())?;
    Some(format!("; {text}"))
}

/// The lines of the new layout.
struct Lines {
    text: Vec<u8>,
    layout: Layout,
    last: Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Header,
    Blank,
    Comment,
    Other,
}

impl Lines {
    fn line(&mut self, parts: &[&[u8]]) {
        if self.last == Last::Header {
            self.blank();
        }
        self.last = Last::Other;
        for part in parts {
            self.text.extend_from_slice(part);
        }
        self.text.extend_from_slice(self.layout.line_break);
    }

    fn comment(&mut self, text: &[u8]) {
        self.line(&[text]);
        self.last = Last::Comment;
    }

    fn blank(&mut self) {
        if !matches!(self.last, Last::Blank | Last::Nothing) {
            self.text.extend_from_slice(self.layout.line_break);
            self.last = Last::Blank;
        }
    }

    /// Adds a blank line before a key, or before the comment directly above it, which belongs to
    /// the key.
    fn set_off(&mut self) {
        if self.last != Last::Comment {
            self.blank();
        }
    }
}
