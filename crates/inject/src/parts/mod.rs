//! The parts of a profile: what an image has of each, and what it gets from a source.

mod error;
mod presence;
mod supply;

pub use error::PartError;

pub(crate) use presence::{Missing, PartState, inspect};
pub(crate) use supply::{Supplied, supply};
