//! Which clients get the name and secret of a machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use winpe_tests::tool;

use crate::foreign::udhcpc;
use crate::network::{Network, Serving};

const SECRET: &str = "secret & of pc1";
/// The same, in the form for iPXE and for a Windows command.
const HEX: &str = "73:65:63:72:65:74:20:26:20:6f:66:20:70:63:31";
const BATCH: &str = "set \"chap_secret=0x7365637265742026206f6620706331\"";

/// A server with a secret for the machine at the other end of the cable, and the answers that curl
/// gets there.
struct Ground {
    network: Network,
    serving: Serving,
}

impl Ground {
    fn new(mode: &str) -> Option<Self> {
        let network = Network::new()?;
        let file = network.write("chap", format!("52:54:00:00:00:77 pc1 {SECRET}\n"));
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let serving = network.serve(&format!(
            "mode = {mode:?}\n[serve.login]\nchap-secret-file = {file:?}\n\
             initiator-name = 'iqn.2026-11.com.example:{{mac}}'\n\
             [[entry]]\nname = 'disk'\nsan = 'iscsi:192.168.0.20::::iqn.2011-12.com.example:disk'\n"
        ));
        Some(Self { network, serving })
    }

    /// The answer's head and body; `None`, with a message, if curl is not installed.
    fn fetch(&self, name: &str) -> Option<String> {
        let words = ["-s", "-i", "-m", "20", &format!("http://192.168.0.10/{name}")];
        let output = self.network.there(&tool("curl", "curl")?).args(words).output().unwrap();
        Some(String::from_utf8(output.stdout).unwrap())
    }

    fn has_address(&self, address: &str) {
        let theirs = self.network.theirs.as_str();
        self.network.ip(&["-n", theirs, "addr", "flush", "dev", "far"]);
        self.network.ip(&["-n", theirs, "addr", "add", address, "dev", "far"]);
    }

    #[track_caller]
    fn is_refused(&self, reason: &str) {
        for name in ["login.ipxe", "winpe-iscsi-chap.cmd"] {
            let answer = self.fetch(name).unwrap();
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
            assert!(!answer.contains("73:65") && !answer.contains("chap_secret"), "{answer}");
        }
        assert!(self.serving.log().contains(reason), "{}", self.serving.log());
    }
}

#[test]
fn a_secret_goes_to_the_address_that_holds_the_lease_and_to_no_log() {
    let Some(ground) = Ground::new("dhcp") else { return };
    let Some(bound) = udhcpc(&ground.network, &[]) else { return };
    assert!(bound.starts_with("192.168.0.128 "), "{bound}");
    let Some(script) = ground.fetch("login.ipxe") else { return };
    assert!(script.contains("cache-control: no-store"), "{script}");
    assert!(script.contains("\nset initiator-iqn iqn.2026-11.com.example:52-54-00-00-00-77\n"));
    assert!(script.contains(&format!("\nset password:hex {HEX}\n")), "{script}");
    let batch = ground.fetch("winpe-iscsi-chap.cmd").unwrap();
    assert!(batch.contains(BATCH), "{batch}");
    // Public files name the secret file but contain nothing of it.
    let menu = ground.fetch("boot.ipxe").unwrap();
    assert!(menu.contains("\nchain http://192.168.0.10/login.ipxe || goto failed\nimgfetch"));

    // The same machine with an address that it does not lease, and another machine with the leased
    // address.
    ground.has_address("192.168.0.55/24");
    ground.is_refused("the address has no lease of this server");
    let theirs = ground.network.theirs.clone();
    ground.network.ip(&["-n", &theirs, "link", "set", "far", "down"]);
    ground.network.ip(&["-n", &theirs, "link", "set", "far", "address", "52:54:00:00:00:78"]);
    ground.network.ip(&["-n", &theirs, "link", "set", "far", "up"]);
    ground.has_address("192.168.0.128/24");
    ground.network.ip(&["-n", &ground.network.ours, "neigh", "flush", "dev", "near"]);
    ground.is_refused("the address is the lease of another machine");

    let log = ground.serving.log();
    for hidden in [SECRET, HEX, "736563726574"] {
        assert!(!log.contains(hidden), "{log}");
    }
    // No digest either: a short secret can be found from its digest.
    let hashed = log.lines().filter(|line| line.contains("SHA-256"));
    assert!(hashed.clone().all(|line| !line.contains("login") && !line.contains("chap")), "{log}");
    ground.serving.end().unwrap();
}

#[test]
fn beside_another_server_a_secret_goes_to_the_machine_on_the_link() {
    let Some(ground) = Ground::new("proxy") else { return };
    ground.has_address("192.168.0.55/24");
    let Some(script) = ground.fetch("login.ipxe") else { return };
    assert!(script.contains(HEX), "{script}");
    ground.serving.end().unwrap();
}
