//! Laws that hold for all hives and all edits.

mod edits;
mod growth;
mod lists;
mod model;
