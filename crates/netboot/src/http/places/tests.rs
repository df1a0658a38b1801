//! Floods, and clients that must get a place all the same.

use std::sync::Mutex;

use super::*;
use crate::event::Event;

const SECOND: Duration = Duration::from_secs(1);

/// Places in which time passes as a test says.
struct Bench {
    places: Places,
    start: Instant,
    warnings: Arc<Mutex<Vec<String>>>,
}

/// A connection of a test.
struct Guest {
    ip: IpAddr,
    given: Given,
    proven: Option<Place>,
}

fn ip(network: u8, host: u8) -> IpAddr {
    IpAddr::from([10, 0, network, host])
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let warnings: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&warnings);
        let sink = move |event: Event| log.lock().unwrap().push(event.to_string());
        let places = Places::new(limits, Arc::new(Meter::new(Arc::new(sink))));
        Self { places, start: Instant::now(), warnings }
    }

    fn at(&self, seconds: u32) -> Instant {
        self.start + seconds * SECOND
    }

    fn enter(&self, ip: IpAddr, seconds: u32) -> Guest {
        let given = self.places.enter(ip, self.at(seconds)).expect("a place");
        Guest { ip, given, proven: None }
    }

    fn prove(&self, guest: &mut Guest, seconds: u32) -> bool {
        let proof = self.places.try_prove(guest.ip, guest.given.place, self.at(seconds), true);
        match proof {
            Proof::Given(place) => guest.proven = Some(place),
            Proof::Full => {}
            Proof::Closed => panic!("it was closed"),
        }
        guest.proven.is_some()
    }

    /// A connection that has begun to take an answer.
    fn asks(&self, ip: IpAddr, seconds: u32) -> Guest {
        let mut guest = self.enter(ip, seconds);
        assert!(self.prove(&mut guest, seconds), "there is a place");
        guest
    }

    fn count(&self, limit: Limit) -> usize {
        let usage = self.places.usage(self.start);
        usage.iter().find(|usage| usage.limit == limit).expect("each limit is reported").count
    }
}

impl Guest {
    fn is_closed(&mut self) -> bool {
        self.given.closed.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }
}

fn closed(guests: &mut [Guest]) -> Vec<usize> {
    let closed = guests.iter_mut().enumerate().filter_map(|(at, it)| it.is_closed().then_some(at));
    closed.collect()
}

#[test]
fn connections_without_a_request_never_keep_one_out() {
    let bench = Bench::new(Limits { unproven: 8, ..Limits::default() });
    let mut honest = bench.enter(ip(0, 1), 0);
    let mut flood: Vec<_> = (0..50).map(|at| bench.enter(ip(0, 2 + at % 5), 0)).collect();
    assert_eq!(bench.count(Limit::HttpUnproven), 8);
    assert_eq!(closed(&mut flood).len(), 43);
    assert!(bench.prove(&mut honest, 1), "it has come first and is there still");
    assert_eq!(bench.count(Limit::HttpConnections), 1);
    assert_eq!(bench.places.meter.times(Limit::HttpUnproven), 43);
    assert_eq!(bench.warnings.lock().unwrap().len(), 1);
}

#[test]
fn a_client_with_as_many_as_it_may_closes_its_own() {
    let bench = Bench::new(Limits { connections_per_client: 3, ..Limits::default() });
    let mut first = bench.enter(ip(0, 1), 0);
    let mut both = [bench.asks(ip(0, 1), 0), bench.asks(ip(0, 1), 0)];
    // The one without a request, then the one that is idle, then none.
    let mut third = bench.enter(ip(0, 1), 1);
    assert!(first.is_closed());
    assert!(bench.prove(&mut third, 1));
    both[1].given.pace.end(bench.at(2));
    let mut fourth = bench.enter(ip(0, 1), 3);
    assert_eq!(closed(&mut both), [1]);
    assert!(bench.prove(&mut fourth, 3));
    assert!(bench.places.enter(ip(0, 1), bench.at(4)).is_none());
    assert!(bench.places.enter(ip(0, 2), bench.at(4)).is_some());
    assert_eq!(bench.count(Limit::HttpPerClient), 3);
    assert_eq!(bench.places.meter.times(Limit::HttpPerClient), 3);
}

#[test]
fn idle_connections_give_way_and_then_the_slowest_and_then_requests_wait() {
    let bench = Bench::new(Limits { connections: 4, least_rate: 8000, ..Limits::default() });
    let mut guests: Vec<_> = (1..5).map(|host| bench.asks(ip(0, host), 0)).collect();
    let rates = [7000, 100_000, 3000, 50_000];
    for (guest, rate) in guests.iter().zip(rates) {
        guest.given.pace.took(rate * 30);
    }
    guests[1].given.pace.end(bench.at(29));
    let mut newcomers: Vec<_> = (10..14).map(|host| bench.enter(ip(0, host), 30)).collect();
    assert_eq!(bench.count(Limit::HttpLeastRate), 0, "nothing is known at the start");
    for (newcomer, gone) in newcomers[..3].iter_mut().zip([1, 2, 0]) {
        assert!(bench.prove(newcomer, 30));
        assert_eq!(closed(&mut guests[gone..=gone]), [0]);
        assert!(guests[gone].given.pace.gave_way());
    }
    assert_eq!(closed(&mut guests), [0, 1, 2]);
    assert!(!bench.prove(&mut newcomers[3], 30), "those that are left are fast, or new");
    assert_eq!(bench.places.meter.times(Limit::HttpLeastRate), 2);
    assert_eq!(bench.places.meter.times(Limit::HttpConnections), 4);
    // A connection that ends makes room.
    let Guest { given, proven, .. } = guests.pop().expect("four");
    bench.places.leave(given.place, proven);
    assert!(bench.prove(&mut newcomers[3], 31));
}

#[test]
fn where_there_are_places_a_client_may_be_as_slow_as_it_likes() {
    let bench = Bench::new(Limits::default());
    let mut slow = bench.asks(ip(0, 1), 0);
    let mut others: Vec<_> = (2..100).map(|host| bench.asks(ip(0, host), 3600)).collect();
    assert!(!slow.is_closed());
    assert_eq!(closed(&mut others), [0; 0]);
}

#[test]
fn an_address_with_several_gives_way_to_one_with_none() {
    let bench = Bench::new(Limits { connections: 6, ..Limits::default() });
    let mut alone = [bench.asks(ip(0, 1), 0), bench.asks(ip(0, 2), 0)];
    let mut several: Vec<_> = (0..4).map(|_| bench.asks(ip(0, 3), 0)).collect();
    alone.iter().for_each(|guest| guest.given.pace.took(1_000_000));
    for (guest, bytes) in several.iter().zip([900_000, 400_000, 500_000, 600_000]) {
        guest.given.pace.took(bytes);
    }
    let mut own = bench.enter(ip(0, 3), 20);
    assert!(!bench.prove(&mut own, 20), "not to another of its own");
    let mut newcomer = bench.enter(ip(0, 4), 20);
    assert!(bench.prove(&mut newcomer, 20));
    assert_eq!(closed(&mut several), [1], "the slowest of them");
    let mut next = bench.enter(ip(0, 5), 20);
    assert!(!bench.prove(&mut next, 20), "three are not several");
    assert_eq!(closed(&mut alone), [0; 0]);
}

#[test]
fn a_network_that_has_all_it_may_closes_its_own() {
    let bench = Bench::new(Limits { connections_per_network: 3, ..Limits::default() });
    let mut others = [bench.asks(ip(7, 1), 0)];
    others[0].given.pace.end(bench.at(0));
    let mut guests: Vec<_> = (1..4).map(|host| bench.asks(ip(0, host), 0)).collect();
    let mut newcomer = bench.enter(ip(0, 9), 20);
    guests.iter().for_each(|guest| guest.given.pace.took(1_000_000));
    assert!(!bench.prove(&mut newcomer, 20));
    assert!(bench.prove(&mut bench.enter(ip(8, 9), 20), 20), "another network has places");
    guests[1].given.pace.end(bench.at(20));
    assert!(bench.prove(&mut newcomer, 21));
    assert_eq!(closed(&mut guests), [1]);
    assert_eq!(closed(&mut others), [0; 0], "though it has been idle for longer");
    assert_eq!(bench.places.meter.times(Limit::HttpPerNetwork), 2);
    assert_eq!(bench.count(Limit::HttpPerNetwork), 3);
}

#[test]
fn what_is_given_back_is_gone_from_all_counts() {
    let bench = Bench::new(Limits::default());
    let guests: Vec<_> = (0..20).map(|host| bench.asks(ip(0, host), 0)).collect();
    let unproven: Vec<_> = (0..20).map(|host| bench.enter(ip(0, host), 0)).collect();
    assert_eq!(bench.places.crowd.load(Relaxed), 20);
    for Guest { given, proven, .. } in guests.into_iter().chain(unproven) {
        bench.places.leave(given.place, proven);
        bench.places.leave(given.place, proven);
    }
    assert!(bench.places.usage(bench.start).iter().all(|usage| usage.count == 0));
    assert_eq!(bench.places.crowd.load(Relaxed), 0);
}

#[tokio::test]
async fn a_request_that_waits_gets_the_place_of_one_that_ends() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let bench = Arc::new(Bench::new(limits));
    let first = bench.asks(ip(0, 1), 0);
    let second = bench.enter(ip(0, 2), 0);
    let (places, place) = (Arc::clone(&bench), second.given.place);
    let waiting = tokio::spawn(async move { places.places.prove(ip(0, 2), place).await });
    tokio::time::sleep(SECOND / 20).await;
    assert!(!waiting.is_finished());
    bench.places.leave(first.given.place, first.proven);
    assert!(waiting.await.unwrap().is_some());
}
