//! The network boot server against clients of other projects.

mod addresses;
mod boots;
mod check;
mod entries;
mod files;
mod http_base;
mod rig;
mod target;
mod windows;
