//! `.reg` files as people and regedit write them.

mod facts;
mod model;
mod seed;
