//! The network boot server against clients that others wrote.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod boots;
mod files;
mod rig;
mod target;
