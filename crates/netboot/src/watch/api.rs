//! The answers to requests: the JSON API, health, metrics and files of the page.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Watch;
use super::csv;
use super::hub::now;
use super::page;
use crate::timeline::{BootView, Status};

/// The version of everything that is answered as JSON.
const SCHEMA: u32 = 1;

/// Boots, the one with the latest step first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BootsReply {
    /// 1.
    pub schema: u32,
    /// The server's time, in milliseconds since 1970.
    pub now_ms: u64,
    /// Counts up with each change.
    pub revision: u64,
    /// The boots.
    pub boots: Vec<BootView>,
}

/// One boot with its steps.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BootReply {
    /// 1.
    pub schema: u32,
    /// The server's time, in milliseconds since 1970.
    pub now_ms: u64,
    /// The boot.
    pub boot: BootView,
}

/// Boots of before the server's start, the newest first, with their steps.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistoryReply {
    /// 1.
    pub schema: u32,
    /// The boots; their numbers count for the start that they are of.
    #[schema(value_type = Vec<BootView>)]
    pub boots: Vec<serde_json::Value>,
}

/// The leases in force, by address.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeasesReply {
    /// 1.
    pub schema: u32,
    /// The leases.
    pub leases: Vec<LeaseView>,
}

/// An address that a machine has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeaseView {
    /// The address.
    pub address: String,
    /// The machine: its hardware address or client identifier.
    pub client: String,
    /// Until when, in milliseconds since 1970.
    pub expires_ms: u64,
}

/// Whether the server does all that it should.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// 1.
    pub schema: u32,
    /// `ok`, or `degraded` where it goes on with less.
    pub status: &'static str,
    /// What it cannot do at present, and why.
    pub problems: Vec<String>,
    /// The version of the server.
    pub version: &'static str,
    /// Seconds since it began.
    pub uptime: u64,
}

/// Why a request got no answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorReply {
    /// 1.
    pub schema: u32,
    /// In words.
    pub error: String,
}

/// An answer before it is sent.
pub(super) enum Reply {
    /// One piece.
    Whole { status: StatusCode, media: &'static str, body: Vec<u8> },
    /// The live stream, from after this revision.
    Live { after: u64 },
}

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";
const CSV: &str = "text/csv; charset=utf-8";

/// Answers a request for a path.
pub(super) fn answer(watch: &Arc<Watch>, path: &str, last_event: Option<u64>) -> Reply {
    let whole = |media, body: Vec<u8>| Reply::Whole { status: StatusCode::OK, media, body };
    match path {
        "/api/v1/boots" => json(StatusCode::OK, &boots(watch, 0)),
        "/api/v1/boots.csv" => whole(CSV, csv::table(&watch.boots()).into_bytes()),
        "/api/v1/history" => {
            json(StatusCode::OK, &HistoryReply { schema: SCHEMA, boots: watch.history() })
        }
        "/api/v1/leases" => {
            json(StatusCode::OK, &LeasesReply { schema: SCHEMA, leases: watch.leases() })
        }
        "/api/v1/events" => Reply::Live { after: last_event.unwrap_or(0) },
        "/api/v1/openapi.json" => whole(JSON, super::document().into_bytes()),
        // The status is 200 even if degraded: a supervisor must not restart the server, which would not help.
        "/healthz" => json(StatusCode::OK, &health(watch)),
        "/metrics" => whole(TEXT, watch.metrics().into_bytes()),
        _ => match path.strip_prefix("/api/v1/boots/") {
            Some(id) => boot(watch, id),
            None => match page::find(path) {
                Some((media, body)) => whole(media, body.to_vec()),
                None => error("there is nothing of this name"),
            },
        },
    }
}

/// A state as JSON has it.
pub(super) fn status_name(status: Status) -> &'static str {
    match status {
        Status::Booting => "booting",
        Status::Waiting => "waiting",
        Status::HandedOver => "handed-over",
        Status::Up => "up",
        Status::Stopped => "stopped",
    }
}

fn health(watch: &Watch) -> Health {
    let problems = watch.problems();
    Health {
        schema: SCHEMA,
        status: if problems.is_empty() { "ok" } else { "degraded" },
        problems,
        version: env!("CARGO_PKG_VERSION"),
        uptime: watch.age().as_secs(),
    }
}

/// The boots that changed after a revision.
pub(super) fn boots(watch: &Watch, after: u64) -> BootsReply {
    let (boots, revision) = watch.changed_since(after);
    BootsReply { schema: SCHEMA, now_ms: now().as_millis(), revision, boots }
}

fn boot(watch: &Watch, id: &str) -> Reply {
    match id.parse().ok().and_then(|id| watch.boot(id)) {
        Some(boot) => {
            let reply = BootReply { schema: SCHEMA, now_ms: now().as_millis(), boot };
            json(StatusCode::OK, &reply)
        }
        None => error("there is no boot of this number; it may have been forgotten"),
    }
}

fn error(text: &str) -> Reply {
    let reply = ErrorReply { schema: SCHEMA, error: text.to_owned() };
    json(StatusCode::NOT_FOUND, &reply)
}

fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    let body = serde_json::to_vec(value).expect("these types are written to memory without fail");
    Reply::Whole { status, media: JSON, body }
}
