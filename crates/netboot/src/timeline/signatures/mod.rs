//! Recognises boots that stopped, and explains them: one function for each way to stop.
//!
//! Signatures are tried in the order of the table, and the first match wins: certain ones, then likely ones,
//! then timeouts.

mod after;
mod chosen;
mod dhcp;
mod files;

use super::boot::Boot;
use super::snapshot::Snapshot;
use super::verdict::{Status, Verdict};
use crate::logic::Time;

type Signature = fn(&Snapshot<'_>) -> Option<Verdict>;

const SIGNATURES: &[Signature] = &[
    after::operating_system_is_up,
    dhcp::not_answered,
    dhcp::other_server,
    dhcp::address_refused,
    dhcp::no_boot_file,
    after::ipxe_error,
    files::stalled,
    files::cut_short,
    files::no_configuration,
    files::missing,
    chosen::entry,
    after::refused_by_firmware,
    after::windows_is_silent,
    after::windows_starts,
    after::ipxe_without_http,
    after::menu_waits,
    after::program_is_silent,
    dhcp::boots_elsewhere,
    dhcp::no_file_asked_for,
    dhcp::waits_for_ipv6,
    dhcp::offer_not_taken,
    after::gone,
];

/// The state of a boot at a moment.
pub(super) fn judge(boot: &Boot, now: Time) -> Verdict {
    let snapshot = &Snapshot::new(boot, now);
    let known = SIGNATURES.iter().find_map(|signature| signature(snapshot));
    known.unwrap_or_else(|| Verdict::new(Status::Booting, "booting", doing(snapshot)))
}

/// Whether the firmware has just refused the program that this boot loaded, and tries the next one.
pub(super) fn was_refused(boot: &Boot, now: Time) -> bool {
    after::has_refused(&Snapshot::new(boot, now))
}

/// What it is doing.
fn doing(snapshot: &Snapshot<'_>) -> String {
    let Some(step) = snapshot.stage.last() else { return "just begun".to_owned() };
    match &step.file {
        Some(file) => format!("loading {}", file.name),
        None => step.text.clone(),
    }
}
