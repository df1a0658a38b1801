//! `winpe-wim` against foreign tools: wimlib-imagex makes inputs, wimlib-imagex and 7-Zip judge what
//! we wrote.

mod bad;
mod commit;
mod corpus;
mod export;
mod fidelity;
mod iso;
mod process;
mod program;
mod reflink;
mod tools;
mod writing;
