//! The sockets, which only receive and send, and the one process that owns them.
