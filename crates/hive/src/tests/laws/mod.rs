//! Properties that hold for all hives and all edits.

mod damage;
mod edits;
mod growth;
mod lists;
mod mend;
mod model;
mod show;
