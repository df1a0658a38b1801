//! Applies events to the timeline: each becomes a step of a client's boot, or changes one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::Timeline;
use super::boot::Boot;
use super::client::{ClientRecord, shortened};
use super::console;
use super::signatures;
use super::step::{FileStep, MAX_NAME, Outcome, Role, Step, StepKind};
use crate::client::Kind;
use crate::event::{Event, Heard, Ignore, Protocol};
use crate::logic::Time;
use crate::wire::dhcp::MessageType;

/// A client that was silent for so long begins a new boot, whatever it sends.
const FORGOTTEN: Duration = Duration::from_secs(1800);
/// An iPXE that asks again after so long was started again.
const IPXE_AGAIN: Duration = Duration::from_secs(30);

/// Which transfer an event is about.
#[derive(Clone, Copy)]
struct TransferOf<'a> {
    protocol: Protocol,
    client: SocketAddr,
    file: &'a str,
}

impl Timeline {
    /// Takes an event that happened now.
    pub fn record(&mut self, event: &Event, now: Time) {
        let of = |protocol: &Protocol, client: &SocketAddr, file| TransferOf {
            protocol: *protocol,
            client: *client,
            file,
        };
        if self.reported(event, now) {
            return;
        }
        match event {
            Event::Heard(heard) => self.heard(heard, now),
            Event::Answered { client, answer, address, file, .. } => {
                if let Some(address) = address.filter(|_| *answer == MessageType::Ack) {
                    self.moves(address.into(), client);
                }
                // The lease of an operating system is a step only after a boot.
                if self.clients.get(client).is_some_and(|it| !it.boots.is_empty()) {
                    self.push(client, answer_step(*answer, *address, file.as_deref(), now));
                }
            }
            Event::NotNamed { client, reason } => self.not_named(client, reason),
            Event::Requested { protocol, client, file } => {
                self.requested(of(protocol, client, file), now);
            }
            Event::Progress { protocol, client, file, bytes, size } => {
                self.file(of(protocol, client, file), now, |it| {
                    it.bytes = *bytes;
                    it.size = Some(*size);
                    it.stalled_at = None;
                });
            }
            Event::Stalled { client, file, block, retries, silent: _ } => {
                self.stalled(of(&Protocol::Tftp, client, file), |it| {
                    it.stalled_at = Some(*block);
                    it.retries = *retries;
                });
            }
            Event::Sent { protocol, client, file, bytes, elapsed, sha256 } => {
                let change = |it: &mut FileStep| it.sent(*bytes, *elapsed, *sha256);
                self.ended(of(protocol, client, file), *bytes, now, change);
            }
            Event::Failed { protocol, client, file, bytes, reason } => {
                let change = |it: &mut FileStep| it.failed(*bytes, reason);
                self.ended(of(protocol, client, file), *bytes, now, change);
            }
            Event::Console { client, line } => {
                let step = Step::new(now, console::kind_of(line), shortened(line, MAX_NAME));
                self.push(&self.name_of(*client), step);
            }
            Event::Ipv6 { client, waiting, elapsed } => {
                self.waits(client, *waiting, *elapsed, now);
            }
            Event::Hashed { .. }
            | Event::Ignored { .. }
            | Event::Lease { .. }
            | Event::Leases { .. }
            | Event::Impaired { .. }
            | Event::Repeated { .. }
            | Event::Warning { .. }
            | Event::Note { .. } => {}
        }
    }

    fn heard(&mut self, heard: &Heard, now: Time) {
        let name = shortened(&heard.client, MAX_NAME);
        let boots = heard.about.kind != Kind::Other;
        // A machine that only wants an address is no boot, unless it has just booted.
        if !boots && self.clients.get(&name).is_none_or(|client| client.boots.is_empty()) {
            return;
        }
        self.admit(&name);
        let client = self.clients.get_mut(&name).expect("it was just admitted");
        client.learn_names(heard);
        if boots {
            client.learn(&heard.about);
        }
        let restarts = heard.message == MessageType::Discover
            && client.boots.back().is_none_or(|boot| is_new_boot(boot, heard.about.kind, now));
        let silent = client.boots.back().is_some_and(|boot| now.since(boot.last) > FORGOTTEN);
        if !boots && silent {
            return;
        }
        if restarts || silent {
            self.begin(&name, now);
        }
        let takes = heard.message == MessageType::Request;
        if let Some(address) = heard.address.filter(|_| takes) {
            self.moves(address.into(), &name);
        }
        self.push(&name, heard_step(heard, now));
    }

    fn requested(&mut self, transfer: TransferOf<'_>, now: Time) {
        let TransferOf { protocol, client, file } = transfer;
        let name = self.name_of(client.ip());
        let wanted = clean(file);
        let role = Role::of(&wanted);
        let port = client.port();
        // The next range of the same file is no new step.
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
            failure: None,
            port,
        });
        self.push(&name, step);
    }

    /// Changes the transfer that is under way; the name of its client.
    fn file(
        &mut self,
        transfer: TransferOf<'_>,
        now: Time,
        change: impl FnOnce(&mut FileStep),
    ) -> String {
        let name = self.stalled(transfer, change);
        if let Some(boot) = self.last_boot(&name) {
            boot.last = now;
        }
        name
    }

    /// The same for an event that is no sign of life of the client.
    fn stalled(&mut self, transfer: TransferOf<'_>, change: impl FnOnce(&mut FileStep)) -> String {
        let TransferOf { protocol, client, file } = transfer;
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

    /// The same for the end of a transfer of so many bytes.
    fn ended(
        &mut self,
        transfer: TransferOf<'_>,
        bytes: u64,
        now: Time,
        change: impl FnOnce(&mut FileStep),
    ) {
        let name = self.file(transfer, now, change);
        if let Some(boot) = self.last_boot(&name) {
            boot.bytes = boot.bytes.saturating_add(bytes);
        }
    }

    /// The client that has an address; the address itself where no client was seen to take it.
    pub(super) fn name_of(&self, address: IpAddr) -> String {
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

    pub(super) fn last_boot(&mut self, name: &str) -> Option<&mut Boot> {
        self.clients.get_mut(name)?.boots.back_mut()
    }

    pub(super) fn changed(&mut self, name: &str) {
        self.revision += 1;
        let revision = self.revision;
        if let Some(boot) = self.last_boot(name) {
            boot.revision = revision;
            boot.shown = None;
        }
    }

    pub(super) fn push(&mut self, name: &str, step: Step) {
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
        let mut boot = Boot::new(id, now);
        if let Some(before) = client.boots.back_mut() {
            before.restarted = Some(now.since(before.last));
            before.revision = revision;
            boot.loaded_before = before.has_loaded();
            boot.refused_before = signatures::was_refused(before, now);
        }
        client.boots.push_back(boot);
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

    /// Makes room: drops a quarter of the clients in one pass, so that a flood costs little for each of its
    /// packets. Those that never booted go first, then those seen longest ago.
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
fn is_new_boot(boot: &Boot, kind: Kind, now: Time) -> bool {
    match kind {
        // The firmware's program is the first of each chain; it repeats itself until it is answered.
        Kind::Pxe | Kind::Http => boot.has_loaded() || other_firmware(boot, kind),
        // iPXE asks after the firmware, or is the firmware; a script may have it ask once more.
        Kind::Ipxe { .. } => boot.has_loaded() && now.since(boot.last) > IPXE_AGAIN,
        Kind::Other => false,
    }
}

/// Firmware that tries PXE and then HTTP Boot begins a boot with each.
fn other_firmware(boot: &Boot, kind: Kind) -> bool {
    let before = boot.steps.iter().rev().find_map(|step| step.program);
    before.is_some_and(|before| before != kind)
}

fn answer_step(
    answer: MessageType,
    address: Option<Ipv4Addr>,
    file: Option<&str>,
    now: Time,
) -> Step {
    let kind = match answer {
        MessageType::Offer => StepKind::Offer,
        MessageType::Ack => StepKind::Ack,
        MessageType::Nak => StepKind::Nak,
        _ => StepKind::Dhcp,
    };
    let named = file.map(|file| shortened(file, MAX_NAME));
    let mut text = answer.name().to_owned();
    if let Some(address) = address {
        text = format!("{text} {address}");
    }
    if let Some(file) = &named {
        text = format!("{text}, boot file {file}");
    }
    Step { named, ..Step::new(now, kind, text) }
}

fn heard_step(heard: &Heard, now: Time) -> Step {
    let message = heard.message.name();
    let (kind, text) = match &heard.ignored {
        Some(Ignore::OtherServer(server)) => {
            (StepKind::OtherServer, format!("REQUEST to {server}, another DHCP server"))
        }
        Some(Ignore::LeftToServer(_)) => match heard.server {
            Some(server) => (StepKind::Request, format!("{message} to {server}")),
            None => (StepKind::Request, message.to_owned()),
        },
        Some(Ignore::Probing(_)) | None => {
            let kind = match heard.message {
                MessageType::Discover => StepKind::Discover,
                MessageType::Request => StepKind::Request,
                _ => StepKind::Dhcp,
            };
            (kind, format!("{message} from {}", about(heard)))
        }
        Some(reason) => (StepKind::Ignored, format!("{message} ignored: {reason}")),
    };
    let (program, ignored) = (Some(heard.about.kind), heard.ignored.clone());
    let left = matches!(ignored, Some(Ignore::LeftToServer(_)));
    let server = heard.server.filter(|_| left);
    Step { program, ignored, server, ..Step::new(now, kind, text) }
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
    shortened(file.trim_start_matches('/'), MAX_NAME)
}
