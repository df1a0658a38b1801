//! `Document`: a `.reg` file with every byte kept, and the entry points that parse it.

use std::borrow::Cow;
use std::io::{self, Read as _};
use std::{fmt, iter};

use encoding_rs::WINDOWS_1252;

use crate::cursor::Cursor;
use crate::dialect::Dialect;
use crate::encoding::{self, Decoded, Encoding};
use crate::items::{Edits, Items};
use crate::lexer::{line_end, skip_blanks};
use crate::span::locate;
use crate::walk::Walk;
use crate::{Finding, ParseError, ReadError, Reason, Span, Version, wtf8};

/// How to treat lines that regedit does not accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Refuse the text. Lines that regedit accepts but that hardly mean what their author meant are
    /// also refused.
    #[default]
    Strict,
    /// Do what regedit does: skip them.
    Lenient,
}

/// How to read a `.reg` file.
#[derive(Debug, Clone, Copy)]
pub struct ParseOptions {
    /// How to treat lines that regedit does not accept.
    pub mode: Mode,
    /// The code page of `REGEDIT4` files, and of others that are neither UTF-16 nor UTF-8.
    pub codepage: &'static encoding_rs::Encoding,
}

impl ParseOptions {
    /// Lenient, windows-1252.
    #[must_use]
    pub fn lenient() -> Self {
        Self { mode: Mode::Lenient, ..Self::default() }
    }
}

/// Strict, windows-1252.
impl Default for ParseOptions {
    fn default() -> Self {
        Self { mode: Mode::Strict, codepage: WINDOWS_1252 }
    }
}

/// A `.reg` file, every byte of it.
///
/// The text is kept as one piece; [`items`](Self::items) and [`edits`](Self::edits) parse it from
/// the start each time, so a document takes little more memory than its text.
///
/// ```
/// use winpe_regfile::{Document, ParseOptions};
/// use winpe_registry::{Op, Value};
///
/// let text = b"\xef\xbb\xbfWindows Registry Editor Version 5.00\r\n\r\n\
///     [HKEY_LOCAL_MACHINE\\PE_Sys\\Setup]\r\n\"CmdLine\"=\"winpeshl.exe\" ; the shell\r\n";
/// let document = Document::parse(text, &ParseOptions::default())?;
/// assert_eq!(document.to_bytes(), text);
///
/// let (edit, span) = document.edits().nth(1).unwrap();
/// assert_eq!(edit.key.to_string(), r"HKEY_LOCAL_MACHINE\PE_Sys\Setup");
/// assert!(matches!(edit.op, Op::SetValue { value, .. } if value == Value::sz("winpeshl.exe")));
/// assert_eq!((span.line, span.column), (4, 1));
/// # Ok::<(), winpe_regfile::ParseError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) text: Vec<u8>,
    pub(crate) dialect: Dialect,
    /// The last byte of UTF-16 of odd length.
    odd: Option<u8>,
    /// Whether the first line is a header that regedit accepts.
    pub(crate) importable: bool,
}

impl Document {
    /// Reads a text.
    ///
    /// The encoding is that of the byte order mark. Without one it is the code page for `REGEDIT4`,
    /// and otherwise UTF-8; bytes that are not UTF-8 are refused, or in lenient mode read as the code
    /// page.
    ///
    /// # Errors
    /// In strict mode, the first thing that strict mode refuses. In lenient mode only an unsuitable
    /// code page.
    pub fn parse(bytes: &[u8], options: &ParseOptions) -> Result<Self, ParseError> {
        check_codepage(options)?;
        let encoding = sniff(bytes, options);
        let decoded = encoding::decode(&bytes[encoding.mark().len()..], encoding);
        Self::of_text(decoded, encoding, options)
    }

    /// Reads a file. As [`parse`](Self::parse), but without holding the bytes of a UTF-16 file
    /// together with the decoded text, which saves half of the memory.
    ///
    /// ```
    /// use std::fs::File;
    /// use winpe_regfile::{Document, ParseOptions};
    /// # let folder = std::env::temp_dir().join(format!("winpe-regfile-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("tweaks.reg");
    /// # std::fs::write(&path, "REGEDIT4\n\n[HKEY_USERS\\x]\n")?;
    /// let document = Document::read(File::open(&path)?, &ParseOptions::default())?;
    /// assert_eq!(document.edits().count(), 1);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReadError::Io`], and the errors of `parse`.
    pub fn read(mut reader: impl io::Read, options: &ParseOptions) -> Result<Self, ReadError> {
        let mut bytes = vec![];
        reader.by_ref().take(2).read_to_end(&mut bytes)?;
        if let Some(encoding @ (Encoding::Utf16Le | Encoding::Utf16Be)) = Encoding::marked(&bytes) {
            let decoded = encoding::read_utf16(reader, encoding)?;
            check_codepage(options)?;
            return Ok(Self::of_text(decoded, encoding, options)?);
        }
        reader.read_to_end(&mut bytes)?;
        Ok(Self::parse(&bytes, options)?)
    }

    fn of_text(
        decoded: Decoded,
        encoding: Encoding,
        options: &ParseOptions,
    ) -> Result<Self, ParseError> {
        let strict = options.mode == Mode::Strict;
        let codepage = options.codepage;
        let text = decoded.text;
        let version = Version::of_header(&text[..line_end(&text, 0)]);
        let document = Self {
            dialect: Dialect { version: version.unwrap_or(Version::V5), encoding, codepage },
            odd: decoded.odd,
            importable: version.is_some(),
            text,
        };
        if strict {
            let stray = decoded.stray.map(|(at, byte)| {
                let reason = match encoding {
                    Encoding::Ansi(_) => Reason::NotInCodepage { codepage: codepage.name(), byte },
                    _ => Reason::NotUtf8 { byte },
                };
                (at, reason)
            });
            let odd = decoded.odd.map(|_| (document.text.len(), Reason::OddLength));
            document.check(stray.or(odd))?;
        }
        Ok(document)
    }

    /// Refuses what strict mode refuses; `broken` is the first place where the bytes cannot be
    /// decoded.
    fn check(&self, broken: Option<(usize, Reason)>) -> Result<(), ParseError> {
        let error = |span: Span, reason: Reason| Err(ParseError::new(&self.text, span, reason));
        let broken = broken.filter(|_| self.importable);
        let mut walk = Walk::new(self);
        while let Some(step) = walk.next() {
            if let Some(fault) = step.fault().or(step.strict.as_ref()) {
                if broken.as_ref().is_some_and(|(at, _)| *at < fault.at) {
                    break;
                }
                return error(walk.locate(step.start, fault.at), fault.reason.clone());
            }
        }
        match broken {
            Some((at, reason)) => error(locate(&self.text, 0, 1, at), reason),
            None => Ok(()),
        }
    }

    /// The same document with another text.
    pub(crate) fn with_text(&self, text: Vec<u8>) -> Self {
        Self { text, ..*self }
    }

    /// The same document with a text in another dialect.
    pub(crate) fn with_text_in(&self, text: Vec<u8>, dialect: Dialect) -> Self {
        Self { text, dialect, odd: None, importable: self.importable }
    }

    /// The edits of the file in their order, each with its place.
    ///
    /// Paths begin with a root, such as `HKEY_LOCAL_MACHINE`, in its usual spelling. Each key line
    /// yields a separate edit, even if values follow.
    #[must_use]
    pub fn edits(&self) -> Edits<'_> {
        Edits::new(self)
    }

    /// The edits one at a time, borrowed from the document. For large files: nothing is copied
    /// unless the caller does it.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor::new(self)
    }

    /// All items of the file in their order; together they are the whole text.
    #[must_use]
    pub fn items(&self) -> Items<'_> {
        Items::new(self)
    }

    /// All findings, not only the first: everything that strict mode refuses. Empty in strict mode.
    pub fn findings(&self) -> impl Iterator<Item = Finding> + '_ {
        let mut walk = Walk::new(self);
        iter::from_fn(move || {
            loop {
                let step = walk.next()?;
                if let Some(fault) = step.fault().or(step.strict.as_ref()) {
                    let span = walk.locate(step.start, fault.at);
                    let is_skipped = step.fault().is_some();
                    return Some(Finding::new(&self.text, span, fault.reason.clone(), is_skipped));
                }
            }
        })
    }

    /// The items that lenient mode skips, each with its reason. Empty in strict mode.
    pub fn skipped(&self) -> impl Iterator<Item = Finding> + '_ {
        self.findings().filter(|finding| finding.is_skipped)
    }

    /// The version that the header names.
    #[must_use]
    pub fn version(&self) -> Version {
        self.dialect.version
    }

    /// The encoding.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.dialect.encoding
    }

    /// The text at a place.
    ///
    /// # Panics
    /// Never with a span of this document.
    #[must_use]
    pub fn text(&self, span: Span) -> Cow<'_, str> {
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        match std::str::from_utf8(text) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(wtf8::lossy(text)),
        }
    }

    /// The bytes of the file: those that were read, except for later edits.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.text.len() + 4);
        self.write_to(&mut bytes).expect("memory takes all");
        bytes
    }

    /// Writes the bytes of [`to_bytes`](Self::to_bytes) without holding them all in memory.
    ///
    /// # Errors
    /// Errors of `writer`.
    pub fn write_to(&self, mut writer: impl io::Write) -> io::Result<()> {
        let encoding = self.dialect.encoding;
        let mut bytes = encoding.mark().to_vec();
        let mut rest = &self.text[..];
        while !rest.is_empty() {
            let chunk = wtf8::chunk(rest, CHUNK);
            encoding::encode(chunk, encoding, &mut bytes)
                .expect("what was decoded or checked on insertion can be encoded");
            writer.write_all(&bytes)?;
            bytes.clear();
            rest = &rest[chunk.len()..];
        }
        bytes.extend(self.odd);
        writer.write_all(&bytes)
    }
}

/// Length of the text that is encoded at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// For people: the text, an unpaired surrogate as U+FFFD.
impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&wtf8::lossy(&self.text))
    }
}

fn check_codepage(options: &ParseOptions) -> Result<(), ParseError> {
    if options.codepage.is_ascii_compatible() {
        return Ok(());
    }
    let reason = Reason::Codepage { codepage: options.codepage.name() };
    Err(ParseError::new(b"", locate(b"", 0, 1, 0), reason))
}

fn sniff(bytes: &[u8], options: &ParseOptions) -> Encoding {
    if let Some(encoding) = Encoding::marked(bytes) {
        return encoding;
    }
    let version = Version::of_header(&bytes[..line_end(bytes, 0)]);
    let is_utf8 = || std::str::from_utf8(bytes).is_ok();
    let strict = options.mode == Mode::Strict;
    if version != Some(Version::V4) && (strict || is_utf8()) {
        Encoding::Utf8
    } else {
        Encoding::Ansi(options.codepage)
    }
}

/// Why the first line is no header.
pub(crate) fn header_reason(text: &[u8]) -> Reason {
    let line = &text[skip_blanks(text, 0)..line_end(text, 0)];
    if text.iter().take(64).filter(|&&byte| byte == 0).count() > 16 {
        return Reason::NoByteOrderMark;
    }
    Reason::Header { found: wtf8::lossy(line).chars().take(60).collect() }
}
