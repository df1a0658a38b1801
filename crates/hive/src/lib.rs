//! Offline registry hives (regf).

pub mod log;
