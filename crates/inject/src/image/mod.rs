//! A Windows as inject reads it: an image of a WIM or a folder, its files, their paths and digests.
//!
//! Nothing here knows the format of a hive or of a program.

mod digest;
mod error;
mod path;
pub(crate) mod pattern;
mod source;
mod tree;
mod view;
mod windows;

pub use digest::Sha256;
pub use error::TreeError;
pub use path::ImagePath;
pub use source::{Source, SourceError};
pub use windows::Windows;

pub(crate) use digest::ContentHash;
pub(crate) use tree::Tree;
pub(crate) use view::ImageView;
pub(crate) use windows::MARKS;
