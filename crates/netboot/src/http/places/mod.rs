//! How many connections there may be, and which one is closed for another.
//!
//! ```text
//!   accepted ─► unproven ─► a whole request ─► proven ─► closed
//!                  │ full: the oldest of       │ full: idle ones, then slow ones, then one of an
//!                  ▼ those that have most      ▼ address that has several; else the request waits
//! ```
//!
//! An unproven connection costs its client nothing, so that none of them ever keeps a new one out.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::Limits;
use super::pace::{Doing, Pace, SAMPLE_INTERVAL, Watched};
use crate::config::Limit;
use crate::logic::{Place, Shares, network_of};
use crate::meter::{Meter, Usage};

/// Connections of one address from which on one of them gives way where all places are taken. A machine
/// that boots has one or two.
const SEVERAL: usize = 4;

/// Before a request that waits for a place looks again, at the latest.
const AGAIN: Duration = Duration::from_secs(1);

/// The places of connections.
pub(super) struct Places {
    state: Mutex<State>,
    limits: Limits,
    meter: Arc<Meter>,
    /// Connections that have sent a request.
    crowd: Arc<AtomicUsize>,
    /// Wakes those that wait for a place.
    freed: Notify,
}

struct State {
    unproven: Shares<Held>,
    proven: Shares<Held>,
    looked: Instant,
}

/// The holder of a place. Dropping it closes the connection.
struct Held {
    watched: Watched,
    _closes: oneshot::Sender<()>,
}

/// A place that was given to a connection.
pub(super) struct Given {
    pub(super) place: Place,
    pub(super) pace: Arc<Pace>,
    /// Ready when the connection has to be closed.
    pub(super) closed: oneshot::Receiver<()>,
}

/// The answer to a connection that has sent a whole request and asks for a place.
#[derive(Debug, PartialEq, Eq)]
enum Proof {
    Given(Place),
    /// No connection gives way.
    Full,
    /// It is closed.
    Closed,
}

impl Places {
    pub(super) fn new(limits: Limits, meter: Arc<Meter>) -> Self {
        let state = State {
            unproven: Shares::default(),
            proven: Shares::default(),
            looked: Instant::now(),
        };
        Self {
            state: Mutex::new(state),
            limits,
            meter,
            crowd: Arc::default(),
            freed: Notify::new(),
        }
    }

    /// A place for a new connection; none where its client has as many as it may.
    pub(super) fn enter(&self, ip: IpAddr, now: Instant) -> Option<Given> {
        let mut state = self.state();
        let mut met = None;
        if state.unproven.len_of(ip) + state.proven.len_of(ip) >= self.limits.connections_per_client
        {
            self.meter.met(Limit::HttpPerClient, self.limits.connections_per_client);
            if let Some((place, _)) = state.unproven.oldest_of(ip) {
                close(state.unproven.remove(place));
            } else {
                let place = state.idle_of(ip, now)?;
                close(state.proven.remove(place));
            }
        }
        if state.unproven.len() >= self.limits.unproven {
            met = Some(Limit::HttpUnproven);
            if let Some(place) = state.unproven.victim() {
                close(state.unproven.remove(place));
            }
        }
        let pace = Pace::new(now, &self.crowd);
        let (closes, closed) = oneshot::channel();
        let held = Held { watched: Watched::new(Arc::clone(&pace)), _closes: closes };
        let place = state.unproven.insert(ip, held);
        drop(state);
        if let Some(limit) = met {
            self.meter.met(limit, self.limits.unproven);
        }
        Some(Given { place, pace, closed })
    }

    /// The connection of an unproven place has sent a whole request. Returns its place among those that
    /// have; none where it gets no place in time, or is closed.
    pub(super) async fn prove(&self, ip: IpAddr, unproven: Place) -> Option<Place> {
        let until = Instant::now() + self.limits.idle;
        let mut first = true;
        loop {
            let now = Instant::now();
            match self.try_prove(ip, unproven, now, first) {
                Proof::Given(place) => return Some(place),
                Proof::Full if now < until => {}
                Proof::Full | Proof::Closed => return None,
            }
            first = false;
            // A notice that this request cannot use is not repeated; after a second it looks by itself.
            let _ = tokio::time::timeout(AGAIN, self.freed.notified()).await;
        }
    }

    fn try_prove(&self, ip: IpAddr, unproven: Place, now: Instant, first: bool) -> Proof {
        let mut state = self.state();
        if state.unproven.get_mut(unproven).is_none() {
            return Proof::Closed;
        }
        let limits = &self.limits;
        let of_network = state.proven.len_of_network(ip) >= limits.connections_per_network;
        if of_network || state.proven.len() >= limits.connections {
            if first {
                let (limit, max) = if of_network {
                    (Limit::HttpPerNetwork, limits.connections_per_network)
                } else {
                    (Limit::HttpConnections, limits.connections)
                };
                self.meter.met(limit, max);
            }
            let network = of_network.then(|| network_of(ip));
            let Some((place, slow)) = state.yields_to(ip, network, limits.least_rate as u64, now)
            else {
                return Proof::Full;
            };
            if slow {
                self.meter.met(Limit::HttpLeastRate, limits.least_rate);
            }
            close(state.proven.remove(place));
        }
        let Some(held) = state.unproven.remove(unproven) else { return Proof::Closed };
        // It is not idle, though the answer begins a moment later.
        held.watched.begin(now);
        let place = state.proven.insert(ip, held);
        self.crowd.store(state.proven.len(), Relaxed);
        Proof::Given(place)
    }

    /// A connection has ended.
    pub(super) fn leave(&self, unproven: Place, proven: Option<Place>) {
        let mut state = self.state();
        match proven {
            None => drop(state.unproven.remove(unproven)),
            Some(place) => {
                drop(state.proven.remove(place));
                self.crowd.store(state.proven.len(), Relaxed);
                self.freed.notify_one();
            }
        }
    }

    /// Closes the connections that have sent no request: nothing is under way there.
    pub(super) fn close_unproven(&self) {
        self.state().unproven.clear();
    }

    /// Looks how fast clients are, if it is time to; to be called each [`SAMPLE_INTERVAL`].
    pub(super) fn sample(&self, now: Instant) {
        let mut state = self.state();
        if now.saturating_duration_since(state.looked) >= SAMPLE_INTERVAL / 2 {
            state.looked = now;
            state.proven.iter_mut().for_each(|held| held.watched.sample(now));
        }
    }

    /// How much is used of each limit.
    pub(super) fn usage(&self, now: Instant) -> Vec<Usage> {
        let (state, limits) = (self.state(), &self.limits);
        let mut of_clients = std::collections::HashMap::<IpAddr, usize>::new();
        for (_, ip, ..) in state.unproven.iter().chain(state.proven.iter()) {
            *of_clients.entry(ip).or_default() += 1;
        }
        let least = limits.least_rate as u64;
        let slow = state.proven.iter().filter(|(.., held)| held.is_slow(least, now)).count();
        let of_client = of_clients.into_values().max().unwrap_or(0);
        [
            (Limit::HttpConnections, state.proven.len(), limits.connections),
            (Limit::HttpUnproven, state.unproven.len(), limits.unproven),
            (Limit::HttpPerClient, of_client, limits.connections_per_client),
            (
                Limit::HttpPerNetwork,
                state.proven.most_of_a_network(),
                limits.connections_per_network,
            ),
            (Limit::HttpLeastRate, slow, limits.least_rate),
        ]
        .map(|(limit, count, max)| Usage { limit, count, max })
        .into()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave the counts half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The connection of an address that has been idle for longest.
    fn idle_of(&self, ip: IpAddr, now: Instant) -> Option<Place> {
        let of_client = self.proven.iter().filter(|(_, address, ..)| *address == ip);
        let idle = of_client.filter_map(|(place, .., held)| match held.watched.doing(now) {
            Doing::Idle(time) => Some((time, place)),
            Doing::Taking(_) => None,
        });
        idle.max_by_key(|(time, _)| *time).map(|(_, place)| place)
    }

    /// The connection that gives way to one of an address, and whether it does because it is slow. Where a
    /// network is given, one of this network.
    fn yields_to(
        &self,
        ip: IpAddr,
        network: Option<IpAddr>,
        least_rate: u64,
        now: Instant,
    ) -> Option<(Place, bool)> {
        let ours = self.proven.len_of(ip);
        let each = self.proven.iter();
        let each =
            each.filter(|(_, it, ..)| network.is_none_or(|wanted| network_of(*it) == wanted));
        let ranked = each.filter_map(|(place, _, of_client, held)| {
            let rank = match held.watched.doing(now) {
                Doing::Idle(time) => Rank::Idle(of_client, time),
                Doing::Taking(Some(rate)) if rate < least_rate => Rank::Slow(Reverse(rate)),
                Doing::Taking(rate) if of_client >= SEVERAL && of_client > ours => {
                    Rank::Several(of_client, Reverse(rate))
                }
                Doing::Taking(_) => return None,
            };
            Some((rank, place))
        });
        let (rank, place) = ranked.max_by_key(|(rank, _)| *rank)?;
        Some((place, matches!(rank, Rank::Slow(_))))
    }
}

/// Why a connection gives way; the greatest does first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Its address has several, this many; the slowest of them.
    Several(usize, Reverse<Option<u64>>),
    /// Its client is slow.
    Slow(Reverse<u64>),
    /// Nothing is asked by it, for so long; one of an address that has many first.
    Idle(usize, Duration),
}

impl Held {
    fn is_slow(&self, least_rate: u64, now: Instant) -> bool {
        matches!(self.watched.doing(now), Doing::Taking(Some(rate)) if rate < least_rate)
    }
}

/// Closes a connection in favour of another.
fn close(held: Option<Held>) {
    if let Some(held) = held {
        held.watched.give_way();
    }
}

#[cfg(test)]
mod tests;
