//! The request parser and the answers, without sockets, for the fuzz target `http_request`. Compiled
//! with `--cfg fuzzing` only, and no part of the public API.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use super::MAX_BUFFER;
use super::pace::Pace;
use super::plain::{Head, parse, write_head};
use super::respond::{Requester, respond};
use crate::event::Event;
use crate::files::{FileSource, Opener};

/// Bytes of an answer that may wait in the connection of [`Server::hyper`].
const PIPE: usize = 1 << 20;

/// A request, as the plain parser reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    /// `GET` or `HEAD`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, and values.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Bytes of the head.
    pub length: usize,
    /// Whether the client wants no further answer.
    pub last: bool,
}

/// What the plain parser makes of the bytes heard so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// A request.
    Plain(Plain),
    /// The beginning of a head.
    Partial,
    /// Something that is left to hyper.
    Other,
}

/// Parses the head at the beginning of `bytes`.
#[must_use]
pub fn parse_head(bytes: &[u8]) -> Parsed {
    match parse(bytes) {
        Head::Partial => Parsed::Partial,
        Head::Other => Parsed::Other,
        Head::Plain(asked) => {
            let (parts, ()) = asked.request.into_parts();
            let fields = parts.headers.iter();
            Parsed::Plain(Plain {
                method: parts.method.to_string(),
                target: parts.uri.to_string(),
                fields: fields
                    .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                    .collect(),
                length: asked.length,
                last: asked.last,
            })
        }
    }
}

/// Answers requests from bytes to bytes.
pub struct Server {
    runtime: Runtime,
    requester: Requester,
}

impl Server {
    /// A server of these files.
    ///
    /// # Panics
    /// Where no runtime can be made.
    #[must_use]
    pub fn new(files: Arc<dyn FileSource>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        Self {
            runtime: runtime.expect("a runtime without timers and sockets"),
            requester: Requester {
                files: Opener::new(files),
                events: Arc::new(|_: Event| {}),
                client: SocketAddr::from(([192, 0, 2, 1], 49152)),
                local: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
                pace: Pace::new(Instant::now(), &Arc::default()),
            },
        }
    }

    /// The answers to the plain requests at the beginning of `bytes`, as a connection without TLS
    /// sends them, up to the first request that is not plain or is the last.
    ///
    /// # Panics
    /// Where a file cannot be read.
    #[must_use]
    pub fn plain(&self, mut bytes: &[u8]) -> Vec<u8> {
        self.runtime.block_on(async {
            let mut sent = Vec::new();
            while let Head::Plain(asked) = parse(bytes) {
                bytes = &bytes[asked.length..];
                let answer = respond(&self.requester, &asked.request).await;
                let (parts, body) = answer.into_parts();
                let body = body.collect().await.expect("the file can be read");
                sent.extend_from_slice(&write_head(&parts, asked.last));
                sent.extend_from_slice(&body.to_bytes());
                if asked.last {
                    break;
                }
            }
            sent
        })
    }

    /// What hyper sends for the same bytes. The last request must ask for the end of the connection.
    ///
    /// # Panics
    /// Where the connection within the process fails.
    #[must_use]
    pub fn hyper(&self, bytes: &[u8]) -> Vec<u8> {
        self.runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(PIPE);
            let service = service_fn(|request| async move {
                Ok::<_, Infallible>(respond(&self.requester, &request).await)
            });
            let connection = http1::Builder::new()
                .max_buf_size(MAX_BUFFER)
                .serve_connection(TokioIo::new(server), service);
            let talk = async {
                client.write_all(bytes).await.expect("a connection within the process");
                let mut sent = Vec::new();
                client.read_to_end(&mut sent).await.expect("as above");
                sent
            };
            // A request that hyper refuses ends the connection, which shows in what was sent.
            let (_, sent) = tokio::join!(connection, talk);
            sent
        })
    }
}
