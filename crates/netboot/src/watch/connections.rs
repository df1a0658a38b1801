//! Which connections to the port of the page are open, and which one gives way.
//!
//! Each connection is let in, so that `/healthz` is answered however many others are connected: a server that
//! does not answer there is taken for dead, and restarted.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::config::{Limit, Limits};
use crate::logic::{Place, Shares};
use crate::meter::{Meter, Usage, Used};

/// The connections to the port of the page.
pub(super) struct PageConnections {
    state: Mutex<State>,
    limits: Limits,
    meter: Arc<Meter>,
}

#[derive(Default)]
struct State {
    /// Dropping a sender closes its connection.
    short: Shares<oneshot::Sender<()>>,
    streams: Shares<oneshot::Sender<()>>,
}

/// A connection's place.
pub(super) struct PageConnection {
    connections: Arc<PageConnections>,
    ip: IpAddr,
    seat: Mutex<Seat>,
}

#[derive(Debug, Clone, Copy)]
enum Seat {
    Short(Place),
    Stream(Place),
}

impl PageConnections {
    pub(super) fn new(limits: Limits, meter: Arc<Meter>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), limits, meter })
    }

    /// Lets a connection in. The receiver is ready when it has to be closed for another.
    pub(super) fn enter(self: &Arc<Self>, ip: IpAddr) -> (PageConnection, oneshot::Receiver<()>) {
        let (closes, closed) = oneshot::channel();
        let mut state = self.state();
        let (most, all) = (self.limits.page_per_client, self.limits.page_connections);
        let met = make_room(&mut state.short, ip, most, (Limit::PageConnections, all));
        let place = state.short.insert(ip, closes);
        drop(state);
        met.into_iter().for_each(|limit| self.met(limit));
        let seat = Mutex::new(Seat::Short(place));
        (PageConnection { connections: Arc::clone(self), ip, seat }, closed)
    }

    fn met(&self, limit: Limit) {
        self.meter.met(limit, self.limits.of(limit));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave the counts half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what gives way to another connection of an address. Returns the limits that are met.
fn make_room(
    shares: &mut Shares<oneshot::Sender<()>>,
    ip: IpAddr,
    per_client: usize,
    (limit, all): (Limit, usize),
) -> Vec<Limit> {
    let mut met = Vec::new();
    // By the loopback interface a proxy may speak for many.
    if !ip.is_loopback()
        && shares.len_of(ip) >= per_client
        && let Some((oldest, _)) = shares.oldest_of(ip)
    {
        drop(shares.remove(oldest));
        met.push(Limit::PagePerClient);
    }
    if shares.len() >= all
        && let Some(victim) = shares.victim()
    {
        drop(shares.remove(victim));
        met.push(limit);
    }
    met
}

impl PageConnection {
    /// The connection follows boots from now on, until it is closed.
    pub(super) fn follows(&self) {
        let mut state = self.connections.state();
        let mut seat = self.seat();
        let Seat::Short(place) = *seat else { return };
        let Some(closes) = state.short.remove(place) else { return };
        let limits = &self.connections.limits;
        let all = (Limit::PageStreams, limits.page_streams);
        let met = make_room(&mut state.streams, self.ip, limits.page_per_client, all);
        *seat = Seat::Stream(state.streams.insert(self.ip, closes));
        drop((state, seat));
        met.into_iter().for_each(|limit| self.connections.met(limit));
    }

    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PageConnection {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        match *self.seat() {
            Seat::Short(place) => drop(state.short.remove(place)),
            Seat::Stream(place) => drop(state.streams.remove(place)),
        }
    }
}

impl Used for PageConnections {
    fn usage(&self) -> Vec<Usage> {
        let state = self.state();
        let of_client = state.short.most_of_an_address().max(state.streams.most_of_an_address());
        [
            (Limit::PageConnections, state.short.len()),
            (Limit::PagePerClient, of_client),
            (Limit::PageStreams, state.streams.len()),
        ]
        .map(|(limit, count)| Usage { limit, count, max: self.limits.of(limit) })
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seated = (PageConnection, oneshot::Receiver<()>);

    fn connections() -> Arc<PageConnections> {
        let limits = Limits {
            page_connections: 8,
            page_per_client: 3,
            page_streams: 4,
            ..Limits::default()
        };
        PageConnections::new(limits, Arc::new(Meter::new(Arc::new(|_| {}))))
    }

    fn closed((_, closed): &mut Seated) -> bool {
        closed.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    fn count(connections: &PageConnections, limit: Limit) -> usize {
        connections.usage().iter().find(|usage| usage.limit == limit).unwrap().count
    }

    #[test]
    fn each_connection_is_let_in_and_the_oldest_of_the_address_that_has_most_is_closed() {
        let connections = connections();
        let ip = |host| IpAddr::from([10, 0, 0, host]);
        let mut honest = connections.enter(ip(1));
        let mut flood: Vec<_> = (0..40).map(|at| connections.enter(ip(2 + at % 5))).collect();
        assert_eq!(count(&connections, Limit::PageConnections), 8);
        assert!(!closed(&mut honest));
        let open: Vec<_> = flood.iter_mut().map(|seated| !closed(seated)).collect();
        assert_eq!(open.iter().filter(|open| **open).count(), 7);
        assert!(open[33..].iter().all(|open| *open), "the newest are left: {open:?}");
        assert_eq!(connections.meter.times(Limit::PageConnections), 33);
        drop((honest, flood));
        assert_eq!(count(&connections, Limit::PageConnections), 0);
    }

    #[test]
    fn a_client_closes_its_own_oldest_but_not_one_that_speaks_for_many() {
        let connections = connections();
        for (ip, open) in [("10.0.0.1", 3), ("127.0.0.1", 6)] {
            let mut seated: Vec<_> =
                (0..6).map(|_| connections.enter(ip.parse().unwrap())).collect();
            let closed: Vec<_> = seated.iter_mut().map(closed).collect();
            assert_eq!(closed, (0..6).map(|at| at < 6 - open).collect::<Vec<_>>(), "{ip}");
        }
    }

    #[test]
    fn those_that_follow_boots_take_no_places_of_others() {
        let connections = connections();
        let mut seated: Vec<_> =
            (0..7).map(|host| connections.enter(IpAddr::from([10, 0, 0, host]))).collect();
        for (connection, _) in &seated {
            connection.follows();
            connection.follows();
        }
        assert_eq!(count(&connections, Limit::PageConnections), 0);
        assert_eq!(count(&connections, Limit::PageStreams), 4);
        let closed: Vec<_> = seated.iter_mut().map(closed).collect();
        assert_eq!(closed, [true, true, true, false, false, false, false]);
        drop(seated);
        assert_eq!(count(&connections, Limit::PageStreams), 0);
    }
}
