//! Tests of the whole crate: single cases, and properties of random hives and edits.

mod cases;
mod laws;
