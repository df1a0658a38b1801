//! The description of the API, made from the types that are answered.

use utoipa::OpenApi;

use super::api::{BootReply, BootsReply, ErrorReply, Health, HistoryReply, LeasesReply};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "winpe-iscsi serve",
        description = "Each machine's boot as it happens, where it stopped, and why. Everything here \
                       reads; nothing can be changed.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(boots, table, boot, history, leases, events, healthz, metrics)
)]
struct Api;

/// The description, in JSON (OpenAPI 3.1).
#[must_use]
pub fn document() -> String {
    Api::openapi().to_pretty_json().expect("the description is fixed, and can be written")
}

/// The boots that are remembered, the one that something happened in last first, without their steps.
#[utoipa::path(get, path = "/api/v1/boots", responses((status = 200, body = BootsReply)))]
#[expect(dead_code, reason = "only its description is used")]
fn boots() {}

/// The same as a table.
#[utoipa::path(
    get,
    path = "/api/v1/boots.csv",
    responses((status = 200, content_type = "text/csv", body = String))
)]
#[expect(dead_code, reason = "only its description is used")]
fn table() {}

/// Boots of before the server's start, with their steps.
#[utoipa::path(get, path = "/api/v1/history", responses((status = 200, body = HistoryReply)))]
#[expect(dead_code, reason = "only its description is used")]
fn history() {}

/// The leases in force.
#[utoipa::path(get, path = "/api/v1/leases", responses((status = 200, body = LeasesReply)))]
#[expect(dead_code, reason = "only its description is used")]
fn leases() {}

/// One boot with its steps.
#[utoipa::path(
    get,
    path = "/api/v1/boots/{id}",
    params(("id" = u64, Path, description = "The boot's number.")),
    responses((status = 200, body = BootReply), (status = 404, body = ErrorReply))
)]
#[expect(dead_code, reason = "only its description is used")]
fn boot() {}

/// Server-sent events named `boots`: first the boots there are, then each that changes. `Last-Event-ID`
/// leaves out what is known.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    responses((status = 200, content_type = "text/event-stream", body = BootsReply))
)]
#[expect(dead_code, reason = "only its description is used")]
fn events() {}

/// That the server is there, and whether it does all that it should.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = Health)))]
#[expect(dead_code, reason = "only its description is used")]
fn healthz() {}

/// Numbers in the text format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    responses((status = 200, content_type = "text/plain", body = String))
)]
#[expect(dead_code, reason = "only its description is used")]
fn metrics() {}
