//! Which transfers are admitted, what each may hold, and which one gives way.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::Limits;
use crate::config::Limit;
use crate::logic::{Place, Shares};

/// How long after a client's first answer the request that it answers may come once more. A client that has
/// waited asks again, after a second at the earliest, and both requests may have been under way for as long.
/// A client that has started again gets no answer to it, and asks again later.
const LATE: Duration = Duration::from_secs(1);

/// How long after a request that no client has answered the same request begins another transfer: by then
/// the first packet has been sent again for the last time, or nearly so.
const AGAIN: Duration = Duration::from_secs(3);

/// The age from which on an unanswered transfer gives way to another of the same address. What bounds the
/// packets that a flood of requests with one forged address has sent to the owner of that address.
const YIELDS: Duration = Duration::from_millis(250);

/// Transfers of one address from which on its oldest gives way where all places are taken. A machine that
/// boots has one or two.
const SEVERAL: usize = 4;

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
    unanswered: Shares<Begun>,
    answered: Shares<Session>,
    /// The sessions of `answered` whose clients are silent.
    silent: Shares<Session>,
    window_bytes: usize,
    next: u64,
}

#[derive(Debug)]
struct Running {
    number: u64,
    request: Box<[u8]>,
    begun: Instant,
    /// When the client answered first.
    answered: Option<Instant>,
    /// Among the unanswered or among the answered.
    place: Place,
    silent: Option<Place>,
    window_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Begun {
    session: Session,
    at: Instant,
}

/// A transfer that was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Session {
    client: SocketAddr,
    number: u64,
}

/// What to do about a read request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Begin a transfer.
    Begin {
        /// Its identifier.
        session: Session,
        /// The transfer to end first: the same port has begun something new.
        replaces: Option<Session>,
        /// Transfers to end because a limit is met.
        gives_way: Vec<(Session, Limit)>,
    },
    /// Do nothing: the transfer that the request began waits for its client already, or has just heard
    /// of it.
    Repeated,
    /// Do nothing, so that the client asks again later: this limit is met, and nothing gives way.
    Busy(Limit),
}

impl Sessions {
    /// No transfers.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            running: HashMap::new(),
            unanswered: Shares::default(),
            answered: Shares::default(),
            silent: Shares::default(),
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
        let ip = client.ip();
        if self.answered.len() >= self.limits.transfers && self.yields_to(ip).is_none() {
            return Admission::Busy(Limit::TftpTransfers);
        }
        let mut gives_way = Vec::new();
        if self.of_client(ip) >= self.limits.transfers_per_client {
            match self.yields_within(ip, now) {
                Some(session) => gives_way.push((session, Limit::TftpPerClient)),
                None => return Admission::Busy(Limit::TftpPerClient),
            }
            gives_way.iter().for_each(|(session, _)| self.end(*session));
        }
        if self.unanswered.len() >= self.limits.unanswered
            && let Some(session) = self.unanswered.victim().and_then(|it| self.begun(it))
        {
            self.end(session);
            gives_way.push((session, Limit::TftpUnanswered));
        }
        let session = Session { client, number: self.next };
        self.next += 1;
        let running = Running {
            number: session.number,
            request: request.into(),
            begun: now,
            answered: None,
            place: self.unanswered.insert(ip, Begun { session, at: now }),
            silent: None,
            window_bytes: 0,
        };
        self.running.insert(client, running);
        Admission::Begin { session, replaces, gives_way }
    }

    /// Transfers of an address.
    fn of_client(&self, ip: IpAddr) -> usize {
        self.unanswered.len_of(ip) + self.answered.len_of(ip)
    }

    /// The transfer of an address that gives way to another of the same address.
    fn yields_within(&self, ip: IpAddr, now: Instant) -> Option<Session> {
        let old = |begun: &Begun| now.saturating_duration_since(begun.at) >= YIELDS;
        let unanswered = self.unanswered.oldest_of(ip).map(|(_, begun)| *begun).filter(old);
        let silent = self.silent.oldest_of(ip).map(|(_, session)| *session);
        unanswered.map(|begun| begun.session).or(silent)
    }

    /// The answered transfer that gives way to one of this address: of a silent client, or of an address
    /// that has several and more than this one.
    fn yields_to(&mut self, ip: IpAddr) -> Option<Session> {
        if let Some(place) = self.silent.victim() {
            return self.silent.get_mut(place).copied();
        }
        let session = self.answered.victim().and_then(|it| self.answered.get_mut(it).copied())?;
        let theirs = self.answered.len_of(session.client.ip());
        (theirs >= SEVERAL && theirs > self.answered.len_of(ip)).then_some(session)
    }

    fn begun(&mut self, place: Place) -> Option<Session> {
        self.unanswered.get_mut(place).map(|begun| begun.session)
    }

    /// Bytes of windows that are left to grant; at least what each transfer would get if there were as many
    /// as there may be, so that those that are never answered make no other slow.
    #[must_use]
    pub fn window_left(&self) -> usize {
        let Limits { window_bytes_in_all: all, transfers, unanswered, .. } = self.limits;
        let share = all / transfers.saturating_add(unanswered).max(1);
        all.saturating_sub(self.window_bytes).max(share)
    }

    /// A transfer takes that much of what is left.
    pub fn take_window(&mut self, session: Session, bytes: usize) {
        if let Some(running) = self.find(session) {
            let before = std::mem::replace(&mut running.window_bytes, bytes);
            self.window_bytes = self.window_bytes - before + bytes;
        }
    }

    /// The client has answered, so that its address is no forgery. Returns the transfer to end for it, where
    /// [`Limit::TftpTransfers`] is met.
    pub fn answered(&mut self, session: Session, now: Instant) -> Option<Session> {
        let running = self.find(session).filter(|running| running.answered.is_none())?;
        running.answered = Some(now);
        let place = running.place;
        self.unanswered.remove(place);
        // Those that were admitted while there was a place may be a few too many, where no other yields.
        let full = self.answered.len() >= self.limits.transfers;
        let ip = session.client.ip();
        let yields = if full { self.yields_to(ip) } else { None };
        if let Some(session) = yields {
            self.end(session);
        }
        let place = self.answered.insert(ip, session);
        if let Some(running) = self.find(session) {
            running.place = place;
        }
        yields
    }

    /// The client has acknowledged nothing for a while: its transfer gives way to others.
    pub fn silent(&mut self, session: Session) {
        let is_new =
            |running: &&mut Running| running.answered.is_some() && running.silent.is_none();
        if self.find(session).filter(is_new).is_none() {
            return;
        }
        let place = self.silent.insert(session.client.ip(), session);
        if let Some(running) = self.find(session) {
            running.silent = Some(place);
        }
    }

    /// A client that was silent goes on.
    pub fn heard(&mut self, session: Session) {
        if let Some(place) = self.find(session).and_then(|running| running.silent.take()) {
            self.silent.remove(place);
        }
    }

    /// The transfers whose clients are silent. A server that ends does not wait for them.
    #[must_use]
    pub fn unheard(&self) -> Vec<Session> {
        let unanswered = self.unanswered.iter().map(|(.., begun)| begun.session);
        unanswered.chain(self.silent.iter().map(|(.., session)| *session)).collect()
    }

    /// A transfer has ended; nothing if it was replaced before.
    pub fn end(&mut self, session: Session) {
        if self.find(session).is_none() {
            return;
        }
        let Some(running) = self.running.remove(&session.client) else { return };
        self.window_bytes -= running.window_bytes;
        match running.answered {
            None => drop(self.unanswered.remove(running.place)),
            Some(_) => drop(self.answered.remove(running.place)),
        }
        if let Some(silent) = running.silent {
            self.silent.remove(silent);
        }
    }

    /// Whether no transfer runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// How much is used of each limit.
    #[must_use]
    pub fn used(&self) -> [(Limit, usize); 3] {
        let mut of_clients: HashMap<IpAddr, usize> = HashMap::new();
        for client in self.running.keys() {
            *of_clients.entry(client.ip()).or_default() += 1;
        }
        [
            (Limit::TftpTransfers, self.answered.len()),
            (Limit::TftpUnanswered, self.unanswered.len()),
            (Limit::TftpPerClient, of_clients.into_values().max().unwrap_or(0)),
        ]
    }

    fn find(&mut self, session: Session) -> Option<&mut Running> {
        self.running.get_mut(&session.client).filter(|running| running.number == session.number)
    }
}

impl Running {
    /// Whether `request` is the one that began it, which has come once more.
    fn is_begun_by(&self, request: &[u8], now: Instant) -> bool {
        let within = |then, time| now.saturating_duration_since(then) < time;
        let late = match self.answered {
            Some(answered) => within(answered, LATE),
            None => within(self.begun, AGAIN),
        };
        *self.request == *request && late
    }
}

#[cfg(test)]
mod tests;
