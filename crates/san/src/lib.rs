//! The vocabulary of iSCSI logins that images and boot scripts share: names of initiators and
//! targets, URIs of disks, CHAP names and secrets. No protocol is implemented here.
//!
//! ```
//! use winpe_san::{IscsiName, SanUri};
//! let initiator: IscsiName = "iqn.2011-12.com.example:lab".parse()?;
//! let disk: SanUri = "iscsi:192.168.0.20::::iqn.2011-12.com.example:win7".parse()?;
//! assert_eq!((initiator.as_str(), disk.port()), ("iqn.2011-12.com.example:lab", 3260));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chap;
mod name;
mod script;
mod uri;

pub use chap::{Chap, ChapError, Secret, read_private};
pub use name::{IscsiName, IscsiNameError};
pub use script::{CHAP_AT_BOOT, chap_script};
pub use uri::{PORT, SanUri, SanUriError};

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
