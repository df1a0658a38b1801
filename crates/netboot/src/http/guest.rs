//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};

use super::pace::Pace;
use super::patient::Patient;
use super::plain;
use super::respond::{Asker, busy, respond};
use super::{BUFFER, Shared, Tls};
use crate::logic::Place;

/// A connection that has a place.
pub(super) struct Guest {
    host: Arc<Host>,
    /// Ready when it has to be closed for another.
    closed: oneshot::Receiver<()>,
}

/// What a connection holds. Its place is given back when this is dropped.
pub(super) struct Host {
    shared: Arc<Shared>,
    client: SocketAddr,
    pace: Arc<Pace>,
    unproven: Place,
    proven: OnceLock<Place>,
}

impl Guest {
    /// None where the client has as many as it may.
    pub(super) fn enter(shared: &Arc<Shared>, client: SocketAddr) -> Option<Self> {
        let given = shared.places.enter(client.ip(), Instant::now())?;
        let host = Host {
            shared: Arc::clone(shared),
            client,
            pace: given.pace,
            unproven: given.place,
            proven: OnceLock::new(),
        };
        Some(Self { host: Arc::new(host), closed: given.closed })
    }

    /// Answers requests until the client hangs up, the server ends, or another connection needs the place.
    pub(super) async fn greet(
        self,
        stream: TcpStream,
        tls: Option<Tls>,
        ending: watch::Receiver<()>,
    ) {
        let Self { host, closed } = self;
        tokio::select! {
            biased;
            () = host.talk(stream, tls, ending) => {}
            _ = closed => {}
        }
    }
}

impl Host {
    fn asker(&self, local: SocketAddr) -> Asker {
        Asker {
            files: self.shared.files.clone(),
            events: Arc::clone(&self.shared.events),
            client: self.client,
            local: local.ip(),
            pace: Arc::clone(&self.pace),
        }
    }

    /// Says that a whole request has come; false where the server is full and the request is to be refused.
    pub(super) async fn prove(&self) -> bool {
        if self.proven.get().is_some() {
            return true;
        }
        match self.shared.places.prove(self.client.ip(), self.unproven).await {
            // A connection has one request at a time, so that it cannot be set meanwhile.
            Some(place) => self.proven.set(place).is_ok(),
            None => false,
        }
    }

    async fn talk(
        self: &Arc<Self>,
        stream: TcpStream,
        tls: Option<Tls>,
        mut ending: watch::Receiver<()>,
    ) {
        let Ok(local) = stream.local_addr() else { return };
        // Answers are written whole, so that waiting to fill a segment only delays.
        let _ = stream.set_nodelay(true);
        let limits = &self.shared.limits;
        let Some(tls) = tls else {
            let asker = self.asker(local);
            // A client that hangs up ends its connection, as below.
            let talked = plain::talk(stream, self, &asker, limits, &mut ending).await;
            if let Ok(Some(rest)) = talked {
                self.talk_all(rest, asker, ending).await;
            }
            return;
        };
        // A client that does not finish the handshake in time has made no request that an event could report.
        let handshake = tls.acceptor.accept(stream);
        if let Ok(Ok(stream)) = tokio::time::timeout(limits.idle, handshake).await {
            self.talk_all(stream, self.asker(local), ending).await;
        }
    }

    /// Understands all that HTTP/1.1 allows.
    async fn talk_all(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send,
        asker: Asker,
        mut ending: watch::Receiver<()>,
    ) {
        let host = Arc::clone(self);
        let service = service_fn(move |request| {
            let (host, asker) = (Arc::clone(&host), asker.clone());
            async move {
                if host.prove().await {
                    return Ok::<_, Infallible>(respond(&asker, &request).await);
                }
                let mut answer = busy(&asker, &request);
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                Ok(answer)
            }
        });
        let limits = &self.shared.limits;
        let stream = TokioIo::new(Patient::new(stream, limits.stalled));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_buf_size(BUFFER)
            .serve_connection(stream, service);
        let mut connection = std::pin::pin!(connection);
        // A client that hangs up or talks nonsense ends its connection; a file that it had begun is
        // reported as failed by its body. When the server ends, an answer under way is the last one.
        tokio::select! {
            _ = connection.as_mut() => {}
            _ = ending.changed() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shared.places.leave(self.unproven, self.proven.get().copied());
    }
}
