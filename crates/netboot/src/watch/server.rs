//! The HTTP server of the page, the API and the metrics.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Watch;
use super::api::{self, Reply};
use super::connections::PageConnection;
use super::live::Live;
use crate::http::Patient;

/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a reader may take nothing of an answer.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of a request's head, and of an answer that waits.
const MAX_BUFFER: usize = 16 * 1024;
/// Pause after the system could not accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Between two calls of [`Watch::advance`].
const ADVANCE: Duration = Duration::from_secs(1);

/// The page runs our own script and nothing else, loads nothing from elsewhere, and cannot be put into
/// another page; so a name that a client sends stays a name even if the page had a fault.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

type Answer = Response<Either<Full<Bytes>, Live>>;

/// Shows what `watch` has recorded until `shutdown` is ready. Requests whose `Host` is neither `localhost`,
/// an IP address nor one of `names` are refused: a page of another site whose name resolves to this server
/// could read the answers (DNS rebinding).
///
/// # Errors
/// Where the listener cannot be set up.
pub async fn serve(
    listener: std::net::TcpListener,
    watch: Arc<Watch>,
    names: Arc<[String]>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let places = watch.connections();
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let mut ticks = tokio::time::interval(ADVANCE);
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = &mut shutdown => return Ok(()),
            _ = ticks.tick() => {
                watch.advance();
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, client)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (watch, names) = (Arc::clone(&watch), Arc::clone(&names));
        let (page_connection, closed) = places.enter(client.ip());
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = respond(&watch, &page_connection, &names, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let stream = TokioIo::new(Patient::new(stream, STALL_TIMEOUT));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(MAX_BUFFER)
                .serve_connection(stream, service);
            // A client may hang up at any time.
            tokio::select! {
                _ = connection => {}
                _ = closed => {}
            }
        });
    }
}

fn respond(
    watch: &Arc<Watch>,
    page_connection: &PageConnection,
    names: &[String],
    request: &Request<Incoming>,
) -> Answer {
    let head = *request.method() == Method::HEAD;
    if !head && *request.method() != Method::GET {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if !is_ours(host.unwrap_or_default(), names) {
        return plain(StatusCode::MISDIRECTED_REQUEST, "not a name of this server\n");
    }
    let last = HeaderName::from_static("last-event-id");
    let last = request.headers().get(last).and_then(|id| id.to_str().ok()?.parse().ok());
    let reply = api::answer(watch, request.uri().path(), last);
    match reply {
        Reply::Whole { status, media, body } => {
            let body = if head { Vec::new() } else { body };
            finish(status, media, Either::Left(Full::from(body)))
        }
        Reply::Live { .. } if head => {
            finish(StatusCode::OK, "text/event-stream", Either::Left(Full::default()))
        }
        Reply::Live { after } => {
            page_connection.follows();
            let live = Live::new(Arc::clone(watch), after);
            finish(StatusCode::OK, "text/event-stream", Either::Right(live))
        }
    }
}

/// Whether a `Host` field means this server.
fn is_ours(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok()
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    finish(status, "text/plain; charset=utf-8", Either::Left(Full::from(text)))
}

fn finish(status: StatusCode, media: &'static str, body: Either<Full<Bytes>, Live>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let fields = [
        (CONTENT_TYPE, media),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fields {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_not_ours() {
        let names = ["boot.example.org".to_owned()];
        for host in [
            "127.0.0.1:8067",
            "localhost:8067",
            "[::1]:8067",
            "192.168.0.10",
            "boot.example.org:80",
        ] {
            assert!(is_ours(host, &names), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example:8067", "[evil]", "127.0.0.1.evil"]
        {
            assert!(!is_ours(host, &names), "{host}");
        }
    }
}
