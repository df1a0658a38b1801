//! Answers router solicitations as [`Waits`] decides.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::io::Interest;

use super::Ipv6Socket;
use super::socket::Received;
use crate::event::{Event, Heard, Ignore, Sink};
use crate::logic::Time;
use crate::logic::ipv6::Waits;
use crate::net::register;
use crate::wire::ndp::{Question, advertisement};

/// Longest packet that is read; questions are shorter.
const MAX_PACKET: usize = 2048;
/// Packets that are read in a row before other tasks run.
const BATCH: usize = 64;

/// The task that answers.
pub(crate) struct Responder {
    socket: Ipv6Socket,
    shared: Arc<Shared>,
    events: Arc<dyn Sink>,
}

/// What the events of DHCP say to the responder.
struct Shared {
    waits: Mutex<Waits>,
    start: Instant,
}

impl Responder {
    /// A responder, and the sink through which it learns of machines that boot. `events` is what comes after it.
    pub(crate) fn new(socket: Ipv6Socket, events: Arc<dyn Sink>) -> (Self, Arc<dyn Sink>) {
        let shared = Arc::new(Shared { waits: Mutex::default(), start: Instant::now() });
        let (hears, next) = (Arc::clone(&shared), Arc::clone(&events));
        let sink = move |event: Event| {
            if let Event::Heard(heard) = &event {
                hears.heard(heard);
            }
            next.event(event);
        };
        (Self { socket, shared, events }, Arc::new(sink))
    }

    /// Answers until `shutdown` is ready.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
        let Self { socket, shared, events } = self;
        let socket = register(socket, Interest::READABLE)?;
        let mut shutdown = std::pin::pin!(shutdown);
        let mut buffer = [0; MAX_PACKET];
        loop {
            let mut ready = tokio::select! {
                () = &mut shutdown => return Ok(()),
                ready = socket.readable() => ready?,
            };
            for _ in 0..BATCH {
                match socket.get_ref().receive(&mut buffer) {
                    Ok(Some(received)) => shared.answer(socket.get_ref(), &received, &*events),
                    Ok(None) => {}
                    // Nothing is left, or the interface is down, say. The next packet makes it ready again, and
                    // whoever waits asks again.
                    Err(_) => {
                        ready.clear_ready();
                        break;
                    }
                }
            }
        }
    }
}

impl Shared {
    fn now(&self) -> Time {
        Time::from_millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn waits(&self) -> std::sync::MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self, heard: &Heard) {
        if matches!(heard.ignored, None | Some(Ignore::Probing(_) | Ignore::LeftToServer(_))) {
            let client = &heard.about;
            self.waits().heard(client.hardware, client.kind, self.now());
        }
    }

    fn answer(&self, socket: &Ipv6Socket, received: &Received<'_>, events: &dyn Sink) {
        let Some(question) = Question::parse(received.packet) else { return };
        let decision = self.waits().asked(received.hardware, question, self.now());
        if let Some(to) = decision.answer {
            // Asked now: this machine may have become a router since it started.
            if socket.is_router() {
                return;
            }
            let packet = advertisement(socket.address(), to);
            if let Err(error) = socket.answer(&packet, &received.sender) {
                let text = format!("cannot answer a router solicitation: {error}");
                events.event(Event::Warning { text });
                return;
            }
        }
        if let Some((waiting, elapsed)) = decision.report {
            let client = received.hardware.to_string();
            events.event(Event::Ipv6 { client, waiting, elapsed });
        }
    }
}
