//! Addresses that are looked at before anyone asks for one.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::logic::Time;

/// How many of the next addresses to know about.
pub(super) const AHEAD: usize = 4;
/// After this time an address is looked at again.
const AGAIN: Duration = Duration::from_secs(30);
/// For so long it counts that nobody used an address.
const COUNTS: Duration = Duration::from_secs(60);

/// What is known of the addresses that the next new clients will be given.
#[derive(Debug, Default)]
pub(super) struct Scout(BTreeMap<Ipv4Addr, Look>);

#[derive(Debug)]
struct Look {
    asked: Time,
    /// When nobody used it.
    free: Option<Time>,
}

impl Scout {
    /// Which of the next addresses to probe now; all others are forgotten.
    pub(super) fn due(&mut self, next: &[Ipv4Addr], now: Time) -> Vec<Ipv4Addr> {
        self.0.retain(|address, _| next.contains(address));
        let mut due = Vec::new();
        for address in next {
            let look = self.0.get(address);
            if look.is_none_or(|look| now.since(look.asked) >= AGAIN) {
                let free = look.and_then(|look| look.free);
                self.0.insert(*address, Look { asked: now, free });
                due.push(*address);
            }
        }
        due
    }

    /// Takes what a probe found.
    pub(super) fn seen(&mut self, address: Ipv4Addr, used: bool, now: Time) {
        if let Some(look) = self.0.get_mut(&address) {
            look.free = (!used).then_some(now);
        }
    }

    /// Whether nobody used an address a moment ago.
    pub(super) fn is_free(&self, address: Ipv4Addr, now: Time) -> bool {
        let free = self.0.get(&address).and_then(|look| look.free);
        free.is_some_and(|free| now.since(free) < COUNTS)
    }
}
