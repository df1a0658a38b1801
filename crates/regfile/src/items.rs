//! Items (header, comments, keys, values, blank and skipped lines) and edits of a document as
//! iterators.

use winpe_registry::Edit;

use crate::cursor::Cursor;
use crate::lexer::{Data, What};
use crate::{Document, Span};

/// The kind of an item.
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
    /// An item that regedit skips.
    Skipped,
}

/// One item of a document: a line, or all lines of a value that spans several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its kind.
    pub kind: ItemKind,
    /// Its lines with their line breaks.
    pub span: Span,
    /// Its edit, if it has one.
    pub edit: Option<Edit>,
}

/// The items of a [`Document`].
#[derive(Debug, Clone)]
pub struct Items<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Items<'a> {
    pub(crate) fn new(document: &'a Document) -> Self {
        Self { cursor: Cursor::new(document) }
    }
}

impl Iterator for Items<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let step = self.cursor.step()?;
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
        let line = self.cursor.line_of(&step);
        let span = Span { line, column: 1, start: step.start, end: step.end };
        let edit = self.cursor.decode(&step).map(|edit| edit.to_edit());
        Some(Item { kind, span, edit })
    }
}

/// The edits of a [`Document`], each with its place.
#[derive(Debug, Clone)]
pub struct Edits<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Edits<'a> {
    pub(crate) fn new(document: &'a Document) -> Self {
        Self { cursor: Cursor::new(document) }
    }
}

impl Iterator for Edits<'_> {
    type Item = (Edit, Span);

    fn next(&mut self) -> Option<(Edit, Span)> {
        let edit = self.cursor.next()?;
        Some((edit.to_edit(), edit.span()))
    }
}
