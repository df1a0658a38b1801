//! Addresses and interfaces that change while the server runs.

use std::fs;
use std::path::Path;

use winpe_tests::tool;

use crate::foreign::udhcpc;
use crate::network::Network;

/// The body that curl gets in this namespace.
fn curl(network: &Network, namespace: &str, url: &str) -> Option<String> {
    let words = ["-s", "-m", "5", url];
    let output = network.at(namespace, &tool("curl", "curl")?, &words).output().unwrap();
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The status of the server, as a supervisor reads it.
fn health(network: &Network) -> Option<String> {
    network.ip(&["-n", &network.ours, "link", "set", "lo", "up"]);
    curl(network, &network.ours, "http://127.0.0.1:8067/healthz")
}

/// Both ways to read the script, from this address of the server.
fn scripts(network: &Network, server: &str) -> Option<[String; 2]> {
    let http = curl(network, &network.theirs, &format!("http://{server}/boot.ipxe"))?;
    let fetched = network.folder.path().join("fetched");
    let _ = fs::remove_file(&fetched);
    let mut command = network.there(Path::new("/usr/bin/timeout"));
    command.arg("5").arg(tool("tftp", "tftp-hpa")?);
    command.args(["-m", "binary", server, "-c", "get", "boot.ipxe", "fetched"]).output().unwrap();
    Some([http, fs::read_to_string(fetched).unwrap_or_default()])
}

#[test]
fn an_address_that_changes_is_announced() {
    let Some(network) = Network::new() else { return };
    let subnet = "[[serve.subnet]]\nnetwork = '192.168.0.0/24'\nfirst = '192.168.0.128'\n\
                  last = '192.168.0.199'\n[[entry]]\nname = 'a'\niso = 'a.iso'\n";
    let image = network.write("a.iso", "an image");
    let serving = network.serve(&format!("mode = 'dhcp'\n{}", subnet.replace("a.iso", &image)));
    let Some(before) = udhcpc(&network, &["-V", "PXEClient"]) else { return };
    assert!(before.starts_with("192.168.0.128 192.168.0.10 undionly.kpxe"), "{before}");
    let Some(read) = scripts(&network, "192.168.0.10") else { return };
    assert!(read.iter().all(|text| text.contains("192.168.0.10/")), "{read:?}");

    let ours = network.ours.as_str();
    network.ip(&["-n", ours, "addr", "add", "192.168.0.11/24", "dev", "near"]);
    network.ip(&["-n", ours, "addr", "del", "192.168.0.10/24", "dev", "near"]);
    // The kernel drops the second address of a network with the first one.
    network.ip(&["-n", ours, "addr", "replace", "192.168.0.11/24", "dev", "near"]);
    serving.wait_for(|line| line == "serving from 192.168.0.11 on near now");
    let after = udhcpc(&network, &["-V", "PXEClient"]).unwrap();
    assert!(after.starts_with("192.168.0.128 192.168.0.11 undionly.kpxe"), "{after}");
    let read = scripts(&network, "192.168.0.11").unwrap();
    assert!(read.iter().all(|text| text.contains("192.168.0.11/")), "{read:?}");
    serving.end().unwrap();
}

#[test]
fn an_interface_that_comes_back_is_served_again() {
    let Some(network) = Network::new() else { return };
    let serving = network.serve("mode = 'dhcp'");
    let Some(before) = udhcpc(&network, &[]) else { return };
    assert!(health(&network).unwrap().contains("\"status\":\"ok\""));
    let (ours, theirs) = (network.ours.as_str(), network.theirs.as_str());
    network.ip(&["-n", ours, "link", "del", "near"]);
    serving.wait_for(|line| line.contains("interface near has no IPv4 address"));
    let said = health(&network).unwrap();
    assert!(
        said.contains("interface near has no IPv4 address") && !said.contains("\"ok\""),
        "{said}"
    );
    // As a USB network card does when it is plugged in again.
    network.ip(&["-n", ours, "link", "add", "near", "type", "veth", "peer", "name", "far"]);
    network.ip(&["-n", ours, "link", "set", "far", "netns", theirs]);
    network.ip(&["-n", theirs, "link", "set", "far", "up"]);
    network.ip(&["-n", ours, "link", "set", "near", "up"]);
    network.ip(&["-n", ours, "addr", "add", "192.168.0.10/24", "dev", "near"]);
    serving.wait_for(|line| line == "serving from 192.168.0.10 on near now");
    assert!(health(&network).unwrap().contains("\"problems\":[]"));
    let after = udhcpc(&network, &[]).unwrap();
    assert!(after.contains(" 255.255.255.0 3600"), "{before} {after}");
    let read = scripts(&network, "192.168.0.10").unwrap();
    assert!(read.iter().all(|text| text.starts_with("#!ipxe")), "{read:?}");
    serving.end().unwrap();
}
