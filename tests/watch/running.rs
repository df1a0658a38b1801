//! Output of a running server: its log, its status to the process that started it, and boots
//! followed in the terminal.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use serde_json::Value;
use winpe_tests::cable::Cable;
use winpe_tests::{tool, winpe_iscsi};

use crate::serving::{PATIENCE, Serving};

fn config(cable: &Cable, more: &str) -> String {
    let (state, folder) = (cable.path("state"), cable.path("srv"));
    format!(
        "[serve]\ninterface = 'near'\nmode = 'dhcp'\nforce = true\nstate = {state:?}\n\
         folders = [{folder:?}]\n{more}"
    )
}

/// A machine gets an address.
fn boots(cable: &Cable) -> Option<()> {
    let udhcpc = tool("udhcpc", "udhcpc")?;
    let script = "#!/bin/sh\n[ \"$1\" = bound ] && ip addr replace $ip/24 dev far\n:\n";
    let script = cable.write("script", script);
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let class = "PXEClient:Arch:00007:UNDI:003000";
    let words = ["-i", "far", "-q", "-n", "-f", "-t", "10", "-s", &script, "-V", class];
    let leased = cable.there(&udhcpc, &words);
    assert!(leased.status.success(), "{leased:?}");
    Some(())
}

/// The output of coreutils for a file.
fn sha256sum(path: &str) -> String {
    let output = winpe_tests::run(Path::new("/usr/bin/sha256sum"), [path]);
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

#[test]
fn the_log_says_what_was_served_and_what_has_changed() {
    let Some(cable) = Cable::new() else { return };
    let Some(curl) = tool("curl", "curl") else { return };
    let file = cable.write("srv/tools/Loader.efi", "one");
    let config = cable.write("winpe-iscsi.toml", config(&cable, ""));
    let mut server = Serving::start(&cable, &["serve", "--json", "--config", &config]);
    server.wait_for("giving addresses and boot files");
    assert!(!server.printed().contains("our own question"), "{}", server.printed());
    if boots(&cable).is_none() {
        return;
    }
    let fetch = || {
        let url = "http://192.168.0.10/tools/loader.efi";
        let output = cable.there(&curl, &["-sS", url]);
        String::from_utf8(output.stdout).unwrap()
    };
    let events = |server: &Serving, kind: &str| -> Vec<Value> {
        let printed = server.printed();
        let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["event"] == kind).collect()
    };
    let (name, mut before) = ("tools/loader.efi", Value::Null);
    for (round, content) in ["one", "two"].into_iter().enumerate() {
        std::fs::write(&file, content).unwrap();
        let sha256 = sha256sum(&file);
        assert_eq!(fetch(), content);
        server.wait_for(&format!("\"sha256\":\"{sha256}\""));
        let hashed = events(&server, "hashed");
        let hashed = hashed.iter().rfind(|event| event["file"] == name).unwrap();
        assert_eq!(hashed["bytes"], 3);
        assert_eq!(hashed["sha256"], sha256.as_str());
        assert_eq!(hashed["before"], before, "{hashed}");
        // From then on each line of a transfer contains it.
        assert_eq!(fetch(), content);
        // The log line is written a moment later.
        let sent = (0..500).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            Some(events(&server, "sent")).filter(|sent| sent.len() == 2 * round + 2)
        });
        assert_eq!(sent.expect("two transfers").last().unwrap()["sha256"], sha256.as_str());
        before = sha256.into();
    }
    let steps = cable.at(&cable.ours, winpe_iscsi(), &["boots", "--steps"]).output().unwrap();
    let steps = String::from_utf8(steps.stdout).unwrap();
    assert!(steps.contains(&format!("SHA-256 {}", before.as_str().unwrap())), "{steps}");
    server.ends_by("-TERM");
}

#[test]
fn files_are_served_and_signals_handled_during_server_detection() {
    let Some(cable) = Cable::new() else { return };
    let Some(curl) = tool("curl", "curl") else { return };
    cable.ip(&["-n", &cable.theirs, "addr", "add", "192.168.0.20/24", "dev", "far"]);
    cable.write("srv/x", "one");
    let config = cable.write("winpe-iscsi.toml", config(&cable, ""));
    let mut server = Serving::start(&cable, &["serve", "--config", &config]);
    server.wait_for("looking for other DHCP servers");
    for url in ["http://192.168.0.10/x", "tftp://192.168.0.10/x"] {
        let output = cable.there(&curl, &["-sS", url]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "one", "{url}: {output:?}");
    }
    server.ends_by("-TERM");
    assert!(!server.printed().contains("giving addresses"), "{}", server.printed());
}

#[test]
fn the_service_manager_gets_the_state_of_the_server() {
    let Some(cable) = Cable::new() else { return };
    cable.write("srv/x", "x");
    let file = cable.write("winpe-iscsi.toml", config(&cable, ""));
    let socket = UnixDatagram::bind(cable.path("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = cable.at(&cable.ours, winpe_iscsi(), &["serve", "--config", &file]);
    command.env("NOTIFY_SOCKET", cable.path("notify")).env("WATCHDOG_USEC", "400000");
    let mut server = Serving::start_as(&cable, "log", command);
    // Everything except the many watchdog messages.
    let next = || loop {
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).expect("a word");
        let told = std::str::from_utf8(&buffer[..length]).unwrap().to_owned();
        if told != "WATCHDOG=1" {
            return told;
        }
    };
    assert_eq!(next(), "READY=1\nSTATUS=giving addresses and boot files on near");
    for _ in 0..3 {
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"WATCHDOG=1");
    }
    let entry = "[[entry]]\nname = 'more'\nlocal = true\n";
    std::fs::write(&file, config(&cable, entry)).unwrap();
    server.signal("-HUP");
    let reloading = next();
    let (word, since) = reloading.split_once("\nMONOTONIC_USEC=").unwrap();
    assert_eq!(word, "RELOADING=1");
    assert!(since.parse::<u64>().unwrap() > 0, "{reloading}");
    assert_eq!(next(), "READY=1");
    server.signal("-TERM");
    assert_eq!(next(), "STOPPING=1");
    server.ends_by("-TERM");
}

#[test]
fn boots_are_followed_in_the_terminal_and_by_machines() {
    let Some(cable) = Cable::new() else { return };
    let Some(curl) = tool("curl", "curl") else { return };
    cable.write("srv/boot.wim", vec![7; 100_000]);
    let file = cable.write("winpe-iscsi.toml", config(&cable, ""));
    let mut server = Serving::start(&cable, &["serve", "--config", &file]);
    server.wait_for("giving addresses and boot files");
    let follow = |log: &str, words: &[&str]| {
        let command = cable.at(&cable.ours, winpe_iscsi(), words);
        Serving::start_as(&cable, log, command)
    };
    let mut terminal = follow("terminal", &["boots", "--follow"]);
    let mut machine = follow("machine", &["boots", "--follow", "--json"]);
    let mut other = follow("other", &["boots", "--follow", "10."]);
    if boots(&cable).is_none() {
        return;
    }
    terminal.wait_for("52:54:00:00:00:77");
    terminal.wait_for("DISCOVER > OFFER > REQUEST > ACK\n");
    let fetched = cable.there(&curl, &["-sS", "http://192.168.0.10/boot.wim"]);
    assert_eq!(fetched.stdout.len(), 100_000);
    terminal.wait_for("ACK > boot.wim\n");
    machine.wait_for("\"label\":\"boot.wim\"");
    for line in machine.printed().lines() {
        let boot: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert_eq!((&boot["schema"], &boot["client"]), (&1.into(), &"52:54:00:00:00:77".into()));
    }

    // A restarted server is found again, and its events are shown.
    server.ends_by("-TERM");
    terminal.wait_for("the server has gone; trying again");
    other.wait_for("the server has gone; trying again");
    let mut server = Serving::start(&cable, &["serve", "--config", &file]);
    server.wait_for("giving addresses and boot files");
    let before = terminal.printed().matches("52:54:00:00:00:77").count();
    boots(&cable);
    let end = std::time::Instant::now() + PATIENCE;
    while terminal.printed().matches("52:54:00:00:00:77").count() == before {
        assert!(std::time::Instant::now() < end, "{}", terminal.printed());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(!other.printed().contains("52:54"), "{}", other.printed());
    server.ends_by("-TERM");
}
