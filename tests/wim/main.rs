//! `winpe-wim` against foreign tools: wimlib-imagex makes inputs, wimlib-imagex and 7-Zip judge what
//! we wrote.

mod bad;
mod commit;
mod corpus;
mod process;
mod tools;
mod writing;
