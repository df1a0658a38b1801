//! DHCP against what real clients sent, and against foreign clients and servers.

mod captured;
mod foreign;
mod login;
mod network;
