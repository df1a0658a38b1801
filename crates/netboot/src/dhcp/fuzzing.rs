//! The lease log for a fuzz target, which has no other way to it.

use std::path::Path;

use super::lease_line::{parse_line, write_line};
use super::lease_log::LeaseLog;
use crate::logic::dhcp::Lease;

/// The lease of a line.
#[must_use]
pub fn read_lease(line: &str) -> Option<Lease> {
    parse_line(line).ok()
}

/// The line of a lease.
#[must_use]
pub fn write_lease(lease: &Lease) -> Option<String> {
    write_line(lease)
}

/// Opens the log of a folder and closes it: its leases, and the reports of damaged lines.
///
/// # Errors
/// In words, why it cannot be opened.
pub fn read_log(folder: &Path) -> Result<(Vec<Lease>, Vec<String>), String> {
    let (_log, restored) = LeaseLog::open_in(folder).map_err(|error| error.to_string())?;
    Ok((restored.leases, restored.damage))
}
