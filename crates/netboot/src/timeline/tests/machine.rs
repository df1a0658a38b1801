//! A simulated machine that boots, as events.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::{Limits, Timeline, Verdict};
use crate::client::{Client, Kind, Platform};
use crate::event::Ignore;
use crate::event::{Event, Failure, Heard, Protocol};
use crate::logic::Time;
use crate::wire::dhcp::{Hardware, MessageType};

pub(in crate::timeline) const PXE: Kind = Kind::Pxe;
pub(in crate::timeline) const IPXE: Kind = Kind::Ipxe { http: true };
pub(in crate::timeline) const IPXE_WITHOUT_HTTP: Kind = Kind::Ipxe { http: false };

pub(in crate::timeline) struct Machine {
    pub(in crate::timeline) timeline: Timeline,
    pub(in crate::timeline) now: Time,
    pub(in crate::timeline) number: u32,
    /// The server that its messages name.
    pub(in crate::timeline) other_server: Option<std::net::Ipv4Addr>,
}

impl Machine {
    pub(in crate::timeline) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(in crate::timeline) fn with(limits: Limits) -> Self {
        Self {
            timeline: Timeline::new(limits),
            now: Time::from_secs(1_000_000),
            number: 1,
            other_server: None,
        }
    }

    pub(in crate::timeline) fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    pub(in crate::timeline) fn event(&mut self, event: &Event) {
        self.timeline.record(event, self.now);
        self.now = self.now + Duration::from_millis(10);
    }

    fn hardware(&self) -> Hardware {
        let [a, b, c, d] = self.number.to_be_bytes();
        Hardware::ethernet([0x52, 0x54, a, b, c, d])
    }

    pub(in crate::timeline) fn address(&self) -> SocketAddr {
        SocketAddr::from(([10, 1, (self.number >> 8) as u8, self.number as u8], 2070))
    }

    pub(in crate::timeline) fn hears(
        &mut self,
        message: MessageType,
        kind: Kind,
        ignored: Option<Ignore>,
    ) {
        self.heard(message, kind, "PXEClient:Arch:00007:UNDI:003000", ignored);
    }

    fn heard(&mut self, message: MessageType, kind: Kind, class: &str, ignored: Option<Ignore>) {
        let SocketAddr::V4(address) = self.address() else { unreachable!("it is made so") };
        let heard = Heard {
            client: self.hardware().to_string(),
            about: Client {
                hardware: self.hardware(),
                uuid: None,
                kind,
                platform: Some(Platform::UefiX64),
                vendor_class: class.to_owned(),
                user_classes: Vec::new(),
                relay: None,
                host_name: None,
            },
            message,
            address: (message == MessageType::Request).then_some(*address.ip()),
            server: self.other_server,
            ignored,
            table: None,
        };
        self.event(&Event::Heard(Box::new(heard)));
    }

    pub(in crate::timeline) fn discover(&mut self, kind: Kind) {
        self.hears(MessageType::Discover, kind, None);
    }

    pub(in crate::timeline) fn windows(&mut self, message: MessageType) {
        self.heard(message, Kind::Other, "MSFT 5.0", None);
    }

    pub(in crate::timeline) fn answer(&mut self, answer: MessageType, file: Option<&str>) {
        let SocketAddr::V4(address) = self.address() else { unreachable!("it is made so") };
        self.event(&Event::Answered {
            client: self.hardware().to_string(),
            kind: String::new(),
            message: MessageType::Discover,
            answer,
            address: Some(*address.ip()),
            file: file.map(str::to_owned),
        });
    }

    pub(in crate::timeline) fn offer(&mut self, file: &str) {
        self.answer(MessageType::Offer, Some(file));
    }

    /// DISCOVER to ACK.
    pub(in crate::timeline) fn stage(&mut self, kind: Kind, file: &str) {
        self.discover(kind);
        self.offer(file);
        self.hears(MessageType::Request, kind, None);
        self.answer(MessageType::Ack, Some(file));
    }

    fn protocol(file: &str) -> Protocol {
        if file.starts_with('/') { Protocol::Http } else { Protocol::Tftp }
    }

    pub(in crate::timeline) fn asks(&mut self, file: &str) {
        let (protocol, client) = (Self::protocol(file), self.address());
        self.event(&Event::Requested { protocol, client, file: file.to_owned() });
    }

    pub(in crate::timeline) fn progress(&mut self, file: &str, bytes: u64, size: u64) {
        let (protocol, client) = (Self::protocol(file), self.address());
        self.event(&Event::Progress { protocol, client, file: file.to_owned(), bytes, size });
    }

    pub(in crate::timeline) fn sent(&mut self, file: &str, bytes: u64) {
        let (protocol, client) = (Self::protocol(file), self.address());
        let (file, elapsed) = (file.to_owned(), Duration::from_millis(500));
        self.event(&Event::Sent { protocol, client, file, bytes, elapsed, sha256: None });
    }

    pub(in crate::timeline) fn loads(&mut self, file: &str, bytes: u64) {
        self.asks(file);
        self.progress(file, 0, bytes);
        self.sent(file, bytes);
    }

    pub(in crate::timeline) fn fails(&mut self, file: &str, bytes: u64, reason: Failure) {
        let (protocol, client) = (Self::protocol(file), self.address());
        self.event(&Event::Failed { protocol, client, file: file.to_owned(), bytes, reason });
    }

    pub(in crate::timeline) fn misses(&mut self, file: &str) {
        self.asks(file);
        self.fails(file, 0, Failure::NotFound);
    }

    pub(in crate::timeline) fn lost(&mut self, file: &str, bytes: u64) {
        self.fails(file, bytes, Failure::Lost);
    }

    /// As the server reports it: the client has sent nothing since the last step.
    pub(in crate::timeline) fn stalls(&mut self, file: &str, block: u64, retries: u32) {
        let client = self.address();
        let silent = Duration::from_secs(1);
        let stalled = Event::Stalled { client, file: file.to_owned(), block, retries, silent };
        self.timeline.record(&stalled, self.now);
    }

    pub(in crate::timeline) fn says(&mut self, line: &str) {
        let client = self.address().ip();
        self.event(&Event::Console { client, line: line.to_owned() });
    }

    pub(in crate::timeline) fn verdict(&self) -> Verdict {
        self.timeline.boots(self.now).swap_remove(0).verdict
    }

    pub(in crate::timeline) fn newest(&self) -> u64 {
        self.timeline.boots(self.now)[0].id
    }

    pub(in crate::timeline) fn verdict_of(&self, id: u64) -> Verdict {
        self.timeline.boot(id, self.now).unwrap().verdict
    }
}
