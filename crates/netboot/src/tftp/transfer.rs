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
use super::liveness::{Liveness, Reported};
use super::one_port::OnePort;
use super::poller::PolledSocket;
use super::reader::Reader;
use super::receiver::Receiver;
use super::running::Running;
use super::sender::Sender;
use super::{Asked, REPLACED, Shared, refusal};
use crate::digest::Digest;
use crate::event::{Event, Failure, Protocol};
use crate::logic::tftp::{Limits, Outcome, Session, Transfer, most_block_size, negotiate};
use crate::wire::tftp::{ErrorCode, Packet};

/// Packets from foreign ports that are answered with an error; more would let a flood keep the task busy.
const FOREIGN_ANSWERS: u32 = 8;
/// How often a finished transfer yields before it closes its socket and emits its event, so that active
/// clients go first.
const YIELDS_BEFORE_CLOSE: u32 = 16;

/// One transfer, ready to run.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) session: Session,
    /// Ready when the transfer has to end before its time.
    pub(super) ended: oneshot::Receiver<Failure>,
    pub(super) client: SocketAddr,
    pub(super) local: IpAddr,
    pub(super) asked: Asked,
    /// None where the transfer has its own port.
    pub(super) one_port: Option<OnePort>,
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
            Some(reason) => {
                if reason == Failure::Changed {
                    self.shared.events.event(Event::mixture(&file, client));
                }
                self.shared.failed(client, &file, bytes, reason);
            }
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
        let socket = match &self.one_port {
            None => bind(self.local)?,
            Some(one) => one.connect(self.local, self.client)?,
        };
        let socket = Arc::new(PolledSocket::new(socket));
        let mut sender = Sender::new(&socket.socket, self.client);
        let opened = self.shared.files.open(&self.asked.path, None, self.client.ip(), self.local);
        let opened = tokio::select! {
            biased;
            opened = opened => opened,
            reason = &mut self.ended => return Ok(Ended::before_its_time(reason)),
        };
        let file = match opened {
            Ok(file) => file,
            Err(error) => {
                let (code, message, failure) = refusal(&error);
                let mut packet = Vec::new();
                Packet::Error { code, message: Cow::Borrowed(message) }.write(&mut packet);
                sender.send(&packet).await?;
                return Ok(Ended { failure: Some(failure), ..Ended::default() });
            }
        };
        let shared = Arc::clone(&self.shared);
        let reported = Reported::new();
        let mut running = Running {
            transfer: self.negotiate(file.len()),
            reader: Reader::new(file, &shared.pool),
            receiver: Receiver::new(&socket.socket),
            socket: &socket,
            sender,
            liveness: Liveness::default(),
            now: reported.heard,
            reported,
            foreign: 0,
        };
        let ended = self.drive(&mut running).await?;
        let elapsed = began.elapsed();
        // Before anything else: the client may ask for the next file, or for the same one again.
        drop(end);
        for _ in 0..YIELDS_BEFORE_CLOSE {
            tokio::task::yield_now().await;
        }
        if let Some(one) = &self.one_port {
            // The client may have asked for the next file already.
            while let Some(Ok((length, _))) = running.receiver.receive_now() {
                one.passes_on(running.receiver.packet(length), self.local, self.client);
            }
        }
        let Running { transfer, reader, .. } = &running;
        let failure = ended.or_else(|| failure(transfer.outcome()?));
        if failure.is_some() {
            // A failure event has no file size, so progress is reported once more.
            self.progress(&running);
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

    /// Sends and receives until the transfer has an outcome, or has to end before its time: then it returns
    /// why.
    async fn drive(&mut self, running: &mut Running<'_>) -> io::Result<Option<Failure>> {
        let mut alarm = pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            if running.reported.is_due() {
                self.progress(running);
            }
            if let Some(reason) = self.send_due(running).await? {
                return Ok(Some(reason));
            }
            if running.transfer.outcome().is_some() {
                return Ok(None);
            }
            running.read_ahead();
            running.set_alarm(alarm.as_mut());
            let heard = self.hear(running, alarm.as_mut()).await?;
            running.now = Instant::now();
            match heard {
                Wakeup::Packet(length, from) => self.take(running, length, from).await?,
                Wakeup::Unreachable => {}
                Wakeup::Silence => {
                    self.expire(running);
                    self.follow(running);
                }
                Wakeup::End(reason) => return Ok(Some(reason)),
            }
        }
    }

    /// Reads and sends all that is due now. Returns why the transfer has to end, if it was ended meanwhile.
    async fn send_due(&mut self, running: &mut Running<'_>) -> io::Result<Option<Failure>> {
        while let Some(wanted) = running.transfer.wanted() {
            if let Some(reason) = self.supply(running, wanted).await? {
                return Ok(Some(reason));
            }
            running.now = Instant::now();
        }
        if running.reader.check().is_err() {
            let mut packet = Vec::new();
            running.transfer.unreadable(&mut packet);
            running.sender.send(&packet).await?;
            return Ok(Some(Failure::Changed));
        }
        let Running { transfer, sender, now, .. } = running;
        while let Some(run) = transfer.transmit_run(*now, sender.max_run(transfer.block_size())) {
            sender.send_run(&run).await?;
        }
        let mut packet = Vec::new();
        if transfer.transmit(*now, &mut packet) {
            sender.send(&packet).await?;
        }
        Ok(None)
    }

    /// Gives the transfer the next bytes of the file. Returns why it has to end, if it was ended meanwhile.
    async fn supply(
        &mut self,
        running: &mut Running<'_>,
        wanted: usize,
    ) -> io::Result<Option<Failure>> {
        let Running { transfer, reader, sender, .. } = running;
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
            sender.send(&packet).await?;
        }
        Ok(None)
    }

    /// Waits for the next thing to happen. An answer of a nearby client is busy-polled.
    async fn hear(
        &mut self,
        running: &mut Running<'_>,
        mut alarm: Pin<&mut Sleep>,
    ) -> io::Result<Wakeup> {
        if let Some(until) = running.poll_until() {
            let polled = tokio::select! {
                biased;
                polled = self.shared.poller.wait(running.socket, until) => polled,
                reason = &mut self.ended => return Ok(Wakeup::end(reason)),
            };
            if polled && let Some(received) = running.receiver.receive_now() {
                return Wakeup::received(received);
            }
        }
        let receiver = &mut running.receiver;
        poll_fn(|context| {
            // First, so that a packet costs no look at anything else.
            if let Poll::Ready(received) = receiver.poll_receive(context) {
                return Poll::Ready(Wakeup::received(received));
            }
            if alarm.as_mut().poll(context).is_ready() {
                let queued = receiver.receive_now();
                return Poll::Ready(queued.map_or(Ok(Wakeup::Silence), Wakeup::received));
            }
            Pin::new(&mut self.ended).poll(context).map(|reason| Ok(Wakeup::end(reason)))
        })
        .await
    }

    /// Gives the transfer a packet that was received.
    async fn take(
        &self,
        running: &mut Running<'_>,
        length: usize,
        from: SocketAddr,
    ) -> io::Result<()> {
        if from != self.client {
            running.foreign += 1;
            if running.foreign <= FOREIGN_ANSWERS {
                refuse_foreign(&mut running.sender, from).await?;
            }
            self.expire(running);
            return Ok(());
        }
        let packet = running.receiver.packet(length);
        if self.one_port.as_ref().is_some_and(|one| one.passes_on(packet, self.local, from)) {
            return Ok(());
        }
        running.reported.heard = running.now;
        // Networks repeat packets and deliver late ones, which change nothing.
        let advanced = Packet::parse(running.receiver.packet(length))
            .is_ok_and(|received| running.transfer.receive(&received, running.now).is_ok());
        if !advanced {
            self.expire(running);
        } else if running.transfer.is_answered() {
            running.receiver.clear_readiness();
        }
        if !running.liveness.answered || running.liveness.silent {
            self.follow(running);
        }
        Ok(())
    }

    /// Sends again what is due, if anything is. Packets that are no answers do not put it off.
    fn expire(&self, running: &mut Running<'_>) {
        let before = running.transfer.stall();
        running.transfer.expire(running.now);
        // One packet lost is normal; several in a row are reported.
        let stall = running.transfer.stall().filter(|stall| Some(*stall) != before);
        if let Some((block, retries @ 2..)) = stall {
            let (client, file) = (self.client, self.asked.spelling.clone());
            let silent = running.reported.heard.elapsed();
            self.progress(running);
            self.shared.events.event(Event::Stalled { client, file, block, retries, silent });
        }
    }

    /// Reports to the sessions that the client has answered, is silent, or answers again. The lock is taken
    /// for these changes only, not for each packet.
    fn follow(&self, running: &mut Running<'_>) {
        let Running { liveness, transfer, now, .. } = running;
        if !liveness.answered && transfer.confirmed() {
            liveness.answered = true;
            self.shared.answered(self.session, *now);
        }
        match liveness.notice(transfer, *now) {
            Some(true) => self.shared.state().sessions.silent(self.session),
            Some(false) => self.shared.state().sessions.heard(self.session),
            None => {}
        }
    }

    fn progress(&self, running: &Running<'_>) {
        self.shared.events.event(Event::Progress {
            protocol: Protocol::Tftp,
            client: self.client,
            file: self.asked.spelling.clone(),
            bytes: running.transfer.progress().bytes,
            size: running.reader.size(),
        });
    }
}

/// How a transfer ended.
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
enum Wakeup {
    /// A packet's length and sender.
    Packet(usize, SocketAddr),
    /// An earlier packet was not delivered.
    Unreachable,
    /// Nothing, for as long as an answer may take.
    Silence,
    /// The transfer has to end, for this reason.
    End(Failure),
}

impl Wakeup {
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

/// Gives back the place of a transfer when it is dropped.
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

/// A socket with its own port, by which a transfer is identified.
fn bind(local: IpAddr) -> io::Result<UdpSocket> {
    let address = SocketAddr::from((local, 0));
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), None)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

async fn refuse_foreign(sender: &mut Sender<'_>, from: SocketAddr) -> io::Result<()> {
    let mut packet = Vec::new();
    let message = Cow::Borrowed("unknown transfer");
    Packet::Error { code: ErrorCode::UNKNOWN_TRANSFER, message }.write(&mut packet);
    sender.send_to(&packet, from).await
}
