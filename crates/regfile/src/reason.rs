//! `Reason`: all faults of a line, with what was expected and what was found.

use thiserror::Error;
use winpe_registry::NameError;

/// Why a line cannot be read: what was expected, and what was found.
///
/// The same reasons make [`ParseError`](crate::ParseError)s in strict mode and
/// [`Finding`](crate::Finding)s in lenient mode. Those marked *strict* occur in strict mode only:
/// regedit accepts the line, but it seldom means what its author meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// The first line is not a header.
    #[error(
        "expected the header `Windows Registry Editor Version 5.00` or `REGEDIT4`, found `{found}`"
    )]
    Header {
        /// The first line, cut if it is long.
        found: String,
    },
    /// The text looks like UTF-16, but has no byte order mark.
    #[error("expected a byte order mark (FF FE) before text in UTF-16")]
    NoByteOrderMark,
    /// A byte order mark that regedit does not know, so that it finds no header.
    #[error(
        "expected UTF-16LE or text without a byte order mark, since regedit imports nothing of {encoding} with one"
    )]
    MarkRefused {
        /// The encoding that the mark says.
        encoding: &'static str,
    },
    /// A character beyond ASCII in UTF-8 without a byte order mark.
    #[error(
        "expected UTF-16LE for such a character, since regedit reads UTF-8 in the code page of its machine"
    )]
    NotAscii,
    /// Blanks or a comment after the header.
    #[error(
        "expected the end of the line after the header, since regedit may import nothing of the file"
    )]
    AfterHeader,
    /// A further header that differs from that of the first line.
    #[error("expected the header to be repeated as in the first line, if at all")]
    SecondHeader,
    /// A line of no known kind.
    #[error("expected `[key]`, `\"name\"=data`, `@=data` or a `;` comment")]
    UnknownLine,
    /// A key line without `]`.
    #[error("expected `]` after the name of the key")]
    KeyUnclosed,
    /// White space between `[` or `[-` and the name.
    #[error("expected the name of a key directly after `[` or `[-`, found white space")]
    KeyBlank,
    /// A key line that names no root.
    #[error("expected a root such as HKEY_LOCAL_MACHINE, found `{found}`{}", meant.map(|root| format!(" (write {root})")).unwrap_or_default())]
    UnknownRoot {
        /// The name in its place, cut if it is long.
        found: String,
        /// The root that it abbreviates.
        meant: Option<&'static str>,
    },
    /// A root cannot be deleted.
    #[error("expected a key below the root, a root cannot be deleted")]
    RootDeleted,
    /// A name that Windows does not allow.
    #[error(transparent)]
    Name(#[from] NameError),
    /// *Strict:* two backslashes between the names of a key.
    #[error("expected the name of a key, found a second backslash")]
    EmptyKeyName,
    /// *Strict:* text after the `]` that is not a comment.
    #[error("expected the end of the line or a `;` comment after `]`")]
    AfterKey,
    /// *Strict:* a comment that holds a `]`, up to which regedit reads the name.
    #[error("expected no `]` in a comment after a key, since the name would extend to it")]
    BracketInComment,
    /// A value name without its closing quote.
    #[error("expected `\"` at the end of the value's name")]
    NameUnclosed,
    /// An escape other than `\\` and `\"`.
    #[error("expected `\\\\` or `\\\"`, found `\\{found}`")]
    Escape {
        /// The character after the backslash.
        found: String,
    },
    /// The name is not followed by `=`.
    #[error("expected `=` after the value's name")]
    NoEquals,
    /// The data begins like no known kind.
    #[error("expected `\"text\"`, `dword:`, `hex:`, `hex(n):` or `-` after `=`")]
    NoData,
    /// A string without its closing quote.
    #[error("expected `\"` at the end of the string")]
    StringUnclosed,
    /// Something other than a comment after the data.
    #[error("expected the end of the line or a `;` comment after the data")]
    AfterData,
    /// Not a hexadecimal number of 32 bits.
    #[error("expected 1 to 8 hexadecimal digits after `dword:`")]
    Dword,
    /// Not a type number.
    #[error("expected a hexadecimal number up to ffffffff and `):` after `hex(`")]
    TypeNumber,
    /// Not a byte.
    #[error("expected a byte of two hexadecimal digits")]
    HexByte,
    /// Bytes without a comma between them.
    #[error("expected `,` and more bytes, or the end of the line, after a byte")]
    HexComma,
    /// A backslash that is not at the end of its line.
    #[error("expected the end of the line or a `;` comment after `\\`")]
    AfterBackslash,
    /// A line that should continue the bytes of the previous line.
    #[error("expected the bytes that the `\\` of the line before announces")]
    Continuation,
    /// *Strict:* a comma that ends the data.
    #[error("expected a byte or `\\` after the last comma")]
    TrailingComma,
    /// *Strict:* a text type whose bytes are not whole UTF-16 units.
    #[error("expected whole UTF-16 units in a value of type {ty}, found {bytes} bytes")]
    OddText {
        /// The type number.
        ty: u32,
        /// The number of bytes.
        bytes: usize,
    },
    /// A value before the first key.
    #[error("expected a key line before the first value")]
    NoKey,
    /// A value after a line that deletes its key.
    #[error("expected a key line, a deleted key takes no values")]
    DeletedKey,
    /// A value after a key line that was itself skipped.
    #[error("the key line before it was skipped")]
    SkippedKey,
    /// *Strict:* not UTF-8, in a file without a byte order mark.
    #[error("expected UTF-8 or a byte order mark, found the byte {byte:02x}")]
    NotUtf8 {
        /// The first undecodable byte.
        byte: u8,
    },
    /// *Strict:* bytes that have no character in the code page.
    #[error("expected text in {codepage}, found the byte {byte:02x}")]
    NotInCodepage {
        /// The code page.
        codepage: &'static str,
        /// The byte.
        byte: u8,
    },
    /// *Strict:* half a UTF-16 unit at the end of the file.
    #[error("expected whole UTF-16 units, found one more byte at the end of the file")]
    OddLength,
    /// A code page that is not a superset of ASCII.
    #[error("expected a code page that holds ASCII, {codepage} does not")]
    Codepage {
        /// The code page.
        codepage: &'static str,
    },
}
