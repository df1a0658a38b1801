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
use super::respond::{Requester, busy, respond};
use super::{MAX_BUFFER, Shared, Tls};
use crate::logic::Place;

/// A connection that has a place.
pub(super) struct Connection {
    serving: Arc<Serving>,
    /// Ready when it has to be closed in favour of another.
    closed: oneshot::Receiver<()>,
}

/// What a connection holds. Its place is given back when this is dropped.
pub(super) struct Serving {
    shared: Arc<Shared>,
    client: SocketAddr,
    pace: Arc<Pace>,
    unproven: Place,
    proven: OnceLock<Place>,
}

impl Connection {
    /// None where the client has as many connections as it may.
    pub(super) fn enter(shared: &Arc<Shared>, client: SocketAddr) -> Option<Self> {
        let given = shared.places.enter(client.ip(), Instant::now())?;
        let serving = Serving {
            shared: Arc::clone(shared),
            client,
            pace: given.pace,
            unproven: given.place,
            proven: OnceLock::new(),
        };
        Some(Self { serving: Arc::new(serving), closed: given.closed })
    }

    /// Answers requests until the client hangs up, the server ends, or another connection needs the place.
    pub(super) async fn run(
        self,
        stream: TcpStream,
        tls: Option<Tls>,
        ending: watch::Receiver<()>,
    ) {
        let Self { serving, closed } = self;
        tokio::select! {
            biased;
            () = serving.serve(stream, tls, ending) => {}
            _ = closed => {}
        }
    }
}

impl Serving {
    fn requester(&self, local: SocketAddr) -> Requester {
        Requester {
            files: self.shared.files.clone(),
            events: Arc::clone(&self.shared.events),
            client: self.client,
            local: local.ip(),
            pace: Arc::clone(&self.pace),
        }
    }

    /// Reports that a whole request has come; false where the server is full and the request is to be
    /// refused.
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

    async fn serve(
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
            let requester = self.requester(local);
            // A client that hangs up ends its connection, as below.
            let served = plain::serve(stream, self, &requester, limits, &mut ending).await;
            if let Ok(Some(rest)) = served {
                self.serve_by_hyper(rest, requester, ending).await;
            }
            return;
        };
        // A client that does not finish the handshake in time has made no request that an event could report.
        let handshake = tls.acceptor.accept(stream);
        if let Ok(Ok(stream)) = tokio::time::timeout(limits.idle, handshake).await {
            self.serve_by_hyper(stream, self.requester(local), ending).await;
        }
    }

    /// Serves the connection by hyper, which understands all of HTTP/1.1.
    async fn serve_by_hyper(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send,
        requester: Requester,
        mut ending: watch::Receiver<()>,
    ) {
        let serving = Arc::clone(self);
        let service = service_fn(move |request| {
            let (serving, requester) = (Arc::clone(&serving), requester.clone());
            async move {
                if serving.prove().await {
                    return Ok::<_, Infallible>(respond(&requester, &request).await);
                }
                let mut answer = busy(&requester, &request);
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                Ok(answer)
            }
        });
        let limits = &self.shared.limits;
        let stream = TokioIo::new(Patient::new(stream, limits.stalled));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_buf_size(MAX_BUFFER)
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

impl Drop for Serving {
    fn drop(&mut self) {
        self.shared.places.leave(self.unproven, self.proven.get().copied());
    }
}
