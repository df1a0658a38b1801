//! Events become steps.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Timeline;
use super::boot::Boot;
use super::client::{ClientRecord, shortened};
use super::console;
use super::step::{FileStep, Outcome, Role, Step, StepKind, is_not_needed};
use crate::client::Kind;
use crate::event::{Event, Failure, Heard, Protocol};
use crate::logic::Time;
use crate::logic::dhcp::Ignore;

/// Letters of a file's name that are kept.
const FILE: usize = 200;
/// A client that was silent for so long begins a new boot, whatever it says.
const FORGOTTEN: Duration = Duration::from_secs(1800);
/// An iPXE that asks again after so long was started again.
const IPXE_AGAIN: Duration = Duration::from_secs(30);

impl Timeline {
    /// Takes an event that happened now.
    pub fn record(&mut self, event: &Event, now: Time) {
        match event {
            Event::Heard(heard) => self.heard(heard, now),
            Event::Answered { client, answer, address, file, .. } => {
                if let Some(address) = address.filter(|_| *answer == "ACK") {
                    self.moves(address.into(), client);
                }
                let kind = match *answer {
                    "OFFER" => StepKind::Offer,
                    "ACK" => StepKind::Ack,
                    "NAK" => StepKind::Nak,
                    _ => StepKind::Dhcp,
                };
                let mut text = (*answer).to_owned();
                if let Some(address) = address {
                    text = format!("{text} {address}");
                }
                if let Some(file) = file {
                    text = format!("{text}, boot file {}", shortened(file, FILE));
                }
                let mut step = Step::new(now, kind, text);
                step.named = file.as_deref().map(|file| shortened(file, FILE));
                // Of an operating system's lease nothing is told but that it is up.
                if self.clients.get(client).is_some_and(|it| !it.boots.is_empty()) {
                    self.push(client, step);
                }
            }
            Event::Requested { protocol, client, file } => {
                self.requested(*protocol, *client, file, now);
            }
            Event::Progress { protocol, client, file, bytes, size } => {
                self.file(*protocol, *client, file, now, |it| {
                    it.bytes = *bytes;
                    it.size = Some(*size);
                    it.stalled_at = None;
                });
            }
            Event::Stalled { client, file, block, retries, silent: _ } => {
                let protocol = Protocol::Tftp;
                self.stalled(protocol, *client, file, |it| {
                    it.stalled_at = Some(*block);
                    it.retries = *retries;
                });
            }
            Event::Sent { protocol, client, file, bytes, elapsed, sha256 } => {
                let (bytes, elapsed) = (*bytes, *elapsed);
                let name = self.file(*protocol, *client, file, now, |it| {
                    // A HEAD opens no body.
                    let asked = it.protocol == Protocol::Http && it.size.is_none();
                    it.outcome = if asked { Outcome::SizeOnly } else { Outcome::Sent };
                    it.bytes = bytes;
                    if !asked {
                        it.size.get_or_insert(bytes);
                    }
                    it.sha256 = sha256.or(it.sha256);
                    it.stalled_at = None;
                    it.millis = Some(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
                });
                self.sent(&name, bytes);
            }
            Event::Failed { protocol, client, file, bytes, reason } => {
                self.failed(*protocol, *client, file, *bytes, reason, now);
            }
            Event::Console { client, line } => {
                let name = self.name_of(*client);
                let step = Step::new(now, console::kind_of(line), shortened(line, FILE));
                self.push(&name, step);
            }
            Event::Hashed { .. }
            | Event::Ignored { .. }
            | Event::Leases { .. }
            | Event::Impaired { .. }
            | Event::Repeated { .. }
            | Event::Warning { .. }
            | Event::Note { .. } => {}
        }
    }

    fn heard(&mut self, heard: &Heard, now: Time) {
        let name = shortened(&heard.client, FILE);
        let boots = heard.about.kind != Kind::Other;
        // Machines that only want an address are no boots, unless one was just booted.
        if !boots && self.clients.get(&name).is_none_or(|client| client.boots.is_empty()) {
            return;
        }
        self.admit(&name);
        let client = self.clients.get_mut(&name).expect("it was just admitted");
        if boots {
            client.learn(&heard.about);
        }
        let restarts = heard.message == "DISCOVER"
            && client.boots.back().is_none_or(|boot| begins_anew(boot, heard.about.kind, now));
        let silent = client.boots.back().is_some_and(|boot| now.since(boot.last) > FORGOTTEN);
        if !boots && silent {
            return;
        }
        if restarts || silent {
            self.begin(&name, now);
        }
        let takes = heard.message == "REQUEST";
        if let Some(address) = heard.address.filter(|_| takes) {
            self.moves(address.into(), &name);
        }
        self.push(&name, heard_step(heard, now));
    }

    fn requested(&mut self, protocol: Protocol, client: SocketAddr, file: &str, now: Time) {
        let name = self.name_of(client.ip());
        let wanted = clean(file);
        let role = Role::of(&wanted);
        let port = client.port();
        // The next part of the same file is no step of its own.
        let again = self.last_boot(&name).and_then(|boot| {
            let last = boot.steps.last_mut()?;
            let file = last.file.as_mut()?;
            let same = file.name == wanted && file.protocol == protocol;
            let goes_on = protocol == Protocol::Http && file.outcome == Outcome::Sent;
            (same && goes_on).then(|| {
                file.requests = file.requests.saturating_add(1);
                (file.outcome, file.port) = (Outcome::Underway, port);
                boot.last = now;
            })
        });
        if again.is_some() {
            self.changed(&name);
            return;
        }
        let mut step = Step::new(now, StepKind::File, "");
        step.file = Some(FileStep {
            protocol,
            name: wanted,
            role,
            size: None,
            bytes: 0,
            millis: None,
            outcome: Outcome::Underway,
            reason: None,
            stalled_at: None,
            retries: 0,
            requests: 1,
            sha256: None,
            port,
        });
        self.push(&name, step);
    }

    fn failed(
        &mut self,
        protocol: Protocol,
        client: SocketAddr,
        file: &str,
        bytes: u64,
        reason: &Failure,
        now: Time,
    ) {
        let name = self.file(protocol, client, file, now, |it| {
            it.bytes = bytes;
            it.outcome = match reason {
                Failure::SizeProbe => Outcome::SizeOnly,
                Failure::NotFound if is_not_needed(&it.name) => Outcome::NotNeeded,
                Failure::NotFound => Outcome::Missing,
                _ => Outcome::Failed,
            };
            if it.outcome == Outcome::Failed {
                it.reason = Some(shortened(&reason.to_string(), FILE));
            }
        });
        self.sent(&name, bytes);
    }

    /// Changes the transfer that is under way; the name of its client.
    fn file(
        &mut self,
        protocol: Protocol,
        client: SocketAddr,
        file: &str,
        now: Time,
        change: impl FnOnce(&mut FileStep),
    ) -> String {
        let name = self.stalled(protocol, client, file, change);
        if let Some(boot) = self.last_boot(&name) {
            boot.last = now;
        }
        name
    }

    /// The same for what is no sign of life.
    fn stalled(
        &mut self,
        protocol: Protocol,
        client: SocketAddr,
        file: &str,
        change: impl FnOnce(&mut FileStep),
    ) -> String {
        let name = self.name_of(client.ip());
        let wanted = clean(file);
        if let Some(boot) = self.last_boot(&name)
            && let Some(file) = boot.underway(protocol, client.port(), &wanted)
        {
            change(file);
            self.changed(&name);
        }
        name
    }

    fn sent(&mut self, name: &str, bytes: u64) {
        if let Some(boot) = self.last_boot(name) {
            boot.bytes = boot.bytes.saturating_add(bytes);
        }
    }

    /// The client that has an address; the address itself where nobody was heard to take it.
    fn name_of(&self, address: IpAddr) -> String {
        self.addresses.get(&address).cloned().unwrap_or_else(|| address.to_string())
    }

    /// A client has taken an address.
    fn moves(&mut self, address: IpAddr, name: &str) {
        let Some(client) = self.clients.get_mut(name) else { return };
        if let Some(old) = client.address.replace(address) {
            self.addresses.remove(&old);
        }
        if let Some(before) = self.addresses.insert(address, name.to_owned())
            && before != name
            && let Some(before) = self.clients.get_mut(&before)
        {
            before.address = None;
        }
    }

    fn last_boot(&mut self, name: &str) -> Option<&mut Boot> {
        self.clients.get_mut(name)?.boots.back_mut()
    }

    fn changed(&mut self, name: &str) {
        self.revision += 1;
        let revision = self.revision;
        if let Some(boot) = self.last_boot(name) {
            boot.revision = revision;
            boot.told = None;
        }
    }

    fn push(&mut self, name: &str, step: Step) {
        self.admit(name);
        if self.last_boot(name).is_none() {
            self.begin(name, step.time);
        }
        let most = self.limits.steps;
        if let Some(boot) = self.last_boot(name) {
            let before = boot.steps.len();
            boot.push(step, most);
            let after = boot.steps.len();
            self.total = self.total - before + after;
        }
        self.changed(name);
        while self.total > self.limits.total && self.clients.len() > 1 {
            self.forget(name);
        }
    }

    /// A new boot of a client that is known.
    fn begin(&mut self, name: &str, now: Time) {
        self.boots += 1;
        let (id, most) = (self.boots, self.limits.boots);
        self.revision += 1;
        let revision = self.revision;
        let Some(client) = self.clients.get_mut(name) else { return };
        if let Some(before) = client.boots.back_mut() {
            before.restarted = Some(now.since(before.last));
            before.revision = revision;
        }
        client.boots.push_back(Boot::new(id, now));
        if client.boots.len() > most
            && let Some(oldest) = client.boots.pop_front()
        {
            self.total -= oldest.steps.len();
        }
    }

    /// Makes room for a client, and the client.
    fn admit(&mut self, name: &str) {
        if self.clients.contains_key(name) {
            return;
        }
        while self.clients.len() >= self.limits.clients.max(1) {
            self.forget(name);
        }
        let mut client = ClientRecord::new(name.to_owned());
        client.address = name.parse().ok();
        self.clients.insert(name.to_owned(), client);
    }

    /// Makes room: of those that never booted some at once, so that a flood costs little for each of
    /// its packets; where all did, of those that were seen longest ago.
    fn forget(&mut self, keep: &str) {
        let others = self.clients.iter().filter(|(name, _)| *name != keep);
        let mut ranked: Vec<_> = others.map(|(name, client)| (client.rank(), name)).collect();
        let share = (self.clients.len() / 4).max(1);
        if share < ranked.len() {
            ranked.select_nth_unstable(share);
            ranked.truncate(share);
        }
        if ranked.iter().any(|((real, _), _)| !real) {
            ranked.retain(|((real, _), _)| !real);
        }
        for name in ranked.into_iter().map(|(_, name)| name.clone()).collect::<Vec<_>>() {
            let Some(client) = self.clients.remove(&name) else { continue };
            self.total -= client.steps();
            if let Some(address) = client.address {
                self.addresses.remove(&address);
            }
        }
    }
}

/// Whether a DISCOVER of this program is the first of another boot.
fn begins_anew(boot: &Boot, kind: Kind, now: Time) -> bool {
    match kind {
        // The firmware's program is the first of each chain; it repeats itself until it is answered.
        Kind::Pxe | Kind::Http => boot.has_loaded() || other_firmware(boot, kind),
        // iPXE asks after the firmware, or is the firmware; a script may have it ask once more.
        Kind::Ipxe { .. } => boot.has_loaded() && now.since(boot.last) > IPXE_AGAIN,
        Kind::Other => false,
    }
}

/// Firmware that tries PXE and then HTTP Boot begins anew with each.
fn other_firmware(boot: &Boot, kind: Kind) -> bool {
    let before = boot.steps.iter().rev().find_map(|step| step.asker);
    before.is_some_and(|before| before != kind)
}

fn heard_step(heard: &Heard, now: Time) -> Step {
    let (kind, text) = match (heard.message, &heard.ignored) {
        (_, Some(Ignore::OtherServer(server))) => {
            (StepKind::OtherServer, format!("REQUEST to {server}, another DHCP server"))
        }
        (message, Some(Ignore::LeftToServer(_))) => match heard.server {
            Some(server) => (StepKind::Request, format!("{message} to {server}")),
            None => (StepKind::Request, message.to_owned()),
        },
        (message, Some(Ignore::Probing(_)) | None) => {
            let kind = match message {
                "DISCOVER" => StepKind::Discover,
                "REQUEST" => StepKind::Request,
                _ => StepKind::Dhcp,
            };
            (kind, format!("{message} from {}", about(heard)))
        }
        (message, Some(reason)) => (StepKind::Ignored, format!("{message} ignored: {reason}")),
    };
    let mut step = Step::new(now, kind, text);
    step.asker = Some(heard.about.kind);
    step.ignored = heard.ignored.clone();
    step
}

fn about(heard: &Heard) -> String {
    match heard.about.kind {
        Kind::Other if heard.about.vendor_class.starts_with("MSFT") => "Windows".to_owned(),
        Kind::Other => "an operating system".to_owned(),
        Kind::Ipxe { http: false } => format!("{}, built without HTTP", heard.about),
        _ => heard.about.to_string(),
    }
}

/// A name as it is shown: the same by TFTP and by HTTP.
fn clean(file: &str) -> String {
    shortened(file.trim_start_matches('/'), FILE)
}
