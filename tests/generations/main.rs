//! The initiator in WinPE images of every generation: detected, injected, verified, injected again,
//! removed.
//!
//! The images are synthetic. If the corpus is available, their SYSTEM hives are real.

mod fit;
mod generation;
mod job;
mod media;
mod readers;
mod signatures;
