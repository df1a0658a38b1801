//! How a boot looks that stopped, and what that means.
//!
//! One function each, asked in the order of the table; the first that knows the sight decides. What is
//! sure comes before what is likely, and what must be waited for comes last.

mod after;
mod dhcp;
mod files;

use super::scene::Scene;
use super::verdict::{Status, Verdict};

type Signature = fn(&Scene<'_>) -> Option<Verdict>;

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
    after::refused_by_firmware,
    after::windows_is_silent,
    after::windows_starts,
    after::ipxe_without_http,
    after::menu_waits,
    after::program_is_silent,
    dhcp::no_file_asked_for,
    dhcp::waits_for_ipv6,
    dhcp::offer_not_taken,
    after::gone,
];

/// Where a boot stands.
pub(super) fn judge(scene: &Scene<'_>) -> Verdict {
    let known = SIGNATURES.iter().find_map(|signature| signature(scene));
    known.unwrap_or_else(|| Verdict::new(Status::Booting, "booting", doing(scene)))
}

/// What it is doing.
fn doing(scene: &Scene<'_>) -> String {
    let Some(step) = scene.leg.last() else { return "just begun".to_owned() };
    match &step.file {
        Some(file) => format!("loading {}", file.name),
        None => step.text.clone(),
    }
}
