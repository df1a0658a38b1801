//! `winpe-wim` against foreign tools: wimlib-imagex makes inputs, wimlib-imagex and 7-Zip judge what
//! we wrote.

mod bad;
mod commit;
mod corpus;
mod export;
mod extract;
mod fidelity;
mod ground;
mod hostile;
mod iso;
mod process;
mod program;
mod raw;
mod reflink;
mod tools;
mod writing;
