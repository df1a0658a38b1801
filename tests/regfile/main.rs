//! `.reg` files as people and regedit write them.

mod corpus;
mod facts;
mod model;
mod rivals;
mod seed;
mod wine;
