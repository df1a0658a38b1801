//! The hive engine on real hives, and other readers on its output.

mod corpus;
mod dump;
mod edited;
mod edits;
mod mend;
mod model;
mod oracles;
mod pairs;
mod profile;
mod recovery;
mod scenario;
mod verdicts;
