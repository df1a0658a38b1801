//! `Cursor`: the edits of a document one at a time, borrowed from its text.

use std::mem;
use std::ops::Range;

use winpe_registry::{Edit, KeyName, KeyPath, NtString, Op, Value, ValueName, ValueType};

use crate::lexer::{Data, What, find_root, path_names, skip_blanks};
use crate::walk::{Step, Walk};
use crate::{Document, Span};

/// The edit at the current position of a [`Cursor`].
#[derive(Debug, Clone)]
pub struct EditRef<'c> {
    /// The key, from a root such as `HKEY_LOCAL_MACHINE` on.
    pub key: &'c KeyPath,
    /// The operation on it.
    pub op: OpRef<'c>,
    walk: &'c Walk<'c>,
    at: Range<usize>,
}

/// The operation on a key; the borrowed form of [`Op`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpRef<'c> {
    /// Create it and its missing parents.
    CreateKey,
    /// Delete it with everything below it.
    DeleteKey,
    /// Set a value.
    SetValue {
        /// The name of the value.
        name: &'c ValueName,
        /// Its type.
        ty: ValueType,
        /// Its data, as stored.
        data: &'c [u8],
    },
    /// Delete a value.
    DeleteValue {
        /// The name of the value.
        name: &'c ValueName,
    },
}

impl EditRef<'_> {
    /// An owned copy.
    #[must_use]
    pub fn to_edit(&self) -> Edit {
        let op = match self.op {
            OpRef::CreateKey => Op::CreateKey,
            OpRef::DeleteKey => Op::DeleteKey,
            OpRef::SetValue { name, ty, data } => {
                Op::SetValue { name: name.clone(), value: Value::new(ty, data) }
            }
            OpRef::DeleteValue { name } => Op::DeleteValue { name: name.clone() },
        };
        Edit { key: self.key.clone(), op, expect: None }
    }

    /// The place of the edit in the document, without white space before it and line breaks after
    /// it.
    #[must_use]
    pub fn span(&self) -> Span {
        let text = &self.walk.document().text;
        let start = skip_blanks(text, self.at.start);
        let breaks = text[self.at.clone()].iter().rev();
        let breaks = breaks.take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        Span { end: self.at.end - breaks, ..self.walk.locate(self.at.start, start) }
    }
}

/// Iterates over the edits of a [`Document`] without allocating for each; see [`Document::cursor`].
///
/// ```
/// use winpe_regfile::{Document, Format, OpRef, ParseOptions, Writer};
///
/// let text = b"REGEDIT4\n[HKEY_USERS\\x]\n \"a\" = hex(4):1,0,0,0\n[HKEY_USERS\\y]\n";
/// let document = Document::parse(text, &ParseOptions::lenient())?;
/// let mut writer = Writer::new(Vec::new(), Format::Utf8Lf);
/// let mut cursor = document.cursor();
/// while let Some(edit) = cursor.next() {
///     match edit.op {
///         OpRef::CreateKey => writer.key(edit.key)?,
///         OpRef::DeleteKey => writer.delete_key(edit.key)?,
///         OpRef::SetValue { name, ty, data } => writer.value(name, ty, data)?,
///         OpRef::DeleteValue { name } => writer.delete_value(name)?,
///     }
/// }
/// assert_eq!(String::from_utf8(writer.finish()?)?, r#"Windows Registry Editor Version 5.00
///
/// [HKEY_USERS\x]
/// "a"=dword:00000001
///
/// [HKEY_USERS\y]
///
/// "#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    walk: Walk<'a>,
    path: KeyPath,
    /// The range of `path` in the text.
    path_at: Range<usize>,
    name: ValueName,
    data: Vec<u8>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(document: &'a Document) -> Self {
        Self {
            walk: Walk::new(document),
            path: KeyPath::root(),
            path_at: 0..0,
            name: ValueName::default(),
            data: vec![],
        }
    }

    /// The next edit.
    #[expect(clippy::should_implement_trait, reason = "an iterator's items outlive its next step")]
    pub fn next(&mut self) -> Option<EditRef<'_>> {
        loop {
            let step = self.step()?;
            if matches!(step.what, What::Key { .. } | What::Value { .. }) {
                return self.decode(&step);
            }
        }
    }

    pub(crate) fn step(&mut self) -> Option<Step> {
        self.data.clear();
        self.walk.step(&mut self.data)
    }

    pub(crate) fn line_of(&self, step: &Step) -> usize {
        self.walk.line_of(step.start)
    }

    /// Decodes the item that the last [`step`](Self::step) returned.
    pub(crate) fn decode(&mut self, step: &Step) -> Option<EditRef<'_>> {
        let document = self.walk.document();
        let (dialect, text) = (document.dialect, &document.text);
        let op = match &step.what {
            What::Key { path, delete } => {
                self.go_to(path);
                if *delete { OpRef::DeleteKey } else { OpRef::CreateKey }
            }
            What::Value { name, data, .. } => {
                let mut units = NtString::from(mem::take(&mut self.name)).into_units();
                units.clear();
                dialect.push_string(&text[name.clone()], &mut units);
                self.name = ValueName::from_stored(NtString::from_units(units));
                let ty = match data {
                    Data::Delete => None,
                    Data::Text(string) => {
                        dialect.push_sz(&text[string.clone()], &mut self.data);
                        Some(ValueType::SZ)
                    }
                    Data::Dword(number) => {
                        self.data.extend_from_slice(&number.to_le_bytes());
                        Some(ValueType::DWORD)
                    }
                    Data::Hex(hex) => {
                        let ty = ValueType(hex.ty);
                        if !hex.exact {
                            dialect.complete(ty, &mut self.data);
                        }
                        Some(ty)
                    }
                };
                let name = &self.name;
                match ty {
                    Some(ty) => OpRef::SetValue { name, ty, data: &self.data },
                    None => OpRef::DeleteValue { name },
                }
            }
            What::Blank | What::Comment | What::Header(_) | What::Fault(_) => return None,
        };
        Some(EditRef { key: &self.path, op, walk: &self.walk, at: step.start..step.end })
    }

    /// Sets `path` to that of a key line. Names that it shares with the previous path are kept.
    fn go_to(&mut self, at: &Range<usize>) {
        let (document, path) = (self.walk.document(), &mut self.path);
        let old = path_names(&document.text[self.path_at.clone()]);
        let new = path_names(&document.text[at.clone()]);
        let same = old.zip(new.clone()).take_while(|(old, new)| old == new).count();
        while path.depth() > same {
            path.pop();
        }
        for name in new.skip(same) {
            let name = match find_root(name).filter(|_| path.is_root()) {
                Some(root) => NtString::from(root),
                None => {
                    let mut units = Vec::with_capacity(name.len());
                    document.dialect.push_units(name, &mut units);
                    NtString::from_units(units)
                }
            };
            path.push(KeyName::from_stored(name));
        }
        self.path_at = at.clone();
    }
}
