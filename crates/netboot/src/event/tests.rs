//! Lines for people and fields for machines.

use super::*;

#[test]
fn a_request_reads_as_tftp_servers_write_it() {
    let event = Event::Requested {
        protocol: Protocol::Tftp,
        client: "192.168.0.181:2070".parse().unwrap(),
        file: "pxelinux.cfg/default".to_owned(),
    };
    assert_eq!(event.to_string(), "RRQ from 192.168.0.181 filename pxelinux.cfg/default");
}

#[test]
fn no_client_writes_lines_of_its_own() {
    let event = Event::Failed {
        protocol: Protocol::Http,
        client: "10.0.0.1:80".parse().unwrap(),
        file: "a\nRRQ from 10.0.0.2 filename b\u{1b}[2J".to_owned(),
        bytes: 0,
        reason: Failure::NotFound,
    };
    assert_eq!(
        event.to_string(),
        "HTTP did not send a\\nRRQ from 10.0.0.2 filename b\\u{1b}[2J to 10.0.0.1: not found"
    );
}

#[test]
fn machines_get_fields() {
    let failed = Event::Failed {
        protocol: Protocol::Http,
        client: "10.0.0.1:80".parse().unwrap(),
        file: "a\nb".to_owned(),
        bytes: 7,
        reason: Failure::Refused("name with .."),
    };
    assert_eq!(
        serde_json::to_string(&failed).unwrap(),
        r#"{"event":"failed","protocol":"http","client":"10.0.0.1:80","file":"a\nb","bytes":7,"reason":"refused"}"#
    );
    let sent = Event::Sent {
        protocol: Protocol::Tftp,
        client: "10.0.0.1:80".parse().unwrap(),
        file: "pxelinux.0".to_owned(),
        bytes: 42,
        elapsed: Duration::from_millis(1500),
        sha256: None,
    };
    assert_eq!(
        serde_json::to_string(&sent).unwrap(),
        r#"{"event":"sent","protocol":"tftp","client":"10.0.0.1:80","file":"pxelinux.0","bytes":42,"seconds":1.5,"sha256":null}"#
    );
}

#[test]
fn speed_is_told_where_time_passed() {
    let sent = |millis| {
        Event::Sent {
            protocol: Protocol::Tftp,
            client: "10.0.0.1:80".parse().unwrap(),
            file: "boot.wim".to_owned(),
            bytes: 300_000_000,
            elapsed: Duration::from_millis(millis),
            sha256: None,
        }
        .to_string()
    };
    assert!(sent(1500).ends_with("300000000 bytes in 1.500 s, 200.0 MB/s"), "{}", sent(1500));
    assert!(sent(0).ends_with("300000000 bytes in 0.000 s"), "{}", sent(0));
}
