//! The only unsafe code of the project: bindings to the parts of wimlib that this crate uses.
//!
//! | Type | wimlib | Rules that C only documents |
//! |---|---|---|
//! | [`Compressor`], [`Decompressor`] | `wimlib_compressor`, `wimlib_decompressor` | one thread at a time (`Send`, not `Sync`) |
//! | [`Reader`] | `WIMStruct` opened for reading | one thread at a time; its callbacks must not unwind |
//!
//! wimlib serves as codec, and as a reader that is independent of our writer. It never writes a WIM
//! here.
#![allow(unsafe_code, reason = "wimlib is a C library; this module is its whole unsafe surface")]

mod codec;
mod library;
mod reader;

pub(crate) use codec::{Compressor, Decompressor};
pub(crate) use library::Failure;
pub(crate) use reader::Reader;
