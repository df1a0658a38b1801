//! `Walk`: items of a document in order, with the state that decides whether values apply (current
//! key, skipped or deleted key).

use std::cell::Cell;
use std::mem;

use crate::document::header_reason;
use crate::lexer::{Fault, NoBytes, Sink, What, lex, skip_blanks};
use crate::span::{count_breaks, locate};
use crate::{Document, Reason, Span};

/// Reads a document item by item, from the start.
#[derive(Debug, Clone)]
pub(crate) struct Walk<'a> {
    document: &'a Document,
    at: usize,
    lines: Cell<Lines>,
    values: Values,
    /// Whether the text has no header and its refusal has not been returned yet.
    refused: bool,
}

/// How values are treated at this place of the text.
#[derive(Debug, Clone, Copy)]
enum Values {
    /// They belong to the key before them.
    Belong,
    ComeFirst,
    FollowDeleted,
    FollowSkipped,
}

/// The position up to which lines have been counted.
#[derive(Debug, Clone, Copy)]
struct Lines {
    /// The start of a line.
    at: usize,
    /// Its number, from 1.
    line: usize,
}

/// One item, and its meaning at its place.
pub(crate) struct Step {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) what: What,
    /// Fault for strict mode only: regedit accepts the item.
    pub(crate) strict: Option<Fault>,
}

impl Step {
    pub(crate) fn fault(&self) -> Option<&Fault> {
        match &self.what {
            What::Fault(fault) => Some(fault),
            _ => None,
        }
    }
}

impl<'a> Walk<'a> {
    pub(crate) fn new(document: &'a Document) -> Self {
        let lines = Cell::new(Lines { at: 0, line: 1 });
        let refused = !document.importable;
        Self { document, at: 0, lines, values: Values::ComeFirst, refused }
    }

    pub(crate) fn document(&self) -> &'a Document {
        self.document
    }

    /// The number of the line that starts at `start`. Lines are counted on from the previous call,
    /// so `start` must not decrease.
    pub(crate) fn line_of(&self, start: usize) -> usize {
        let Lines { at, line } = self.lines.get();
        let line = line + count_breaks(&self.document.text[at..start]);
        self.lines.set(Lines { at: start, line });
        line
    }

    /// A place within the item that starts at `start`; the same restriction as for
    /// [`line_of`](Self::line_of).
    pub(crate) fn locate(&self, start: usize, at: usize) -> Span {
        let line = self.line_of(start);
        locate(&self.document.text, start, line, at)
    }

    fn without_header(&mut self) -> Step {
        let text = &self.document.text;
        let fault = Fault { at: skip_blanks(text, 0), reason: header_reason(text) };
        self.at = text.len();
        Step { start: 0, end: self.at, what: What::Fault(fault), strict: None }
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.step(&mut NoBytes)
    }
}

impl Walk<'_> {
    /// The next item; its hexadecimal bytes are passed to `bytes`.
    pub(crate) fn step(&mut self, bytes: &mut impl Sink) -> Option<Step> {
        let text = &self.document.text;
        if mem::take(&mut self.refused) {
            return Some(self.without_header());
        }
        if self.at >= text.len() {
            return None;
        }
        let start = self.at;
        let lexed = lex(text, start, self.document.dialect, bytes);
        self.at = lexed.end;
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
        Some(Step { start, end: lexed.end, what, strict })
    }
}
