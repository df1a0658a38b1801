//! Which transfers are admitted and which give way.

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn client(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], port))
}

fn begin(sessions: &mut Sessions, client: SocketAddr, request: &[u8]) -> Session {
    match sessions.admit(client, request, Instant::now()) {
        Admission::Begin { session, .. } => session,
        refused => panic!("{refused:?}"),
    }
}

#[test]
fn never_two_transfers_to_one_port() {
    let (mut sessions, now) = (Sessions::new(Limits::default()), Instant::now());
    let first = begin(&mut sessions, client(1, 2070), b"a");
    assert_eq!(sessions.admit(client(1, 2070), b"a", now), Admission::Repeated);
    let Admission::Begin { replaces, .. } = sessions.admit(client(1, 2070), b"b", now) else {
        panic!("another file is another transfer");
    };
    assert_eq!(replaces, Some(first));
    assert_eq!(sessions.running.len(), 1);
}

#[test]
fn the_same_request_begins_anew_when_it_cannot_be_late() {
    let (mut sessions, now) = (Sessions::new(Limits::default()), Instant::now());
    let first = begin(&mut sessions, client(1, 2070), b"a");
    sessions.answered(first, now);
    let late = now + LATE - MS;
    assert_eq!(sessions.admit(client(1, 2070), b"a", late), Admission::Repeated);
    // What it has answered since says nothing about when it asked.
    sessions.answered(first, late);
    let Admission::Begin { session: second, replaces, .. } =
        sessions.admit(client(1, 2070), b"a", now + LATE)
    else {
        panic!("no client repeats what was answered so long ago");
    };
    assert_eq!(replaces, Some(first));
    // The first one's end comes late and must not end the second.
    sessions.end(first);
    assert_eq!(sessions.admit(client(1, 2070), b"a", now), Admission::Repeated);
    sessions.end(second);
    assert!(sessions.is_empty());
    assert!(sessions.unanswered.is_empty() && sessions.answered.is_empty());
}

#[test]
fn a_client_that_missed_the_first_packets_is_answered_when_it_asks_again() {
    let (mut sessions, now) = (Sessions::new(Limits::default()), Instant::now());
    let Admission::Begin { session, .. } = sessions.admit(client(1, 2070), b"a", now) else {
        panic!("there is room");
    };
    assert_eq!(sessions.admit(client(1, 2070), b"a", now + AGAIN - MS), Admission::Repeated);
    let again = sessions.admit(client(1, 2070), b"a", now + AGAIN);
    let Admission::Begin { replaces, .. } = again else { panic!("{again:?}") };
    assert_eq!(replaces, Some(session));
}

#[test]
fn a_flood_leaves_room_for_those_that_answer() {
    let limits = Limits { transfers: 8, unanswered: 4, ..Limits::default() };
    let (mut sessions, now) = (Sessions::new(limits), Instant::now());
    let real = begin(&mut sessions, client(1, 1), b"a");
    sessions.answered(real, now);
    let flood: Vec<_> = (2..6).map(|host| begin(&mut sessions, client(host, 1), b"a")).collect();
    // Each that comes then takes the place of the oldest that is unanswered.
    for (host, oldest) in (6..10).zip(flood) {
        let Admission::Begin { gives_way, .. } = sessions.admit(client(host, 1), b"a", now) else {
            panic!("a newcomer is let in");
        };
        assert_eq!(gives_way, [(oldest, Limit::TftpUnanswered)]);
    }
    assert_eq!(sessions.answered(real, now), None);
    let used = [(Limit::TftpTransfers, 1), (Limit::TftpUnanswered, 4), (Limit::TftpPerClient, 1)];
    assert_eq!(sessions.used(), used);
}

#[test]
fn an_address_that_floods_gives_way_before_one_that_does_not() {
    let limits = Limits { unanswered: 8, ..Limits::default() };
    let (mut sessions, now) = (Sessions::new(limits), Instant::now());
    let honest = begin(&mut sessions, client(1, 1), b"a");
    for port in 0..200 {
        begin(&mut sessions, client(2 + (port % 3) as u8, port), b"a");
    }
    assert_eq!(sessions.unanswered.len(), 8);
    assert!(sessions.find(honest).is_some(), "though it is the oldest");
    sessions.answered(honest, now);
    assert_eq!(sessions.unanswered.len(), 7);
}

#[test]
fn one_client_does_not_take_all() {
    let limits = Limits { transfers_per_client: 2, ..Limits::default() };
    let mut sessions = Sessions::new(limits);
    let now = Instant::now();
    let first = begin(&mut sessions, client(1, 1), b"a");
    begin(&mut sessions, client(1, 2), b"a");
    let third = sessions.admit(client(1, 3), b"a", now);
    assert_eq!(third, Admission::Busy(Limit::TftpPerClient));
    begin(&mut sessions, client(2, 1), b"a");
    // Unanswered requests hold up those that come later for a moment only.
    let later = sessions.admit(client(1, 3), b"a", now + 2 * YIELDS);
    let Admission::Begin { gives_way, .. } = later else { panic!("{later:?}") };
    assert_eq!(gives_way, [(first, Limit::TftpPerClient)]);
}

#[test]
fn transfers_that_go_on_give_way_to_no_other_of_their_client_and_silent_ones_do() {
    let limits = Limits { transfers_per_client: 2, ..Limits::default() };
    let (mut sessions, now) = (Sessions::new(limits), Instant::now());
    let both = [1, 2].map(|port| begin(&mut sessions, client(1, port), b"a"));
    for session in both {
        sessions.answered(session, now);
    }
    let later = now + Duration::from_secs(60);
    let busy = Admission::Busy(Limit::TftpPerClient);
    assert_eq!(sessions.admit(client(1, 3), b"a", later), busy);
    sessions.silent(both[1]);
    sessions.silent(both[1]);
    sessions.silent(both[0]);
    sessions.heard(both[0]);
    let Admission::Begin { gives_way, .. } = sessions.admit(client(1, 3), b"a", later) else {
        panic!("a silent one yields");
    };
    assert_eq!(gives_way, [(both[1], Limit::TftpPerClient)]);
    assert!(sessions.silent.is_empty());
}

#[test]
fn where_all_places_are_taken_silent_clients_give_way_to_those_that_answer() {
    let limits = Limits { transfers: 3, ..Limits::default() };
    let (mut sessions, now) = (Sessions::new(limits), Instant::now());
    let running: Vec<_> = (1..4).map(|host| begin(&mut sessions, client(host, 1), b"a")).collect();
    for session in &running {
        assert_eq!(sessions.answered(*session, now), None);
    }
    let newcomer = client(9, 1);
    assert_eq!(sessions.admit(newcomer, b"a", now), Admission::Busy(Limit::TftpTransfers));
    sessions.silent(running[2]);
    sessions.silent(running[0]);
    let session = begin(&mut sessions, newcomer, b"a");
    assert_eq!(sessions.answered.len(), 3, "a request alone, which may be forged, ends nothing");
    assert_eq!(sessions.answered(session, now), Some(running[2]), "silent for longest");
    assert_eq!(sessions.answered.len(), 3);
    assert_eq!(sessions.unheard(), [running[0]]);
}

#[test]
fn an_address_with_several_transfers_gives_way_to_one_with_none() {
    let limits = Limits { transfers: 6, ..Limits::default() };
    let (mut sessions, now) = (Sessions::new(limits), Instant::now());
    let mut answered = |client| {
        let session = begin(&mut sessions, client, b"a");
        (session, sessions.answered(session, now))
    };
    let (alone, _) = answered(client(1, 1));
    let hog: Vec<_> = (0..5).map(|port| answered(client(2, port)).0).collect();
    assert_eq!(answered(client(3, 1)).1, Some(hog[0]));
    assert_eq!(answered(client(4, 1)).1, Some(hog[1]));
    // No address has more than a machine that boots may have.
    assert_eq!(sessions.admit(client(5, 1), b"a", now), Admission::Busy(Limit::TftpTransfers));
    assert!(sessions.find(alone).is_some());
}

#[test]
fn windows_are_bounded_in_all_and_given_back() {
    let limits =
        Limits { window_bytes_in_all: 1000, transfers: 6, unanswered: 4, ..Limits::default() };
    let mut sessions = Sessions::new(limits);
    let first = begin(&mut sessions, client(1, 1), b"a");
    sessions.take_window(first, 600);
    assert_eq!(sessions.window_left(), 400);
    let second = begin(&mut sessions, client(2, 1), b"a");
    sessions.take_window(second, 512);
    assert_eq!(sessions.window_left(), 100, "the share of one of ten");
    sessions.end(first);
    assert_eq!(sessions.window_left(), 488);
}

/// What 64 addresses do in seven seconds at a thousand packets a second, and what an honest client meets.
#[test]
fn an_honest_client_is_let_in_at_each_moment_of_a_flood() {
    for answers in [false, true] {
        let (mut sessions, start) = (Sessions::new(Limits::default()), Instant::now());
        for at in 0..7000_u16 {
            let now = start + MS * at.into();
            let flood = client(100 + (at % 64) as u8, at);
            if let Admission::Begin { session, .. } = sessions.admit(flood, b"a", now)
                && answers
            {
                sessions.answered(session, now);
                // Half a second passes before that is noticed.
            }
            if at % 10 == 0 {
                let of_before = Session { client: flood, number: 0 };
                let silent = sessions.answered.iter().map(|(.., session)| *session);
                let old: Vec<_> = silent.filter(|it| it.number + 500 < sessions.next).collect();
                old.into_iter().chain([of_before]).for_each(|session| sessions.silent(session));
                let Admission::Begin { session, .. } = sessions.admit(client(1, at), b"a", now)
                else {
                    panic!("refused after {at} ms");
                };
                let answers_at = now + 5 * MS;
                assert!(sessions.find(session).is_some());
                sessions.answered(session, answers_at);
                assert!(sessions.find(session).is_some());
                sessions.end(session);
            }
        }
        let limits = Limits::default();
        assert!(sessions.unanswered.len() <= limits.unanswered);
        assert!(sessions.answered.len() <= limits.transfers);
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_counts_are_those_of_the_transfers_that_run(
        steps in proptest::collection::vec((0_u8..6, 0_u8..5, 0_u16..6, 0_u64..400), 0..150),
    ) {
        let limits = Limits {
            transfers: 5, unanswered: 4, transfers_per_client: 3, ..Limits::default()
        };
        let mut sessions = Sessions::new(limits.clone());
        let mut now = Instant::now();
        let mut known = Vec::new();
        for (step, host, port, wait) in steps {
            now += MS * wait as u32;
            let client = client(host, port);
            let before = sessions.running.len();
            match (step, known.iter().rfind(|it: &&Session| it.client == client).copied()) {
                (0 | 1, _) => match sessions.admit(client, &[step], now) {
                    Admission::Begin { session, replaces, gives_way } => {
                        let ended = gives_way.len() + usize::from(replaces.is_some());
                        prop_assert_eq!(sessions.running.len() + ended, before + 1);
                        known.push(session);
                    }
                    Admission::Repeated => {}
                    Admission::Busy(_) => prop_assert!(sessions.running.len() <= before),
                },
                (2, Some(session)) => {
                    sessions.answered(session, now);
                }
                (3, Some(session)) => sessions.silent(session),
                (4, Some(session)) => sessions.heard(session),
                (5, Some(session)) => sessions.end(session),
                _ => {}
            }
            let Sessions { running, unanswered, answered, silent, .. } = &sessions;
            prop_assert_eq!(running.len(), unanswered.len() + answered.len());
            prop_assert_eq!(running.values().filter(|it| it.answered.is_some()).count(), answered.len());
            prop_assert_eq!(running.values().filter(|it| it.silent.is_some()).count(), silent.len());
            prop_assert!(unanswered.len() <= limits.unanswered);
            prop_assert!(answered.len() <= limits.transfers + limits.unanswered);
            for host in 0..5 {
                let ip = [10, 0, 0, host].into();
                prop_assert!(sessions.of_client(ip) <= limits.transfers_per_client);
            }
        }
    }
}
