//! Limits of trees and archives of drivers.

/// The most folders in each other. Packs of vendors have up to eight.
pub(crate) const MAX_DEPTH: usize = 16;
/// The most files and folders of a tree.
pub(crate) const MAX_ENTRIES: usize = 100_000;
/// The most INFs of a tree. Packs for all models of a vendor have some hundred.
pub(crate) const MAX_INFS: usize = 2048;
