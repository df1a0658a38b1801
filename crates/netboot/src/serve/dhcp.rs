//! The DHCP sockets: packets in, effects out.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::clock::Clock;
use super::commit::{Commits, Outcome};
use super::logins::{Holder, Question};
use super::probe::probe;
use super::socket::udp;
use super::{Interface, LeaseLog, Restored, ServeError, Service};
use crate::config::Config;
use crate::event::{Event, Sink};
use crate::logic::dhcp::{Arrival, Effect, Link, Port, Role, Server};
use crate::wire::dhcp::Hardware;

/// The longest message: what is behind it is no option that a client needs answered.
const LONGEST: usize = 4096;
/// Messages decided on before the first of them is answered.
const BATCH: usize = 64;
/// Between two counts of the leases.
const COUNT: Duration = Duration::from_secs(5);
/// Answers of probes that wait; there are no more probes than that at once.
const PROBES: usize = 256;

/// What [`Event::Impaired`] calls the recording of leases.
const LEASES: &str = "leases";

/// Ports 67 and 4011, before there is a runtime.
pub(super) struct Sockets {
    server: std::net::UdpSocket,
    boot: std::net::UdpSocket,
}

pub(super) struct Driver {
    server: Server,
    interface: Interface,
    sockets: Live,
    commits: Commits,
    others: Others,
    role: Role,
    events: Arc<dyn Sink>,
    clock: Clock,
    probes: mpsc::Sender<Probed>,
    probed: mpsc::Receiver<Probed>,
}

/// What other tasks of the server send to this one.
pub(super) struct Others {
    /// Configurations that come into force.
    pub(super) configs: mpsc::Receiver<Arc<Config>>,
    /// Who asks whose an address is.
    pub(super) questions: mpsc::Receiver<Question>,
}

struct Probed {
    address: Ipv4Addr,
    user: Option<Hardware>,
}

impl Sockets {
    pub(super) fn open(interface: &Interface) -> Result<Self, ServeError> {
        let open = |port| udp(interface, None, Service::Dhcp, port).map(std::net::UdpSocket::from);
        Ok(Self { server: open(67)?, boot: open(4011)? })
    }
}

/// The sockets, within a runtime.
struct Live {
    server: UdpSocket,
    boot: UdpSocket,
}

impl Live {
    fn new(sockets: Sockets) -> Result<Self, ServeError> {
        let live = |socket| UdpSocket::from_std(socket).map_err(lost);
        Ok(Self { server: live(sockets.server)?, boot: live(sockets.boot)? })
    }

    fn of(&self, port: Port) -> &UdpSocket {
        match port {
            Port::Server => &self.server,
            Port::Boot => &self.boot,
        }
    }
}

impl Driver {
    pub(super) fn new(
        config: Arc<Config>,
        interface: &Interface,
        role: Role,
        sockets: Sockets,
        log: Option<(LeaseLog, Restored)>,
        others: Others,
        events: &Arc<dyn Sink>,
    ) -> Result<Self, ServeError> {
        let link = Link { address: interface.address, network: interface.network };
        let mut server = Server::new(config, link, role);
        let clock = Clock::start();
        let mut problem = None;
        let log = log.map(|(log, restored)| {
            for text in restored.damage {
                events.event(Event::Warning { text });
            }
            let now = clock.now();
            restored.leases.into_iter().for_each(|lease| server.restore(lease, now));
            problem = restored.problem;
            log
        });
        if let Some(reason) = &problem {
            let recorded: Vec<_> = server.leases().cloned().collect();
            server.stop_recording(recorded, clock.now());
            tell_refused(events.as_ref(), reason);
        }
        let (probes, probed) = mpsc::channel(PROBES);
        Ok(Self {
            server,
            interface: interface.clone(),
            sockets: Live::new(sockets)?,
            commits: Commits::new(log, problem.is_some()),
            others,
            role,
            events: Arc::clone(events),
            clock,
            probes,
            probed,
        })
    }

    /// Answers until `shutdown` is ready.
    pub(super) async fn run(
        mut self,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut buffer = vec![0; LONGEST];
        let mut counts = tokio::time::interval(COUNT);
        let mut bound = None;
        loop {
            let mut effects = Vec::new();
            let open = !self.commits.is_full();
            tokio::select! {
                () = &mut shutdown => return self.settle().await,
                // The driver holds a sender itself, so that there is always an answer to wait for.
                Some(probed) = self.probed.recv() => {
                    let decided = self.server.probed(probed.address, probed.user, self.clock.now());
                    effects = self.pass(decided);
                }
                Some(question) = self.others.questions.recv() => self.answer(question),
                Some(config) = self.others.configs.recv() => {
                    self.server.reconfigure(config, self.clock.now());
                }
                _ = counts.tick() => {
                    let now = Some(self.server.bound(self.clock.now()));
                    if let Some(bound) = now.filter(|_| now != bound) {
                        self.events.event(Event::Leases { bound });
                    }
                    bound = now;
                }
                outcome = self.commits.written() => effects = self.committed(outcome?),
                ready = self.sockets.server.readable(), if open => {
                    ready.map_err(lost)?;
                    self.receive(Port::Server, &mut buffer, &mut effects);
                }
                ready = self.sockets.boot.readable(), if open => {
                    ready.map_err(lost)?;
                    self.receive(Port::Boot, &mut buffer, &mut effects);
                }
            }
            self.commits.begin();
            self.act(effects).await;
        }
    }

    fn answer(&self, question: Question) {
        let holder = match self.role {
            Role::Proxy => Holder::Unknown,
            Role::Full => match self.server.holder(question.address, self.clock.now()) {
                Some(machine) => Holder::Machine(machine),
                None => Holder::None,
            },
        };
        // A client that has gone needs no answer.
        let _ = question.answer.send(holder);
    }

    /// Decides on what has arrived on a port, up to a batch.
    fn receive(&mut self, port: Port, buffer: &mut [u8], effects: &mut Vec<Effect>) {
        for _ in 0..BATCH {
            // Errors here are those of earlier packets that did not arrive, or that there is none.
            let Ok((length, SocketAddr::V4(from))) = self.sockets.of(port).try_recv_from(buffer)
            else {
                return;
            };
            let arrival = Arrival { from, port };
            let decided = self.server.receive(&buffer[..length], arrival, self.clock.now());
            effects.extend(self.pass(decided));
        }
    }

    /// Has leases written, by the clock of the wall, which the next start goes by.
    fn pass(&mut self, mut effects: Vec<Effect>) -> Vec<Effect> {
        for effect in &mut effects {
            if let Effect::Record(lease) = effect {
                lease.expires = self.clock.to_wall(lease.expires);
            }
        }
        self.commits.pass(effects)
    }

    /// What may be done once the disk has taken leases, or refused them.
    fn committed(&mut self, outcome: Outcome) -> Vec<Effect> {
        match outcome {
            Outcome::Written(effects) => effects,
            Outcome::Refused { reason, recorded } => {
                let recorded = recorded.into_iter().map(|mut lease| {
                    lease.expires = self.clock.of_wall(lease.expires);
                    lease
                });
                self.server.stop_recording(recorded, self.clock.now());
                tell_refused(self.events.as_ref(), &reason);
                Vec::new()
            }
            Outcome::Recovered => {
                self.events.event(Event::Impaired { part: LEASES, reason: None });
                let text = "leases are recorded again".to_owned();
                self.events.event(Event::Note { text });
                let missed = self.server.resume_recording();
                self.pass(missed)
            }
        }
    }

    /// Tells those whose leases were promised the disk before the server ends.
    async fn settle(mut self) -> Result<(), ServeError> {
        self.commits.begin();
        while !self.commits.is_idle() && !self.commits.is_refused() {
            let Outcome::Written(effects) = self.commits.written().await? else { break };
            self.commits.begin();
            self.act(effects).await;
        }
        Ok(())
    }

    async fn act(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { from, to, bytes } => {
                    let sent = self.sockets.of(from).send_to(&bytes, SocketAddr::V4(to)).await;
                    if let Err(error) = sent {
                        let text = format!("cannot answer {to}: {error}");
                        self.events.event(Event::Warning { text });
                    }
                }
                Effect::Probe(address) => self.probe(address),
                Effect::Tell(event) => self.events.event(event),
                // What holds a lease has passed the log.
                Effect::Record(_) => {}
            }
        }
    }

    fn probe(&self, address: Ipv4Addr) {
        let (interface, events) = (self.interface.clone(), Arc::clone(&self.events));
        let probes = self.probes.clone();
        tokio::spawn(async move {
            let user = probe(&interface, address).await.unwrap_or_else(|error| {
                let text = format!("cannot find out whether {address} is in use: {error}");
                events.event(Event::Warning { text });
                None
            });
            // Nobody left to tell means that the server has ended.
            let _ = probes.send(Probed { address, user }).await;
        });
    }
}

/// Says once that the disk refuses, and what that means.
fn tell_refused(events: &dyn Sink, reason: &str) {
    let reason = reason.to_owned();
    let text = format!(
        "leases cannot be recorded: {reason}; machines keep what is recorded, new ones get no address, \
         and files are served as before"
    );
    events.event(Event::Impaired { part: LEASES, reason: Some(reason) });
    events.event(Event::Warning { text });
}

fn lost(source: std::io::Error) -> ServeError {
    ServeError::Lost { service: Service::Dhcp, source }
}
