//! `winpe-wim` against other tools: wimlib-imagex makes inputs, wimlib-imagex and 7-Zip check our
//! output.

mod bad;
mod commit;
mod corpus;
mod export;
mod extract;
mod fidelity;
mod ground;
mod hostile;
mod iso;
mod odd;
mod process;
mod program;
mod raw;
mod reflink;
mod tools;
mod writing;
