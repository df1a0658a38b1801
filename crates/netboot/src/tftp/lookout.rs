//! Ports that something is about to come to.
//!
//! A socket in an epoll set has the kernel tell the set of each packet that comes, and of each that has
//! left, while the packet's sender or receiver waits; a crowd in lock step loses a thirtieth of its time to
//! that. So while clients are about to answer, all their sockets are looked at together, again and again.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::Notify;

use crate::awake::Awake;

/// Ports that are looked at together, at most: a look at so many takes as long as some packets.
const MOST: usize = 256;
/// Looks in a row that nobody needed, after which nobody looks out any more.
const IDLE: u32 = 16;

/// The socket of a transfer. It does not block.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) socket: UdpSocket,
    looked: Notify,
}

impl Port {
    pub(super) fn new(socket: UdpSocket) -> Self {
        Self { socket, looked: Notify::new() }
    }
}

/// Looks out for what comes to ports, without going to sleep.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    expected: Vec<Expected>,
    /// Whether a task looks out.
    kept: bool,
    /// Looks in a row that nobody needed.
    idle: u32,
}

#[derive(Debug)]
struct Expected {
    port: Arc<Port>,
    until: Instant,
}

impl Lookout {
    /// Waits until something has come to a port, or the time is over. False, and at once, where nobody
    /// can look out for it: too many are expected, or somebody else is awake.
    ///
    /// Who stops waiting may be told later of what it waited for.
    pub(super) async fn wait(self: &Arc<Self>, port: &Arc<Port>, until: Instant) -> bool {
        let expected = self.expect(port, until);
        if expected {
            port.looked.notified().await;
        }
        expected
    }

    fn expect(self: &Arc<Self>, port: &Arc<Port>, until: Instant) -> bool {
        let mut state = self.state();
        if state.expected.len() >= MOST {
            return false;
        }
        if !state.kept {
            let Some(awake) = Awake::take() else { return false };
            state.kept = true;
            state.idle = 0;
            tokio::spawn(Arc::clone(self).keep(awake));
        }
        state.expected.push(Expected { port: Arc::clone(port), until });
        true
    }

    /// Looks out for as long as something is expected.
    async fn keep(self: Arc<Self>, _awake: Awake) {
        while self.state().look() {
            // Those who were told have their turn, and everybody else.
            tokio::task::yield_now().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Looks once; false where that is no longer of use.
    fn look(&mut self) -> bool {
        if self.expected.is_empty() {
            self.idle += 1;
            self.kept = self.idle < IDLE;
            return self.kept;
        }
        self.idle = 0;
        let sockets = self.expected.iter().map(|it| PollFd::new(&it.port.socket, PollFlags::IN));
        let mut sockets: Vec<_> = sockets.collect();
        // Where the system has no answer, nothing has come until the time is over.
        let _ = poll(&mut sockets, Some(&Timespec::default()));
        let came: Vec<_> = sockets.iter().map(|socket| !socket.revents().is_empty()).collect();
        let now = Instant::now();
        let mut came = came.into_iter();
        self.expected.retain(|it| {
            let over = came.next() == Some(true) || it.until <= now;
            if over {
                it.port.looked.notify_one();
            }
            !over
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn port() -> Arc<Port> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Arc::new(Port::new(socket))
    }

    fn send_to(port: &Port) {
        UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .send_to(b"packet", port.socket.local_addr().unwrap())
            .unwrap();
    }

    /// Waits, once nobody else is awake: another test may be.
    async fn wait(lookout: &Arc<Lookout>, port: &Arc<Port>, time: Duration) {
        while !lookout.wait(port, Instant::now() + time).await {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn each_is_told_of_its_own() {
        let lookout = Arc::new(Lookout::default());
        let ports = [(); 8].map(|()| port());
        let mut waiting = ports.each_ref().map(|port| {
            let (lookout, port) = (Arc::clone(&lookout), Arc::clone(port));
            tokio::spawn(async move { wait(&lookout, &port, LONG).await })
        });
        for one in [3, 7, 0] {
            send_to(&ports[one]);
            (&mut waiting[one]).await.unwrap();
        }
        // What has come is there until it is received.
        wait(&lookout, &ports[3], LONG).await;
        for (number, waiting) in waiting.iter().enumerate() {
            assert_eq!(waiting.is_finished(), [3, 7, 0].contains(&number), "{number}");
        }
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_agreed() {
        let lookout = Arc::new(Lookout::default());
        let began = Instant::now();
        wait(&lookout, &port(), Duration::from_millis(20)).await;
        assert!(began.elapsed() >= Duration::from_millis(20));
        while lookout.state().kept {
            tokio::task::yield_now().await;
        }
        assert!(lookout.state().expected.is_empty());
        // Where nobody looks out any more, somebody begins to.
        wait(&lookout, &port(), Duration::ZERO).await;
    }

    #[tokio::test]
    async fn no_more_than_so_many_are_looked_at() {
        let lookout = Arc::new(Lookout::default());
        let port = port();
        let until = Instant::now() + LONG;
        while lookout.state().expected.len() < MOST {
            lookout.expect(&port, until);
            tokio::task::yield_now().await;
        }
        assert!(!lookout.wait(&port, until).await);
        send_to(&port);
        while !lookout.state().expected.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_at_a_time_is_awake() {
        let awake = loop {
            match Awake::take() {
                Some(awake) => break awake,
                None => tokio::task::yield_now().await,
            }
        };
        let lookout = Arc::new(Lookout::default());
        assert!(!lookout.wait(&port(), Instant::now() + LONG).await);
        drop(awake);
        wait(&lookout, &port(), Duration::ZERO).await;
    }
}
