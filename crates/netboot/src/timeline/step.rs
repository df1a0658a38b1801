//! One thing that happened in a boot.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::client::shortened;
use crate::client::{Choice, Kind};
use crate::digest::Digest;
use crate::event::{Failure, Ignore, Protocol};
use crate::logic::Time;

/// One thing that happened in a boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Step {
    /// Milliseconds since 1970.
    #[serde(rename = "time_ms", serialize_with = "super::view::millis")]
    #[schema(value_type = u64)]
    pub time: Time,
    /// The kind of step.
    pub kind: StepKind,
    /// As a text; what a client sent is unescaped.
    pub text: String,
    /// How often it happened in a row.
    pub count: u32,
    /// The file, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileStep>,
    /// What program asked, of a DHCP message.
    #[serde(skip)]
    pub(super) program: Option<Kind>,
    /// The boot file that an answer names.
    #[serde(skip)]
    pub(super) named: Option<String>,
    /// Why a message got no answer.
    #[serde(skip)]
    pub(super) ignored: Option<Ignore>,
    /// The other server whose address a REQUEST takes.
    #[serde(skip)]
    pub(super) server: Option<Ipv4Addr>,
    /// What a script reports.
    #[serde(skip)]
    pub(super) choice: Option<Choice>,
}

/// The kind of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// The client looks for a server.
    Discover,
    /// The server offers an address, or as a proxy a boot file.
    Offer,
    /// The client takes an offer.
    Request,
    /// The server confirms.
    Ack,
    /// The server refuses.
    Nak,
    /// Another DHCP message.
    Dhcp,
    /// The client takes another server's offer.
    OtherServer,
    /// A message that got no answer.
    Ignored,
    /// A file.
    File,
    /// A line of the client's console.
    Console,
    /// A disk over the network was found, or not.
    San,
    /// An entry of a menu was chosen, or did not boot.
    Chosen,
    /// The client asks for something over IPv6.
    Ipv6,
}

/// A file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileStep {
    /// How it was asked for.
    #[serde(serialize_with = "protocol")]
    #[schema(value_type = String)]
    pub protocol: Protocol,
    /// Its name, without the slash before it.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Its size, or that of the part that was asked for; none where it was not opened, or only
    /// just now.
    pub size: Option<u64>,
    /// Bytes sent.
    pub bytes: u64,
    /// How long that took, in milliseconds; none while it lasts.
    pub millis: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// The reason, where it was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The block that the client does not acknowledge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled_at: Option<u64>,
    /// How often that was sent again.
    pub retries: u32,
    /// Requests of this file in a row, such as the many ranges of a disk over HTTP.
    pub requests: u32,
    /// The SHA-256 of the whole file, where it was known when it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub sha256: Option<Digest>,
    /// Why it was not sent.
    #[serde(skip)]
    pub(super) failure: Option<Failure>,
    /// The client's port, by which a transfer is known while it lasts.
    #[serde(skip)]
    pub(super) port: u16,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is under way.
    Underway,
    /// It was sent.
    Sent,
    /// The client wanted only its size.
    SizeOnly,
    /// There is no such file.
    Missing,
    /// The file does not exist, and clients always ask for it: nothing is wrong.
    NotNeeded,
    /// It was not sent whole.
    Failed,
}

/// What a file is for, judged by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A boot program.
    Program,
    /// A script of iPXE's.
    Script,
    /// A menu or configuration of a boot program.
    Config,
    /// A Windows image.
    Wim,
    /// Anything else.
    Other,
}

/// Endings of names, and the role of such files; the first row that matches counts.
const ROLES: &[(&str, Role)] = &[
    (".ipxe", Role::Script),
    (".wim", Role::Wim),
    (".efi", Role::Program),
    (".kpxe", Role::Program),
    (".kkpxe", Role::Program),
    (".pxe", Role::Program),
    (".lkrn", Role::Program),
    (".n12", Role::Program),
    (".0", Role::Program),
    ("wimboot", Role::Program),
    ("memdisk", Role::Program),
    (".cfg", Role::Config),
    ("boot/bcd", Role::Config),
];

/// Files that firmware, shim and GRUB always ask for and hardly any server has.
const NOT_NEEDED: &[&str] = &[
    "autoexec.ipxe",
    "revocations_sku.efi",
    "revocations_sbat.efi",
    "shim_certificate_0.efi",
    "command.lst",
    "fs.lst",
    "crypto.lst",
    "terminal.lst",
];

impl Role {
    pub(super) fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        if name.contains("pxelinux.cfg/") {
            return Self::Config;
        }
        ROLES.iter().find(|(end, _)| name.ends_with(end)).map_or(Self::Other, |row| row.1)
    }
}

/// Whether it is normal that a file of this name is missing.
fn is_not_needed(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    NOT_NEEDED.contains(&last)
}

fn protocol<S: serde::Serializer>(protocol: &Protocol, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(protocol)
}

/// Letters of a name or text that are kept.
pub(super) const MAX_NAME: usize = 200;

impl FileStep {
    /// The transfer has ended with all that was asked for.
    pub(super) fn sent(&mut self, bytes: u64, elapsed: Duration, sha256: Option<Digest>) {
        // A HEAD opens no body.
        let size_only = self.protocol == Protocol::Http && self.size.is_none();
        self.outcome = if size_only { Outcome::SizeOnly } else { Outcome::Sent };
        self.bytes = bytes;
        if !size_only {
            self.size.get_or_insert(bytes);
        }
        self.sha256 = sha256.or(self.sha256);
        self.stalled_at = None;
        self.millis = Some(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    }

    /// The transfer has ended before.
    pub(super) fn failed(&mut self, bytes: u64, reason: &Failure) {
        self.bytes = bytes;
        self.outcome = match reason {
            Failure::SizeProbe => Outcome::SizeOnly,
            Failure::NotFound if is_not_needed(&self.name) => Outcome::NotNeeded,
            Failure::NotFound => Outcome::Missing,
            _ => Outcome::Failed,
        };
        if self.outcome == Outcome::Failed {
            self.failure = Some(reason.clone());
            self.reason = Some(shortened(&reason.to_string(), MAX_NAME));
        }
    }
}

impl Step {
    pub(super) fn new(time: Time, kind: StepKind, text: impl Into<String>) -> Self {
        Self {
            time,
            kind,
            text: text.into(),
            count: 1,
            file: None,
            program: None,
            named: None,
            ignored: None,
            server: None,
            choice: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_a_file_is_for() {
        for (name, role) in [
            ("boot.ipxe", Role::Script),
            ("clients/dell/pxelinux.cfg/01-00-14-22-01-02-03", Role::Config),
            ("images/BOOT.WIM", Role::Wim),
            ("pxelinux.0", Role::Program),
            ("EFI/Boot/bootx64.efi", Role::Program),
            ("Boot/BCD", Role::Config),
            ("Boot/boot.sdi", Role::Other),
        ] {
            assert_eq!(Role::of(name), role, "{name}");
        }
    }

    #[test]
    fn what_clients_always_ask_for_is_known_in_any_folder() {
        assert!(is_not_needed("grub/x86_64-efi/command.lst"));
        assert!(is_not_needed("autoexec.ipxe"));
        assert!(!is_not_needed("boot.ipxe"));
    }
}
