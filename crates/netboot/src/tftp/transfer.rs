//! The task that sends one file.

use std::borrow::Cow;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::endpoint::is_passing;
use super::inlet::Inlet;
use super::lookout::Port;
use super::outlet::Outlet;
use super::reader::Reader;
use super::standing::{Standing, Told};
use super::{Asked, REPLACED, Shared, told};
use crate::awake::SOON;
use crate::event::{Event, Failure, Protocol};
use crate::files::Digest;
use crate::logic::tftp::{Limits, Outcome, Session, Transfer, most_block_size, negotiate};
use crate::wire::tftp::{ErrorCode, Packet};

/// Packets from foreign ports that are told so; a flood of them shall not use up the task.
const FOREIGN_ANSWERS: u32 = 8;
/// Times that a transfer which is over lets others go on before it is closed and told of. That takes as
/// long as some packets, which somebody waits for.
const COURTESY: u32 = 16;

/// One transfer, ready to run.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) session: Session,
    /// Ready when the transfer has to end before its time.
    pub(super) ended: oneshot::Receiver<Failure>,
    pub(super) client: SocketAddr,
    pub(super) local: IpAddr,
    pub(super) asked: Asked,
}

impl Job {
    pub(super) async fn run(mut self) {
        let ended = self.send_file().await.unwrap_or_else(|error| {
            let failure = Some(Failure::Io(error.to_string()));
            Ended { failure, ..Ended::default() }
        });
        let Ended { bytes, failure, elapsed, sha256 } = ended;
        let (protocol, client, file) = (Protocol::Tftp, self.client, self.asked.spelling);
        match failure {
            Some(reason) => self.shared.failed(client, &file, bytes, reason),
            None => {
                let sent = Event::Sent { protocol, client, file, bytes, elapsed, sha256 };
                self.shared.events.event(sent);
            }
        }
    }

    /// An error is one of the socket.
    async fn send_file(&mut self) -> io::Result<Ended> {
        let began = Instant::now();
        // Also where the task is ended from outside.
        let end = End { shared: Arc::clone(&self.shared), session: self.session };
        let port = Arc::new(Port::new(bind(self.local)?));
        let mut outlet = Outlet::new(&port.socket, self.client);
        let asked = self.shared.files.open(&self.asked.path, None, self.client.ip(), self.local);
        let asked = tokio::select! {
            biased;
            asked = asked => asked,
            reason = &mut self.ended => return Ok(Ended::before_its_time(reason)),
        };
        let file = match asked {
            Ok(file) => file,
            Err(error) => {
                let (code, message, failure) = told(&error);
                let mut packet = Vec::new();
                Packet::Error { code, message: Cow::Borrowed(message) }.write(&mut packet);
                outlet.send(&packet).await?;
                return Ok(Ended { failure: Some(failure), ..Ended::default() });
            }
        };
        let mut transfer = self.negotiate(file.len());
        let shared = Arc::clone(&self.shared);
        let mut reader = Reader::new(file, &shared.pool);
        let mut inlet = Inlet::new(&port.socket);
        let ended = self.drive(&port, &mut inlet, &mut outlet, &mut transfer, &mut reader).await?;
        let elapsed = began.elapsed();
        // At once: the client may ask for the next file, or for the same again.
        drop(end);
        for _ in 0..COURTESY {
            tokio::task::yield_now().await;
        }
        let failure = ended.or_else(|| failure(transfer.outcome()?));
        if failure.is_some() {
            // How much of how much: the end alone tells the size of what arrived whole.
            self.progress(&transfer, reader.size());
        }
        let bytes = if failure.is_none() { reader.offset() } else { transfer.progress().bytes };
        Ok(Ended { bytes, failure, elapsed, sha256: reader.digest() })
    }

    fn negotiate(&self, size: u64) -> Transfer {
        let path = || self.shared.paths.block_size(self.local, self.client);
        let most = self.shared.limits.block_size;
        let block_size = most_block_size(self.asked.options.block_size, most, path);
        let limits = Limits { block_size, ..self.shared.limits.clone() };
        let mut state = self.shared.state();
        let left = state.sessions.window_left();
        let agreed = negotiate(&self.asked.request(), size, &limits, left);
        state.sessions.take_window(self.session, agreed.window_bytes());
        Transfer::new(agreed, &limits)
    }

    fn progress(&self, transfer: &Transfer, size: u64) {
        self.shared.events.event(Event::Progress {
            protocol: Protocol::Tftp,
            client: self.client,
            file: self.asked.spelling.clone(),
            bytes: transfer.progress().bytes,
            size,
        });
    }

    /// Does what is due for want of an answer, if anything is. Packets that are none do not put it off.
    fn expire(&self, transfer: &mut Transfer, size: u64, now: Instant, heard: Instant) {
        let before = transfer.stall();
        transfer.expire(now);
        // One packet lost is everyday life; more in a row are worth a word.
        let stall = transfer.stall().filter(|stall| Some(*stall) != before);
        if let Some((block, retries @ 2..)) = stall {
            let (client, file) = (self.client, self.asked.spelling.clone());
            let silent = heard.elapsed();
            self.progress(transfer, size);
            self.shared.events.event(Event::Stalled { client, file, block, retries, silent });
        }
    }

    /// What happens next.
    ///
    /// An answer that is due by `soon` is waited for awake.
    async fn hear(
        &mut self,
        port: &Arc<Port>,
        inlet: &mut Inlet<'_>,
        soon: Option<Instant>,
        mut alarm: Pin<&mut Sleep>,
    ) -> io::Result<Heard> {
        if let Some(soon) = soon {
            let looked = tokio::select! {
                biased;
                looked = self.shared.lookout.wait(port, soon) => looked,
                reason = &mut self.ended => return Ok(Heard::end(reason)),
            };
            if looked && let Some(received) = inlet.receive_now() {
                return Heard::received(received);
            }
        }
        poll_fn(|context| {
            // First, so that nothing else is looked at when there is one.
            if let Poll::Ready(received) = inlet.poll_receive(context) {
                return Poll::Ready(Heard::received(received));
            }
            if alarm.as_mut().poll(context).is_ready() {
                let overlooked = inlet.receive_now();
                return Poll::Ready(overlooked.map_or(Ok(Heard::Silence), Heard::received));
            }
            Pin::new(&mut self.ended).poll(context).map(|reason| Ok(Heard::end(reason)))
        })
        .await
    }

    /// Gives the transfer the next bytes, and returns why it has to end where it has to meanwhile.
    async fn supply(
        &mut self,
        outlet: &mut Outlet<'_>,
        transfer: &mut Transfer,
        reader: &mut Reader<'_>,
        wanted: usize,
    ) -> io::Result<Option<Failure>> {
        if reader.supply_now(transfer, wanted) {
            return Ok(None);
        }
        let supplied = tokio::select! {
            supplied = reader.supply(transfer, wanted) => supplied,
            reason = &mut self.ended => return Ok(Some(reason.unwrap_or(REPLACED))),
        };
        if supplied.is_err() {
            let mut packet = Vec::new();
            transfer.unreadable(&mut packet);
            outlet.send(&packet).await?;
        }
        Ok(None)
    }

    /// Reports to the sessions that the client has answered, is silent, or goes on. The lock is taken for
    /// these changes only, not for each packet.
    fn follow(&self, standing: &mut Standing, transfer: &Transfer, now: Instant) {
        if !standing.answered && transfer.confirmed() {
            standing.answered = true;
            self.shared.answered(self.session, now);
        }
        match standing.notice(transfer, now) {
            Some(true) => self.shared.state().sessions.silent(self.session),
            Some(false) => self.shared.state().sessions.heard(self.session),
            None => {}
        }
    }

    /// Runs the transfer until it has an outcome, or has to end before its time: then it returns why.
    async fn drive(
        &mut self,
        port: &Arc<Port>,
        inlet: &mut Inlet<'_>,
        outlet: &mut Outlet<'_>,
        transfer: &mut Transfer,
        reader: &mut Reader<'_>,
    ) -> io::Result<Option<Failure>> {
        let mut packet = Vec::new();
        let mut alarm = pin!(tokio::time::sleep(Duration::ZERO));
        let mut foreign = 0;
        let mut standing = Standing::default();
        let mut told = Told::new();
        let mut now = told.heard;
        loop {
            if told.is_due() {
                self.progress(transfer, reader.size());
            }
            while let Some(wanted) = transfer.wanted() {
                if let Some(reason) = self.supply(outlet, transfer, reader, wanted).await? {
                    return Ok(Some(reason));
                }
                now = Instant::now();
            }
            while let Some(run) = transfer.transmit_run(now, outlet.most(transfer.block_size())) {
                outlet.send_run(&run).await?;
            }
            if transfer.transmit(now, &mut packet) {
                outlet.send(&packet).await?;
                packet.clear();
            }
            if transfer.outcome().is_some() {
                return Ok(None);
            }
            // Lock step would else wait for the file and then for the client.
            if let Some(wanted) = transfer.wanted_ahead() {
                reader.supply_now(transfer, wanted);
            }
            // Each answer moves the deadline on; the alarm follows when it has gone off, since setting
            // it takes longer than looking whether it is due.
            let deadline = transfer.deadline().unwrap_or(now);
            let deadline = standing.deadline(transfer, deadline).into();
            if alarm.is_elapsed() || alarm.deadline() > deadline {
                alarm.as_mut().reset(deadline);
            }
            // Who has not answered yet may be as near as any.
            let trip = transfer.round_trip().unwrap_or(SOON / 2);
            let soon = (trip <= SOON).then(|| now + 2 * trip);
            let heard = self.hear(port, inlet, soon, alarm.as_mut()).await?;
            now = Instant::now();
            let (length, from) = match heard {
                Heard::Packet(length, from) => (length, from),
                Heard::Unreachable => continue,
                Heard::Silence => {
                    self.expire(transfer, reader.size(), now, told.heard);
                    self.follow(&mut standing, transfer, now);
                    continue;
                }
                Heard::End(reason) => return Ok(Some(reason)),
            };
            if from != self.client {
                foreign += 1;
                if foreign <= FOREIGN_ANSWERS {
                    refuse_foreign(outlet, from).await?;
                }
                self.expire(transfer, reader.size(), now, told.heard);
                continue;
            }
            told.heard = now;
            // Repeated and stray packets are the network's everyday life, and change nothing.
            let advanced = Packet::parse(inlet.packet(length))
                .is_ok_and(|received| transfer.receive(&received, told.heard).is_ok());
            if !advanced {
                self.expire(transfer, reader.size(), now, told.heard);
            } else if transfer.is_answered() {
                inlet.expect_nothing();
            }
            if !standing.answered || standing.silent {
                self.follow(&mut standing, transfer, now);
            }
        }
    }
}

/// What came of a transfer.
#[derive(Default)]
struct Ended {
    /// Bytes that arrived.
    bytes: u64,
    /// Why not all did.
    failure: Option<Failure>,
    elapsed: Duration,
    sha256: Option<Digest>,
}

impl Ended {
    fn before_its_time(reason: Result<Failure, oneshot::error::RecvError>) -> Self {
        Self { failure: Some(reason.unwrap_or(REPLACED)), ..Self::default() }
    }
}

/// None where the client has the whole file.
fn failure(outcome: &Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Complete | Outcome::Unconfirmed => None,
        Outcome::SizeProbe => Some(Failure::SizeProbe),
        Outcome::Aborted { code, message } => {
            Some(Failure::ClientError { code: code.0, text: message.clone() })
        }
        Outcome::Lost => Some(Failure::Lost),
        Outcome::Unreadable => Some(Failure::Io("the file could not be read on".to_owned())),
    }
}

/// What a transfer waits for.
enum Heard {
    /// A packet of so many bytes, and who sent it.
    Packet(usize, SocketAddr),
    /// An earlier packet found nobody.
    Unreachable,
    /// Nothing, for as long as an answer may take.
    Silence,
    /// The transfer has to end, for this reason.
    End(Failure),
}

impl Heard {
    fn end(reason: Result<Failure, oneshot::error::RecvError>) -> Self {
        Self::End(reason.unwrap_or(REPLACED))
    }

    fn received(received: io::Result<(usize, SocketAddr)>) -> io::Result<Self> {
        match received {
            Ok((length, from)) => Ok(Self::Packet(length, from)),
            Err(error) if is_passing(&error) => Ok(Self::Unreachable),
            Err(error) => Err(error),
        }
    }
}

/// Gives back what a transfer holds.
struct End {
    shared: Arc<Shared>,
    session: Session,
}

impl Drop for End {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.sessions.end(self.session);
        state.running.remove(&self.session);
    }
}

/// A socket with a port of its own, which is what a transfer is known by.
fn bind(local: IpAddr) -> io::Result<UdpSocket> {
    let address = SocketAddr::from((local, 0));
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), None)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

async fn refuse_foreign(outlet: &mut Outlet<'_>, from: SocketAddr) -> io::Result<()> {
    let mut packet = Vec::new();
    let message = Cow::Borrowed("unknown transfer");
    Packet::Error { code: ErrorCode::UNKNOWN_TRANSFER, message }.write(&mut packet);
    outlet.send_to(&packet, from).await
}
