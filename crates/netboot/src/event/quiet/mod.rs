//! Decides which events become lines of the log when very many come.
//!
//! A boot is logged whole, step by step, and so are a hundred simultaneous ones. Repeated lines, and those of
//! a flood, are counted instead: a line at the end of each window of ten seconds says how many of each kind
//! were left out, of how many machines, with the first of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Event, Failure};

/// The time over which lines are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Lines of a window that say the same of the same machine: a step of a boot, which is often repeated, and
/// anything else.
const SAME_STEP: u32 = 5;
const SAME: u32 = 1;
/// Lines of one machine in a window. GRUB loads a hundred modules, and each file is two lines.
const OF_CLIENT: u32 = 400;
/// Failures among them. PXELINUX looks for a dozen files that are not there, by TFTP and again by HTTP.
const FAILED: u32 = 40;
/// Steps, noise and notices: lines in a burst, and lines a second in the long run.
const STEPS: (u32, u32) = (4000, 200);
const NOISE: (u32, u32) = (200, 20);
const WORDS: (u32, u32) = (200, 20);
/// Machines and lines that are counted separately in a window; further ones are bounded by the rates alone.
const TOLD_APART: usize = 1 << 16;

/// Letters of an example; names may be long.
const EXAMPLE: usize = 200;

/// Decides which events become lines. Takes events in their order, and the time as an argument.
///
/// ```
/// use std::time::{Duration, Instant};
/// use winpe_netboot::event::{Event, Quiet};
///
/// let (mut quiet, start) = (Quiet::new(Instant::now()), Instant::now());
/// let noise = || Event::Ignored { client: "10.0.0.1:68".to_owned(), reason: "junk".to_owned() };
/// let lines = (0..1000).filter(|_| quiet.is_line(&noise(), start)).count();
/// assert_eq!(lines, 1);
///
/// let left_out = quiet.left_out(start + Duration::from_secs(10));
/// assert_eq!(
///     left_out[0].to_string(),
///     "... and 999 more lines in the last 10 s from 1 machine, such as: ignored 10.0.0.1:68: junk"
/// );
/// ```
#[derive(Debug)]
pub struct Quiet {
    began: Instant,
    /// Randomly keyed, so that no client can choose lines that collide.
    hasher: RandomState,
    /// How often a line came in this window.
    seen: HashMap<u64, u32>,
    clients: HashMap<u64, Tally>,
    /// By kind.
    without: BTreeMap<LineKind, Without>,
    /// Summaries of windows that are over.
    due: Vec<Event>,
    steps: Bucket,
    noise: Bucket,
    words: Bucket,
}

/// What is counted together: an event, and why it failed.
type LineKind = (&'static str, &'static str);

/// How many lines a client had in this window.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    lines: u32,
    failed: u32,
}

/// Lines of a kind that were left out.
#[derive(Debug)]
struct Without {
    count: u64,
    clients: HashSet<u64>,
    example: String,
}

/// An event as the log counts it.
struct Line<'a> {
    kind: LineKind,
    class: Class,
    failed: bool,
    /// The client, without its port, which differs from packet to packet.
    client: String,
    /// What distinguishes it from others of its kind.
    detail: [&'a str; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A step of a boot.
    Step,
    /// Not part of a boot.
    Noise,
    /// A notice for the administrator.
    Word,
}

impl Class {
    /// Whether a boot can fail like that: loaders look for files that do not exist.
    fn of(reason: &Failure) -> Self {
        match reason {
            Failure::Refused(_) | Failure::Busy(_) | Failure::Malformed(_) => Self::Noise,
            _ => Self::Step,
        }
    }
}

impl Quiet {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            hasher: RandomState::new(),
            seen: HashMap::new(),
            clients: HashMap::new(),
            without: BTreeMap::new(),
            due: Vec::new(),
            steps: Bucket::new(STEPS, now),
            noise: Bucket::new(NOISE, now),
            words: Bucket::new(WORDS, now),
        }
    }

    /// Whether this event becomes a line; one that does not is counted.
    pub fn is_line(&mut self, event: &Event, now: Instant) -> bool {
        let Some(line) = Line::of(event) else { return false };
        self.turn(now);
        let client = self.hasher.hash_one(&line.client);
        let key = self.hasher.hash_one((line.kind, client, line.detail));
        let same = if line.class == Class::Step { SAME_STEP } else { SAME };
        let repeats = count(&mut self.seen, key, |times| *times += 1);
        let tally = count(&mut self.clients, client, |tally: &mut Tally| {
            tally.lines += 1;
            tally.failed += u32::from(line.failed);
        });
        // Notices concern all machines, so no single one uses them up.
        let few = line.class == Class::Word || (tally.lines <= OF_CLIENT && tally.failed <= FAILED);
        let bucket = match line.class {
            Class::Step => &mut self.steps,
            Class::Noise => &mut self.noise,
            Class::Word => &mut self.words,
        };
        if repeats <= same && few && bucket.take(now) {
            return true;
        }
        let without = self.without.entry(line.kind).or_insert_with(|| Without {
            count: 0,
            clients: HashSet::new(),
            example: event.to_string().chars().take(EXAMPLE).collect(),
        });
        without.count += 1;
        if without.clients.len() < TOLD_APART {
            without.clients.insert(client);
        }
        false
    }

    /// Summaries of windows that are over; call it about every second.
    pub fn left_out(&mut self, now: Instant) -> Vec<Event> {
        self.turn(now);
        std::mem::take(&mut self.due)
    }

    /// All summaries that are left, for the end of the log.
    pub fn rest(&mut self, now: Instant) -> Vec<Event> {
        self.close(now);
        std::mem::take(&mut self.due)
    }

    /// Begins the next window, where this one is over.
    fn turn(&mut self, now: Instant) {
        if now.saturating_duration_since(self.began) >= WINDOW {
            self.close(now);
        }
    }

    fn close(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.began).max(Duration::from_secs(1));
        for ((of, _), without) in std::mem::take(&mut self.without) {
            let Without { count, clients, example } = without;
            self.due.push(Event::Repeated { of, count, clients: clients.len(), elapsed, example });
        }
        self.began = now;
        self.seen = HashMap::new();
        self.clients = HashMap::new();
    }
}

/// Counts in a bounded map; a key that has no place there counts as new.
fn count<T: Default + Clone>(map: &mut HashMap<u64, T>, key: u64, add: impl FnOnce(&mut T)) -> T {
    let mut new = T::default();
    if map.len() < TOLD_APART || map.contains_key(&key) {
        let place = map.entry(key).or_default();
        add(place);
        return place.clone();
    }
    add(&mut new);
    new
}

impl<'a> Line<'a> {
    /// None for what is no line of a log.
    fn of(event: &'a Event) -> Option<Self> {
        let step = |kind, client: String, detail| {
            let (kind, class, failed) = ((kind, ""), Class::Step, false);
            Self { kind, class, failed, client, detail }
        };
        let word = |kind, text| {
            let (kind, class, failed, client) = ((kind, ""), Class::Word, false, String::new());
            Self { kind, class, failed, client, detail: [text, ""] }
        };
        Some(match event {
            Event::Answered { client, answer, file, .. } => step(
                "answered",
                client.clone(),
                [answer.name(), file.as_deref().unwrap_or_default()],
            ),
            Event::Ignored { client, reason } => {
                let (kind, class, failed) = (("ignored", ""), Class::Noise, true);
                let address = client.parse::<SocketAddr>();
                let client =
                    address.map_or_else(|_| client.clone(), |address| address.ip().to_string());
                Self { kind, class, failed, client, detail: [reason, ""] }
            }
            Event::Requested { client, file, .. } => {
                step("requested", client.ip().to_string(), [file, ""])
            }
            Event::Sent { client, file, .. } => step("sent", client.ip().to_string(), [file, ""]),
            Event::Failed { client, file, reason, .. } => {
                let (kind, class) = (("failed", reason.code()), Class::of(reason));
                let detail = [file.as_str(), reason.code()];
                Self { kind, class, failed: true, client: client.ip().to_string(), detail }
            }
            Event::Stalled { client, file, .. } => {
                let client = client.ip().to_string();
                Self { failed: true, ..step("stalled", client, [file.as_str(), ""]) }
            }
            Event::Console { client, line } => step("console", client.to_string(), [line, ""]),
            Event::Ipv6 { client, waiting, .. } => {
                step("ipv6", client.clone(), [waiting.code(), ""])
            }
            // Each version of a file is news, and clients make none.
            Event::Hashed { file, sha256, .. } => step("hashed", sha256.to_string(), [file, ""]),
            // Many notes report what clients do, and must not crowd out a warning.
            Event::Note { text } => step("note", String::new(), [text, ""]),
            Event::Warning { text } => word("warning", text),
            Event::Repeated { .. } => word("repeated", ""),
            Event::Heard(_)
            | Event::Progress { .. }
            | Event::NotNamed { .. }
            | Event::Lease { .. }
            | Event::Leases { .. }
            | Event::Impaired { .. } => return None,
        })
    }
}

/// A token bucket of lines.
#[derive(Debug)]
struct Bucket {
    most: f64,
    rate: f64,
    left: f64,
    filled: Instant,
}

impl Bucket {
    fn new((most, rate): (u32, u32), now: Instant) -> Self {
        let most = f64::from(most);
        Self { most, rate: rate.into(), left: most, filled: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = self.filled.max(now);
        self.left = (self.left + passed * self.rate).min(self.most);
        let takes = self.left >= 1.0;
        if takes {
            self.left -= 1.0;
        }
        takes
    }
}

#[cfg(test)]
mod tests;
