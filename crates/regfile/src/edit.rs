use std::ops::Range;

use thiserror::Error;
use winpe_registry::{Edit, KeyPath, Op, ValueName};

use crate::encoding::encode;
use crate::lexer::{Data, What, line_end};
use crate::render::{self, Layout};
use crate::walk::Walk;
use crate::{Document, Reason, WriteError};

/// Why a document cannot be edited so. The document is then as it was.
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
    /// Nothing is imported from a document without a header.
    #[error("expected a document with a header")]
    NoHeader,
    /// The change would give other lines another meaning: they leave a quote open, or stand behind a
    /// deleted key. Lenient mode accepts such lines, strict mode does not.
    #[error("lines that were skipped would get another meaning")]
    OtherMeaning,
}

/// Each change keeps every byte that it does not concern, comments among them, and is checked: the
/// document then says what it said before but for the change.
impl Document {
    /// Makes the document do this edit after all that it does.
    ///
    /// A value that the document sets or deletes already is changed in its place; a new one goes
    /// behind the last value of its key, a new key to the end. What the document does already is not
    /// repeated. A `.reg` file cannot delete a value without creating its key. A precondition is not
    /// looked at.
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
    /// [`EditError`], and then nothing has changed.
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

    /// Takes out all lines that set or delete the value, and returns their number. Afterwards the
    /// document says nothing about it, except by deleting its key.
    ///
    /// # Errors
    /// [`EditError::OtherMeaning`], and then nothing has changed.
    pub fn remove_value(&mut self, key: &KeyPath, name: &ValueName) -> Result<usize, EditError> {
        self.remove(|edit| match &edit.op {
            Op::SetValue { name: said, .. } | Op::DeleteValue { name: said } => {
                edit.key == *key && said == name
            }
            Op::CreateKey | Op::DeleteKey => false,
        })
    }

    /// Takes out all lines that are about the key or a key below it, and returns the number of edits
    /// that are gone with them. Comments and blank lines stay.
    ///
    /// # Errors
    /// [`EditError::OtherMeaning`], and then nothing has changed.
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

    /// What makes the document do this edit, if it does not do so already.
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

    /// A block at the end, set off by a blank line; if the file ends in one, it does so again.
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

    /// The line break that is missing before a line at `at`.
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
    /// What goes in place of which text, from the back to the front.
    splices: Vec<(Range<usize>, Vec<u8>)>,
    /// Which edit of the document is the first to change.
    index: usize,
    /// How many go.
    replaces: usize,
    /// And what comes.
    edits: Vec<Edit>,
}

/// Where a document speaks of a key and a value.
#[derive(Default)]
struct Place {
    /// Behind the last value of the last block that is the key's and is not deleted later.
    home: Option<Home>,
    /// Where the value is last set or deleted, if its key is not deleted later.
    said: Option<Said>,
    /// Whether the last word about the key and all below it is that it is deleted.
    is_deleted: bool,
    /// Whether the last line is blank.
    ends_blank: bool,
    /// The backslash of bytes that the end of the file cuts short: it would swallow further lines.
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
    /// Whether it says just what the edit does.
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
