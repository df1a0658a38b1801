//! Each machine's boot as it happens, and where it stopped.
//!
//! ```text
//!   events, time ─► Timeline ─► clients ─► boots ─► steps
//!                                            │
//!                              verdict: signatures ─► state, why, what helps
//! ```
//!
//! Everything here is a function of events and time. Clients, boots of a client and steps of a boot are
//! bounded, and so is their total: under a flood of made-up clients those that never booted are dropped
//! first.
//!
//! ```
//! use winpe_netboot::event::{Event, Failure, Protocol};
//! use winpe_netboot::logic::Time;
//! use winpe_netboot::timeline::{Limits, Status, Timeline};
//!
//! let mut timeline = Timeline::new(Limits::default());
//! let client = "192.168.0.50:2070".parse()?;
//! let (protocol, file) = (Protocol::Tftp, "pxelinux.0".to_owned());
//! let asked = Event::Requested { protocol, client, file: file.clone() };
//! timeline.record(&asked, Time::from_secs(100));
//! let failed = Event::Failed { protocol, client, file, bytes: 0, reason: Failure::NotFound };
//! timeline.record(&failed, Time::from_secs(100));
//!
//! let boots = timeline.boots(Time::from_secs(110));
//! assert_eq!(boots[0].verdict.status, Status::Stopped);
//! assert_eq!(boots[0].verdict.summary, "pxelinux.0 was asked for and is not there");
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod boot;
mod client;
mod console;
mod ingest;
mod report;
mod signatures;
mod snapshot;
mod step;
mod verdict;
mod view;

#[cfg(test)]
mod tests;

pub use step::{FileStep, Outcome, Role, Step, StepKind};
pub use verdict::{Status, Verdict};
pub use view::{BootView, Link, LinkState, TransferView};

use std::collections::HashMap;
use std::net::IpAddr;

use client::ClientRecord;

use crate::logic::Time;

/// How much is remembered, at most.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Clients.
    pub clients: usize,
    /// Boots of one client.
    pub boots: usize,
    /// Steps of one boot; the first and the last are kept.
    pub steps: usize,
    /// Steps of all boots together.
    pub total: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // A step is at most about a kilobyte.
        Self { clients: 1024, boots: 4, steps: 96, total: 20_000 }
    }
}

/// What is remembered of all clients.
#[derive(Debug)]
pub struct Timeline {
    limits: Limits,
    clients: HashMap<String, ClientRecord>,
    /// Whose address it is.
    addresses: HashMap<IpAddr, String>,
    /// Counts boots, as their names.
    boots: u64,
    /// Counts changes.
    revision: u64,
    /// Steps of all boots.
    total: usize,
}

impl Timeline {
    /// One that remembers nothing yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let (clients, addresses) = (HashMap::new(), HashMap::new());
        Self { limits, clients, addresses, boots: 0, revision: 0, total: 0 }
    }

    /// Counts up with each change.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The boots, the one with the latest step first, without their steps.
    #[must_use]
    pub fn boots(&self, now: Time) -> Vec<BootView> {
        self.views(now, 0)
    }

    /// The boots that changed after this revision, in the same order.
    #[must_use]
    pub fn changed_since(&self, revision: u64, now: Time) -> Vec<BootView> {
        self.views(now, revision)
    }

    /// One boot with its steps.
    #[must_use]
    pub fn boot(&self, id: u64, now: Time) -> Option<BootView> {
        self.clients.values().find_map(|client| {
            let boot = client.boots.iter().find(|boot| boot.id == id)?;
            Some(BootView::of(client, boot, now, true))
        })
    }

    /// Notices timeouts: a boot whose verdict differs from the one shown last has changed. Call it about
    /// every second.
    pub fn advance(&mut self, now: Time) {
        for client in self.clients.values_mut() {
            let Some(boot) = client.boots.back_mut() else { continue };
            let status = signatures::judge(boot, now);
            if boot.shown.as_ref() != Some(&status) {
                boot.shown = Some(status);
                self.revision += 1;
                boot.revision = self.revision;
            }
        }
    }

    fn views(&self, now: Time, after: u64) -> Vec<BootView> {
        let mut boots: Vec<_> = self
            .clients
            .values()
            .flat_map(|client| client.boots.iter().map(move |boot| (client, boot)))
            .filter(|(_, boot)| boot.revision > after)
            .collect();
        boots.sort_by_key(|(_, boot)| std::cmp::Reverse((boot.last, boot.id)));
        boots.into_iter().map(|(client, boot)| BootView::of(client, boot, now, false)).collect()
    }
}
