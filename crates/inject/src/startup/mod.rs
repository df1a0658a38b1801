//! What the booted WinPE does at its start: load drivers, start the initiator, log in to its targets.
//!
//! ```text
//!  winpeshl.exe ─► winpeshl.ini, or startnet.cmd
//!                    ├─► early.cmd      event log, drivers      (before the network)
//!                    ├─► wpeinit        network
//!                    └─► connect.cmd    service, portals, logins
//!                          └─► chap.cmd   name and secret: the image's, or the boot server's
//! ```
//! The scripts are files of ours in `Windows\System32\winpe-iscsi`. The file that the image starts anyway
//! only gets calls of them, and keeps all its other lines.

mod driver;
mod error;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod installed;
mod loaded;
mod merge;
mod packages;
mod plan;
mod script;
pub(crate) mod secret;
mod settings;
mod startnet;
mod text;
mod winpeshl;

pub(crate) use driver::System;
#[cfg(fuzzing)]
pub(crate) use driver::inf;
pub use driver::{ArchiveError, DriverError};
pub use error::StartupError;
pub(crate) use installed::{check_shell, hooks};
pub use loaded::PresentDriver;
pub(crate) use loaded::drivers;
pub(crate) use plan::{event_log_warning, plan};
pub use settings::{Removal, Startup};
pub use winpe_san::{Chap, ChapError, IscsiName, IscsiNameError, SanUri, SanUriError, Secret};
