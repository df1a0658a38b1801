//! Images mounted through FUSE.

mod mounted;
mod oracle;
mod user;
