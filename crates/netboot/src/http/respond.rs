//! One request, one answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, RANGE, RETRY_AFTER,
};
use hyper::http::response::Builder;
use hyper::{Method, Request, Response, StatusCode};

use super::body::{FileBody, Report};
use super::condition::Version;
use super::media::media_type;
use super::pace::Pace;
use super::range::{Selection, select};
use crate::event::{Event, Failure, Protocol, Sink};
use crate::files::{File, FilePath, OpenError, Opener, PathError};

/// The client of a connection, and what its requests need.
#[derive(Clone)]
pub(super) struct Requester {
    pub(super) files: Opener,
    pub(super) events: Arc<dyn Sink>,
    pub(super) client: SocketAddr,
    pub(super) local: IpAddr,
    pub(super) pace: Arc<Pace>,
}

/// An answer with a file, or a short text.
pub(super) type Answer = Response<Either<FileBody, Full<Bytes>>>;

/// Answers a request.
pub(super) async fn respond<B>(requester: &Requester, request: &Request<B>) -> Answer {
    let mut answer = answer(requester, request).await;
    // RFC 9110, section 9.3.2: no content, also where the answer is a refusal. A client would take it
    // for the beginning of the next answer.
    if request.method() == Method::HEAD {
        *answer.body_mut() = Either::Right(Full::default());
    }
    answer
}

async fn answer<B>(requester: &Requester, request: &Request<B>) -> Answer {
    let name = request.uri().path();
    let mut report = report(requester, name);
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        report.failure = Some(Failure::Refused("only GET and HEAD are served"));
        let answer = Response::builder().status(StatusCode::METHOD_NOT_ALLOWED);
        return message(answer.header(ALLOW, "GET, HEAD"), "only GET and HEAD are served\n");
    }
    requester.events.event(Event::Requested {
        protocol: Protocol::Http,
        client: requester.client,
        file: name.to_owned(),
    });
    let path = match FilePath::from_url(name) {
        Ok(path) => path,
        Err(reason) => {
            report.failure = Some(Failure::Name(reason.as_str()));
            let status = match reason {
                PathError::Empty => StatusCode::NOT_FOUND,
                _ => StatusCode::BAD_REQUEST,
            };
            return message(Response::builder().status(status), "no such name\n");
        }
    };
    let query = request.uri().query();
    match requester.files.open(&path, query, requester.client.ip(), requester.local).await {
        Ok(file) => send(request, &path, file, report),
        Err(error) => refuse(&error, report),
    }
}

/// Answers a request that there is no place for. iPXE obeys `Retry-After`.
pub(super) fn busy<B>(requester: &Requester, request: &Request<B>) -> Answer {
    let name = request.uri().path();
    requester.events.event(Event::Requested {
        protocol: Protocol::Http,
        client: requester.client,
        file: name.to_owned(),
    });
    report(requester, name).failure = Some(Failure::Busy("too many connections"));
    let answer = Response::builder().status(StatusCode::SERVICE_UNAVAILABLE);
    message(answer.header(RETRY_AFTER, "5"), "too many connections; ask again\n")
}

fn report(requester: &Requester, name: &str) -> Report {
    let began = Instant::now();
    requester.pace.begin(began);
    Report {
        events: Arc::clone(&requester.events),
        client: requester.client,
        file: name.to_owned(),
        pace: Arc::clone(&requester.pace),
        began,
        bytes: 0,
        size: 0,
        reported: None,
        failure: None,
        sha256: None,
    }
}

fn send<B>(request: &Request<B>, path: &FilePath, file: File, report: Report) -> Answer {
    let headers = request.headers();
    let version = Version::of(&file);
    let mut answer = Response::builder().header(ACCEPT_RANGES, "bytes");
    if let Some(version) = &version {
        answer = answer
            .header(ETAG, version.tag.as_str())
            .header(LAST_MODIFIED, httpdate::fmt_http_date(version.modified));
        if version.is_known(headers) {
            return empty(answer.status(StatusCode::NOT_MODIFIED));
        }
    }
    answer = answer.header(CONTENT_TYPE, media_type(path));
    if file.is_secret() {
        answer = answer.header(CACHE_CONTROL, "no-store");
    }

    // RFC 9110, section 14.2: HEAD has no ranges.
    let range = headers.get(RANGE).filter(|_| request.method() == Method::GET);
    let range = range
        .filter(|_| version.is_none_or(|version| version.continues(headers)))
        .and_then(|range| range.to_str().ok());
    let length = file.len();
    let (start, end) = match range.map_or(Selection::Whole, |range| select(range, length)) {
        Selection::Whole => (0, length),
        Selection::Part { start, length: part } => {
            let end = start + part;
            let range = format!("bytes {start}-{}/{length}", end - 1);
            answer = answer.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, range);
            (start, end)
        }
        Selection::Unsatisfiable => {
            let range = format!("bytes */{length}");
            let answer = answer.status(StatusCode::RANGE_NOT_SATISFIABLE);
            return message(answer.header(CONTENT_RANGE, range), "no such range\n");
        }
    };
    answer = answer.header(CONTENT_LENGTH, end - start);
    if request.method() == Method::HEAD {
        return empty(answer);
    }
    finish(answer, Either::Left(FileBody::new(file, start, end, report)))
}

/// The client learns no path, and nothing about files that it may not read.
fn refuse(error: &OpenError, mut report: Report) -> Answer {
    let (status, text, failure) = match error {
        OpenError::NotFound => (StatusCode::NOT_FOUND, "not found\n", Failure::NotFound),
        OpenError::NotRegular => {
            let failure = Failure::Refused("not a regular file");
            (StatusCode::NOT_FOUND, "not found\n", failure)
        }
        OpenError::Outside => {
            let failure = Failure::Refused("leads out of the folder that is served");
            (StatusCode::FORBIDDEN, "forbidden\n", failure)
        }
        OpenError::Refused(reason) => {
            (StatusCode::FORBIDDEN, "forbidden\n", Failure::Refused(reason))
        }
        OpenError::Io(error) => {
            let failure = Failure::Io(error.to_string());
            (StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read\n", failure)
        }
    };
    report.failure = Some(failure);
    message(Response::builder().status(status), text)
}

fn message(answer: Builder, text: &'static str) -> Answer {
    let answer = answer.header(CONTENT_LENGTH, text.len());
    finish(answer, Either::Right(Full::from(text)))
}

fn empty(answer: Builder) -> Answer {
    finish(answer, Either::Right(Full::default()))
}

fn finish(answer: Builder, body: Either<FileBody, Full<Bytes>>) -> Answer {
    answer.body(body).expect("every field is made here, of numbers and fixed text")
}
