//! What waits for the disk: answers that give addresses.

use std::future::pending;
use std::io;

use tokio::task::JoinHandle;

use super::lease_log::{LeaseLog, LeaseLogError};
use super::{ServeError, Service};
use crate::logic::dhcp::{Effect, Lease};

/// Leases that wait, at most; while there are so many no packet is received.
const WAITING: usize = 4096;

/// The lease log, and what may be told only when it is on the disk.
///
/// ```text
///   effects with a lease ─► next ─► writing (one wait for the disk) ─► effects to be done
///                            ▲          │ all that comes meanwhile
///                            └──────────┘ goes with the next one
/// ```
///
/// So a disk that takes a millisecond costs each client a millisecond or two, however many come at
/// once, and those that are not given an address yet nothing.
pub(super) struct Commits {
    /// Whether there is a log at all; one that gives no addresses has none.
    keeps: bool,
    log: Option<LeaseLog>,
    next: Group,
    writing: Option<(JoinHandle<Written>, Vec<Effect>)>,
}

/// The log comes back with its bytes on the disk.
type Written = Result<LeaseLog, LeaseLogError>;

#[derive(Default)]
struct Group {
    leases: Vec<Lease>,
    /// All else, in order.
    rest: Vec<Effect>,
}

impl Commits {
    /// None where no addresses are given.
    pub(super) fn new(log: Option<LeaseLog>) -> Self {
        Self { keeps: log.is_some(), log, next: Group::default(), writing: None }
    }

    /// Takes the effects of one packet and returns those that need not wait.
    pub(super) fn pass(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        if !self.keeps || !effects.iter().any(|effect| matches!(effect, Effect::Record(_))) {
            return effects;
        }
        for effect in effects {
            match effect {
                Effect::Record(lease) => self.next.leases.push(lease),
                effect => self.next.rest.push(effect),
            }
        }
        Vec::new()
    }

    pub(super) fn is_full(&self) -> bool {
        self.next.leases.len() >= WAITING
    }

    /// Has what waits written, unless something is being written.
    pub(super) fn begin(&mut self) {
        if self.next.leases.is_empty() {
            return;
        }
        let Some(mut log) = self.log.take() else { return };
        let Group { leases, rest } = std::mem::take(&mut self.next);
        let write = move || log.append(&leases).map(|()| log);
        self.writing = Some((tokio::task::spawn_blocking(write), rest));
    }

    /// Waits until a group is on the disk, and returns what may be done now; for ever where nothing is
    /// being written. May be dropped and called again.
    ///
    /// # Errors
    /// Where the disk refuses; then none of it may be done.
    pub(super) async fn written(&mut self) -> Result<Vec<Effect>, ServeError> {
        let Some((writing, _)) = &mut self.writing else { return pending().await };
        let log = writing.await.map_err(|error| ServeError::Lost {
            service: Service::Dhcp,
            source: io::Error::other(error),
        })??;
        self.log = Some(log);
        Ok(self.writing.take().map(|(_, rest)| rest).unwrap_or_default())
    }

    /// Whether nothing is being written and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.writing.is_none() && self.next.leases.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::Event;
    use crate::logic::Time;
    use crate::logic::dhcp::{Identity, LeaseState};
    use crate::wire::dhcp::Hardware;

    fn lease(number: u8) -> Lease {
        Lease {
            address: [10, 0, 0, number].into(),
            identity: Identity::Hardware(Hardware::ethernet([2, 0, 0, 0, 0, number])),
            state: LeaseState::Bound,
            expires: Time::from_secs(1_800_000_000),
        }
    }

    fn tell(text: &str) -> Effect {
        Effect::Tell(Event::Note { text: text.to_owned() })
    }

    #[tokio::test]
    async fn what_follows_a_lease_waits_for_the_disk_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let (log, _) = LeaseLog::open_in(folder.path()).unwrap();
        let mut commits = Commits::new(Some(log));
        assert_eq!(commits.pass(vec![tell("offer")]), [tell("offer")]);
        assert_eq!(commits.pass(vec![Effect::Record(lease(1)), tell("ack 1")]), []);
        commits.begin();
        // These come while the first is being written, and go together.
        for number in 2..5 {
            assert_eq!(commits.pass(vec![Effect::Record(lease(number)), tell("later")]), []);
            commits.begin();
        }
        assert_eq!(commits.written().await.unwrap(), [tell("ack 1")]);
        commits.begin();
        assert_eq!(commits.written().await.unwrap(), [tell("later"), tell("later"), tell("later")]);
        assert!(commits.is_idle());
        let idle = tokio::time::timeout(Duration::from_millis(10), commits.written()).await;
        assert!(idle.is_err(), "nothing is being written");
        drop(commits);
        let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
        assert_eq!(restored.leases, [lease(1), lease(2), lease(3), lease(4)]);
    }
}
