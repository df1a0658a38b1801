//! Clients and servers of other projects.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use winpe_tests::tool;

use crate::network::{Network, Running};

/// Sets the address of the interface to the one that the client got.
const SCRIPT: &str = "#!/bin/sh
case \"$1\" in
bound) ip addr flush dev $interface; ip addr add $ip/24 dev $interface
    echo \"$ip $siaddr $boot_file $subnet $lease\" > bound ;;
esac
";

/// The result of one run of udhcpc: address, boot server, boot file, mask, lease, as it understood
/// them.
pub(crate) fn udhcpc(network: &Network, words: &[&str]) -> Option<String> {
    let program = tool("udhcpc", "udhcpc")?;
    let script = network.folder.path().join("script");
    fs::write(&script, SCRIPT).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let bound = network.folder.path().join("bound");
    let _ = fs::remove_file(&bound);
    let mut command = network.there(&program);
    command.args(["-i", "far", "-f", "-q", "-n", "-t", "5", "-T", "1", "-s"]);
    let output = command.arg(script).args(words).output().unwrap();
    let told = fs::read_to_string(bound);
    Some(told.unwrap_or_else(|error| panic!("{error}: {output:?}")).trim().to_owned())
}

#[test]
fn udhcpc_gets_the_same_lease_after_a_restart() {
    let Some(network) = Network::new() else { return };
    let serving = network.serve("mode = 'dhcp'");
    let Some(first) = udhcpc(&network, &["-V", "PXEClient"]) else { return };
    assert_eq!(first, "192.168.0.128 192.168.0.10 undionly.kpxe 255.255.255.0 3600");
    assert_eq!(network.address_there(), Some(Ipv4Addr::new(192, 168, 0, 128)));
    assert!(serving.log().contains("(PXE on BIOS) ACK 192.168.0.128 file undionly.kpxe"));
    serving.end().unwrap();

    let serving = network.serve("mode = 'dhcp'");
    assert_eq!(udhcpc(&network, &["-V", "PXEClient"]), Some(first), "{}", serving.log());
    serving.end().unwrap();
}

#[test]
fn dhclient_takes_and_releases() {
    let Some(network) = Network::new() else { return };
    let Some(dhclient) = tool("dhclient", "isc-dhcp-client") else { return };
    let leases = network.folder.path().join("leases");
    fs::write(&leases, "").unwrap();
    let serving = network.serve("mode = 'dhcp'");
    let run = |more: &str| {
        let mut command = network.there(&dhclient);
        command.args(["-4", "-v", "-1", "-sf", "/bin/true", "-lf"]).arg(&leases);
        command.arg("-pf").arg(network.folder.path().join("pid"));
        let output = command.args(more.split_whitespace()).arg("far").output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = run("");
    assert!(said.contains("DHCPACK of 192.168.0.128 from 192.168.0.10"), "{said}");
    let said = run("-r");
    assert!(said.contains("DHCPRELEASE of 192.168.0.128"), "{said}");
    serving.end().unwrap();
}

#[test]
fn an_address_in_use_is_not_given() {
    let Some(network) = Network::new() else { return };
    let serving = network.serve("mode = 'dhcp'");
    // A machine that sent no request; it answers ARP, whatever its firewall allows.
    let theirs = network.theirs.as_str();
    let mut alone = network.there(Path::new("/bin/sh"));
    alone.args(["-c", "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore"]);
    assert!(alone.status().unwrap().success(), "each interface answers for itself");
    network.ip(&["-n", theirs, "link", "add", "quiet", "link", "far", "type", "macvlan"]);
    network.ip(&["-n", theirs, "addr", "add", "192.168.0.128/24", "dev", "quiet"]);
    network.ip(&["-n", theirs, "link", "set", "quiet", "up"]);
    let Some(told) = udhcpc(&network, &[]) else { return };
    assert!(told.starts_with("192.168.0.129 "), "{told}\n{}", serving.log());
    assert!(serving.log().contains("192.168.0.128 is used by "), "{}", serving.log());
    serving.end().unwrap();
}

/// dnsmasq at 192.168.0.1 with its defaults: it probes for three seconds whether an address is in
/// use.
fn dnsmasq(network: &Network) -> Option<Running> {
    let program = tool("dnsmasq", "dnsmasq-base")?;
    network.ip(&["-n", &network.theirs, "addr", "add", "192.168.0.1/24", "dev", "far"]);
    let mut command = network.there(&program);
    command.args(["--no-daemon", "--conf-file=/dev/null", "--user=root", "--port=0"]);
    command.args(["--interface=far", "--bind-interfaces", "--dhcp-leasefile=dnsmasq.leases"]);
    command.arg("--dhcp-range=192.168.0.100,192.168.0.150,1h");
    let running = Running::start(&mut command);
    thread::sleep(Duration::from_millis(300));
    Some(running)
}

#[test]
fn beside_another_server_it_is_a_proxy() {
    let Some(network) = Network::new() else { return };
    let Some(_dnsmasq) = dnsmasq(&network) else { return };
    let subnet = "[[serve.subnet]]\nnetwork = '192.168.0.0/24'\n\
                  first = '192.168.0.50'\nlast = '192.168.0.60'";
    let serving = network.serve(subnet);
    let log = serving.log();
    assert!(log.contains("another DHCP server answers: 192.168.0.1"), "{log}");
    assert!(log.contains("giving boot files beside another DHCP server on near"), "{log}");
    serving.end().unwrap();
}

#[test]
fn addresses_are_given_on_request_only() {
    let Some(network) = Network::new() else { return };
    let Some(udhcpc) = tool("udhcpc", "udhcpc") else { return };
    let serving = network.serve("");
    assert!(serving.log().contains("giving boot files and no addresses on near"));
    let mut client = network.there(&udhcpc);
    client.args(["-i", "far", "-f", "-q", "-n", "-t", "2", "-T", "1", "-s", "/bin/true"]);
    assert!(!client.args(["-V", "PXEClient"]).output().unwrap().status.success());
    assert!(serving.log().contains("(PXE on BIOS) OFFER file undionly.kpxe"), "{}", serving.log());
    serving.wait_for(|line| line.contains("no DHCP server answers on near, so machines get no"));
    // The other server comes, and the two of them serve the machine.
    let Some(_dnsmasq) = dnsmasq(&network) else { return };
    serving.wait_for(|line| line.contains("another DHCP server answers: 192.168.0.1"));
    serving.end().unwrap();
}

#[test]
fn a_server_that_appears_later_is_noticed() {
    let Some(network) = Network::new() else { return };
    let serving = network.serve("mode = 'dhcp'");
    let Some(_dnsmasq) = dnsmasq(&network) else { return };
    let appeared = "another DHCP server has appeared on near: 192.168.0.1";
    let began = Instant::now();
    serving.wait_for(|line| line.contains(appeared));
    assert!(began.elapsed() < Duration::from_secs(60));
    assert!(serving.log().contains("giving addresses"), "its leases are in use");
    serving.end().unwrap();
}

#[test]
fn dhclient_gets_further_options_and_its_name() {
    let Some(network) = Network::new() else { return };
    let Some(dhclient) = tool("dhclient", "isc-dhcp-client") else { return };
    let text = network.ip(&["-n", &network.theirs, "-o", "link", "show", "far"]);
    let mac = text.split("link/ether ").nth(1).unwrap().split(' ').next().unwrap();
    let serving = network.serve(&format!(
        "mode = 'dhcp'\n[serve.options]\nntp-servers = ['192.168.0.3', '192.168.0.4']\nmtu = 1400\n\
         domain-search = ['a.example.org', 'b.example.org']\n\
         static-routes = '10.0.0.0/8 via 192.168.0.1'\n224 = 'hex:05:dc'\n\
         [[serve.reservation]]\nmac = '{mac}'\naddress = '192.168.0.50'\nname = 'pc50'\n"
    ));
    let config = "option routes code 121 = array of unsigned integer 8;\noption own code 224 = unsigned integer 16;\n\
                  request subnet-mask, ntp-servers, interface-mtu, domain-search, routes, own, host-name;\n";
    let (config, leases) = (network.write("dhclient.conf", config), network.write("leases", ""));
    let mut command = network.there(&dhclient);
    command.args(["-4", "-v", "-1", "-sf", "/bin/true", "-lf", &leases, "-cf", &config]);
    command.arg("-pf").arg(network.folder.path().join("pid")).arg("far").output().unwrap();
    let lease = fs::read_to_string(&leases).unwrap();
    for line in [
        "fixed-address 192.168.0.50;",
        "option host-name \"pc50\";",
        "option ntp-servers 192.168.0.3,192.168.0.4;",
        "option interface-mtu 1400;",
        "option domain-search \"a.example.org.\", \"b.example.org.\";",
        "option routes 8,10,192,168,0,1;",
        "option own 1500;",
    ] {
        assert!(lease.contains(line), "{line}\n{lease}\n{}", serving.log());
    }
    serving.end().unwrap();
}

#[test]
fn of_two_addresses_that_of_the_subnet_is_announced_and_none_is_given() {
    let Some(network) = Network::new() else { return };
    if tool("udhcpc", "udhcpc").is_none() {
        return;
    }
    let ours = network.ours.as_str();
    network.ip(&["-n", ours, "addr", "add", "10.99.0.1/24", "dev", "near"]);
    network.ip(&["-n", ours, "addr", "add", "10.99.0.100/32", "dev", "near"]);
    let serving = network.serve(
        "[[serve.subnet]]\nnetwork = '10.99.0.0/24'\nfirst = '10.99.0.100'\nlast = '10.99.0.110'",
    );
    let told = udhcpc(&network, &["-V", "PXEClient"]).unwrap();
    assert!(told.starts_with("10.99.0.101 10.99.0.1 "), "{told}\n{}", serving.log());
    serving.end().unwrap();
}

#[test]
fn beside_another_server_it_gives_addresses_by_force_only() {
    let Some(network) = Network::new() else { return };
    let Some(_dnsmasq) = dnsmasq(&network) else { return };
    let refused = network.serve("mode = 'dhcp'").end().unwrap_err();
    assert_eq!(refused, "another DHCP server gives addresses here: 192.168.0.1");
    let forced = network.serve("mode = 'dhcp'\nforce = true");
    assert!(forced.log().contains("giving addresses and boot files"), "{}", forced.log());
    forced.end().unwrap();
}

#[test]
fn twenty_simultaneous_new_machines_are_all_served() {
    let Some(network) = Network::new() else { return };
    if tool("udhcpc", "udhcpc").is_none() {
        return;
    }
    let serving = network.serve("mode = 'dhcp'");
    let theirs = network.theirs.as_str();
    // Twenty new machines at the other end, started together.
    for number in 0..20 {
        let name = format!("m{number}");
        let words = ["link", "add", &name, "link", "far", "type", "macvlan", "mode", "bridge"];
        network.ip(&[&["-n", theirs], &words[..]].concat());
        network.ip(&["-n", theirs, "link", "set", &name, "up"]);
    }
    let program = tool("udhcpc", "udhcpc").unwrap();
    let began = Instant::now();
    let mut clients: Vec<_> = (0..20)
        .map(|number| {
            let mut command = network.there(&program);
            command.args(["-f", "-q", "-n", "-t", "5", "-T", "2", "-s", "/bin/true", "-i"]);
            command.arg(format!("m{number}")).spawn().unwrap()
        })
        .collect();
    for client in &mut clients {
        assert!(client.wait().unwrap().success(), "{}", serving.log());
    }
    let took = began.elapsed();
    assert_eq!(serving.log().matches(" ACK 192.168.0.").count(), 20, "{}", serving.log());
    println!("20 new machines had addresses after {took:?}");
    serving.end().unwrap();
}

#[test]
fn another_interface_gets_no_answer() {
    let Some(network) = Network::new() else { return };
    let (Some(curl), Some(tftp)) = (tool("curl", "curl"), tool("tftp", "tftp-hpa")) else { return };
    // A second cable between the two; the kernel answers on it for any of our addresses.
    let (ours, theirs) = (network.ours.as_str(), network.theirs.as_str());
    network.ip(&["-n", ours, "link", "add", "near2", "type", "veth", "peer", "name", "far2"]);
    network.ip(&["-n", ours, "link", "set", "far2", "netns", theirs]);
    network.ip(&["-n", ours, "addr", "add", "192.168.1.10/24", "dev", "near2"]);
    network.ip(&["-n", theirs, "addr", "add", "192.168.1.20/24", "dev", "far2"]);
    network.ip(&["-n", theirs, "addr", "add", "192.168.0.20/24", "dev", "far"]);
    network.ip(&["-n", ours, "link", "set", "near2", "up"]);
    network.ip(&["-n", theirs, "link", "set", "far2", "up"]);
    let serving = network.serve("mode = 'dhcp'");
    let fetch = || {
        let url = "http://192.168.0.10/boot.ipxe";
        let words = ["-sS", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}", url];
        let output = network.there(&curl).args(words).output().unwrap();
        let http = String::from_utf8(output.stdout).unwrap();
        let mut command = network.there(Path::new("/usr/bin/timeout"));
        command.arg("2").arg(&tftp).args(["-m", "binary", "192.168.0.10", "-c", "get"]);
        command.args(["boot.ipxe", "fetched"]);
        // The exit status of the client is not reliable.
        command.output().unwrap();
        let fetched = network.folder.path().join("fetched");
        let length = fs::metadata(&fetched).map_or(0, |file| file.len());
        let _ = fs::remove_file(fetched);
        (http, length > 0)
    };
    assert_eq!(fetch(), ("200".to_owned(), true), "{}", serving.log());
    // The same address through the other interface.
    network.ip(&["-n", theirs, "addr", "del", "192.168.0.20/24", "dev", "far"]);
    network.ip(&["-n", theirs, "route", "add", "192.168.0.10", "via", "192.168.1.10"]);
    assert_eq!(fetch(), ("000".to_owned(), false), "{}", serving.log());
    let mut udhcpc = network.there(&match tool("udhcpc", "udhcpc") {
        Some(program) => program,
        None => return,
    });
    udhcpc.args(["-i", "far2", "-f", "-q", "-n", "-t", "2", "-T", "1", "-s", "/bin/true"]);
    assert!(!udhcpc.output().unwrap().status.success(), "{}", serving.log());
    serving.end().unwrap();
}

#[test]
fn blocks_that_need_ip_fragments_arrive() {
    let Some(network) = Network::new() else { return };
    let Some(client) = tool("atftp", "atftp") else { return };
    network.ip(&["-n", &network.theirs, "addr", "add", "192.168.0.20/24", "dev", "far"]);
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    network.write("files/file", &content);
    let serving = network.serve(&format!("mode = 'dhcp'\nfolders = [{:?}]", network.path("files")));
    let fetched = network.path("fetched");
    for (mtu, options) in [
        ("1500", &["blksize 8192"][..]),
        ("1500", &["blksize 8192", "windowsize 8"]),
        // The MTU is even below the minimum that every client accepts.
        ("500", &[]),
        ("500", &["windowsize 8"]),
    ] {
        for (side, device) in [(&network.ours, "near"), (&network.theirs, "far")] {
            network.ip(&["-n", side, "link", "set", device, "mtu", mtu]);
        }
        let mut command = network.there(&client);
        for option in options {
            command.args(["--option", option]);
        }
        let output =
            command.args(["--get", "-r", "file", "-l", &fetched, "192.168.0.10"]).output().unwrap();
        let arrived = fs::read(&fetched).is_ok_and(|fetched| fetched == content);
        assert!(arrived, "{mtu} {options:?}: {output:?}\n{}", serving.log());
        fs::remove_file(&fetched).unwrap();
    }
    serving.end().unwrap();
}
