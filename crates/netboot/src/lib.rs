//! Boots machines over the network: from the first DISCOVER to a menu, an ISO image, an iSCSI disk
//! or WinPE.
//!
//! ```text
//!   packet ─► wire ─► logic ──────────► wire ─► packet
//!                       │   ▲
//!     config ─► policy ─┘   └ state, time       events ─► whoever watches
//! ```
//!
//! | Module | Holds |
//! |---|---|
//! | [`wire`] | how packets are spelt: DHCP, TFTP; no decisions |
//! | [`logic`] | what is answered: pure functions of packet, configuration, state and time |
//! | [`policy`] | what the administrator wants: clients, boot files, menus, scripts |
//! | [`files`] | where files come from: folders, memory, layers of these |
//! | [`tftp`], [`http`] | how files are sent: one bounded task for each transfer |
//! | [`serve`] | the sockets, which only receive and send, and the one process that owns them |
//! | [`event`] | what happened, for logs and for people who wait |
//! | [`timeline`] | the same, put together: each machine's boot, where it stopped, and why |
//! | [`watch`] | for people who wait: a page, an API, numbers |
//!
//! Everything that arrives from the network is hostile until proven otherwise: no packet makes this
//! crate panic, hang or use memory without bound, and each packet that gets no answer has a reason
//! that is told.

pub mod event;
pub mod files;
pub mod http;
pub mod logic;
pub mod policy;
pub mod serve;
pub mod tftp;
pub mod timeline;
pub mod watch;
pub mod wire;
