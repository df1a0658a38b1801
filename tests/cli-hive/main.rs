//! `winpe-iscsi hive`, as a user runs it: on hives made here, alone and inside an image.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod change;
mod read;
mod recover;
