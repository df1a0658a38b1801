//! Answers that give addresses wait here until their leases are on the disk.

use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::lease_log::{LeaseLog, LeaseLogError};
use crate::logic::dhcp::{Decided, Effect, Lease};

/// Most leases that wait; with more, no packet is received.
const WAITING: usize = 4096;
/// First and longest pause before a disk that refused is tried again.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// A disk that refuses again within this time is tried again as rarely as before.
const STEADY: Duration = Duration::from_secs(60);

/// The lease log, and the effects that wait for it.
///
/// ```text
///   effects with a lease ─► next ─► writing (one wait for the disk) ─► effects to be done
///                            ▲          │ all that comes meanwhile        or none of them, where
///                            └──────────┘ goes with the next one          the disk refuses
/// ```
///
/// So a disk that takes a millisecond costs each client a millisecond or two, however many ask together, and
/// costs nothing for answers without a lease.
pub(super) struct Commits {
    /// Whether there is a log at all; a server that gives no addresses has none.
    keeps: bool,
    log: Option<LeaseLog>,
    next: Group,
    writing: Option<(JoinHandle<Attempt>, Vec<Effect>)>,
    /// When a disk that refused is tried again.
    retry: Option<Instant>,
    /// The last pause, and until when the next one builds on it.
    patience: (Duration, Instant),
}

/// The log comes back from the thread that wrote it, or tried to.
type Attempt = (LeaseLog, Result<(), LeaseLogError>);

/// How a write went.
#[derive(Debug)]
pub(super) enum WriteResult {
    /// The leases are on the disk: these effects may be carried out.
    Written(Vec<Effect>),
    /// The disk refuses from now on, and has these leases.
    Refused {
        /// Why, in words.
        reason: String,
        /// The leases.
        recorded: Vec<Lease>,
    },
    /// The disk takes leases again.
    Recovered,
}

#[derive(Default)]
struct Group {
    leases: Vec<Lease>,
    effects: Vec<Effect>,
}

impl Commits {
    /// `log` is none where no addresses are given. `refused`: the disk takes nothing at present.
    pub(super) fn new(log: Option<LeaseLog>, refused: bool) -> Self {
        let now = Instant::now();
        Self {
            keeps: log.is_some(),
            log,
            next: Group::default(),
            writing: None,
            retry: refused.then(|| now + FIRST_RETRY),
            patience: (FIRST_RETRY, now),
        }
    }

    /// Takes what was decided on one packet and returns the effects that need not wait for the disk.
    pub(super) fn pass(&mut self, decided: Decided) -> Vec<Effect> {
        let Decided { leases, effects } = decided;
        if !self.keeps || leases.is_empty() {
            return effects;
        }
        if self.retry.is_some() {
            // No client gets what cannot be recorded.
            return Vec::new();
        }
        self.next.leases.extend(leases);
        self.next.effects.extend(effects);
        Vec::new()
    }

    pub(super) fn is_full(&self) -> bool {
        self.next.leases.len() >= WAITING
    }

    /// Starts writing what waits, unless a write is under way.
    pub(super) fn begin(&mut self) {
        if self.next.leases.is_empty() {
            return;
        }
        let Some(mut log) = self.log.take() else { return };
        let Group { leases, effects } = std::mem::take(&mut self.next);
        let write = move || {
            let written = log.append(&leases);
            (log, written)
        };
        self.writing = Some((tokio::task::spawn_blocking(write), effects));
    }

    /// Waits until a group is on the disk, or it is known that it will not be; for ever where nothing is
    /// to be written. Where the disk refuses, tries again now and then. May be dropped and called again.
    ///
    /// # Errors
    /// Where the thread that writes is lost.
    pub(super) async fn written(&mut self) -> io::Result<WriteResult> {
        loop {
            if let Some((writing, _)) = &mut self.writing {
                let attempt = writing.await.map_err(io::Error::other)?;
                let effects = self.writing.take().map(|it| it.1).unwrap_or_default();
                if let Some(outcome) = self.attempted(attempt, effects) {
                    return Ok(outcome);
                }
            }
            let Some(retry) = self.retry else { return pending().await };
            sleep_until(retry).await;
            let Some(mut log) = self.log.take() else { return pending().await };
            let write = move || {
                let written = log.make_room().map_err(LeaseLogError::from);
                (log, written)
            };
            self.writing = Some((tokio::task::spawn_blocking(write), Vec::new()));
        }
    }

    /// Takes the log back. None where another attempt failed.
    fn attempted(&mut self, attempt: Attempt, effects: Vec<Effect>) -> Option<WriteResult> {
        let (log, written) = attempt;
        let log = self.log.insert(log);
        let now = Instant::now();
        let refused_before = self.retry.is_some();
        let Err(error) = written else {
            self.retry = None;
            if !refused_before {
                return Some(WriteResult::Written(effects));
            }
            self.patience.1 = now + STEADY;
            return Some(WriteResult::Recovered);
        };
        let (wait, until) = self.patience;
        let wait = if refused_before || now < until { wait.saturating_mul(2) } else { FIRST_RETRY };
        self.patience = (wait.min(LAST_RETRY), now + STEADY);
        self.retry = Some(now + self.patience.0);
        if refused_before {
            return None;
        }
        let recorded = log.leases().cloned().collect();
        // Their clients ask again.
        self.next = Group::default();
        Some(WriteResult::Refused { reason: error.to_string(), recorded })
    }

    /// Whether the disk takes nothing at present.
    pub(super) fn is_refused(&self) -> bool {
        self.retry.is_some()
    }

    /// Whether nothing is being written and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.writing.is_none() && self.next.leases.is_empty()
    }
}

#[cfg(test)]
mod tests;
