//! Ends the wait of boot programs for an IPv6 router that does not exist, which is up to 16 s at each stage.
//!
//! A machine that boots from this server and asks for a router gets an answer that no other machine gets: a router
//! advertisement with a lifetime of 0. Hosts that boot nothing here get no answer.

mod responder;
mod socket;

pub(crate) use responder::Responder;
pub(crate) use socket::{Ipv6Link, Ipv6Socket};
