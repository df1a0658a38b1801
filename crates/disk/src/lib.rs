//! Reading and writing of local files whose names, links or readers may be hostile.
//!
//! | module | contents |
//! |---|---|
//! | [`folder`] | an open folder that neither untrusted names nor links lead out of |
//! | [`newfile`] | a file that appears under its name when it is complete; an incomplete one is removed |
//! | [`unfinished`] | removes incomplete files when a signal ends the process |

pub mod folder;
pub mod newfile;
pub mod unfinished;

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
