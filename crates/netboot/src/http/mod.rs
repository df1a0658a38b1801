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
mod guest;
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
use guest::Guest;
pub(crate) use patient::Patient;
use places::Places;

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

    /// The same, which tells `meter` of limits that are met.
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
        let mut looks = tokio::time::interval(pace::LOOK);
        loop {
            while connections.try_join_next().is_some() {}
            // Each connection is accepted: `Places` decides which one is closed for it.
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                _ = looks.tick() => {
                    self.shared.places.look(Instant::now());
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, client)) = accepted else {
                tokio::time::sleep(BREATH).await;
                continue;
            };
            match Guest::enter(&self.shared, client) {
                Some(guest) => {
                    connections.spawn(guest.greet(stream, tls.clone(), ending.clone()));
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
        // What does not end in time ends with the set.
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
