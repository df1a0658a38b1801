//! The TFTP server: sockets and tasks around [`logic::tftp`](crate::logic::tftp).
//!
//! One task waits for requests; each transfer is a task with a socket of its own, so that a slow
//! client delays no other.

mod endpoint;
mod inlet;
mod lookout;
mod outlet;
mod path;
mod reader;
mod transfer;
mod watch;

pub use crate::logic::tftp::Limits;

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::event::{Event, Failure, Protocol, Sink};
use crate::files::{FilePath, FileSource, OpenError, Opener, Pool};
use crate::logic::tftp::{Admission, Session, Sessions};
use crate::wire::tftp::{ErrorCode, Mode, Options, Packet, ParseError, Request};
use endpoint::{Datagram, Endpoint};
use lookout::Lookout;
use path::Paths;
use transfer::Job;

/// How long transfers under way may take when the server is to end.
const GRACE: Duration = Duration::from_secs(10);

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
}

struct Shared {
    files: Opener,
    /// What is sent at the moment.
    pool: Pool,
    limits: Limits,
    events: Arc<dyn Sink>,
    state: Mutex<State>,
    paths: Paths,
    lookout: Arc<Lookout>,
}

struct State {
    sessions: Sessions,
    /// Dropping one ends its transfer.
    running: HashMap<Session, oneshot::Sender<()>>,
}

impl TftpServer {
    /// A server of `files`. The limits hold for all its sockets together.
    pub fn new(files: Arc<dyn FileSource>, limits: Limits, events: Arc<dyn Sink>) -> Self {
        let sessions = Sessions::new(limits.clone());
        let state = Mutex::new(State { sessions, running: HashMap::new() });
        let files = Opener::new(files);
        Self {
            shared: Arc::new(Shared {
                files,
                pool: Pool::default(),
                limits,
                events,
                state,
                paths: Paths::default(),
                lookout: Arc::default(),
            }),
        }
    }

    /// Answers what comes to `socket` until `shutdown` is ready, then lets the transfers that it began
    /// end, for some seconds. Answers come from the address that was asked. Several sockets may be served at once.
    ///
    /// # Errors
    /// Where the socket cannot be set up, or receiving fails for good.
    pub async fn serve(
        &self,
        socket: UdpSocket,
        shutdown: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        let endpoint = Endpoint::new(socket)?;
        let mut transfers = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        let mut buffer = vec![0; endpoint::LONGEST];
        loop {
            let datagram = tokio::select! {
                () = &mut shutdown => break,
                datagram = endpoint.receive(&mut buffer) => datagram?,
            };
            while transfers.try_join_next().is_some() {}
            let Some(datagram) = datagram else { continue };
            match self.answer(&datagram, &buffer[..datagram.length]) {
                Answer::Nothing => {}
                Answer::Packet(packet) => endpoint.send(&packet, datagram.client),
                Answer::Transfer(job) => {
                    transfers.spawn(job.run());
                }
            }
        }
        // What does not end in time ends with the set.
        let _ =
            tokio::time::timeout(GRACE, async { while transfers.join_next().await.is_some() {} })
                .await;
        Ok(())
    }

    fn answer(&self, datagram: &Datagram, bytes: &[u8]) -> Answer {
        let client = datagram.client;
        let Some(local) = datagram.local else {
            // RFC 1123, section 4.2.3.5.
            return self.ignored(client, "a request to everyone".to_owned());
        };
        let request = match Packet::parse(bytes) {
            Ok(Packet::Read(request)) => request,
            Ok(Packet::Write(request)) => {
                self.failed(client, request.file, Failure::Refused("this server is read-only"));
                return error(ErrorCode::ACCESS, "this server is read-only");
            }
            Err(reason @ ParseError::Mode { .. }) => {
                self.failed(client, "", Failure::Malformed(reason.to_string()));
                return error(ErrorCode::ILLEGAL, "unknown transfer mode");
            }
            // An error in answer to an error, or to noise, could go back and forth for ever.
            Ok(_) => return self.ignored(client, "a packet that begins no transfer".to_owned()),
            Err(reason) => return self.ignored(client, reason.to_string()),
        };
        self.admit(client, local, &request, bytes)
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
                self.failed(client, request.file, Failure::Refused(reason.as_str()));
                return error(ErrorCode::ACCESS, "this name may not be asked for");
            }
        };
        let mut state = self.shared.state();
        let (session, replaces) = match state.sessions.admit(client, bytes, Instant::now()) {
            Admission::Begin { session, replaces } => (session, replaces),
            Admission::Repeated => return Answer::Nothing,
            Admission::Busy(busy) => {
                drop(state);
                self.failed(client, request.file, Failure::Busy(busy.as_str()));
                return Answer::Nothing;
            }
        };
        if let Some(replaced) = replaces {
            state.running.remove(&replaced);
        }
        let (handle, replaced) = oneshot::channel();
        state.running.insert(session, handle);
        drop(state);
        self.requested(client, request.file);
        Answer::Transfer(Job {
            shared: Arc::clone(&self.shared),
            session,
            replaced,
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

impl Shared {
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

/// What client and log are told when a file cannot be opened. The client learns no path, and nothing
/// about what it may not read.
fn told(error: &OpenError) -> (ErrorCode, &'static str, Failure) {
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
