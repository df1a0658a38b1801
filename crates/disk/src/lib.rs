//! How this program reads and writes files of this machine whose names, links or readers may be hostile.
//!
//! | module | what it gives |
//! |---|---|
//! | [`folder`] | an open folder that neither names nor links from elsewhere lead out of |
//! | [`newfile`] | a file that appears under its name when it is complete, and leaves nothing when it is not |

pub mod folder;
pub mod newfile;

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
