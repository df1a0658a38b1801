//! What the second reader reports where it does not agree.

use nt_hive::NtHiveError;
use thiserror::Error;
use winpe_registry::KeyPath;

/// What the second reader sees that the edits do not say.
#[derive(Debug, Error)]
pub enum Disagreement {
    /// It cannot read the hive.
    #[error("the second reader cannot read {side} hive at key {key:?}: {source}")]
    Unreadable {
        /// `the old` or `the edited`.
        side: &'static str,
        /// The key that it was reading.
        key: String,
        /// Its error.
        source: NtHiveError,
    },
    /// It panicked.
    #[error("the second reader panicked on the edited hive")]
    Panicked,
    /// It sees another content.
    #[error("the second reader sees {seen} at key {key:?}, expected {expected}")]
    Differs {
        /// The key.
        key: String,
        /// What the edits say.
        expected: String,
        /// What it sees.
        seen: String,
    },
}

pub(super) const OLD: &str = "the old";
pub(super) const NEW: &str = "the edited";

pub(super) fn unreadable(
    side: &'static str,
    path: &KeyPath,
) -> impl Fn(NtHiveError) -> Disagreement {
    let key = path.to_string();
    move |source| Disagreement::Unreadable { side, key: key.clone(), source }
}

pub(super) fn differs(path: &KeyPath, expected: &str, seen: &str) -> Disagreement {
    Disagreement::Differs {
        key: path.to_string(),
        expected: expected.to_owned(),
        seen: seen.to_owned(),
    }
}
