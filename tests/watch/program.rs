//! The whole program in continuous operation: started as root, which drops its rights.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use winpe_tests::cable::Cable;
use winpe_tests::{tool, winpe_iscsi};

use crate::serving::Serving;

/// Takes some seconds at the rate below, since curl reads a megabyte at a time before it checks the
/// rate.
const BIG: usize = 12_000_000;

fn certificate(cable: &Cable) -> Option<(String, String)> {
    let openssl = tool("openssl", "openssl")?;
    let (certificate, key) = (cable.path("cert.pem"), cable.path("key.pem"));
    #[rustfmt::skip]
    let words = [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", "/CN=winpe-iscsi", "-addext", "subjectAltName=IP:192.168.0.10",
        "-keyout", &key, "-out", &certificate,
    ];
    let output = Command::new(openssl).args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some((certificate, key))
}

fn rights(pid: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let wanted = ["Uid:", "Groups:", "CapEff:", "CapPrm:", "NoNewPrivs:"];
    let lines = status.lines().filter(|line| wanted.iter().any(|it| line.starts_with(it)));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn it_is_safe_to_leave_on() {
    let Some(cable) = Cable::new() else { return };
    let (Some(curl), Some(udhcpc)) = (tool("curl", "curl"), tool("udhcpc", "udhcpc")) else {
        return;
    };
    let Some((certificate, key)) = certificate(&cable) else { return };
    // The server's user must have access to it.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(cable.folder.path(), open).unwrap();
    cable.write("srv/big.img", vec![7; BIG]);
    let config = |more: &str| {
        let (state, folder) = (cable.path("state"), cable.path("srv"));
        format!(
            "[serve]\ninterface = 'near'\nmode = 'dhcp'\nuser = 'nobody'\nstate = {state:?}\n\
             folders = [{folder:?}]\n[serve.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n{more}"
        )
    };
    let file = cable.write("etc/winpe-iscsi.toml", config(""));
    let mut server = Serving::start(&cable, &["serve", "--config", &file]);
    server.wait_for("giving addresses and boot files");
    server.wait_for("runs as user nobody now");

    let rights = rights(server.id());
    for wanted in ["Uid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "Groups:\t \n"]
    {
        assert!(format!("{rights}\n").contains(wanted), "{wanted:?}\n{rights}");
    }

    // A machine gets an address and slowly fetches a file; the configuration is changed meanwhile.
    let script =
        cable.write("script", "#!/bin/sh\n[ \"$1\" = bound ] && ip addr add $ip/24 dev far\n:\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let class = "PXEClient:Arch:00007:UNDI:003000";
    let words = ["-i", "far", "-q", "-n", "-f", "-t", "10", "-s", &script, "-V", class];
    let leased = cable.there(&udhcpc, &words);
    assert!(leased.status.success(), "{leased:?}\n{}", server.printed());
    let fetched = cable.path("fetched");
    let url = "http://192.168.0.10/big.img";
    let slow = ["-sS", "--limit-rate", "2M", "-o", &fetched, url];
    let mut slow = cable.at(&cable.theirs, &curl, &slow).spawn().unwrap();
    server.wait_for("filename /big.img");
    let entry = "[[entry]]\nname = 'newer'\ntitle = 'A newer menu'\nlocal = true\n";
    std::fs::write(&file, config(entry)).unwrap();
    server.signal("-HUP");
    server.wait_for("the new configuration is in force");
    assert!(slow.try_wait().unwrap().is_none(), "the transfer was to last longer");
    assert!(slow.wait().unwrap().success());
    assert!(std::fs::read(&fetched).unwrap() == vec![7; BIG]);
    let menu = cable.there(&curl, &["-sS", "http://192.168.0.10/boot.ipxe"]);
    assert!(String::from_utf8_lossy(&menu.stdout).contains("A newer menu"), "{menu:?}");

    // An invalid configuration is refused; the change of its file is noticed without a signal.
    std::fs::write(&file, config("[serve.wrong]\n")).unwrap();
    server.wait_for("the new configuration is refused, the old one stays");
    // So is one with a file that the server may no longer read, though its user might.
    std::fs::write(&file, config(entry).replace("folders = [", "folders = ['/etc', ")).unwrap();
    server.wait_for("the old one stays: /etc: Permission denied");
    let menu = cable.there(&curl, &["-sS", "http://192.168.0.10/boot.ipxe"]);
    assert!(String::from_utf8_lossy(&menu.stdout).contains("A newer menu"), "{menu:?}");

    let secure = ["-sS", "--cacert", &certificate, "https://192.168.0.10/boot.ipxe"];
    let menu = cable.there(&curl, &secure);
    assert!(String::from_utf8_lossy(&menu.stdout).contains("A newer menu"), "{menu:?}");

    // iPXE's console, and the whole boot in the terminal.
    let line = "printf '<6>ipxe: Configuring (net0)... ok' > /dev/udp/192.168.0.10/514";
    let said = cable.there(Path::new("/bin/bash"), &["-c", line]);
    assert!(said.status.success(), "{said:?}");
    server.wait_for("says: Configuring (net0)... ok");
    let boots = ["boots", "--steps", "--json"];
    let boots = cable.at(&cable.ours, winpe_iscsi(), &boots).output().unwrap();
    let boots: Value =
        serde_json::from_slice(&boots.stdout).unwrap_or_else(|_| panic!("{boots:?}"));
    let boot = &boots["boots"][0];
    assert_eq!(boot["client"], "52:54:00:00:00:77");
    let chain: Vec<_> = boot["chain"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["label"].as_str().unwrap())
        .collect();
    assert_eq!(chain[..5], ["DISCOVER", "OFFER", "REQUEST", "ACK", "big.img"], "{boot:#}");
    let steps = boot["steps"].to_string();
    assert!(steps.contains("Configuring (net0)... ok"), "{steps}");

    server.ends_by("-TERM");
}

#[test]
fn without_rights_it_ends_when_its_interface_is_another_one() {
    let Some(cable) = Cable::new() else { return };
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(cable.folder.path(), open).unwrap();
    let state = cable.path("state");
    let config = format!(
        "[serve]\ninterface = 'near'\nmode = 'dhcp'\nforce = true\nuser = 'nobody'\nstate = {state:?}\n"
    );
    let file = cable.write("etc/winpe-iscsi.toml", config);
    let mut server = Serving::start(&cable, &["serve", "--config", &file]);
    server.wait_for("giving addresses and boot files");
    let (ours, theirs) = (cable.ours.as_str(), cable.theirs.as_str());
    cable.ip(&["-n", ours, "link", "del", "near"]);
    server.wait_for("no machine is served until it is there again");
    cable.ip(&["-n", ours, "link", "add", "near", "type", "veth", "peer", "name", "far"]);
    cable.ip(&["-n", ours, "link", "set", "far", "netns", theirs]);
    cable.ip(&["-n", ours, "addr", "add", "192.168.0.10/24", "dev", "near"]);
    // A supervisor starts it again, with the rights that it needs.
    server
        .wait_for("error: interface near was removed or has changed, and the server cannot go on");
}

#[test]
fn from_one_port_files_are_served_without_other_rights() {
    let Some(cable) = Cable::new() else { return };
    let Some(tftp) = tool("tftp", "tftp-hpa") else { return };
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(cable.folder.path(), open).unwrap();
    let config =
        "[serve]\ninterface = 'near'\nmode = 'proxy'\nuser = 'nobody'\ntftp-single-port = true\n";
    let file = cable.write("etc/winpe-iscsi.toml", config);
    let mut server = Serving::start(&cable, &["serve", "--config", &file]);
    server.wait_for("giving boot files");
    let rights = rights(server.id());
    // CAP_NET_BIND_SERVICE is bit 10.
    assert!(rights.contains("CapEff:\t0000000000000400"), "{rights}");
    assert!(rights.contains("Uid:\t65534"), "{rights}");
    cable.ip(&["-n", &cable.theirs, "addr", "add", "192.168.0.20/24", "dev", "far"]);
    let fetched = cable.path("fetched");
    let words = [
        "5",
        tftp.to_str().unwrap(),
        "-m",
        "binary",
        "192.168.0.10",
        "-c",
        "get",
        "boot.ipxe",
        &fetched,
    ];
    let _ = cable.there(Path::new("/usr/bin/timeout"), &words);
    let script =
        std::fs::read_to_string(&fetched).unwrap_or_else(|_| panic!("{}", server.printed()));
    assert!(script.starts_with("#!ipxe"), "{script}");
}
