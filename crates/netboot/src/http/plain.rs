//! Connections without TLS: the kernel sends files from its own memory (sendfile).
//!
//! This understands only what every boot program sends: a GET or HEAD of HTTP/1.1 without a body. With the
//! first other request the rest of the connection is left to hyper. The benchmark `benches/serve_load.py`
//! justifies a second parser: without it every byte of a file is copied to the program and back.

use std::io::{self, Cursor};
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Either};
use hyper::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use hyper::http::response::Parts;
use hyper::{HeaderMap, Method, Request, StatusCode, Version};
use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::connection::Serving;
use super::respond::{Answer, Requester, busy, respond};
use super::write::push;
use super::{Limits, MAX_BUFFER};
use crate::net::{BusyPollPermit, NEAR_RTT};

/// Header fields of a request, at most; hyper takes more.
const MAX_FIELDS: usize = 64;
/// Bytes of a request's head, as boot programs write it.
const REQUEST: usize = 1024;

/// Answers requests until the client hangs up, the server ends, or a request comes that is not plain:
/// then the rest of the connection is returned, from that request on.
pub(super) async fn serve(
    mut stream: TcpStream,
    serving: &Serving,
    requester: &Requester,
    limits: &Limits,
    ending: &mut watch::Receiver<()>,
) -> io::Result<Option<impl AsyncRead + AsyncWrite + Unpin + Send + use<>>> {
    let mut heard = Vec::with_capacity(REQUEST);
    let mut patience = Instant::now() + limits.idle;
    let mut pause = Pause::default();
    loop {
        let asked = match parse(&heard) {
            Head::Plain(asked) => *asked,
            Head::Other => break,
            Head::Partial if heard.len() >= MAX_BUFFER => break,
            Head::Partial => {
                let read = receive(&mut stream, &mut heard, pause.soon());
                let read = tokio::time::timeout_at(patience, read);
                tokio::select! {
                    // No answer is under way.
                    _ = ending.changed() => return Ok(None),
                    read = read => match read {
                        Ok(Ok(0)) | Err(_) => return Ok(None),
                        Ok(read) => drop(read?),
                    },
                }
                pause.end();
                continue;
            }
        };
        heard.drain(..asked.length);
        let place = serving.prove().await;
        // An error means that the server has ended.
        let last = asked.last || !place || ending.has_changed().unwrap_or(true);
        let answer = if place {
            respond(requester, &asked.request).await
        } else {
            busy(requester, &asked.request)
        };
        send_answer(&stream, limits, answer, last).await?;
        if last {
            return Ok(None);
        }
        let now = Instant::now();
        patience = now + limits.idle;
        pause.begin(now);
    }
    let (reader, writer) = stream.into_split();
    Ok(Some(tokio::io::join(Cursor::new(heard).chain(reader), writer)))
}

async fn send_answer(
    stream: &TcpStream,
    limits: &Limits,
    answer: Answer,
    last: bool,
) -> io::Result<()> {
    let (parts, body) = answer.into_parts();
    let head = write_head(&parts, last);
    match body {
        Either::Left(body) => body.send(stream, limits.stalled, &head).await,
        Either::Right(text) => {
            let text = text.collect().await.map(http_body_util::Collected::to_bytes);
            let Ok(text) = text;
            let text = [&head, &text[..]].concat();
            push(stream, limits.stalled, &text, SendFlags::empty()).await
        }
    }
}

/// Receives more bytes. Until `soon` they are busy-polled.
async fn receive(
    stream: &mut TcpStream,
    heard: &mut Vec<u8>,
    soon: Option<Instant>,
) -> io::Result<usize> {
    if let Some(soon) = soon
        && let Some(_permit) = BusyPollPermit::take()
    {
        while Instant::now() < soon {
            tokio::select! {
                biased;
                read = stream.read_buf(heard) => return read,
                () = tokio::task::yield_now() => {}
            }
        }
    }
    stream.read_buf(heard).await
}

/// The time between an answer and the next request. A client that reads a disk over the network asks for the
/// next few blocks as soon as it has these.
#[derive(Default)]
struct Pause {
    began: Option<Instant>,
    /// How long the last one was.
    last: Option<Duration>,
}

impl Pause {
    fn begin(&mut self, now: Instant) {
        self.began = Some(now);
    }

    fn end(&mut self) {
        if let Some(began) = self.began.take() {
            self.last = Some(began.elapsed());
        }
    }

    /// Until when the next request is worth busy polling.
    fn soon(&self) -> Option<Instant> {
        let often = self.last.is_some_and(|last| last <= NEAR_RTT);
        self.began.filter(|_| often).map(|began| began + NEAR_RTT)
    }
}

pub(super) enum Head {
    Plain(Box<Asked>),
    Partial,
    Other,
}

pub(super) struct Asked {
    pub(super) request: Request<()>,
    /// Bytes of the head.
    pub(super) length: usize,
    /// Whether the connection ends after the answer.
    pub(super) last: bool,
}

pub(super) fn parse(bytes: &[u8]) -> Head {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Head::Partial,
        Err(_) => return Head::Other,
    };
    let asked = request(&head).and_then(|request| {
        let last = last(request.headers())?;
        Some(Head::Plain(Box::new(Asked { request, length, last })))
    });
    asked.unwrap_or(Head::Other)
}

/// None where this parser does not understand it.
fn request(head: &httparse::Request<'_, '_>) -> Option<Request<()>> {
    let method = match head.method? {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        _ => return None,
    };
    let path = head.path.filter(|path| path.starts_with('/') && head.version == Some(1))?;
    let mut request = Request::builder().method(method).uri(path).version(Version::HTTP_11);
    for field in head.headers.iter() {
        request = request.header(field.name, field.value);
    }
    let request = request.body(()).ok()?;
    let strange = [CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT, UPGRADE];
    let hosts = request.headers().get_all(HOST).iter().count();
    let plain = hosts <= 1 && !strange.iter().any(|name| request.headers().contains_key(name));
    plain.then_some(request)
}

/// Whether the client ends the connection; none where it says anything but `keep-alive` and `close`.
fn last(headers: &HeaderMap) -> Option<bool> {
    let mut said = headers.get_all(CONNECTION).iter();
    match (said.next(), said.next()) {
        (None, _) => Some(false),
        (Some(word), None) if word.as_bytes().eq_ignore_ascii_case(b"keep-alive") => Some(false),
        (Some(word), None) if word.as_bytes().eq_ignore_ascii_case(b"close") => Some(true),
        _ => None,
    }
}

pub(super) fn write_head(parts: &Parts, last: bool) -> Vec<u8> {
    let status = parts.status;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in &parts.headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    // RFC 9110, section 8.6: an answer whose end nothing shows has a length.
    if status != StatusCode::NOT_MODIFIED && !parts.headers.contains_key(CONTENT_LENGTH) {
        head.extend_from_slice(b"content-length: 0\r\n");
    }
    if last {
        head.extend_from_slice(b"connection: close\r\n");
    }
    let date = httpdate::fmt_http_date(SystemTime::now());
    head.extend_from_slice(format!("date: {date}\r\n\r\n").as_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_again_at_once_is_waited_for_permit() {
        let now = Instant::now();
        let mut pause = Pause::default();
        assert_eq!(pause.soon(), None);
        pause.begin(now);
        assert_eq!(pause.soon(), None, "nothing is known yet");
        for (last, soon) in [(NEAR_RTT, Some(now + NEAR_RTT)), (2 * NEAR_RTT, None)] {
            pause.last = Some(last);
            assert_eq!(pause.soon(), soon);
        }
        pause.end();
        assert_eq!(pause.soon(), None, "a request is being read");
    }

    #[test]
    fn a_plain_request_ends_where_the_next_begins() {
        let bytes = b"GET /big.iso?a=1 HTTP/1.1\r\nHost: boot\r\nRange: bytes=0-1\r\n\r\nGET /next";
        let Head::Plain(asked) = parse(bytes) else { panic!("it is plain") };
        assert_eq!(&bytes[asked.length..], b"GET /next");
        assert_eq!(asked.request.uri().path(), "/big.iso");
        assert_eq!(asked.request.headers()["range"], "bytes=0-1");
        assert!(!asked.last);
        let Head::Plain(asked) = parse(b"HEAD / HTTP/1.1\r\nConnection: Close\r\n\r\n") else {
            panic!("so is this")
        };
        assert!(asked.last);
        for end in 0..bytes.len() - b"GET /next".len() {
            assert!(matches!(parse(&bytes[..end]), Head::Partial), "cut at {end}");
        }
    }

    #[test]
    fn what_could_be_understood_in_two_ways_is_left_to_hyper() {
        for text in [
            "GET / HTTP/1.0\r\n\r\n",
            "POST / HTTP/1.1\r\n\r\n",
            "GET http://boot/ HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 4\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET /\r\n\r\n",
            "\x16\x03\x01\r\n\r\n",
        ] {
            assert!(matches!(parse(text.as_bytes()), Head::Other), "{text}");
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_FIELDS + 1));
        assert!(matches!(parse(many.as_bytes()), Head::Other));
    }
}
