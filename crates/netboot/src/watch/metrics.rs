//! Metrics for Prometheus, in its text format 0.0.4.
//!
//! `prometheus-client` writes another format, OpenMetrics 1.0: it names counters without `_total` in `#
//! TYPE`, ends help texts with a full stop and the text with `# EOF`, and needs a collector as long as this
//! file for values that are computed when they are asked for. Every label here is one of a fixed set, so
//! nothing needs escaping, and the tests read the text with Prometheus' own parser.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::{Display, Write};
use std::net::SocketAddr;

use crate::event::Ignore;
use crate::event::{Event, Protocol};
use crate::meter::Usage;
use crate::timeline::{BootView, Status};

/// Most transfers that are counted as in flight; the servers' own limits are lower.
const IN_FLIGHT: usize = 4096;

const PROTOCOLS: [Protocol; 2] = [Protocol::Tftp, Protocol::Http];
const STATUSES: [(Status, &str); 5] = [
    (Status::Booting, "booting"),
    (Status::Waiting, "waiting"),
    (Status::HandedOver, "handed-over"),
    (Status::Up, "up"),
    (Status::Stopped, "stopped"),
];

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// By message and answer.
    dhcp: BTreeMap<(&'static str, &'static str), u64>,
    ignored: u64,
    /// By protocol and result.
    requests: BTreeMap<(&'static str, &'static str), u64>,
    bytes: BTreeMap<&'static str, u64>,
    stalls: u64,
    /// Files that were served with other bytes before.
    changed: u64,
    warnings: u64,
    leases: usize,
    /// Messages that got no answer as a pool was empty, or the disk took no lease.
    exhausted: u64,
    unrecorded: u64,
    /// Parts of the server that do less than they should.
    impaired: BTreeSet<&'static str>,
    in_flight: HashSet<(Protocol, SocketAddr)>,
}

impl Metrics {
    pub(super) fn record(&mut self, event: &Event) {
        match event {
            Event::Answered { message, answer, .. } => {
                *self.dhcp.entry((message.name(), answer.name())).or_default() += 1;
            }
            Event::Ignored { .. } => self.ignored += 1,
            Event::Requested { protocol, client, .. } if self.in_flight.len() < IN_FLIGHT => {
                self.in_flight.insert((*protocol, *client));
            }
            Event::Sent { protocol, client, bytes, .. } => {
                self.ended(*protocol, *client, *bytes, "sent");
            }
            Event::Failed { protocol, client, bytes, reason, .. } => {
                self.ended(*protocol, *client, *bytes, reason.code());
            }
            Event::Stalled { .. } => self.stalls += 1,
            Event::Hashed { before: Some(_), .. } => self.changed += 1,
            Event::Warning { .. } => self.warnings += 1,
            Event::Leases { bound } => self.leases = *bound,
            Event::Impaired { part, reason: Some(_) } => {
                self.impaired.insert(part);
            }
            Event::Impaired { part, reason: None } => {
                self.impaired.remove(part);
            }
            Event::Heard(heard) => match heard.ignored {
                Some(Ignore::PoolEmpty(_)) => self.exhausted += 1,
                Some(Ignore::NotRecorded(_)) => self.unrecorded += 1,
                _ => {}
            },
            Event::NotNamed { .. }
            | Event::Lease { .. }
            | Event::Requested { .. }
            | Event::Repeated { .. }
            | Event::Hashed { .. }
            | Event::Progress { .. }
            | Event::Console { .. }
            | Event::Ipv6 { .. }
            | Event::Note { .. } => {}
        }
    }

    fn ended(&mut self, protocol: Protocol, client: SocketAddr, bytes: u64, result: &'static str) {
        self.in_flight.remove(&(protocol, client));
        *self.requests.entry((name(protocol), result)).or_default() += 1;
        *self.bytes.entry(name(protocol)).or_default() += bytes;
    }

    /// The text that Prometheus reads.
    pub(super) fn text(&self, boots: &[BootView], limits: &[(Usage, u64)]) -> String {
        let mut text = Text::default();
        let version = env!("CARGO_PKG_VERSION");
        text.family("build_info", "gauge", "The version of the server.");
        text.sample("build_info", &[("version", version)], 1);
        text.family("dhcp_answers_total", "counter", "DHCP messages that were answered.");
        for ((message, answer), count) in &self.dhcp {
            let labels = [("message", *message), ("answer", *answer)];
            text.sample("dhcp_answers_total", &labels, count);
        }
        text.family("ignored_total", "counter", "Packets that got no answer.");
        text.sample("ignored_total", &[], self.ignored);
        text.family("requests_total", "counter", "Requests of files that have ended.");
        for ((protocol, result), count) in &self.requests {
            let labels = [("protocol", *protocol), ("result", *result)];
            text.sample("requests_total", &labels, count);
        }
        text.family("sent_bytes_total", "counter", "Bytes of files that were sent.");
        for protocol in PROTOCOLS.map(name) {
            let bytes = self.bytes.get(protocol).copied().unwrap_or_default();
            text.sample("sent_bytes_total", &[("protocol", protocol)], bytes);
        }
        text.family("transfers_in_flight", "gauge", "Files that are being sent.");
        for protocol in PROTOCOLS {
            let count = self.in_flight.iter().filter(|it| it.0 == protocol).count();
            text.sample("transfers_in_flight", &[("protocol", name(protocol))], count);
        }
        text.family("changed_files_total", "counter", "Files served that had other bytes before.");
        text.sample("changed_files_total", &[], self.changed);
        text.family("stalls_total", "counter", "Blocks sent again twice or more, unanswered.");
        text.sample("stalls_total", &[], self.stalls);
        text.family("warnings_total", "counter", "Warnings in the log.");
        text.sample("warnings_total", &[], self.warnings);
        text.family("leases", "gauge", "Leases in force.");
        text.sample("leases", &[], self.leases);
        text.family(
            "pool_exhausted_total",
            "counter",
            "DHCP messages for which no address was left.",
        );
        text.sample("pool_exhausted_total", &[], self.exhausted);
        text.family(
            "leases_refused_total",
            "counter",
            "Leases not given as the disk took no record.",
        );
        text.sample("leases_refused_total", &[], self.unrecorded);
        text.family("degraded", "gauge", "Parts of the server that do less, as /healthz says.");
        text.sample("degraded", &[], self.impaired.len());
        text.family("boots", "gauge", "Boots that are remembered, by their state.");
        for (status, name) in STATUSES {
            let count = boots.iter().filter(|boot| boot.verdict.status == status).count();
            text.sample("boots", &[("status", name)], count);
        }
        text.limits(limits);
        text.0
    }
}

fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tftp => "tftp",
        Protocol::Http => "http",
    }
}

/// The text format. Labels are fixed words, so that nothing needs escaping.
#[derive(Default)]
struct Text(String);

impl Text {
    /// What `docs/limits.md` lists.
    fn limits(&mut self, limits: &[(Usage, u64)]) {
        self.family("limit_used", "gauge", "How much is used of a limit.");
        for (usage, _) in limits {
            self.sample("limit_used", &[("limit", usage.limit.key())], usage.count);
        }
        self.family("limit_max", "gauge", "The limit, as it is configured.");
        for (usage, _) in limits {
            self.sample("limit_max", &[("limit", usage.limit.key())], usage.max);
        }
        self.family("limit_met_total", "counter", "Times that a limit was met.");
        for (usage, times) in limits {
            self.sample("limit_met_total", &[("limit", usage.limit.key())], times);
        }
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP winpe_{name} {help}"));
        self.line(format_args!("# TYPE winpe_{name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.line(format_args!("winpe_{name}{labels} {value}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a String takes everything");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::Client;
    use crate::config::Limit;
    use crate::event::{Failure, Heard};
    use crate::wire::dhcp::{Message, MessageType};

    #[test]
    fn what_happens_is_counted() {
        let mut metrics = Metrics::default();
        let client: SocketAddr = "10.0.0.1:2070".parse().unwrap();
        let (protocol, file) = (Protocol::Tftp, "a".to_owned());
        metrics.record(&Event::Requested { protocol, client, file: file.clone() });
        let text = metrics.text(&[], &[]);
        assert!(text.contains("winpe_transfers_in_flight{protocol=\"tftp\"} 1\n"), "{text}");
        let elapsed = Duration::from_secs(1);
        let (bytes, sha256) = (700, None);
        let sent = file.clone();
        metrics.record(&Event::Sent { protocol, client, file: sent, bytes, elapsed, sha256 });
        let reason = Failure::NotFound;
        metrics.record(&Event::Failed { protocol, client, file, bytes: 0, reason });
        metrics.record(&Event::Leases { bound: 3 });
        let network = "192.168.0.0/24".parse().unwrap();
        for ignored in [Ignore::PoolEmpty(network), Ignore::NotRecorded([192, 168, 0, 1].into())] {
            metrics.record(&Event::Heard(Box::new(Heard {
                client: "52:54:00:00:00:01".to_owned(),
                about: Client::of(&Message::request(1, [2; 6])),
                message: MessageType::Discover,
                address: None,
                server: None,
                ignored: Some(ignored),
                table: None,
            })));
        }
        let reason = || Some("full".to_owned());
        for reason in [reason(), None, reason(), reason()] {
            metrics.record(&Event::Impaired { part: "leases", reason });
        }
        let usage = Usage { limit: Limit::HttpConnections, count: 7, max: 2048 };
        let text = metrics.text(&[], &[(usage, 3)]);
        for line in [
            "winpe_transfers_in_flight{protocol=\"tftp\"} 0",
            "winpe_requests_total{protocol=\"tftp\",result=\"sent\"} 1",
            "winpe_requests_total{protocol=\"tftp\",result=\"not_found\"} 1",
            "winpe_sent_bytes_total{protocol=\"tftp\"} 700",
            "winpe_sent_bytes_total{protocol=\"http\"} 0",
            "winpe_leases 3",
            "winpe_pool_exhausted_total 1",
            "winpe_leases_refused_total 1",
            "winpe_degraded 1",
            "winpe_limit_used{limit=\"http-connections\"} 7",
            "winpe_limit_max{limit=\"http-connections\"} 2048",
            "winpe_limit_met_total{limit=\"http-connections\"} 3",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }
}
