//! The hive engine over real hives, and foreign readers over what it writes.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod corpus;
mod dump;
mod edited;
mod edits;
mod model;
mod oracles;
mod profile;
mod recovery;
mod scenario;
mod verdicts;
