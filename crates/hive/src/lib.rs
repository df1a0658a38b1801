//! Offline registry hives (regf).
