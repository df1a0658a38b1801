//! The HTTP/1.1 server: whole files and single ranges, HEAD, conditional requests, keep-alive.
//!
//! Each connection is a task; what it may hold and how long it may idle is bounded. A request is
//! answered by a function that reads the header fields and opens the file; the
//! sockets only carry the result. Without TLS the kernel itself sends what it has in memory. No answer is
//! 204, which makes iPXE wait for ever.

mod body;
mod condition;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod media;
mod patient;
mod plain;
mod range;
mod respond;
mod tls;

pub use limits::Limits;
pub use tls::{Tls, TlsError};

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::event::{Event, Failure, Protocol, Sink};
use crate::files::{FileSource, Opener};
pub(crate) use patient::Patient;
use respond::{Asker, respond};

/// Before another connection is accepted after the system could not give us one.
const BREATH: Duration = Duration::from_millis(50);
/// Bytes of a request's head, at most, and of an answer that wait to be written.
const BUFFER: usize = 64 * 1024;

/// Answers requests until `shutdown` is ready, then lets the answers under way end.
///
/// ```no_run
/// use std::net::TcpListener;
/// use std::sync::Arc;
/// use winpe_netboot::event::Event;
/// use winpe_netboot::files::Folder;
/// use winpe_netboot::http::{Limits, serve};
///
/// # async fn example() -> std::io::Result<()> {
/// let listener = TcpListener::bind("192.168.0.10:80")?;
/// let files = Arc::new(Folder::new("/srv/tftp")?);
/// let log = Arc::new(|event: Event| println!("{event}"));
/// let stop = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
/// serve(listener, files, Limits::default(), log, stop).await
/// # }
/// ```
///
/// # Errors
/// Where the listener cannot be set up.
pub async fn serve(
    listener: std::net::TcpListener,
    files: Arc<dyn FileSource>,
    limits: Limits,
    events: Arc<dyn Sink>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    serve_with(None, listener, files, limits, events, shutdown).await
}

/// The same by HTTPS where there is a certificate.
///
/// # Errors
/// Where the listener cannot be set up.
pub async fn serve_with(
    tls: Option<Tls>,
    listener: std::net::TcpListener,
    files: Arc<dyn FileSource>,
    limits: Limits,
    events: Arc<dyn Sink>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(limits.connections));
    let server = Arc::new(Server {
        files: Opener::new(files),
        limits: limits.clone(),
        events,
        per_client: Mutex::default(),
    });
    let mut connections = JoinSet::new();
    let (end, ending) = watch::channel(());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            // What finds no place waits in the system's queue.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accepted => accepted,
        };
        let Ok((stream, client)) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let Some(guest) = Guest::new(&server, client) else { continue };
        let (tls, ending) = (tls.clone(), ending.clone());
        connections.spawn(async move {
            guest.greet(stream, tls, ending).await;
            drop(place);
        });
    }
    drop((listener, end));
    // What does not end in time ends with the set.
    let _ = tokio::time::timeout(limits.grace, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    Ok(())
}

struct Server {
    files: Opener,
    limits: Limits,
    events: Arc<dyn Sink>,
    per_client: Mutex<HashMap<IpAddr, usize>>,
}

impl Server {
    fn per_client(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing that holds the lock can leave the counts half changed.
        self.per_client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that counts among those of its client.
struct Guest {
    server: Arc<Server>,
    client: SocketAddr,
}

impl Guest {
    /// None where the client has as many as it may.
    fn new(server: &Arc<Server>, client: SocketAddr) -> Option<Self> {
        let mut per_client = server.per_client();
        let count = per_client.entry(client.ip()).or_default();
        if *count >= server.limits.connections_per_client {
            drop(per_client);
            server.events.event(Event::Failed {
                protocol: Protocol::Http,
                client,
                file: String::new(),
                bytes: 0,
                reason: Failure::Busy("too many connections of this client"),
            });
            return None;
        }
        *count += 1;
        drop(per_client);
        Some(Self { server: Arc::clone(server), client })
    }

    fn asker(&self, local: SocketAddr) -> Asker {
        Asker {
            files: self.server.files.clone(),
            events: Arc::clone(&self.server.events),
            client: self.client,
            local: local.ip(),
        }
    }

    async fn greet(self, stream: TcpStream, tls: Option<Tls>, mut ending: watch::Receiver<()>) {
        let Ok(local) = stream.local_addr() else { return };
        // Answers are written whole, so that waiting to fill a segment only delays.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            let (asker, limits) = (self.asker(local), &self.server.limits);
            // A client that hangs up ends its connection, as below.
            let talked = plain::talk(stream, &asker, limits, &mut ending).await;
            if let Ok(Some(rest)) = talked {
                self.talk(rest, local, ending).await;
            }
            return;
        };
        // Who does not get through the handshake in time has no request that could be told of.
        let handshake = tls.acceptor.accept(stream);
        if let Ok(Ok(stream)) = tokio::time::timeout(self.server.limits.idle, handshake).await {
            self.talk(stream, local, ending).await;
        }
    }

    async fn talk(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send,
        local: SocketAddr,
        mut ending: watch::Receiver<()>,
    ) {
        let asker = self.asker(local);
        let service = service_fn(move |request| {
            let asker = asker.clone();
            async move { Ok::<_, Infallible>(respond(&asker, &request).await) }
        });
        let limits = &self.server.limits;
        let stream = TokioIo::new(Patient::new(stream, limits.stalled));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_buf_size(BUFFER)
            .serve_connection(stream, service);
        let mut connection = std::pin::pin!(connection);
        // A client that hangs up or talks nonsense ends its connection; a file that it had begun is
        // told as failed by its body. When the server ends, an answer under way is the last one.
        tokio::select! {
            _ = connection.as_mut() => {}
            _ = ending.changed() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut per_client = self.server.per_client();
        if let Some(count) = per_client.get_mut(&self.client.ip()) {
            *count -= 1;
            if *count == 0 {
                per_client.remove(&self.client.ip());
            }
        }
    }
}
