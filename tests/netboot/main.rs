//! The network boot server against clients that others wrote.

mod boots;
mod check;
mod files;
mod http_base;
mod rig;
mod target;
mod windows;
