//! Who may have how much.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::Limits;

/// How long after a client's first answer the request that it answers may come once more. A client that
/// has waited asks again, after a second at the earliest, and both requests may have been under way for
/// as long. One that has begun anew hears nothing, and asks again later.
const LATE: Duration = Duration::from_secs(1);

/// The transfers that run, and what they hold of what is bounded.
///
/// ```
/// use std::time::Instant;
/// use winpe_netboot::logic::tftp::{Admission, Limits, Sessions};
/// let now = Instant::now();
/// let mut sessions = Sessions::new(Limits::default());
/// let client = "192.168.0.181:2070".parse()?;
/// let Admission::Begin { session, .. } = sessions.admit(client, b"a request", now) else { panic!() };
/// assert!(matches!(sessions.admit(client, b"a request", now), Admission::Repeated));
/// sessions.end(session);
/// assert!(sessions.is_empty());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub struct Sessions {
    limits: Limits,
    running: HashMap<SocketAddr, Running>,
    per_client: HashMap<IpAddr, usize>,
    unanswered: usize,
    window_bytes: usize,
    next: u64,
}

#[derive(Debug)]
struct Running {
    number: u64,
    request: Box<[u8]>,
    /// When the client answered first.
    answered: Option<Instant>,
    window_bytes: usize,
}

/// A transfer that was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Session {
    client: SocketAddr,
    number: u64,
}

/// What to do about a read request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Begin a transfer.
    Begin {
        /// What it is known by.
        session: Session,
        /// The transfer to end first: the same port has begun something new.
        replaces: Option<Session>,
    },
    /// Do nothing: the transfer that the request began waits for its client already, or has just heard
    /// of it.
    Repeated,
    /// Do nothing, so that the client asks again later.
    Busy(Busy),
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// [`Limits::transfers`].
    Transfers,
    /// [`Limits::unanswered`].
    Unanswered,
    /// [`Limits::transfers_per_client`].
    Client,
}

impl Busy {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transfers => "too many transfers",
            Self::Unanswered => "too many transfers that no client has answered",
            Self::Client => "too many transfers of this client",
        }
    }
}

impl Sessions {
    /// No transfers.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            running: HashMap::new(),
            per_client: HashMap::new(),
            unanswered: 0,
            window_bytes: 0,
            next: 0,
        }
    }

    /// Decides about a read request; `request` is its datagram, which came at `now`.
    pub fn admit(&mut self, client: SocketAddr, request: &[u8], now: Instant) -> Admission {
        let replaces = match self.running.get(&client) {
            Some(running) if running.is_begun_by(request, now) => return Admission::Repeated,
            Some(running) => Some(Session { client, number: running.number }),
            None => None,
        };
        if let Some(session) = replaces {
            self.end(session);
        }
        if self.running.len() >= self.limits.transfers {
            return Admission::Busy(Busy::Transfers);
        }
        if self.unanswered >= self.limits.unanswered {
            return Admission::Busy(Busy::Unanswered);
        }
        let of_client = self.per_client.entry(client.ip()).or_default();
        if *of_client >= self.limits.transfers_per_client {
            return Admission::Busy(Busy::Client);
        }
        *of_client += 1;
        self.unanswered += 1;
        let session = Session { client, number: self.next };
        self.next += 1;
        self.running.insert(
            client,
            Running {
                number: session.number,
                request: request.into(),
                answered: None,
                window_bytes: 0,
            },
        );
        Admission::Begin { session, replaces }
    }

    /// Bytes of windows that are left to grant.
    #[must_use]
    pub fn window_left(&self) -> usize {
        self.limits.window_bytes_in_all.saturating_sub(self.window_bytes)
    }

    /// A transfer takes that much of what is left.
    pub fn take_window(&mut self, session: Session, bytes: usize) {
        if let Some(running) = self.find(session) {
            let before = std::mem::replace(&mut running.window_bytes, bytes);
            self.window_bytes = self.window_bytes - before + bytes;
        }
    }

    /// The client has answered, so that its address is no forgery.
    pub fn answered(&mut self, session: Session, now: Instant) {
        if let Some(running) = self.find(session)
            && running.answered.is_none()
        {
            running.answered = Some(now);
            self.unanswered -= 1;
        }
    }

    /// A transfer has ended; nothing if it was replaced before.
    pub fn end(&mut self, session: Session) {
        if self.find(session).is_none() {
            return;
        }
        let Some(running) = self.running.remove(&session.client) else { return };
        self.window_bytes -= running.window_bytes;
        self.unanswered -= usize::from(running.answered.is_none());
        if let Some(of_client) = self.per_client.get_mut(&session.client.ip()) {
            *of_client -= 1;
            if *of_client == 0 {
                self.per_client.remove(&session.client.ip());
            }
        }
    }

    /// Whether no transfer runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    fn find(&mut self, session: Session) -> Option<&mut Running> {
        self.running.get_mut(&session.client).filter(|running| running.number == session.number)
    }
}

impl Running {
    /// Whether `request` is the one that began it, which has come once more.
    fn is_begun_by(&self, request: &[u8], now: Instant) -> bool {
        let late = |answered| now.saturating_duration_since(answered) < LATE;
        *self.request == *request && self.answered.is_none_or(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let late = now + LATE - Duration::from_millis(1);
        assert_eq!(sessions.admit(client(1, 2070), b"a", late), Admission::Repeated);
        // What it has answered since says nothing about when it asked.
        sessions.answered(first, late);
        let Admission::Begin { session: second, replaces } =
            sessions.admit(client(1, 2070), b"a", now + LATE)
        else {
            panic!("nobody repeats what was answered so long ago");
        };
        assert_eq!(replaces, Some(first));
        // The first one's end comes late and must not end the second.
        sessions.end(first);
        assert_eq!(sessions.admit(client(1, 2070), b"a", now), Admission::Repeated);
        sessions.end(second);
        assert!(sessions.is_empty());
        assert_eq!((sessions.unanswered, sessions.per_client.len()), (0, 0));
    }

    #[test]
    fn a_flood_leaves_room_for_those_that_answer() {
        let limits = Limits { transfers: 8, unanswered: 4, ..Limits::default() };
        let (mut sessions, now) = (Sessions::new(limits), Instant::now());
        let real = begin(&mut sessions, client(1, 1), b"a");
        sessions.answered(real, now);
        for host in 2..6 {
            begin(&mut sessions, client(host, 1), b"a");
        }
        let flood = sessions.admit(client(6, 1), b"a", now);
        assert_eq!(flood, Admission::Busy(Busy::Unanswered));
        for port in 2..5 {
            sessions.end(Session { client: client(port as u8, 1), number: u64::from(port) - 1 });
            let session = begin(&mut sessions, client(7, port), b"a");
            sessions.answered(session, now);
        }
    }

    #[test]
    fn one_client_does_not_take_all() {
        let limits = Limits { transfers_per_client: 2, ..Limits::default() };
        let mut sessions = Sessions::new(limits);
        begin(&mut sessions, client(1, 1), b"a");
        begin(&mut sessions, client(1, 2), b"a");
        let third = sessions.admit(client(1, 3), b"a", Instant::now());
        assert_eq!(third, Admission::Busy(Busy::Client));
        begin(&mut sessions, client(2, 1), b"a");
    }

    #[test]
    fn windows_are_bounded_in_all_and_given_back() {
        let limits = Limits { window_bytes_in_all: 1000, ..Limits::default() };
        let mut sessions = Sessions::new(limits);
        let first = begin(&mut sessions, client(1, 1), b"a");
        sessions.take_window(first, 600);
        assert_eq!(sessions.window_left(), 400);
        let second = begin(&mut sessions, client(2, 1), b"a");
        sessions.take_window(second, 512);
        assert_eq!(sessions.window_left(), 0);
        sessions.end(first);
        assert_eq!(sessions.window_left(), 488);
    }
}
