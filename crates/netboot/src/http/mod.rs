//! The HTTP/1.1 server: whole files and single ranges, HEAD, conditional requests, keep-alive.
//!
//! Each connection is a task with bounded memory and idle time. A function of header fields and file makes
//! the answer; the sockets only send it. Without TLS the kernel sends what it has in memory (sendfile). No
//! answer is 204, which makes iPXE wait for ever.

mod body;
mod condition;
mod connection;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod media;
mod pace;
mod patient;
mod places;
mod plain;
mod range;
mod respond;
mod tls;
mod write;

pub use limits::Limits;
pub use tls::{Tls, TlsError};

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::event::{Event, Failure, Protocol, Sink};
use crate::files::{FileSource, Opener};
use crate::meter::{Meter, Usage, Used};
use connection::Connection;
pub(crate) use patient::Patient;
use places::Places;

/// Pause after the system could not accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Most bytes of a request's head, and of an answer that wait to be written.
const MAX_BUFFER: usize = 64 * 1024;

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
    HttpServer::new(files, limits, events).serve(listener, tls, shutdown).await
}

/// A server of files, on one or more ports. The limits hold for all of them together.
#[derive(Clone)]
pub struct HttpServer {
    shared: Arc<Shared>,
}

struct Shared {
    files: Opener,
    limits: Limits,
    events: Arc<dyn Sink>,
    places: Places,
}

impl HttpServer {
    /// A server of `files`.
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
        let places = Places::new(limits.clone(), meter);
        Self { shared: Arc::new(Shared { files: Opener::new(files), limits, events, places }) }
    }

    /// Answers what comes to `listener`, by HTTPS where there is a certificate, until `shutdown` is ready;
    /// then lets the answers under way end.
    ///
    /// # Errors
    /// Where the listener cannot be set up.
    pub async fn serve(
        &self,
        listener: std::net::TcpListener,
        tls: Option<Tls>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let mut connections = JoinSet::new();
        let (end, ending) = watch::channel(());
        let mut shutdown = std::pin::pin!(shutdown);
        let mut samples = tokio::time::interval(pace::SAMPLE_INTERVAL);
        loop {
            while connections.try_join_next().is_some() {}
            // Each connection is accepted: `Places` decides which one is closed for it.
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                _ = samples.tick() => {
                    self.shared.places.sample(Instant::now());
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, client)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            match Connection::enter(&self.shared, client) {
                Some(connection) => {
                    connections.spawn(connection.run(stream, tls.clone(), ending.clone()));
                }
                None => self.shared.events.event(Event::Failed {
                    protocol: Protocol::Http,
                    client,
                    file: String::new(),
                    bytes: 0,
                    reason: Failure::Busy("too many connections of this client"),
                }),
            }
        }
        drop((listener, end));
        self.shared.places.close_unproven();
        // Connections that do not end in time end with the set.
        let _ = tokio::time::timeout(self.shared.limits.grace, async {
            while connections.join_next().await.is_some() {}
        })
        .await;
        Ok(())
    }
}

impl Used for HttpServer {
    fn usage(&self) -> Vec<Usage> {
        self.shared.places.usage(Instant::now())
    }
}
