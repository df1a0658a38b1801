//! The book in `docs/` and the README: every page is in the summary, every link leads somewhere, every command
//! runs, and the reference is what the code says.

mod bench;
mod commands;
mod examples;
mod foreign;
mod help;
mod links;
mod markdown;
mod reference;
mod schema;
