//! The initiator in WinPE images of every generation: seen, put in, verified, put in again, taken out.
//!
//! The images are synthetic. Where the corpus is at hand, the SYSTEM hives in them are real ones.

mod fit;
mod generation;
mod job;
mod media;
mod readers;
mod signatures;
