//! The whole program, run as it is left running: as root that gives up its rights, and for long.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use winpe_tests::{skip, tool, winpe_iscsi};

/// For one step, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const BIG: usize = 1_500_000;

/// Two machines and a cable; all of it is gone when this is dropped.
struct Cable {
    ip: PathBuf,
    ours: String,
    theirs: String,
    folder: tempfile::TempDir,
}

impl Cable {
    fn new() -> Option<Self> {
        let ip = tool("ip", "iproute2")?;
        let name = |side| format!("winpe-watch-{}-{side}", std::process::id());
        let (ours, theirs) = (name("ours"), name("theirs"));
        let made = Command::new(&ip).args(["netns", "add", &ours]).output().unwrap();
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            skip(&format!("no network namespace can be made: {why}"));
            return None;
        }
        let cable = Self { ip, ours, theirs, folder: tempfile::tempdir().unwrap() };
        let (ours, theirs) = (cable.ours.as_str(), cable.theirs.as_str());
        for words in [
            &["netns", "add", theirs][..],
            &["-n", ours, "link", "add", "near", "type", "veth", "peer", "name", "far"],
            &["-n", ours, "link", "set", "far", "netns", theirs],
            &["-n", ours, "addr", "add", "192.168.0.10/24", "dev", "near"],
            &["-n", ours, "link", "set", "lo", "up"],
            &["-n", ours, "link", "set", "near", "up"],
            &["-n", theirs, "link", "set", "far", "address", "52:54:00:00:00:77"],
            &["-n", theirs, "link", "set", "far", "up"],
        ] {
            let output = Command::new(&cable.ip).args(words).output().unwrap();
            assert!(output.status.success(), "ip {words:?}: {output:?}");
        }
        Some(cable)
    }

    fn at(&self, side: &str, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", side]).arg(program).args(words);
        command.current_dir(self.folder.path());
        command
    }

    fn there(&self, program: &Path, words: &[&str]) -> Output {
        self.at(&self.theirs, program, words).output().unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        self.path(name)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for side in [&self.ours, &self.theirs] {
            // One that was never made cannot be removed.
            let _ = Command::new(&self.ip).args(["netns", "del", side]).output();
        }
    }
}

/// The server; what it prints goes to a file.
struct Serving {
    child: Child,
    log: PathBuf,
}

impl Serving {
    fn start(cable: &Cable, words: &[&str]) -> Self {
        let log = cable.folder.path().join("log");
        let file = std::fs::File::create(&log).unwrap();
        let mut command = cable.at(&cable.ours, winpe_iscsi(), words);
        command.stdout(file.try_clone().unwrap()).stderr(file).stdin(Stdio::null());
        Self { child: command.spawn().unwrap(), log }
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.printed().contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < end,
                "{text}: {ended:?}\n{}",
                self.printed()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
    // The server's user must get there.
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

    let rights = rights(server.child.id());
    for wanted in ["Uid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "Groups:\t \n"]
    {
        assert!(format!("{rights}\n").contains(wanted), "{wanted:?}\n{rights}");
    }

    // A machine takes an address, and a file slowly; another configuration comes meanwhile.
    let script =
        cable.write("script", "#!/bin/sh\n[ \"$1\" = bound ] && ip addr add $ip/24 dev far\n:\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let class = "PXEClient:Arch:00007:UNDI:003000";
    let words = ["-i", "far", "-q", "-n", "-f", "-t", "10", "-s", &script, "-V", class];
    let leased = cable.there(&udhcpc, &words);
    assert!(leased.status.success(), "{leased:?}\n{}", server.printed());
    let fetched = cable.path("fetched");
    let url = "http://192.168.0.10/big.img";
    let slow = ["-sS", "--limit-rate", "300k", "-o", &fetched, url];
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

    // A wrong one is refused, noticed by its file alone.
    std::fs::write(&file, config("[serve.wrong]\n")).unwrap();
    server.wait_for("the new configuration is refused, the old one stays");
    // So is one that wants what the server may not see any more, though its user might.
    std::fs::write(&file, config(entry).replace("folders = [", "folders = ['/etc', ")).unwrap();
    server.wait_for("the old one stays: /etc: Permission denied");
    let menu = cable.there(&curl, &["-sS", "http://192.168.0.10/boot.ipxe"]);
    assert!(String::from_utf8_lossy(&menu.stdout).contains("A newer menu"), "{menu:?}");

    let secure = ["-sS", "--cacert", &certificate, "https://192.168.0.10/boot.ipxe"];
    let menu = cable.there(&curl, &secure);
    assert!(String::from_utf8_lossy(&menu.stdout).contains("A newer menu"), "{menu:?}");

    // iPXE's console, and all of it in the terminal.
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

    server.signal("-TERM");
    let end = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = server.child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "it goes on\n{}", server.printed());
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}\n{}", server.printed());
}
