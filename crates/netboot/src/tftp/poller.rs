//! One poll(2) loop for the sockets of all transfers whose clients are about to answer.
//!
//! With a socket in an epoll set, the kernel reports each packet that comes or leaves to the set, while the
//! packet's sender or receiver waits: a crowd in lock step loses a thirtieth of its time to that. So while
//! answers are due, their sockets are polled together, again and again, by the one task that has the
//! [`BusyPollPermit`].

use std::net::UdpSocket;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::Notify;

use crate::net::BusyPollPermit;

/// Most sockets of one poll(2) call; polling more costs as much as several packets.
const MAX_SOCKETS: usize = 256;
/// Rounds without a waiting socket after which the loop ends.
const IDLE_ROUNDS: u32 = 16;

/// The socket of a transfer, which does not block, and how its task is woken.
#[derive(Debug)]
pub(super) struct PolledSocket {
    pub(super) socket: UdpSocket,
    polled: Notify,
}

impl PolledSocket {
    pub(super) fn new(socket: UdpSocket) -> Self {
        Self { socket, polled: Notify::new() }
    }
}

/// The poll loop, which runs for as long as sockets wait.
#[derive(Debug, Default)]
pub(super) struct Poller {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waits: Vec<Wait>,
    /// Whether a task runs the loop.
    running: bool,
    /// Rounds in a row without a waiting socket.
    idle: u32,
}

#[derive(Debug)]
struct Wait {
    socket: Arc<PolledSocket>,
    until: Instant,
}

impl Poller {
    /// Waits until the socket can be read, or until `until`. Returns false without waiting where it cannot
    /// be polled: too many sockets wait, or another task has the permit.
    ///
    /// A wait that is cancelled may still be notified; the next wait then returns too early.
    pub(super) async fn wait(self: &Arc<Self>, socket: &Arc<PolledSocket>, until: Instant) -> bool {
        let added = self.add(socket, until);
        if added {
            socket.polled.notified().await;
        }
        added
    }

    fn add(self: &Arc<Self>, socket: &Arc<PolledSocket>, until: Instant) -> bool {
        let mut state = self.state();
        if state.waits.len() >= MAX_SOCKETS {
            return false;
        }
        if !state.running {
            let Some(permit) = BusyPollPermit::take() else { return false };
            state.running = true;
            state.idle = 0;
            tokio::spawn(Arc::clone(self).run(permit));
        }
        state.waits.push(Wait { socket: Arc::clone(socket), until });
        true
    }

    /// Polls until no socket has waited for some rounds.
    async fn run(self: Arc<Self>, _permit: BusyPollPermit) {
        while self.state().poll_once() {
            // Lets the tasks that were woken run, and all others.
            tokio::task::yield_now().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Polls all waiting sockets once; false where the loop is to end.
    fn poll_once(&mut self) -> bool {
        if self.waits.is_empty() {
            self.idle += 1;
            self.running = self.idle < IDLE_ROUNDS;
            return self.running;
        }
        self.idle = 0;
        let sockets = self.waits.iter().map(|it| PollFd::new(&it.socket.socket, PollFlags::IN));
        let mut sockets: Vec<_> = sockets.collect();
        // Where poll fails, each wait lasts until its time is over.
        let _ = poll(&mut sockets, Some(&Timespec::default()));
        let ready: Vec<_> = sockets.iter().map(|socket| !socket.revents().is_empty()).collect();
        let now = Instant::now();
        let mut ready = ready.into_iter();
        self.waits.retain(|it| {
            let over = ready.next() == Some(true) || it.until <= now;
            if over {
                it.socket.polled.notify_one();
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

    fn socket() -> Arc<PolledSocket> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Arc::new(PolledSocket::new(socket))
    }

    fn send_to(socket: &PolledSocket) {
        UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .send_to(b"packet", socket.socket.local_addr().unwrap())
            .unwrap();
    }

    /// Waits, once no other test has the permit.
    async fn wait(poller: &Arc<Poller>, socket: &Arc<PolledSocket>, time: Duration) {
        while !poller.wait(socket, Instant::now() + time).await {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn each_wait_ends_with_a_packet_of_its_own_socket() {
        let poller = Arc::new(Poller::default());
        let sockets = [(); 8].map(|()| socket());
        let mut waiting = sockets.each_ref().map(|socket| {
            let (poller, socket) = (Arc::clone(&poller), Arc::clone(socket));
            tokio::spawn(async move { wait(&poller, &socket, LONG).await })
        });
        for one in [3, 7, 0] {
            send_to(&sockets[one]);
            (&mut waiting[one]).await.unwrap();
        }
        // A packet stays queued until it is received.
        wait(&poller, &sockets[3], LONG).await;
        for (number, waiting) in waiting.iter().enumerate() {
            assert_eq!(waiting.is_finished(), [3, 7, 0].contains(&number), "{number}");
        }
    }

    #[tokio::test]
    async fn no_wait_is_longer_than_agreed() {
        let poller = Arc::new(Poller::default());
        let began = Instant::now();
        wait(&poller, &socket(), Duration::from_millis(20)).await;
        assert!(began.elapsed() >= Duration::from_millis(20));
        while poller.state().running {
            tokio::task::yield_now().await;
        }
        assert!(poller.state().waits.is_empty());
        // A poller that has stopped starts again.
        wait(&poller, &socket(), Duration::ZERO).await;
    }

    #[tokio::test]
    async fn the_number_of_sockets_is_bounded() {
        let poller = Arc::new(Poller::default());
        let socket = socket();
        let until = Instant::now() + LONG;
        while poller.state().waits.len() < MAX_SOCKETS {
            poller.add(&socket, until);
            tokio::task::yield_now().await;
        }
        assert!(!poller.wait(&socket, until).await);
        send_to(&socket);
        while !poller.state().waits.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn without_the_permit_there_is_no_wait() {
        let permit = loop {
            match BusyPollPermit::take() {
                Some(permit) => break permit,
                None => tokio::task::yield_now().await,
            }
        };
        let poller = Arc::new(Poller::default());
        assert!(!poller.wait(&socket(), Instant::now() + LONG).await);
        drop(permit);
        wait(&poller, &socket(), Duration::ZERO).await;
    }
}
