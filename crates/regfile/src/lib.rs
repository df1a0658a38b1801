//! `.reg` text to edits and back.

mod dialect;
mod diff;
mod document;
mod encoding;
mod error;
mod items;
mod lexer;
mod reason;
mod render;
mod span;
mod writer;
mod wtf8;

pub(crate) use dialect::Dialect;
pub use dialect::Version;
pub use diff::DiffWriter;
pub use document::{Document, Mode, ParseOptions};
pub use encoding::Encoding;
pub use error::ParseError;
pub use items::{Edits, Item, ItemKind, Items, Skipped};
pub use reason::Reason;
pub use span::Span;
pub use writer::{Format, WriteError, Writer, write_edits};
