//! How packets are spelt on the wire; nothing here decides anything.

pub mod dhcp;
pub mod ndp;
pub mod tftp;
