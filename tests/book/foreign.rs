//! A configuration of another boot server, given to this one.

use std::fs;

use winpe_tests::{run, winpe_iscsi};

/// What `serve --check` says of a file.
fn refused(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("winpe-iscsi.toml");
    fs::write(&path, text).unwrap();
    let words = ["serve", "--check", "--iface", "lo", "--config", path.to_str().unwrap()];
    let output = run(winpe_iscsi(), words);
    assert_eq!(output.status.code(), Some(2), "{text}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_unknown_key_of_another_server_is_explained() {
    let text = "[serve]\nfilename = 'pxelinux.0'\nnext-server = '10.0.0.1'\n\n\
        [[serve.subnet]]\nnetwork = '10.0.0.0/8'\nnetmask = '255.0.0.0'\ndhcp-range = '10.0.0.2,10.0.0.9'\n";
    let error = refused(text);
    for (place, hint) in [
        (":2:1: unknown field `filename`", "filename of ISC dhcpd is boot-files in [serve]"),
        (":3:1: unknown field `next-server`", "next-server of ISC dhcpd is http-base in [serve]"),
        (":7:1: unknown field `netmask`", "netmask of ISC dhcpd is network in [[serve.subnet]]"),
        (":8:1: unknown field `dhcp-range`", "first, last, lease in [[serve.subnet]]"),
    ] {
        assert!(error.contains(place) && error.contains(hint), "{place}, {hint}\n{error}");
    }
    // A key that is misspelt is no key of another server.
    let error = refused("[serve]\ninterfac = 'lo'\n");
    assert!(error.contains("did you mean interface?") && !error.contains(" here"), "{error}");
}

#[test]
fn the_file_of_another_server_is_explained_line_by_line() {
    for (text, hint) in [
        (
            "interface=eth1\ndhcp-range=10.0.0.50,10.0.0.150,12h\nenable-tftp\n",
            "dhcp-range of dnsmasq",
        ),
        (
            "subnet 10.0.0.0 netmask 255.0.0.0 {\n  range 10.0.0.2 10.0.0.9;\n}\n",
            "range of ISC dhcpd",
        ),
        ("{ \"Dhcp4\": {\n \"subnet4\": [ ] } }\n", "subnet4 of Kea"),
        ("TFTP_DIRECTORY=\"/srv/tftp\"\n", "TFTP_DIRECTORY of tftpd-hpa is folders in [serve]"),
        ("DEFAULT linux\nLABEL linux\n  KERNEL vmlinuz\n", "KERNEL of PXELINUX"),
    ] {
        let error = refused(text);
        assert!(error.contains(hint), "{hint}\n{error}");
    }
    // Its own key, with the quotes forgotten, is no key of another server.
    let error = refused("[serve]\ninterface = eth1\n");
    assert!(error.contains(":2:13: ") && error.contains("written in quotes"), "{error}");
}
