//! The layout of a primary hive file. No function here follows an offset.
//!
//! Source of every structure: Maxim Suhanov, "Windows registry file format specification"
//! (<https://github.com/msuhanov/regf>). Integers are little-endian. One module holds one record.

mod base_block;
mod bin;
mod key_node;
mod key_value;
mod offset;
mod record;
mod security;
mod subkey_list;

pub(crate) use base_block::{BASE_BLOCK_LEN, BaseBlock};
pub(crate) use bin::{BIN_HEADER_LEN, BinHeader, PAGE};
pub use key_node::KeyFlags;
pub(crate) use key_node::KeyNode;
pub(crate) use key_value::{
    BIG_DATA_FROM_MINOR, BigData, INLINE, KeyValue, SEGMENT_LEN, ValueFlags,
};
pub use offset::CellOffset;
pub use record::Record;
pub(crate) use record::{Named, Signed};
pub(crate) use security::SecurityNode;
pub(crate) use subkey_list::{ListHeader, ListKind, lf_hint, lh_hash};
