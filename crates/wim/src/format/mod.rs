//! The layout of a WIM file. No logic, no I/O.
//!
//! ```text
//!  0 ┌────────────────────┐
//!    │ header, 208 bytes  │ where the others are, compression, boot index
//!    ├────────────────────┤
//!    │ resources          │ file data; one metadata resource for each image
//!    ├────────────────────┤
//!    │ blob table         │ SHA-1 → resource ("lookup table", "offset table")
//!    ├────────────────────┤
//!    │ XML data           │ UTF-16LE: names, counts, Windows version
//!    ├────────────────────┤
//!    │ integrity table    │ optional: a SHA-1 for each 10 MiB
//!    └────────────────────┘
//! ```
//!
//! Sources: "Windows Imaging File Format (WIM) White Paper" (Microsoft, 2007) for most structures,
//! and files of later versions for solid resources (version 0xe00) and hard links. All integers are
//! little-endian.

pub(crate) mod dentry;
pub(crate) mod header;
pub(crate) mod integrity;
pub(crate) mod resource;
pub(crate) mod time;
