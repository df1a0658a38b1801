//! The hive engine over real hives, and foreign readers over what it writes.

mod corpus;
mod dump;
mod edited;
mod edits;
mod model;
mod oracles;
mod pairs;
mod profile;
mod recovery;
mod scenario;
mod verdicts;
