//! Boots and floods, in time that is made up.

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::event::Protocol;
use crate::files::{Digest, File};
use crate::wire::dhcp::MessageType;

/// What a log comes to.
struct Log {
    quiet: Quiet,
    now: Instant,
    lines: Vec<Event>,
    /// Events that were to become lines or be counted.
    events: u64,
}

impl Log {
    fn new() -> Self {
        let now = Instant::now();
        Self { quiet: Quiet::new(now), now, lines: Vec::new(), events: 0 }
    }

    fn event(&mut self, event: Event) {
        self.events += 1;
        if self.quiet.is_line(&event, self.now) {
            self.lines.push(event);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.lines.extend(self.quiet.left_out(self.now));
    }

    /// Each event is a line or is counted in one.
    fn check(mut self) -> Vec<Event> {
        self.now += Duration::from_secs(3);
        self.lines.extend(self.quiet.rest(self.now));
        let counted: u64 = self
            .lines
            .iter()
            .map(|line| if let Event::Repeated { count, .. } = line { *count } else { 1 })
            .sum();
        assert_eq!(counted, self.events);
        self.lines
    }
}

fn client(number: u32) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number)), 2070)
}

fn requested(number: u32, file: &str) -> Event {
    let (protocol, file) = (Protocol::Tftp, file.to_owned());
    Event::Requested { protocol, client: client(number), file }
}

fn failed(number: u32, file: &str, reason: Failure) -> Event {
    let (protocol, file) = (Protocol::Tftp, file.to_owned());
    Event::Failed { protocol, client: client(number), file, bytes: 0, reason }
}

/// The lines of a machine that boots by PXELINUX and looks for its configuration first.
fn boot(number: u32) -> Vec<Event> {
    let mac = format!("52:54:00:00:{:02x}:{:02x}", number >> 8, number & 255);
    let mut events = Vec::new();
    for stage in ["pxelinux.0", "http://10.0.0.1/boot.ipxe"] {
        use MessageType::{Ack, Discover, Offer, Request};
        for (message, answer) in [(Discover, Offer), (Request, Ack)] {
            events.push(Event::Answered {
                client: mac.clone(),
                kind: "PXE on BIOS".to_owned(),
                message,
                answer,
                address: None,
                file: Some(stage.to_owned()),
            });
        }
    }
    for probe in 0..12 {
        let name = format!("pxelinux.cfg/{number:x}-{probe}");
        events.push(requested(number, &name));
        events.push(failed(number, &name, Failure::NotFound));
    }
    for file in [
        "pxelinux.0",
        "ldlinux.c32",
        "default",
        "boot.ipxe",
        "wimboot",
        "bcd",
        "boot.sdi",
        "boot.wim",
    ] {
        events.push(requested(number, file));
        let (protocol, client, file) = (Protocol::Tftp, client(number), file.to_owned());
        let (bytes, elapsed, sha256) = (700, Duration::from_secs(1), None);
        events.push(Event::Sent { protocol, client, file, bytes, elapsed, sha256 });
    }
    events
}

#[test]
fn a_hundred_boots_at_once_are_logged_whole() {
    let mut log = Log::new();
    let machines: Vec<_> = (0..100).map(boot).collect();
    let steps = machines[0].len();
    for step in 0..steps {
        for machine in &machines {
            log.event(machine[step].clone());
        }
        log.pass(Duration::from_millis(500));
    }
    let lines = log.check();
    assert_eq!(lines.len(), 100 * steps);
    assert!(!lines.iter().any(|line| matches!(line, Event::Repeated { .. })));
}

#[test]
fn a_flood_of_junk_is_some_hundred_lines() {
    // What a review sent: 75,700 requests in 5 s, from some addresses, of no name twice.
    for (addresses, most) in [(1, 100), (8, 700), (63, 5300)] {
        let mut log = Log::new();
        for number in 0..75_700_u32 {
            let name = format!("junk{number}");
            log.event(requested(number % addresses, &name));
            log.event(failed(number % addresses, &name, Failure::NotFound));
            if number % 757 == 0 {
                log.pass(Duration::from_millis(50));
            }
        }
        let lines = log.check();
        assert!(lines.len() <= most, "{addresses} addresses: {} lines", lines.len());
        let repeated: Vec<_> =
            lines.iter().filter(|line| matches!(line, Event::Repeated { .. })).collect();
        assert_eq!(repeated.len(), 2, "one for the requests, one for what became of them");
        let Event::Repeated { clients, .. } = repeated[0] else { unreachable!() };
        assert_eq!(*clients, addresses as usize);
    }
}

#[test]
fn a_flood_of_made_up_machines_is_bounded_and_hides_no_boot() {
    let mut log = Log::new();
    for second in 0..60_u32 {
        for number in 0..1000_u32 {
            let [_, a, b, c] = (second * 1000 + number).to_be_bytes();
            let client = format!("02:00:00:{a:02x}:{b:02x}:{c:02x}");
            let reason = "too many new clients at a time".to_owned();
            log.event(Event::Ignored { client, reason });
        }
        if second == 30 {
            boot(7).into_iter().for_each(|event| log.event(event));
            log.event(Event::Warning { text: "the disk is full".to_owned() });
        }
        log.pass(Duration::from_secs(1));
    }
    let lines = log.check();
    let (boots, noise): (Vec<_>, Vec<_>) = lines
        .iter()
        .partition(|line| !matches!(line, Event::Ignored { .. } | Event::Repeated { .. }));
    assert_eq!(boots.len(), boot(7).len() + 1);
    assert!(noise.len() <= 200 + 60 * 20 + 7, "{} lines", noise.len());
}

#[test]
fn what_repeats_itself_is_said_once_in_a_window() {
    let mut log = Log::new();
    for _ in 0..100 {
        // Another port each time.
        let client = format!("10.0.0.1:{}", log.events);
        log.event(Event::Ignored { client, reason: "no DHCP message".to_owned() });
        log.event(Event::Warning { text: "cannot answer".to_owned() });
        log.pass(Duration::from_millis(250));
    }
    let lines = log.check();
    let of = |kind: &str| {
        let texts = lines.iter().map(ToString::to_string);
        texts.filter(|text| text.starts_with(kind)).count()
    };
    assert_eq!((of("ignored"), of("warning"), of("... and")), (3, 3, 6), "{lines:#?}");
}

#[test]
fn one_machine_that_fails_on_and_on_does_not_hide_another() {
    let mut log = Log::new();
    for number in 0..10_000 {
        log.event(failed(1, &format!("junk{number}"), Failure::NotFound));
    }
    boot(2).into_iter().for_each(|event| log.event(event));
    let of = |lines: &[Event], number: u32| {
        let lines = lines.iter().filter(
            |line| matches!(line, Event::Failed { client: it, .. } if *it == client(number)),
        );
        lines.count()
    };
    let lines = log.check();
    assert_eq!((of(&lines, 1), of(&lines, 2)), (40, 12));
}

#[test]
fn each_file_and_each_version_is_logged_and_notes_hide_no_warning() {
    let mut log = Log::new();
    for number in 0..3000_u32 {
        let content = File::from_bytes(number.to_string());
        let go_on = |_| std::ops::ControlFlow::Continue(());
        let sha256 = Digest::of(&content, go_on).unwrap().unwrap();
        let file = "a".to_owned();
        log.event(Event::Hashed { file, bytes: 1, sha256, before: None });
        log.event(Event::Note { text: format!("{number} may not have it") });
    }
    log.event(Event::Warning { text: "the disk is full".to_owned() });
    let lines = log.check();
    let hashed = lines.iter().filter(|line| matches!(line, Event::Hashed { .. })).count();
    let notes = lines.iter().filter(|line| matches!(line, Event::Note { .. })).count();
    assert_eq!((hashed, notes), (3000, 400));
    assert!(lines.iter().any(|line| matches!(line, Event::Warning { .. })));
}

#[test]
fn memory_is_bounded() {
    let mut log = Log::new();
    for number in 0..200_000 {
        log.event(requested(number, "a"));
        log.event(failed(number, "a", Failure::Busy("full")));
    }
    assert_eq!((log.quiet.seen.len(), log.quiet.clients.len()), (TOLD_APART, TOLD_APART));
    assert!(log.quiet.without.values().all(|it| it.clients.len() <= TOLD_APART));
    log.check();
}

#[test]
fn machines_get_fields() {
    let mut log = Log::new();
    for _ in 0..3 {
        log.event(Event::Warning { text: "x\ny".to_owned() });
    }
    let line = serde_json::to_string(&log.check()[1]).unwrap();
    assert_eq!(
        line,
        r#"{"event":"repeated","of":"warning","count":2,"clients":1,"seconds":3.0,"example":"warning: x\\ny"}"#
    );
}
