//! Edits of a document: values and keys set, deleted or removed in the text, with everything else
//! kept.

use std::ops::Range;

use thiserror::Error;
use winpe_registry::{Edit, KeyPath, Op, ValueName};

use crate::encoding::encode;
use crate::lexer::{Data, What, line_end};
use crate::render::{self, Layout};
use crate::walk::Walk;
use crate::{Document, Reason, WriteError};

/// Why an edit of a document failed. The document is then unchanged.
#[derive(Debug, Error)]
pub enum EditError {
    /// Something that `.reg` text cannot hold.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The document's encoding does not have a character.
    #[error("{encoding} has no {character:?}")]
    Unencodable {
        /// The name of the encoding.
        encoding: &'static str,
        /// The character.
        character: String,
    },
    /// The document has no header, so regedit imports nothing from it.
    #[error("expected a document with a header")]
    NoHeader,
    /// The change would alter the meaning of other lines: lines that leave a quote open or that
    /// follow a deleted key. Lenient mode accepts such lines, strict mode does not.
    #[error("lines that were skipped would get another meaning")]
    OtherMeaning,
}

/// Each change keeps every byte that it does not concern, including comments, and is checked: all
/// other edits of the document must stay the same.
impl Document {
    /// Changes the document so that its effect includes this edit, after all its other edits.
    ///
    /// A value that the document already sets or deletes is changed in place. A new value is added
    /// after the last value of its key, a new key at the end. An edit that the document already
    /// makes is not repeated. A `.reg` file cannot delete a value without creating its key. The
    /// precondition is ignored.
    ///
    /// ```
    /// use winpe_regfile::{Document, ParseOptions};
    /// use winpe_registry::{Edit, Value, ValueName};
    ///
    /// let text = b"REGEDIT4\n\n[HKEY_USERS\\x]\n\"a\" = dword:1 ; why\n";
    /// let mut document = Document::parse(text, &ParseOptions::default())?;
    /// let key: winpe_registry::KeyPath = r"HKEY_USERS\X".parse()?;
    /// let name = ValueName::new("A")?;
    /// document.apply(&Edit::set_value(key.clone(), name.clone(), Value::sz("one")))?;
    /// assert_eq!(document.to_bytes(), b"REGEDIT4\n\n[HKEY_USERS\\x]\n\"a\" = \"one\" ; why\n");
    /// document.remove_value(&key, &name)?;
    /// assert_eq!(document.to_bytes(), b"REGEDIT4\n\n[HKEY_USERS\\x]\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EditError`]; the document is then unchanged.
    pub fn apply(&mut self, edit: &Edit) -> Result<(), EditError> {
        if !self.importable {
            return Err(EditError::NoHeader);
        }
        let edit = Edit { expect: None, ..edit.clone() };
        match self.change(&edit)? {
            Some(change) => self.carry_out(change),
            None => Ok(()),
        }
    }

    /// Removes all lines that set or delete the value, and returns their number. Afterwards the
    /// document does not change the value, except by deleting its key.
    ///
    /// # Errors
    /// [`EditError::OtherMeaning`]; the document is then unchanged.
    pub fn remove_value(&mut self, key: &KeyPath, name: &ValueName) -> Result<usize, EditError> {
        self.remove(|edit| match &edit.op {
            Op::SetValue { name: said, .. } | Op::DeleteValue { name: said } => {
                edit.key == *key && said == name
            }
            Op::CreateKey | Op::DeleteKey => false,
        })
    }

    /// Removes all lines about the key or a key below it, and returns the number of edits removed.
    /// Comments and blank lines stay.
    ///
    /// # Errors
    /// [`EditError::OtherMeaning`]; the document is then unchanged.
    pub fn remove_key(&mut self, key: &KeyPath) -> Result<usize, EditError> {
        self.remove(|edit| edit.key.starts_with(key))
    }

    fn remove(&mut self, goes: impl Fn(&Edit) -> bool) -> Result<usize, EditError> {
        let mut text = Vec::with_capacity(self.text.len());
        let mut removed = 0;
        for item in self.items() {
            if item.edit.as_ref().is_some_and(&goes) {
                removed += 1;
            } else {
                text.extend_from_slice(&self.text[item.span.start..item.span.end]);
            }
        }
        let edited = self.with_text(text);
        let kept = self.edits().map(|(edit, _)| edit).filter(|edit| !goes(edit));
        self.replace_by(edited, kept.collect::<Vec<_>>().iter().cloned())?;
        Ok(removed)
    }

    /// The change of the text that makes the document include this edit; `None` if it already does.
    fn change(&self, edit: &Edit) -> Result<Option<Change>, EditError> {
        let place = Place::find(self, edit);
        let layout = self.layout();
        let mut text = vec![];
        let (splice, index) = match (&edit.op, &place) {
            (Op::CreateKey, Place { home: Some(_), .. })
            | (Op::DeleteKey, Place { is_deleted: true, .. })
            | (_, Place { said: Some(Said { same: true, .. }), .. }) => return Ok(None),
            (Op::CreateKey | Op::DeleteKey, _) => {
                let delete = matches!(edit.op, Op::DeleteKey);
                render::key_line(&mut text, &edit.key, delete, layout)?;
                return Ok(Some(self.append(text, vec![edit.clone()], &place)));
            }
            (op, Place { said: Some(said), .. }) => {
                match op {
                    Op::SetValue { value, .. } => {
                        let width = self.column(said.extent.start);
                        render::data(&mut text, width, value.ty, &value.data, layout)?;
                    }
                    _ => text.push(b'-'),
                }
                let splices = vec![(said.extent.clone(), text)];
                let edits = vec![edit.clone()];
                return Ok(Some(Change { splices, index: said.index, replaces: 1, edits }));
            }
            (_, Place { home: Some(home), .. }) => {
                text.extend_from_slice(self.break_before(home.at, layout));
                value_line(&mut text, edit, layout)?;
                ((home.at..home.at, text), home.index)
            }
            (_, Place { home: None, .. }) => {
                render::key_line(&mut text, &edit.key, false, layout)?;
                value_line(&mut text, edit, layout)?;
                let edits = vec![Edit::create_key(edit.key.clone()), edit.clone()];
                return Ok(Some(self.append(text, edits, &place)));
            }
        };
        let at_end = splice.0.start == self.text.len();
        let loose_end = place.loose_end.filter(|_| at_end);
        let splices = [splice].into_iter().chain(loose_end).collect();
        Ok(Some(Change { splices, index, replaces: 0, edits: vec![edit.clone()] }))
    }

    /// Appends a block after a blank line. If the file ended in a blank line, it ends in one again.
    fn append(&self, block: Vec<u8>, edits: Vec<Edit>, place: &Place) -> Change {
        let layout = self.layout();
        let end = self.text.len();
        let mut text = self.break_before(end, layout).to_vec();
        if !place.ends_blank {
            text.extend_from_slice(layout.line_break);
        }
        text.extend(block);
        if place.ends_blank {
            text.extend_from_slice(layout.line_break);
        }
        let mut splices = vec![(end..end, text)];
        splices.extend(place.loose_end.clone());
        Change { splices, index: place.edits, replaces: 0, edits }
    }

    fn carry_out(&mut self, change: Change) -> Result<(), EditError> {
        let mut text = self.text.clone();
        for (range, new) in change.splices {
            encode(&new, self.dialect.encoding, &mut vec![]).map_err(|character| {
                EditError::Unencodable { encoding: self.dialect.encoding.name(), character }
            })?;
            text.splice(range, new);
        }
        let edited = self.with_text(text);
        let before = self.edits().map(|(edit, _)| edit).collect::<Vec<_>>();
        let (kept, rest) = before.split_at(change.index);
        let expected = kept.iter().chain(&change.edits).chain(&rest[change.replaces..]).cloned();
        self.replace_by(edited, expected)
    }

    fn replace_by(
        &mut self,
        edited: Self,
        expected: impl Iterator<Item = Edit>,
    ) -> Result<(), EditError> {
        if !edited.edits().map(|(edit, _)| Edit { expect: None, ..edit }).eq(expected) {
            return Err(EditError::OtherMeaning);
        }
        *self = edited;
        Ok(())
    }

    pub(crate) fn layout(&self) -> Layout {
        let first_break = line_end(&self.text, 0);
        let usual = self.dialect.layout();
        let line_break: &[u8] = match self.text.get(first_break..) {
            Some([b'\r', b'\n', ..]) => b"\r\n",
            Some([b'\r', ..]) => b"\r",
            Some([b'\n', ..]) => b"\n",
            _ => usual.line_break,
        };
        Layout { line_break, ..usual }
    }

    /// The line break to add before a line inserted at `at`, if one is missing.
    fn break_before(&self, at: usize, layout: Layout) -> &'static [u8] {
        if self.text[..at].ends_with(b"\n") || self.text[..at].ends_with(b"\r") {
            b""
        } else {
            layout.line_break
        }
    }

    /// The number of bytes before `at` in its line.
    fn column(&self, at: usize) -> usize {
        at - memchr::memrchr2(b'\r', b'\n', &self.text[..at]).map_or(0, |last| last + 1)
    }
}

fn value_line(text: &mut Vec<u8>, edit: &Edit, layout: Layout) -> Result<(), WriteError> {
    match &edit.op {
        Op::SetValue { name, value } => {
            render::value_lines(text, name, value.ty, &value.data, layout)
        }
        Op::DeleteValue { name } => render::deletion_line(text, name, layout),
        Op::CreateKey | Op::DeleteKey => Ok(()),
    }
}

struct Change {
    /// Ranges of the text and their replacements, last range first.
    splices: Vec<(Range<usize>, Vec<u8>)>,
    /// The index of the first edit of the document that changes.
    index: usize,
    /// The number of edits removed.
    replaces: usize,
    /// The edits inserted.
    edits: Vec<Edit>,
}

/// Where a document mentions a key and a value.
#[derive(Default)]
struct Place {
    /// After the last value of the last block of the key that is not deleted later.
    home: Option<Home>,
    /// Where the value is last set or deleted, if its key is not deleted later.
    said: Option<Said>,
    /// Whether the last edit of the key and everything below it deletes it.
    is_deleted: bool,
    /// Whether the last line is blank.
    ends_blank: bool,
    /// A backslash after bytes, which the end of the file cuts off: it would join further lines to
    /// the bytes.
    loose_end: Option<(Range<usize>, Vec<u8>)>,
    /// The number of edits.
    edits: usize,
}

struct Home {
    at: usize,
    index: usize,
}

struct Said {
    extent: Range<usize>,
    index: usize,
    /// Whether this line already makes the edit.
    same: bool,
}

impl Place {
    fn find(document: &Document, edit: &Edit) -> Self {
        let mut place = Self::default();
        let name = match &edit.op {
            Op::SetValue { name, .. } | Op::DeleteValue { name } => Some(name),
            Op::CreateKey | Op::DeleteKey => None,
        };
        for (step, item) in Walk::new(document).zip(document.items()) {
            place.ends_blank = matches!(step.what, What::Blank);
            place.loose_end = step.strict.as_ref().and_then(|fault| {
                (fault.reason == Reason::Continuation).then(|| (fault.at..fault.at + 1, vec![]))
            });
            let Some(said) = item.edit else { continue };
            let index = place.edits;
            place.edits += 1;
            if matches!(said.op, Op::DeleteKey) {
                if edit.key.starts_with(&said.key) {
                    place.is_deleted = true;
                    place.home = None;
                    place.said = None;
                }
                continue;
            }
            if said.key.starts_with(&edit.key) {
                place.is_deleted = false;
            }
            if said.key != edit.key {
                continue;
            }
            place.home = Some(Home { at: step.end, index: index + 1 });
            if let What::Value { extent, data, .. } = step.what
                && let Op::SetValue { name: found, .. } | Op::DeleteValue { name: found } = &said.op
                && name == Some(found)
            {
                let both_delete = matches!(data, Data::Delete);
                let same = match (&said.op, &edit.op) {
                    (Op::SetValue { value, .. }, Op::SetValue { value: new, .. }) => value == new,
                    (_, Op::DeleteValue { .. }) => both_delete,
                    _ => false,
                };
                place.said = Some(Said { extent, index, same });
            }
        }
        place
    }
}
