//! Behaviour of the server when its disk, log or folder has faults.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use serde_json::Value;
use winpe_tests::cable::Cable;
use winpe_tests::{skip, tool, winpe_iscsi};

use crate::serving::{PATIENCE, Serving};

fn config(cable: &Cable, mode: &str, more: &str) -> String {
    let (state, folder) = (cable.path("state"), cable.path("srv"));
    let force = mode == "dhcp";
    let text = format!(
        "[serve]\ninterface = 'near'\nmode = '{mode}'\nforce = {force}\nstate = {state:?}\n\
         folders = [{folder:?}]\n{more}"
    );
    cable.write("srv/x", "one");
    cable.write("winpe-iscsi.toml", text)
}

/// The address and lease time in seconds that the machine with this number gets; `None` if no
/// server answers.
fn lease(cable: &Cable, udhcpc: &Path, number: u8) -> Option<(String, u32)> {
    let script = "#!/bin/sh\n[ \"$1\" = bound ] && echo \"$ip $lease\"\n:\n";
    let script = cable.write("script", script);
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let mac = format!("52:54:00:00:00:{number:02x}");
    cable.ip(&["-n", &cable.theirs, "link", "set", "far", "address", &mac]);
    let words = ["-i", "far", "-q", "-n", "-f", "-t", "4", "-T", "1", "-s", &script];
    let output = cable.there(udhcpc, &words);
    let text = String::from_utf8(output.stdout).unwrap();
    let (address, seconds) = text.trim().split_once(' ')?;
    Some((address.to_owned(), seconds.parse().unwrap()))
}

fn fetches(cable: &Cable, curl: &Path) -> bool {
    cable.ip(&["-n", &cable.theirs, "addr", "replace", "192.168.0.20/24", "dev", "far"]);
    ["http://192.168.0.10/x", "tftp://192.168.0.10/x"].iter().all(|url| {
        let output = cable.there(curl, &["-sS", "--max-time", "10", url]);
        output.stdout == b"one"
    })
}

fn health(cable: &Cable, curl: &Path) -> Value {
    let words = ["-sS", "http://127.0.0.1:8067/healthz"];
    let output = cable.at(&cable.ours, curl, &words).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// The server with its leases on a separate small disk, which `prepare` can change first; `None`,
/// with a message, if the system does not allow mounts.
fn on_small_disk(cable: &Cable, config: &str, prepare: &str) -> Option<Serving> {
    let unshare = tool("unshare", "util-linux")?;
    let tried = Command::new(&unshare).args(["-m", "true"]).output().unwrap();
    if !tried.status.success() {
        skip("no mount namespace can be made");
        return None;
    }
    fs::create_dir_all(cable.path("state")).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=400k small {state} && {prepare} exec {program} serve --config {config}",
        state = cable.path("state"),
        program = winpe_iscsi().display(),
    );
    let words = ["-m", "sh", "-c", &script];
    Some(Serving::start_as(cable, "log", cable.at(&cable.ours, &unshare, &words)))
}

/// A file on the disk that only the server sees.
fn on_disk(cable: &Cable, server: &Serving, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{}/{name}", server.id(), cable.path("state")))
}

/// Fills the disk.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[b'x'; 512]).is_ok() {}
}

#[test]
fn a_full_disk_stops_neither_files_nor_clients_with_a_lease() {
    let Some(cable) = Cable::new() else { return };
    let (Some(curl), Some(udhcpc)) = (tool("curl", "curl"), tool("udhcpc", "udhcpc")) else {
        return;
    };
    let config = config(&cable, "dhcp", "");
    let Some(mut server) = on_small_disk(&cable, &config, "") else { return };
    server.wait_for("giving addresses and boot files");
    assert_eq!(lease(&cable, &udhcpc, 1), Some(("192.168.0.128".to_owned(), 3600)));
    assert_eq!(health(&cable, &curl)["status"], "ok");

    // The log has no reserved space either.
    let log = on_disk(&cable, &server, "leases.log");
    let length = fs::read(&log).unwrap().trim_ascii_end().len() as u64 + 1;
    File::options().write(true).open(&log).unwrap().set_len(length).unwrap();
    fill(&on_disk(&cable, &server, "fill"));
    // The rest of the last page of the log has room for some more lines.
    let refused = (2..100).find(|number| lease(&cable, &udhcpc, *number).is_none()).unwrap();
    server.wait_for("warning: leases cannot be recorded");
    assert!(fetches(&cable, &curl), "{}", server.printed());
    let (address, seconds) = lease(&cable, &udhcpc, 1).expect("it is recorded");
    assert_eq!(address, "192.168.0.128");
    assert!(seconds < 3600, "{seconds} s, which a restart would know of");
    let told = health(&cable, &curl);
    assert_eq!(told["status"], "degraded");
    assert!(told["problems"][0].as_str().unwrap().contains("No space left"), "{told}");
    assert_eq!(server.printed().matches("cannot be recorded").count(), 1, "{}", server.printed());

    fs::remove_file(on_disk(&cable, &server, "fill")).unwrap();
    server.wait_for("leases are recorded again");
    assert_eq!(health(&cable, &curl)["status"], "ok");
    assert!(lease(&cable, &udhcpc, refused).is_some(), "{}", server.printed());
    assert_eq!(lease(&cable, &udhcpc, 1).unwrap().1, 3600);
    server.ends_by("-TERM");
}

#[test]
fn on_a_full_or_read_only_disk_it_starts_with_the_recorded_leases() {
    let Some(cable) = Cable::new() else { return };
    let (Some(curl), Some(udhcpc)) = (tool("curl", "curl"), tool("udhcpc", "udhcpc")) else {
        return;
    };
    let config = config(&cable, "dhcp", "");
    let mut server = Serving::start(&cable, &["serve", "--config", &config]);
    server.wait_for("giving addresses and boot files");
    assert_eq!(lease(&cable, &udhcpc, 1), Some(("192.168.0.128".to_owned(), 3600)));
    server.ends_by("-TERM");
    fs::rename(cable.path("state/leases.log"), cable.path("before")).unwrap();
    let bring =
        format!("sed 's/ *$//' {} > {}", cable.path("before"), cable.path("state/leases.log"));
    let dd =
        format!("dd if=/dev/zero of={} bs=512 status=none 2>/dev/null;", cable.path("state/fill"));
    for (end, reason) in [
        (dd, "No space left on device"),
        ("mount -o remount,ro small;".to_owned(), "Read-only file system"),
    ] {
        let end = end.replace("small", &cable.path("state"));
        let Some(mut server) = on_small_disk(&cable, &config, &format!("{bring}; {end}")) else {
            return;
        };
        server.wait_for("giving addresses and boot files");
        server.wait_for("warning: leases cannot be recorded");
        assert!(server.printed().contains(reason), "{}", server.printed());
        let (address, seconds) = lease(&cable, &udhcpc, 1).expect("it is recorded");
        assert!(address == "192.168.0.128" && seconds < 3600, "{address} {seconds}");
        assert_eq!(lease(&cable, &udhcpc, 2), None, "{}", server.printed());
        assert!(fetches(&cable, &curl), "{}", server.printed());
        server.ends_by("-TERM");
    }
}

#[test]
fn nothing_is_answered_before_the_leases_are_its_own() {
    let Some(cable) = Cable::new() else { return };
    fs::create_dir(cable.path("state")).unwrap();
    let lock = File::create(cable.path("state/leases.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let subnet = "[[serve.subnet]]\nnetwork = '192.168.0.0/24'\n";
    for (mode, more) in [("dhcp", ""), ("auto", subnet)] {
        let config = config(&cable, mode, more);
        let words = ["serve", "--config", &config];
        let output = cable.at(&cable.ours, winpe_iscsi(), &words).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(!printed.contains("looking for other DHCP servers"), "{printed}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("leases.lock: another server keeps its leases here"), "{error}");
    }
}

#[test]
fn a_closed_or_full_log_does_not_end_the_server() {
    let Some(cable) = Cable::new() else { return };
    let Some(curl) = tool("curl", "curl") else { return };
    let config = config(&cable, "dhcp", "");
    for full in [false, true] {
        let words = ["serve", "--config", config.as_str()];
        let mut command = cable.at(&cable.ours, winpe_iscsi(), &words);
        let errors = cable.path("errors");
        command.stderr(File::create(&errors).unwrap()).stdin(Stdio::null());
        let reason = if full {
            command.stdout(File::options().write(true).open("/dev/full").unwrap());
            "No space left on device"
        } else {
            command.stdout(Stdio::piped());
            "Broken pipe"
        };
        let mut child = command.spawn().unwrap();
        // Like `head -1`: reads a line and closes the pipe.
        if let Some(mut pipe) = child.stdout.take() {
            let mut byte = [0];
            while byte != *b"\n" {
                pipe.read_exact(&mut byte).unwrap();
            }
        }
        let end = Instant::now() + PATIENCE;
        while !fs::read_to_string(&errors).unwrap().contains(reason) {
            assert!(child.try_wait().unwrap().is_none() && Instant::now() < end, "{reason}");
            // Each of them causes a line that cannot be written.
            fetches(&cable, &curl);
        }
        assert!(fetches(&cable, &curl), "it serves on");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(child.wait().unwrap().success());
        let errors = fs::read_to_string(&errors).unwrap();
        assert_eq!(errors.matches("the log cannot be written").count(), 1, "{errors}");
    }
}

#[test]
fn a_blocked_log_does_not_delay_the_shutdown() {
    let Some(cable) = Cable::new() else { return };
    let Some(curl) = tool("curl", "curl") else { return };
    let config = config(&cable, "dhcp", "");
    let words = ["serve", "--json", "--config", config.as_str()];
    let mut command = cable.at(&cable.ours, winpe_iscsi(), &words);
    // A pipe of which only the first line is read; the kernel buffers 64 KiB.
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_exact(&mut [0; 10]).unwrap();
    let loads = "for i in $(seq 300); do printf '\\0\\1%0200d\\0octet\\0' $i > /dev/udp/192.168.0.10/69; done";
    cable.ip(&["-n", &cable.theirs, "addr", "replace", "192.168.0.20/24", "dev", "far"]);
    for round in 0..20 {
        let address = format!("192.168.0.{}/24", 30 + round);
        cable.ip(&["-n", &cable.theirs, "addr", "flush", "dev", "far"]);
        cable.ip(&["-n", &cable.theirs, "addr", "replace", &address, "dev", "far"]);
        assert!(cable.there(Path::new("/bin/bash"), &["-c", loads]).status.success());
    }
    assert!(fetches(&cable, &curl));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let end = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it waits for the log");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_flood_of_junk_leaves_a_log_that_can_be_read() {
    let Some(cable) = Cable::new() else { return };
    let config = config(&cable, "dhcp", "");
    let mut server = Serving::start(&cable, &["serve", "--json", "--config", &config]);
    server.wait_for("giving addresses and boot files");
    cable.ip(&["-n", &cable.theirs, "addr", "replace", "192.168.0.20/24", "dev", "far"]);
    let junk = "for i in $(seq 3000); do printf '\\0\\1junk%d\\0octet\\0' $i > /dev/udp/192.168.0.10/69; \
                printf 'junk' > /dev/udp/192.168.0.10/67; done";
    assert!(cable.there(Path::new("/bin/bash"), &["-c", junk]).status.success());
    server.wait_for("\"event\":\"repeated\"");
    server.ends_by("-TERM");
    let printed = server.printed();
    let lines: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.len() < 500, "{} lines", lines.len());
    let counted = |of: &str| -> u64 {
        let repeated = lines.iter().filter(|line| line["event"] == "repeated" && line["of"] == of);
        repeated.map(|line| line["count"].as_u64().unwrap()).sum()
    };
    // Transfers beyond the limit of a machine are not even logged as requests.
    assert!(counted("requested") > 100 && counted("failed") > 2000, "{printed}");
    assert!(counted("ignored") > 2000, "{printed}");
}

#[test]
fn root_does_not_give_its_own_files_to_the_service_user() {
    let Some(cable) = Cable::new() else { return };
    let state = cable.path("state");
    fs::create_dir(&state).unwrap();
    if chown(&state, Some(65534), Some(65534)).is_err() {
        return skip("only root gives files to others");
    }
    fs::set_permissions(cable.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let secret = cable.write("secret", "root's");
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    for name in ["leases.log", "leases.lock", "leases.new"] {
        let link = Path::new(&state).join(name);
        // An earlier run may have created it.
        let _ = fs::remove_file(&link);
        symlink(&secret, &link).unwrap();
        // Whether ownership is to be changed, or only written to.
        for user in ["user = 'nobody'\n", ""] {
            let config = config(&cable, "dhcp", user);
            let words = ["serve", "--config", &config];
            let mut command = cable.at(&cable.ours, winpe_iscsi(), &words);
            if user.is_empty() && name == "leases.new" {
                // It is removed, and a file with this name created.
                let mut server = Serving::start_as(&cable, "log", command);
                server.wait_for("giving addresses and boot files");
                server.ends_by("-TERM");
            } else {
                let output = command.output().unwrap();
                assert_eq!(output.status.code(), Some(2), "{output:?}");
                let error = String::from_utf8_lossy(&output.stderr);
                let expected = format!("{name}: expected a regular file, found a symbolic link");
                assert!(error.contains(&expected), "{error}");
            }
            let after = fs::metadata(&secret).unwrap();
            assert_eq!((after.uid(), after.mode() & 0o777), (0, 0o600));
            assert_eq!(fs::read_to_string(&secret).unwrap(), "root's");
        }
        let _ = fs::remove_file(&link);
    }
}
