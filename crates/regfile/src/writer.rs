//! `Writer`: a `.reg` file from edits, laid out as regedit does it.

use std::io;

use thiserror::Error;
use winpe_registry::{Edit, KeyPath, Op, ValueName, ValueType};

use crate::Version;
use crate::encoding::{Encoding, encode};
use crate::render::{self, Layout};

/// The encoding of a written file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// As regedit writes it: UTF-16LE with byte order mark, CR LF.
    #[default]
    Regedit,
    /// UTF-8 without byte order mark, LF: for version control and for people. regedit reads it
    /// correctly only if all of it is ASCII.
    Utf8Lf,
}

impl Format {
    fn encoding(self) -> Encoding {
        match self {
            Self::Regedit => Encoding::Utf16Le,
            Self::Utf8Lf => Encoding::Utf8,
        }
    }

    fn layout(self) -> Layout {
        match self {
            Self::Regedit => Layout { line_break: b"\r\n", surrogates: true, ..render::UTF8_LF },
            Self::Utf8Lf => render::UTF8_LF,
        }
    }
}

/// Why a file cannot be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The underlying writer failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The path does not begin with a root such as `HKEY_LOCAL_MACHINE`, or is a root and is to be
    /// deleted.
    #[error("expected a key below a root such as HKEY_LOCAL_MACHINE, found {key}")]
    Root {
        /// The key.
        key: KeyPath,
    },
    /// `.reg` text cannot hold the name of the key: it has a line break, is too long or too deep, or
    /// has an unpaired surrogate where the file is to be UTF-8.
    #[error("a .reg file cannot hold the name of the key {key}")]
    Key {
        /// The key.
        key: KeyPath,
    },
    /// `.reg` text cannot hold the name of the value, for the same reasons.
    #[error("a .reg file cannot hold the name of the value {:?}", .name.to_string())]
    Value {
        /// The name.
        name: ValueName,
    },
    /// A text value for a `REGEDIT4` file with characters outside its code page, or without closing
    /// NUL.
    #[error("the value cannot be written in {codepage}, as a file with the header REGEDIT4 has it")]
    Codepage {
        /// The name of the code page.
        codepage: &'static str,
    },
    /// A value before the first key, or after a deleted one.
    #[error("the value {:?} has no key", .name.to_string())]
    NoKey {
        /// The name.
        name: ValueName,
    },
}

/// Writes a `.reg` file, laid out as regedit does it.
///
/// Every value is read back exactly as it was given: a string that quotes cannot hold (with a line
/// break, a NUL, or without its closing NUL) is written in `hex(1):`. Where regedit would add a NUL
/// to the bytes of a text value, the comment `;exact` makes this crate (not regedit) add none.
///
/// ```
/// use winpe_regfile::{Format, Writer};
/// use winpe_registry::{ValueName, ValueType};
///
/// let mut writer = Writer::new(Vec::new(), Format::Utf8Lf);
/// writer.key(&r"HKEY_LOCAL_MACHINE\PE_Sys\Setup".parse()?)?;
/// writer.value(&ValueName::new("SetupType")?, ValueType::DWORD, &[2, 0, 0, 0])?;
/// writer.delete_value(&ValueName::new("OsLoaderPath")?)?;
/// writer.delete_key(&r"HKEY_LOCAL_MACHINE\PE_Sys\Select".parse()?)?;
/// assert_eq!(String::from_utf8(writer.finish()?)?, r#"Windows Registry Editor Version 5.00
///
/// [HKEY_LOCAL_MACHINE\PE_Sys\Setup]
/// "SetupType"=dword:00000002
/// "OsLoaderPath"=-
///
/// [-HKEY_LOCAL_MACHINE\PE_Sys\Select]
///
/// "#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<W> {
    writer: W,
    format: Format,
    is_plain: bool,
    /// Text not yet encoded.
    text: Vec<u8>,
    bytes: Vec<u8>,
    block: Block,
}

/// The block to which the last line belongs.
#[derive(Debug, PartialEq, Eq)]
enum Block {
    Header,
    Key,
    DeletedKey,
}

/// Length of the text that is gathered before it is encoded.
const CHUNK: usize = 64 << 10;

impl<W: io::Write> Writer<W> {
    /// Starts a file. Nothing is written to `writer` until the first chunk is full.
    pub fn new(writer: W, format: Format) -> Self {
        let line_break = format.layout().line_break;
        let text = [Version::V5.header().as_bytes(), line_break].concat();
        let bytes = format.encoding().mark().to_vec();
        Self { writer, format, is_plain: false, text, bytes, block: Block::Header }
    }

    /// Leaves out the comments `;exact`, for programs that take them for data or refuse them, and that add no
    /// NUL themselves, such as hivexregedit. Regedit and this crate then add one.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.is_plain = true;
        self
    }

    fn layout(&self) -> Layout {
        Layout { marks_exact: !self.is_plain, ..self.format.layout() }
    }

    /// Starts a key; the values that follow belong to it.
    ///
    /// # Errors
    /// [`WriteError::Root`] or [`WriteError::Key`], and then nothing is written;
    /// [`WriteError::Io`].
    pub fn key(&mut self, path: &KeyPath) -> Result<(), WriteError> {
        self.start_block(path, false)
    }

    /// Deletes a key with everything below it.
    ///
    /// # Errors
    /// As for [`key`](Self::key).
    pub fn delete_key(&mut self, path: &KeyPath) -> Result<(), WriteError> {
        self.start_block(path, true)
    }

    fn start_block(&mut self, path: &KeyPath, delete: bool) -> Result<(), WriteError> {
        let start = self.text.len();
        self.text.extend_from_slice(self.layout().line_break);
        let layout = self.layout();
        if let Err(error) = render::key_line(&mut self.text, path, delete, layout) {
            self.text.truncate(start);
            return Err(error);
        }
        self.block = if delete { Block::DeletedKey } else { Block::Key };
        self.flush_chunk()
    }

    /// Sets a value of the key.
    ///
    /// # Errors
    /// [`WriteError::Value`] or [`WriteError::NoKey`], and then nothing is written;
    /// [`WriteError::Io`].
    pub fn value(
        &mut self,
        name: &ValueName,
        ty: ValueType,
        data: &[u8],
    ) -> Result<(), WriteError> {
        self.expect_key(name)?;
        let layout = self.layout();
        render::value_lines(&mut self.text, name, ty, data, layout)?;
        self.flush_chunk()
    }

    /// Deletes a value of the key.
    ///
    /// # Errors
    /// As for [`value`](Self::value).
    pub fn delete_value(&mut self, name: &ValueName) -> Result<(), WriteError> {
        self.expect_key(name)?;
        let layout = self.layout();
        render::deletion_line(&mut self.text, name, layout)?;
        self.flush_chunk()
    }

    fn expect_key(&self, name: &ValueName) -> Result<(), WriteError> {
        match self.block {
            Block::Key => Ok(()),
            Block::Header | Block::DeletedKey => Err(WriteError::NoKey { name: name.clone() }),
        }
    }

    /// Writes a comment; each of its lines becomes a line.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn comment(&mut self, comment: &str) -> Result<(), WriteError> {
        for line in comment.split(['\r', '\n']) {
            self.text.push(b';');
            self.text.extend_from_slice(line.as_bytes());
            self.text.extend_from_slice(self.layout().line_break);
        }
        self.flush_chunk()
    }

    fn flush_chunk(&mut self) -> Result<(), WriteError> {
        if self.text.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        encode(&self.text, self.format.encoding(), &mut self.bytes)
            .expect("UTF-16 holds everything, and for UTF-8 surrogates were refused");
        self.text.clear();
        let written = self.writer.write_all(&self.bytes);
        self.bytes.clear();
        Ok(written?)
    }

    /// Ends the file and hands the writer back.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.text.extend_from_slice(self.layout().line_break);
        self.flush()?;
        self.writer.flush()?;
        Ok(self.writer)
    }
}

/// Writes edits, in order; consecutive edits of one key share its line.
///
/// ```
/// use winpe_regfile::{Document, Format, ParseOptions, write_edits};
/// let text = b"REGEDIT4\n[hkey_local_machine\\PE_Sys\\A]\n  \"b\" = dword:1\n";
/// let document = Document::parse(text, &ParseOptions::default())?;
/// let canonical = write_edits(Vec::new(), Format::Utf8Lf, document.edits().map(|(edit, _)| edit))?;
/// assert_eq!(String::from_utf8(canonical)?, "Windows Registry Editor Version 5.00\n\n\
///     [HKEY_LOCAL_MACHINE\\PE_Sys\\A]\n\"b\"=dword:00000001\n\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`Writer`].
pub fn write_edits<W: io::Write>(
    writer: W,
    format: Format,
    edits: impl IntoIterator<Item = Edit>,
) -> Result<W, WriteError> {
    let mut writer = Writer::new(writer, format);
    let mut key = None;
    for edit in edits {
        let is_value = matches!(edit.op, Op::SetValue { .. } | Op::DeleteValue { .. });
        if is_value && key.as_ref() != Some(&edit.key) || matches!(edit.op, Op::CreateKey) {
            writer.key(&edit.key)?;
        }
        match &edit.op {
            Op::CreateKey => {}
            Op::DeleteKey => writer.delete_key(&edit.key)?,
            Op::SetValue { name, value } => writer.value(name, value.ty, &value.data)?,
            Op::DeleteValue { name } => writer.delete_value(name)?,
        }
        key = (!matches!(edit.op, Op::DeleteKey)).then_some(edit.key);
    }
    writer.finish()
}
