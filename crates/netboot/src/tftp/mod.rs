//! The TFTP server: sockets and tasks around [`logic::tftp`](crate::logic::tftp).
//!
//! One task waits for requests; each transfer is a task with its own socket, so that a slow client delays no
//! other.

mod endpoint;
mod liveness;
mod one_port;
mod path;
mod poller;
mod reader;
mod receiver;
mod running;
mod sender;
mod transfer;

pub use crate::logic::tftp::Limits;

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::config::Limit;
use crate::event::{Event, Failure, Protocol, Sink};
use crate::files::{FilePath, FileSource, OpenError, Opener, Pool};
use crate::logic::tftp::{Admission, Session, Sessions};
use crate::meter::{Meter, Usage, Used};
use crate::wire::tftp::{ErrorCode, Mode, Options, Packet, ParseError, Request, unreadable_name};
use endpoint::{Datagram, Endpoint};
use one_port::{OnePort, Strayed};
use path::Paths;
use poller::Poller;
use transfer::Job;

/// Where the name begins in a request.
const NAME_OFFSET: usize = 2;
/// How long transfers under way may take when the server is to end.
const GRACE: Duration = Duration::from_secs(10);

/// Requests that wait because they came to the socket of an earlier transfer; the clients of further ones ask
/// again.
const STRAYED: usize = 64;

/// A TFTP server that reads and never writes.
///
/// ```no_run
/// use std::net::UdpSocket;
/// use std::sync::Arc;
/// use winpe_netboot::event::Event;
/// use winpe_netboot::files::Folder;
/// use winpe_netboot::tftp::{Limits, TftpServer};
///
/// # async fn example() -> std::io::Result<()> {
/// let files = Arc::new(Folder::new("/srv/tftp")?);
/// let server = TftpServer::new(files, Limits::default(), Arc::new(|e: Event| println!("{e}")));
/// let socket = UdpSocket::bind("192.168.0.10:69")?;
/// server.serve(socket, async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await
/// # }
/// ```
#[derive(Clone)]
pub struct TftpServer {
    shared: Arc<Shared>,
    one_port: bool,
}

struct Shared {
    files: Opener,
    /// Small files that are being sent.
    pool: Pool,
    limits: Limits,
    events: Arc<dyn Sink>,
    meter: Arc<Meter>,
    state: Mutex<State>,
    paths: Paths,
    poller: Arc<Poller>,
}

struct State {
    sessions: Sessions,
    /// A reason that is sent here ends the transfer.
    running: HashMap<Session, oneshot::Sender<Failure>>,
}

/// Why a transfer ends before its time.
const REPLACED: Failure = Failure::Refused("the client began another transfer");
const GAVE_WAY: Failure = Failure::Busy("gave way to another transfer");
const SERVER_ENDS: Failure = Failure::Refused("the server ends");

impl TftpServer {
    /// A server of `files`. The limits hold for all its sockets together.
    pub fn new(files: Arc<dyn FileSource>, limits: Limits, events: Arc<dyn Sink>) -> Self {
        let meter = Arc::new(Meter::new(Arc::clone(&events)));
        Self::metered(files, limits, events, meter)
    }

    /// The same, which reports limits that are met to `meter`.
    pub(crate) fn metered(
        files: Arc<dyn FileSource>,
        limits: Limits,
        events: Arc<dyn Sink>,
        meter: Arc<Meter>,
    ) -> Self {
        let sessions = Sessions::new(limits.clone());
        let state = Mutex::new(State { sessions, running: HashMap::new() });
        let files = Opener::new(files);
        Self {
            one_port: false,
            shared: Arc::new(Shared {
                files,
                pool: Pool::default(),
                limits,
                events,
                meter,
                state,
                paths: Paths::default(),
                poller: Arc::default(),
            }),
        }
    }

    /// The same, which sends each file from the port where requests arrive. The socket of that port must be
    /// one that shares its address (`SO_REUSEADDR`).
    #[must_use]
    pub fn from_one_port(self) -> Self {
        Self { one_port: true, ..self }
    }

    /// Answers what comes to `socket` until `shutdown` is ready, then lets the transfers that it began end,
    /// for some seconds. Answers come from the address that was asked. Several sockets may be served
    /// together.
    ///
    /// # Errors
    /// Where the socket cannot be set up, or receiving fails.
    pub async fn serve(
        &self,
        socket: UdpSocket,
        shutdown: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        let endpoint = Endpoint::new(socket)?;
        let mut transfers = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        let mut buffer = vec![0; endpoint::MAX_REQUEST];
        let (requests, mut strayed) = mpsc::channel(STRAYED);
        let one_port = self.one_port.then(|| OnePort { port: endpoint.port(), requests });
        loop {
            let datagram = tokio::select! {
                () = &mut shutdown => break,
                datagram = endpoint.receive(&mut buffer) => datagram?,
                Some(Strayed { datagram, bytes }) = strayed.recv(), if self.one_port => {
                    buffer[..bytes.len()].copy_from_slice(&bytes);
                    Some(datagram)
                }
            };
            while transfers.try_join_next().is_some() {}
            let Some(datagram) = datagram else { continue };
            match self.answer(&datagram, &buffer[..datagram.length]) {
                Answer::Nothing => {}
                Answer::Packet(packet) => endpoint.send(&packet, datagram.client),
                Answer::Transfer(job) => {
                    transfers.spawn(Job { one_port: one_port.clone(), ..job }.run());
                }
            }
        }
        // Transfers of silent clients end now. What does not end in time ends with the set.
        self.shared.end_unheard();
        let _ =
            tokio::time::timeout(GRACE, async { while transfers.join_next().await.is_some() {} })
                .await;
        Ok(())
    }

    fn answer(&self, datagram: &Datagram, bytes: &[u8]) -> Answer {
        let client = datagram.client;
        let Some(local) = datagram.local else {
            // RFC 1123, section 4.2.3.5.
            return self.to_everyone(client, bytes);
        };
        let request = match Packet::parse(bytes) {
            Ok(Packet::Read(request)) => request,
            Ok(Packet::Write(request)) => {
                self.requested(client, request.file);
                self.failed(client, request.file, Failure::Refused("this server is read-only"));
                return error(ErrorCode::ACCESS, "this server is read-only");
            }
            // An error in answer to an error, or to noise, could go back and forth for ever.
            Ok(_) => return self.ignored(client, "a packet that begins no transfer".to_owned()),
            Err(reason) => match unreadable_name(bytes) {
                Some(name) => return self.unreadable(client, &name, reason),
                None => return self.ignored(client, reason.to_string()),
            },
        };
        self.admit(client, local, &request, bytes)
    }

    /// A request to a broadcast address gets no answer, and is reported as a request of its client.
    fn to_everyone(&self, client: SocketAddr, bytes: &[u8]) -> Answer {
        const REASON: &str = "a request to everyone";
        let Some(name) = unreadable_name(bytes) else {
            return self.ignored(client, REASON.to_owned());
        };
        self.requested(client, &name);
        self.failed(client, &name, Failure::Refused(REASON));
        Answer::Nothing
    }

    /// Answers a request that cannot be read, so that its client does not wait.
    fn unreadable(&self, client: SocketAddr, name: &str, reason: ParseError) -> Answer {
        self.requested(client, name);
        self.failed(client, name, Failure::Malformed(reason.to_string()));
        match reason {
            // Names of files that are served are UTF-8, so no file has this name.
            ParseError::NotText { offset: NAME_OFFSET } => {
                error(ErrorCode::NOT_FOUND, "the name is not UTF-8")
            }
            ParseError::NotText { .. } | ParseError::Mode { .. } => {
                error(ErrorCode::ILLEGAL, "unknown transfer mode")
            }
            _ => error(ErrorCode::ILLEGAL, "the request is cut off"),
        }
    }

    fn admit(
        &self,
        client: SocketAddr,
        local: IpAddr,
        request: &Request<'_>,
        bytes: &[u8],
    ) -> Answer {
        let path: FilePath = match request.file.parse() {
            Ok(path) => path,
            Err(reason) => {
                self.requested(client, request.file);
                self.failed(client, request.file, Failure::Name(reason.as_str()));
                return error(ErrorCode::ACCESS, "this name may not be asked for");
            }
        };
        let mut state = self.shared.state();
        let (session, replaces, gives_way) =
            match state.sessions.admit(client, bytes, Instant::now()) {
                Admission::Begin { session, replaces, gives_way } => (session, replaces, gives_way),
                Admission::Repeated => return Answer::Nothing,
                Admission::Busy(limit) => {
                    drop(state);
                    self.shared.met(limit);
                    self.requested(client, request.file);
                    self.failed(client, request.file, Failure::Busy(limit.key()));
                    return Answer::Nothing;
                }
            };
        if let Some(replaced) = replaces {
            state.end(replaced, REPLACED);
        }
        for (session, _) in &gives_way {
            state.end(*session, GAVE_WAY);
        }
        let (handle, ended) = oneshot::channel();
        state.running.insert(session, handle);
        drop(state);
        gives_way.iter().for_each(|(_, limit)| self.shared.met(*limit));
        self.requested(client, request.file);
        Answer::Transfer(Job {
            one_port: None,
            shared: Arc::clone(&self.shared),
            session,
            ended,
            client,
            local,
            asked: Asked {
                spelling: request.file.to_owned(),
                path,
                mode: request.mode,
                options: request.options,
            },
        })
    }

    fn requested(&self, client: SocketAddr, file: &str) {
        let file = file.to_owned();
        self.shared.events.event(Event::Requested { protocol: Protocol::Tftp, client, file });
    }

    fn failed(&self, client: SocketAddr, file: &str, reason: Failure) {
        self.shared.failed(client, file, 0, reason);
    }

    fn ignored(&self, client: SocketAddr, reason: String) -> Answer {
        self.shared.events.event(Event::Ignored { client: client.to_string(), reason });
        Answer::Nothing
    }
}

/// A request that outlives its datagram.
struct Asked {
    spelling: String,
    path: FilePath,
    mode: Mode,
    options: Options,
}

impl Asked {
    fn request(&self) -> Request<'_> {
        Request { file: &self.spelling, mode: self.mode, options: self.options }
    }
}

enum Answer {
    Nothing,
    Packet(Vec<u8>),
    Transfer(Job),
}

impl State {
    fn end(&mut self, session: Session, reason: Failure) {
        if let Some(handle) = self.running.remove(&session) {
            // One that is ending by itself needs no reason.
            let _ = handle.send(reason);
        }
    }
}

impl Used for TftpServer {
    fn usage(&self) -> Vec<Usage> {
        let used = self.shared.state().sessions.used();
        let usage = |(limit, count)| Usage { limit, count, max: self.shared.max(limit) };
        used.into_iter().map(usage).collect()
    }
}

impl Shared {
    /// The client of a transfer has answered for the first time.
    fn answered(&self, session: Session, now: Instant) {
        let mut state = self.state();
        if let Some(yields) = state.sessions.answered(session, now) {
            state.end(yields, GAVE_WAY);
            drop(state);
            self.met(Limit::TftpTransfers);
        }
    }

    fn end_unheard(&self) {
        let mut state = self.state();
        for session in state.sessions.unheard() {
            state.end(session, SERVER_ENDS);
        }
    }

    fn met(&self, limit: Limit) {
        self.meter.met(limit, self.max(limit));
    }

    fn max(&self, limit: Limit) -> usize {
        match limit {
            Limit::TftpUnanswered => self.limits.unanswered,
            Limit::TftpPerClient => self.limits.transfers_per_client,
            _ => self.limits.transfers,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, client: SocketAddr, file: &str, bytes: u64, reason: Failure) {
        let file = file.to_owned();
        let protocol = Protocol::Tftp;
        self.events.event(Event::Failed { protocol, client, file, bytes, reason });
    }
}

/// What is sent to the client and reported when a file cannot be opened. The client learns no path, and
/// nothing about files that it may not read.
fn refusal(error: &OpenError) -> (ErrorCode, &'static str, Failure) {
    match error {
        OpenError::NotFound => (ErrorCode::NOT_FOUND, "file not found", Failure::NotFound),
        OpenError::NotRegular => {
            let reason = Failure::Refused("not a regular file");
            (ErrorCode::ACCESS, "not a regular file", reason)
        }
        OpenError::Outside => {
            let reason = Failure::Refused("leads out of the folder that is served");
            (ErrorCode::ACCESS, "access denied", reason)
        }
        OpenError::Refused(reason) => {
            (ErrorCode::ACCESS, "access denied", Failure::Refused(reason))
        }
        OpenError::Io(error) => {
            let reason = Failure::Io(error.to_string());
            (ErrorCode::ACCESS, "the file cannot be read", reason)
        }
    }
}

fn error(code: ErrorCode, message: &'static str) -> Answer {
    let mut packet = Vec::new();
    Packet::Error { code, message: Cow::Borrowed(message) }.write(&mut packet);
    Answer::Packet(packet)
}
