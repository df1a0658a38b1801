//! The vocabulary of the Windows registry.
//!
//! All engines of this workspace exchange these types, and no engine knows how another stores or
//! spells them: this crate has no I/O, no `.reg` syntax and no hive layout.
//!
//! | type | what it is |
//! |---|---|
//! | [`NtString`] | UTF-16 code units, lossless: unpaired surrogates and NULs are kept |
//! | [`KeyName`], [`ValueName`] | one name; compared by NT's upcase table |
//! | [`KeyPath`] | names from a root downwards |
//! | [`ValueType`], [`Value`] | any 32-bit type, and the bytes as stored |
//! | [`Edit`], [`Precondition`] | one edit, and its precondition |
//! | [`Change`], [`Before`] | an edit that was applied, and what it replaced |
//!
//! ```
//! use winpe_registry::{Edit, KeyPath, Op, Value, ValueName};
//!
//! let key: KeyPath = r"ControlSet001\Services\MSiSCSI".parse()?;
//! let edit = Edit::set_value(key, ValueName::new("Start")?, Value::dword(2));
//! assert!(matches!(edit.op, Op::SetValue { .. }));
//! assert_eq!(edit.key, r"controlset001\SERVICES\msiscsi".parse()?);
//! # Ok::<(), winpe_registry::NameError>(())
//! ```

mod edit;
mod name;
mod path;
mod text;
mod upcase;
mod upcase_table;
mod value;

pub use edit::{Before, Change, Edit, KeyTree, Op, Precondition};
pub use name::{KeyName, NameError, ValueName};
pub use path::KeyPath;
pub use text::NtString;
pub use upcase::{cmp_ignore_case, eq_ignore_case, upcase};
pub use value::{Value, ValueType};

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
