//! Secrets that change while the server runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use winpe_tests::cable::Cable;
use winpe_tests::tool;

use crate::serving::Serving;

fn secret(cable: &Cable, text: &str) -> String {
    let file = cable.write("chap", text);
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    file
}

fn config(cable: &Cable, more: &str) -> String {
    let chap = cable.path("chap");
    let text = format!(
        "[serve]\ninterface = 'near'\nmode = 'proxy'\n{more}\n[serve.login]\nchap-secret-file = {chap:?}\n\
         [[entry]]\nname = 'disk'\nsan = 'iscsi:192.168.0.20::::iqn.2011-12.com.example:disk'\n"
    );
    cable.write("winpe-iscsi.toml", text)
}

/// Waits until the other end of the cable gets this secret.
#[track_caller]
fn wait_for(cable: &Cable, secret: &str) {
    let curl = tool("curl", "curl").expect("it was there");
    let hex: Vec<_> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let line = format!("set password:hex {}\n", hex.join(":"));
    let mut answer = String::new();
    for _ in 0..100 {
        let words = ["-s", "-m", "10", "http://192.168.0.10/login.ipxe"];
        answer = String::from_utf8(cable.there(&curl, &words).stdout).unwrap();
        if answer.contains(&line) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("expected {line}, found {answer}");
}

#[test]
fn a_changed_secret_is_given_after_a_reload_and_one_that_cannot_be_read_stays() {
    let Some(cable) = Cable::new() else { return };
    if tool("curl", "curl").is_none() {
        return;
    }
    cable.ip(&["-n", &cable.theirs, "addr", "add", "192.168.0.77/24", "dev", "far"]);
    let chap = secret(&cable, "lab\nfirst-secret-1\n");
    let file = config(&cable, "");
    let mut server = Serving::start(&cable, &["serve", "--config", &file]);
    server.wait_for("giving boot files");
    wait_for(&cable, "first-secret-1");
    secret(&cable, "lab\nsecond-secret2\n");
    server.signal("-HUP");
    wait_for(&cable, "second-secret2");

    // A FIFO is refused, and delays neither the server nor its shutdown.
    fs::remove_file(&chap).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&chap).status().unwrap().success());
    server.signal("-HUP");
    server.wait_for("found something that is no regular file");
    wait_for(&cable, "second-secret2");
    server.ends_by("-TERM");
    assert!(!server.printed().contains("secret-1") && !server.printed().contains("secret2"));

    // If the user may not read the file, the old secret stays, and other keys are applied.
    fs::remove_file(&chap).unwrap();
    secret(&cable, "lab\nthird-secret-3\n");
    fs::set_permissions(cable.folder.path(), Permissions::from_mode(0o755)).unwrap();
    let file = config(&cable, "user = 'nobody'");
    let mut server = Serving::start(&cable, &["serve", "--config", &file]);
    server.wait_for("giving boot files");
    config(&cable, "user = 'nobody'\ntimeout = 3");
    server.wait_for("the new configuration is in force");
    assert!(server.printed().contains("stay in force"), "{}", server.printed());
    wait_for(&cable, "third-secret-3");
    server.ends_by("-TERM");
}
