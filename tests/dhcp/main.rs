//! DHCP against captured packets of real clients, and against clients and servers of other
//! projects.

mod captured;
mod foreign;
mod login;
mod moves;
mod network;
mod one_port;
mod routers;
