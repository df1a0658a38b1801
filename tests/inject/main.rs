//! The main job, end to end, as a user runs it.

mod bad_input;
mod corpus;
mod demo;
mod iso;
mod job;
mod support;
