use std::mem;

use winpe_registry::{Edit, KeyPath, NtString, Value, ValueName, ValueType};

use crate::document::header_reason;
use crate::lexer::{Data, Fault, What, hex_bytes, lex, skip_blanks};
use crate::span::{count_breaks, locate};
use crate::{Document, Reason, Span};

/// What an item of a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// The header, at the start or repeated.
    Header,
    /// A blank line.
    Blank,
    /// A line that is a comment.
    Comment,
    /// `[key]`.
    Key,
    /// `[-key]`.
    DeleteKey,
    /// `"name"=data`.
    Value,
    /// `"name"=-`.
    DeleteValue,
    /// What regedit does not take.
    Skipped,
}

/// One item of a document: a line, or the lines over which a value goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Its lines with their line breaks.
    pub span: Span,
    /// What it does.
    pub edit: Option<Edit>,
}

/// The items of a [`Document`].
#[derive(Debug, Clone)]
pub struct Items<'a> {
    walk: Walk<'a>,
    key: KeyPath,
}

impl<'a> Items<'a> {
    pub(crate) fn new(document: &'a Document) -> Self {
        Self { walk: Walk::new(document), key: KeyPath::root() }
    }
}

impl Iterator for Items<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let step = self.walk.next()?;
        let text = &self.walk.document.text;
        let kind = match &step.what {
            What::Blank => ItemKind::Blank,
            What::Comment => ItemKind::Comment,
            What::Header(_) => ItemKind::Header,
            What::Key { delete: false, .. } => ItemKind::Key,
            What::Key { delete: true, .. } => ItemKind::DeleteKey,
            What::Value { data: Data::Delete, .. } => ItemKind::DeleteValue,
            What::Value { .. } => ItemKind::Value,
            What::Fault(_) => ItemKind::Skipped,
        };
        let span = Span { line: step.line, column: 1, start: step.start, end: step.end };
        let edit = edit(self.walk.document, text, step.what, &mut self.key);
        Some(Item { kind, span, edit })
    }
}

/// The edits of a [`Document`], each with its place.
#[derive(Debug, Clone)]
pub struct Edits<'a> {
    walk: Walk<'a>,
    key: KeyPath,
}

impl<'a> Edits<'a> {
    pub(crate) fn new(document: &'a Document) -> Self {
        Self { walk: Walk::new(document), key: KeyPath::root() }
    }
}

impl Iterator for Edits<'_> {
    type Item = (Edit, Span);

    fn next(&mut self) -> Option<(Edit, Span)> {
        let document = self.walk.document;
        let text = &document.text;
        loop {
            let step = self.walk.next()?;
            if let Some(edit) = edit(document, text, step.what, &mut self.key) {
                let start = skip_blanks(text, step.start);
                let breaks =
                    text[..step.end].iter().rev().take_while(|b| matches!(b, b'\r' | b'\n'));
                let end = step.end - breaks.count();
                let span = Span { end, ..locate(text, step.start, step.line, start) };
                return Some((edit, span));
            }
        }
    }
}

fn edit(document: &Document, text: &[u8], what: What, key: &mut KeyPath) -> Option<Edit> {
    let dialect = document.dialect;
    match what {
        What::Key { path, delete: true } => Some(Edit::delete_key(path)),
        What::Key { path, delete: false } => {
            key.clone_from(&path);
            Some(Edit::create_key(path))
        }
        What::Value { name, data, .. } => {
            let name = ValueName::from_stored(NtString::from_units(dialect.string(&text[name])));
            let value = match data {
                Data::Delete => return Some(Edit::delete_value(key.clone(), name)),
                Data::Text(string) => Value::new(ValueType::SZ, dialect.sz(&text[string])),
                Data::Dword(number) => Value::dword(number),
                Data::Hex(hex) => {
                    let ty = ValueType(hex.ty);
                    let bytes = hex_bytes(text, &hex);
                    Value::new(ty, if hex.exact { bytes } else { dialect.stored(ty, bytes) })
                }
            };
            Some(Edit::set_value(key.clone(), name, value))
        }
        What::Blank | What::Comment | What::Header(_) | What::Fault(_) => None,
    }
}

/// Reads a document from its front, item for item.
#[derive(Debug, Clone)]
pub(crate) struct Walk<'a> {
    document: &'a Document,
    at: usize,
    line: usize,
    values: Values,
    /// Whether the text has no header and is still to be refused as a whole.
    refused: bool,
}

/// What values do at this place of the text.
#[derive(Debug, Clone, Copy)]
enum Values {
    /// To the key before them.
    Belong,
    ComeFirst,
    FollowDeleted,
    FollowSkipped,
}

/// One item, and what it says at its place.
pub(crate) struct Step {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) line: usize,
    pub(crate) what: What,
    /// What strict mode refuses though regedit takes it.
    pub(crate) strict: Option<Fault>,
}

impl Step {
    pub(crate) fn fault(&self) -> Option<&Fault> {
        match &self.what {
            What::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    pub(crate) fn locate(&self, text: &[u8], at: usize) -> Span {
        locate(text, self.start, self.line, at)
    }
}

impl<'a> Walk<'a> {
    pub(crate) fn new(document: &'a Document) -> Self {
        Self { document, at: 0, line: 1, values: Values::ComeFirst, refused: !document.importable }
    }

    fn without_header(&mut self) -> Step {
        let text = &self.document.text;
        let fault = Fault { at: skip_blanks(text, 0), reason: header_reason(text) };
        self.at = text.len();
        Step { start: 0, end: self.at, line: 1, what: What::Fault(fault), strict: None }
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let text = &self.document.text;
        if mem::take(&mut self.refused) {
            return Some(self.without_header());
        }
        if self.at >= text.len() {
            return None;
        }
        let (start, line) = (self.at, self.line);
        let lexed = lex(text, start, self.document.dialect);
        self.at = lexed.end;
        self.line += count_breaks(&text[start..lexed.end]);
        let mut strict = lexed.strict;
        let mut what = lexed.what;
        let at = skip_blanks(text, start);
        match &what {
            What::Key { delete, .. } => {
                self.values = if *delete { Values::FollowDeleted } else { Values::Belong };
            }
            What::Fault(_) if text.get(at) == Some(&b'[') => {
                self.values = Values::FollowSkipped;
            }
            What::Value { .. } => {
                let reason = match self.values {
                    Values::Belong => None,
                    Values::ComeFirst => Some(Reason::NoKey),
                    Values::FollowDeleted => Some(Reason::DeletedKey),
                    Values::FollowSkipped => Some(Reason::SkippedKey),
                };
                if let Some(reason) = reason {
                    what = What::Fault(Fault { at, reason });
                    strict = None;
                }
            }
            What::Header(version) if *version != self.document.dialect.version => {
                what = What::Fault(Fault { at, reason: Reason::SecondHeader });
            }
            _ => {}
        }
        Some(Step { start, end: lexed.end, line, what, strict })
    }
}
