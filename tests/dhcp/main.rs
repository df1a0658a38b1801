//! DHCP against what real clients sent, and against foreign clients and servers.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod captured;
mod foreign;
mod network;
