//! Windows `.reg` files: read, edited and written without losing a byte.
//!
//! | to | use |
//! |---|---|
//! | read a file, of any encoding, strictly or as regedit does | [`Document::parse`] |
//! | the same from a file, in less memory | [`Document::read`] |
//! | know what it does to a registry, and in which line | [`Document::edits`] |
//! | the same of a large file, without a copy of each value | [`Document::cursor`] |
//! | know what regedit would leave out, and why | [`Document::skipped`] |
//! | see everything in it, comments included | [`Document::items`] |
//! | change a file and keep its comments | [`Document::apply`], [`Document::remove_value`] |
//! | lay a file out, change its encoding | [`Document::formatted`], [`Document::converted`] |
//! | know what two files do differently | [`Comparison`] |
//! | write a file, as regedit would or for version control | [`Writer`], [`write_edits`] |
//! | show what changed, as text that is a `.reg` file again | [`DiffWriter`] |
//!
//! ```
//! use winpe_regfile::{Document, ParseOptions};
//!
//! let text = b"Windows Registry Editor Version 5.00\n\
//!     \n\
//!     [HKEY_LOCAL_MACHINE\\PE_Sys\\ControlSet001\\Services\\MSiSCSI]\n\
//!     \"Start\"=dword:2\n\
//!     \"Group\"=iSCSI\n";
//!
//! let error = Document::parse(text, &ParseOptions::default()).unwrap_err();
//! assert_eq!((error.span.line, error.span.column), (5, 9));
//!
//! let document = Document::parse(text, &ParseOptions::lenient())?;
//! assert_eq!(document.edits().count(), 2);
//! assert_eq!(document.skipped().map(|skipped| skipped.span.line).collect::<Vec<_>>(), [5]);
//! # Ok::<(), winpe_regfile::ParseError>(())
//! ```
//!
//! # How it is built
//! ```text
//!  bytes ─► encoding ─► text (WTF-8) ─► lexer: one item ─► walk: the item at its place
//!                         ▲                                  │
//!                         │                    ┌─────────────┼──────────────┐
//!                       render ◄─ Writer   items    cursor, edits    skipped, ParseError
//!                               ◄─ DiffWriter
//! ```
//! A document is its text. Items and edits are parsed from it on each call, which takes less time
//! than reading the file and keeps memory at the size of the text.
//!
//! # Strict and lenient
//! Lenient mode does what regedit does: a bad line voids that value or key only, and nothing else.
//! Strict mode refuses wherever lenient mode skips. It also refuses lines that regedit accepts but
//! that seldom mean what their author meant: text after a key's `]`, a comma at the end of bytes,
//! `\\` inside a key, half a UTF-16 unit in a text value. And it refuses syntax for which the
//! behaviour of Windows is not known: bytes of one digit, white space between bytes.
//!
//! Both modes accept further header lines anywhere if they name the version of the first line:
//! concatenated files have such lines.
//!
//! # Known differences from regedit
//! * UTF-16BE, and UTF-8 with or without byte order mark, are read. regedit reads text without byte
//!   order mark for the code page of its machine; here that is done for `REGEDIT4`, and in lenient mode
//!   for what is not UTF-8.
//! * Values after a key line that was skipped are skipped too. (Wine adds them to the previous
//!   key.)
//! * `\0` and any other escape but `\\` and `\"` voids the value. (Wine reads `\n` as a line break and
//!   drops other backslashes.)
//! * A string may span lines, as in regedit's own exports of line breaks, if nothing but a comment
//!   follows its closing quote. (Wine drops it.)
//! * In version 5, the comment `;exact` after the bytes of a text value keeps regedit's closing NUL
//!   away, so that values without a NUL can be written and read.
//! * The format of Windows 3.1 (header `REGEDIT`) is not read.

mod compare;
mod cursor;
mod dialect;
mod diff;
mod document;
mod edit;
mod encoding;
mod error;
mod explain;
mod format;
mod items;
mod lexer;
mod reason;
mod regedit;
mod render;
mod span;
mod walk;
mod writer;
mod wtf8;

pub use compare::Comparison;
pub use cursor::{Cursor, EditRef, OpRef};
pub(crate) use dialect::Dialect;
pub use dialect::Version;
pub use diff::DiffWriter;
pub use document::{Document, Mode, ParseOptions};
pub use edit::EditError;
pub use encoding::Encoding;
pub use encoding_rs;
pub use error::{Finding, ParseError, ReadError};
pub use explain::{explain, meaning};
pub use format::LineBreak;
pub use items::{Edits, Item, ItemKind, Items};
pub use reason::Reason;
pub use span::Span;
pub use writer::{Format, WriteError, Writer, write_edits};

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
