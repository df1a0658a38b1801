//! Router solicitations: which are answered, and that an answer changes nothing on a host.
//!
//! radvd is the router of the link, rdisc6 and the kernel are hosts.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use winpe_tests::tool;

use crate::network::{Network, Running, Serving};

/// What rdisc6 prints of an advertisement from here: its source is the MAC address of the server's end.
const OURS: &str = "Router lifetime           :            0";
const LOG: &str = "IPv6 of 52:54:00:00:00:77 after";

/// What rdisc6 prints, from the end of the client.
fn solicit(network: &Network) -> Option<String> {
    let rdisc6 = tool("rdisc6", "ndisc6")?;
    // Until duplicate address detection has ended there is no address to send from.
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let output = network.there(&rdisc6).args(["-m", "-r", "1", "-w", "1000", "far"]).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let has_no_address = said.contains("Cannot assign requested address");
        if !has_no_address || Instant::now() > end {
            return Some(said);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// The machine at the other end boots: it sends DHCP as firmware does.
fn boot(network: &Network) -> Option<()> {
    let udhcpc = tool("udhcpc", "udhcpc")?;
    // A script that changed the address would remove those of IPv6 too.
    let words = "-i far -f -q -n -t 5 -T 1 -s /bin/true -V PXEClient";
    let output = network.there(&udhcpc).args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(())
}

#[test]
fn a_machine_that_boots_is_answered_and_one_that_does_not_is_not() {
    let Some(network) = Network::new() else { return };
    let serving = network.serve("mode = 'dhcp'");
    let Some(before) = solicit(&network) else { return };
    assert!(!before.contains(OURS), "{before}");
    let Some(()) = boot(&network) else { return };
    let said = solicit(&network).unwrap();
    assert!(said.contains(OURS), "{said}\n{}", serving.log());
    for no in
        ["Stateful address conf.    :           No", "Stateful other conf.      :           No"]
    {
        assert!(said.contains(no), "{said}");
    }
    assert!(serving.log().contains(LOG), "{}", serving.log());
    serving.end().unwrap();
}

#[test]
fn nothing_is_answered_where_the_configuration_or_this_machine_is_against_it() {
    let Some(network) = Network::new() else { return };
    let serving = network.serve("mode = 'dhcp'\nanswer-router-solicitations = false");
    let Some(()) = boot(&network) else { return };
    let Some(said) = solicit(&network) else { return };
    assert!(!said.contains(OURS), "{said}");
    serving.end().unwrap();

    forward(&network, "near");
    let serving = network.serve("mode = 'dhcp'");
    let Some(()) = boot(&network) else { return };
    let said = solicit(&network).unwrap();
    assert!(!said.contains(OURS), "{said}");
    let log = serving.log();
    assert!(log.contains("router solicitations are not answered: near forwards IPv6"), "{log}");
    serving.end().unwrap();
}

/// This machine becomes a router while it serves.
#[test]
fn a_server_that_becomes_a_router_stops_to_answer() {
    let Some(network) = Network::new() else { return };
    let serving = network.serve("mode = 'dhcp'");
    let Some(()) = boot(&network) else { return };
    forward(&network, "near");
    let Some(said) = solicit(&network) else { return };
    assert!(!said.contains(OURS), "{said}");
    serving.end().unwrap();
}

/// A machine may run an operating system seconds after its boot program has asked for a router.
#[test]
fn a_host_keeps_what_its_router_advertises() {
    let Some(network) = Network::new() else { return };
    let Some(router) = Router::prepare(&network) else { return };
    for router_first in [true, false] {
        let mut running = router_first.then(|| router.start());
        if router_first {
            wait_for_route(&network);
        }
        let before = router_first.then(|| known_of_routers(&network));
        let serving: Serving = network.serve("mode = 'dhcp'");
        let Some(()) = boot(&network) else { return };
        let Some(said) = solicit(&network) else { return };
        assert!(said.contains(OURS), "{said}\n{}", serving.log());
        running.get_or_insert_with(|| router.start());
        wait_for_route(&network);
        let after = known_of_routers(&network);
        assert!(after.contains("mtu 1400") && after.contains("hoplimit 50"), "{after}");
        assert!(before.is_none_or(|before| before == after), "{after}");
        serving.end().unwrap();
        drop(running);
        forget_routers(&network);
    }
}

/// radvd on a second interface of the link.
struct Router<'n> {
    network: &'n Network,
    radvd: std::path::PathBuf,
    config: String,
}

impl<'n> Router<'n> {
    fn prepare(network: &'n Network) -> Option<Self> {
        let radvd = tool("radvd", "radvd")?;
        let ours = network.ours.as_str();
        let add = "link add link near name router type macvlan mode bridge";
        network.ip(&[&["-n", ours], &add.split(' ').collect::<Vec<_>>()[..]].concat());
        network.ip(&["-n", ours, "link", "set", "router", "up"]);
        forward(network, "router");
        let config = network.path("radvd.conf");
        fs::write(
            &config,
            "interface router { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; \
             AdvLinkMTU 1400; AdvCurHopLimit 50; prefix 2001:db8:7::/64 { }; };\n",
        )
        .unwrap();
        Some(Self { network, radvd, config })
    }

    fn start(&self) -> Running {
        let pid = self.network.path("radvd.pid");
        let words = ["-n", "-m", "stderr", "-C", &self.config, "-p", &pid];
        Running::start(&mut self.network.at(&self.network.ours, &self.radvd, &words))
    }
}

fn forward(network: &Network, interface: &str) {
    let path = format!("/proc/sys/net/ipv6/conf/{interface}/forwarding");
    let shell = tool("sh", "dash").expect("each system has a shell");
    let script = format!("echo 1 > {path}");
    let done = network.at(&network.ours, &shell, &["-c", &script]).status().unwrap();
    assert!(done.success());
}

/// The default route of the other end with its metrics, and its addresses from advertised prefixes.
fn known_of_routers(network: &Network) -> String {
    let there = network.theirs.as_str();
    let route = network.ip(&["-n", there, "-6", "route", "show", "default"]);
    let addresses = network.ip(&["-n", there, "-6", "-br", "addr", "show", "dev", "far"]);
    // The rest of a lifetime.
    let words: Vec<_> = route.split_whitespace().filter(|word| !word.ends_with("sec")).collect();
    format!("{}\n{addresses}", words.join(" "))
}

fn wait_for_route(network: &Network) {
    let end = Instant::now() + Duration::from_secs(20);
    let complete = |known: &str| known.contains("via fe80") && known.contains("2001:db8:7:");
    while !complete(&known_of_routers(network)) {
        assert!(Instant::now() < end, "{}", known_of_routers(network));
        thread::sleep(Duration::from_millis(50));
    }
}

fn forget_routers(network: &Network) {
    let there = network.theirs.as_str();
    for state in ["down", "up"] {
        network.ip(&["-n", there, "link", "set", "far", state]);
    }
}
