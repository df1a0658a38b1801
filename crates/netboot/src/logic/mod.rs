//! What is answered: pure functions of packet, configuration, state and time.

pub mod tftp;
