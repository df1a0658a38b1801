//! A machine that boots, told in events.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Limits, Timeline, Verdict};
use crate::client::{Client, Kind, Platform};
use crate::event::{Event, Failure, Heard, Protocol};
use crate::logic::Time;
use crate::logic::dhcp::Ignore;
use crate::wire::dhcp::Hardware;

pub(super) const PXE: Kind = Kind::Pxe;
pub(super) const IPXE: Kind = Kind::Ipxe { http: true };
pub(super) const IPXE_WITHOUT_HTTP: Kind = Kind::Ipxe { http: false };

pub(super) struct Bench {
    pub(super) timeline: Timeline,
    pub(super) now: Time,
    pub(super) number: u32,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        Self { timeline: Timeline::new(limits), now: Time::from_secs(1_000_000), number: 1 }
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    pub(super) fn event(&mut self, event: &Event) {
        self.timeline.record(event, self.now);
        self.now = self.now + Duration::from_millis(10);
    }

    fn hardware(&self) -> Hardware {
        let [a, b, c, d] = self.number.to_be_bytes();
        Hardware::ethernet([0x52, 0x54, a, b, c, d])
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([10, 1, (self.number >> 8) as u8, self.number as u8], 2070))
    }

    pub(super) fn hears(&mut self, message: &'static str, kind: Kind, ignored: Option<Ignore>) {
        self.heard(message, kind, "PXEClient:Arch:00007:UNDI:003000", ignored);
    }

    fn heard(&mut self, message: &'static str, kind: Kind, class: &str, ignored: Option<Ignore>) {
        let SocketAddr::V4(address) = self.address() else { unreachable!("it is made so") };
        let heard = Heard {
            client: self.hardware().to_string(),
            about: Client {
                hardware: self.hardware(),
                uuid: None,
                kind,
                platform: Some(Platform::UefiX64),
                vendor_class: class.to_owned(),
            },
            message,
            address: (message == "REQUEST").then_some(*address.ip()),
            server: None,
            ignored,
        };
        self.event(&Event::Heard(Box::new(heard)));
    }

    pub(super) fn discover(&mut self, kind: Kind) {
        self.hears("DISCOVER", kind, None);
    }

    pub(super) fn windows(&mut self, message: &'static str) {
        self.heard(message, Kind::Other, "MSFT 5.0", None);
    }

    pub(super) fn answer(&mut self, answer: &'static str, file: Option<&str>) {
        let SocketAddr::V4(address) = self.address() else { unreachable!("it is made so") };
        self.event(&Event::Answered {
            client: self.hardware().to_string(),
            kind: String::new(),
            message: "",
            answer,
            address: Some(*address.ip()),
            file: file.map(str::to_owned),
        });
    }

    pub(super) fn offer(&mut self, file: &str) {
        self.answer("OFFER", Some(file));
    }

    /// DISCOVER to ACK.
    pub(super) fn leg(&mut self, kind: Kind, file: &str) {
        self.discover(kind);
        self.offer(file);
        self.hears("REQUEST", kind, None);
        self.answer("ACK", Some(file));
    }

    fn protocol(file: &str) -> Protocol {
        if file.starts_with('/') { Protocol::Http } else { Protocol::Tftp }
    }

    pub(super) fn asks(&mut self, file: &str) {
        let (protocol, client) = (Self::protocol(file), self.address());
        self.event(&Event::Requested { protocol, client, file: file.to_owned() });
    }

    pub(super) fn progress(&mut self, file: &str, bytes: u64, size: u64) {
        let (protocol, client) = (Self::protocol(file), self.address());
        self.event(&Event::Progress { protocol, client, file: file.to_owned(), bytes, size });
    }

    pub(super) fn sent(&mut self, file: &str, bytes: u64) {
        let (protocol, client) = (Self::protocol(file), self.address());
        let (file, elapsed) = (file.to_owned(), Duration::from_millis(500));
        self.event(&Event::Sent { protocol, client, file, bytes, elapsed, sha256: None });
    }

    pub(super) fn loads(&mut self, file: &str, bytes: u64) {
        self.asks(file);
        self.progress(file, 0, bytes);
        self.sent(file, bytes);
    }

    fn fails(&mut self, file: &str, bytes: u64, reason: Failure) {
        let (protocol, client) = (Self::protocol(file), self.address());
        self.event(&Event::Failed { protocol, client, file: file.to_owned(), bytes, reason });
    }

    pub(super) fn misses(&mut self, file: &str) {
        self.asks(file);
        self.fails(file, 0, Failure::NotFound);
    }

    pub(super) fn lost(&mut self, file: &str, bytes: u64) {
        self.fails(file, bytes, Failure::Lost);
    }

    /// As the server tells it: the client was not heard since the last step.
    pub(super) fn stalls(&mut self, file: &str, block: u64, retries: u32) {
        let client = self.address();
        let silent = Duration::from_secs(1);
        let stalled = Event::Stalled { client, file: file.to_owned(), block, retries, silent };
        self.timeline.record(&stalled, self.now);
    }

    pub(super) fn says(&mut self, line: &str) {
        let client = self.address().ip();
        self.event(&Event::Console { client, line: line.to_owned() });
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.timeline.boots(self.now).swap_remove(0).verdict
    }

    pub(super) fn newest(&self) -> u64 {
        self.timeline.boots(self.now)[0].id
    }

    pub(super) fn verdict_of(&self, id: u64) -> Verdict {
        self.timeline.boot(id, self.now).unwrap().verdict
    }
}
