//! Answers of the API match its description, and Prometheus reads the metrics.

use std::path::PathBuf;

use serde_json::{Value, json};
use winpe_netboot::client::Kind;
use winpe_netboot::event::{Event, Failure, Protocol};
use winpe_netboot::wire::dhcp::MessageType;
use winpe_tests::tool;

use crate::machines::{Shown, lab, text};

/// The schema of a type of the description, without additional properties.
fn schema(document: &Value, name: &str) -> Value {
    let mut components = document["components"].clone();
    close(&mut components);
    json!({ "$ref": format!("#/components/schemas/{name}"), "components": components })
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("type") == Some(&json!("object")) && fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[track_caller]
fn agrees(document: &Value, name: &str, answer: &str) {
    let answer: Value = serde_json::from_str(answer).unwrap_or_else(|_| panic!("{answer}"));
    let schema = jsonschema::validator_for(&schema(document, name)).unwrap();
    let errors: Vec<_> = schema
        .iter_errors(&answer)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{answer:#}");
}

#[test]
fn the_answers_are_as_described() {
    let shown = Shown::new();
    lab(&shown);
    // Every kind of file that a step can have.
    let machine = shown.machine(9);
    machine.leg(Kind::Pxe, "undionly.kpxe");
    machine.fails(Protocol::Tftp, "undionly.kpxe", 0, Failure::SizeProbe);
    machine.fails(Protocol::Tftp, "autoexec.ipxe", 0, Failure::NotFound);
    machine.fails(Protocol::Tftp, "a", 7, Failure::Lost);
    let Some(document) = shown.get("/api/v1/openapi.json", &[]) else { return };
    let document: Value = serde_json::from_str(&document).unwrap();

    let boots = shown.get("/api/v1/boots", &[]).unwrap();
    agrees(&document, "BootsReply", &boots);
    let boots: Value = serde_json::from_str(&boots).unwrap();
    let boots = boots["boots"].as_array().unwrap();
    assert!(boots.len() >= 8, "{}", boots.len());
    for boot in boots {
        let answer = shown.get(&format!("/api/v1/boots/{}", boot["id"]), &[]).unwrap();
        agrees(&document, "BootReply", &answer);
    }
    agrees(&document, "ErrorReply", &shown.get("/api/v1/boots/999999", &[]).unwrap());
    agrees(&document, "ErrorReply", &shown.get("/api/v1/boots/x", &[]).unwrap());
    agrees(&document, "Health", &shown.get("/healthz", &[]).unwrap());

    agrees(&document, "HistoryReply", &shown.get("/api/v1/history", &[]).unwrap());
    let until = Some(4_000_000_000_000);
    let (ours, ended) = ([10, 0, 0, 7].into(), [10, 0, 0, 8].into());
    let client = || "52:54:00:00:00:07".to_owned();
    machine.tell(Event::Lease { address: ours, client: client(), until });
    machine.tell(Event::Lease { address: ended, client: client(), until });
    machine.tell(Event::Lease { address: ended, client: client(), until: None });
    machine.tell(Event::Lease {
        address: [10, 0, 0, 9].into(),
        client: client(),
        until: Some(1000),
    });
    let leases = shown.get("/api/v1/leases", &[]).unwrap();
    agrees(&document, "LeasesReply", &leases);
    let leases: Value = serde_json::from_str(&leases).unwrap();
    let expected = json!([{
        "address": "10.0.0.7", "client": client(), "expires_ms": 4_000_000_000_000_u64
    }]);
    assert_eq!(leases["leases"], expected, "those that have ended are not shown");

    // Each described path exists.
    for path in document["paths"].as_object().unwrap().keys() {
        let path = path.replace("{id}", "1");
        let head = shown.get(&path, &["-I"]).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    }
}

#[test]
fn the_live_stream_begins_with_the_current_state_and_continues_with_changes() {
    let Some(curl) = tool("curl", "curl") else { return };
    let shown = Shown::new();
    shown.machine(1).hears(MessageType::Discover, Kind::Pxe, None);
    let url = shown.url("/api/v1/events");
    let reader = std::thread::spawn(move || {
        let output = winpe_tests::run(&curl, ["-sSN", "--max-time", "3", &url]);
        String::from_utf8(output.stdout).unwrap()
    });
    std::thread::sleep(std::time::Duration::from_millis(1000));
    shown.machine(2).hears(MessageType::Discover, Kind::Pxe, None);
    let stream = reader.join().unwrap();
    let events: Vec<Value> = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let clients = |event: &Value| -> Vec<String> {
        let boots = event["boots"].as_array().unwrap().iter();
        boots.map(|boot| boot["client"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(clients(&events[0]), ["52:54:00:00:00:01"]);
    assert!(events[1..].iter().any(|it| clients(it) == ["52:54:00:00:00:02"]), "{stream}");
}

/// Python's own reader takes the table for what it is.
#[test]
fn a_spreadsheet_reads_the_table() {
    let Some(python) = tool("python3", "python3") else { return };
    let shown = Shown::new();
    lab(&shown);
    let mut evil = shown.machine(90);
    evil.host_name = Some("=cmd|' /C calc'!A0,\"x\"\r\n".to_owned());
    evil.hears(MessageType::Discover, Kind::Pxe, None);
    let program = "
import csv, io, sys, urllib.request
with urllib.request.urlopen(sys.argv[1]) as answer:
    assert answer.headers['Content-Type'] == 'text/csv; charset=utf-8'
    rows = list(csv.DictReader(io.StringIO(answer.read().decode(), newline='')))
for row in rows:
    assert len(row) == 13 and None not in row.values(), row
    print(row['machine'], row['state'], row['signature'], repr(row['host name']))
";
    let read = text(&python, &["-c", program, &shown.url("/api/v1/boots.csv")]);
    assert!(read.contains("52:54:00:00:00:03 stopped other-server ''"), "{read}");
    assert!(read.contains("52:54:00:00:00:5a booting booting '\\'=cmd|"), "{read}");
}

#[test]
fn prometheus_own_parser_reads_the_numbers() {
    // The module of the distribution's Python, which the package installs; PATH may have another
    // Python.
    let python = PathBuf::from("/usr/bin/python3");
    let check = "import prometheus_client";
    if !python.exists() || !winpe_tests::run(&python, ["-c", check]).status.success() {
        winpe_tests::skip(
            "prometheus_client is missing (Debian package python3-prometheus-client)",
        );
        return;
    }
    let shown = Shown::new();
    lab(&shown);
    let program = "
import sys, urllib.request
from prometheus_client.parser import text_string_to_metric_families as parse
with urllib.request.urlopen(sys.argv[1]) as answer:
    assert answer.headers['Content-Type'].startswith('text/plain; version=0.0.4')
    for family in parse(answer.read().decode()):
        for sample in family.samples:
            print(family.type, sample.name, sorted(sample.labels.items()), int(sample.value))
";
    let read = text(&python, &["-c", program, &shown.url("/metrics")]);
    for line in [
        "counter winpe_requests_total [('protocol', 'http'), ('result', 'sent')] 6",
        "counter winpe_requests_total [('protocol', 'tftp'), ('result', 'not_found')] 1",
        "gauge winpe_transfers_in_flight [('protocol', 'tftp')] 1",
        "gauge winpe_boots [('status', 'up')] 1",
        "counter winpe_stalls_total [] 1",
    ] {
        assert!(read.lines().any(|it| it == line), "{line}\n{read}");
    }
}

#[test]
fn only_reading_is_allowed_and_only_by_names_of_ours() {
    let shown = Shown::new();
    let Some(answer) = shown.get("/api/v1/boots", &["-i", "-X", "DELETE"]) else { return };
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    let answer = shown.get("/", &["-i", "-H", "Host: evil.example"]).unwrap();
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    let answer = shown.get("/", &["-i", "-H", "Host: boot.example.org"]).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-security-policy: default-src 'none';"), "{answer}");
    let answer = shown.get("/../../etc/passwd", &["-i", "--path-as-is"]).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}
