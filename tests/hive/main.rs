//! The hive engine over real hives, and foreign readers over what it writes.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod corpus;
mod dump;
mod edits;
mod model;
mod oracles;
mod recovery;
mod scenario;
mod verdicts;
