//! TFTP from one port, for clients that hear no other: behind address translation, or at a published port.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use winpe_tests::{skip, tool};

use crate::network::{Network, Serving};

/// A client at the other end that hears one port of the server only.
struct Client(UdpSocket);

impl Client {
    fn new(port: u16) -> Self {
        let socket = UdpSocket::bind("192.168.0.20:0").unwrap();
        socket.connect(("192.168.0.10", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        Self(socket)
    }

    fn asks(&self, file: &str) {
        self.0.send(format!("\0\x01{file}\0octet\0").as_bytes()).unwrap();
    }

    /// The file, or none where no answer comes.
    fn fetch(&self, file: &str) -> Option<Vec<u8>> {
        self.asks(file);
        let mut content = Vec::new();
        let mut buffer = [0; 1024];
        for block in 1_u16.. {
            let length = loop {
                let length = self.0.recv(&mut buffer).ok()?;
                assert_eq!(buffer[..2], [0, 3], "DATA of {file}: {:?}", &buffer[..length]);
                // Blocks of an earlier transfer may be on the way.
                if buffer[2..4] == block.to_be_bytes() {
                    break length;
                }
            };
            content.extend(&buffer[4..length]);
            let [high, low] = block.to_be_bytes();
            self.0.send(&[0, 4, high, low]).unwrap();
            if length < 516 {
                break;
            }
        }
        Some(content)
    }
}

/// Runs at the other end.
fn there<T: Send>(network: &Network, run: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(format!("/run/netns/{}", network.theirs)).unwrap();
    thread::scope(|scope| {
        let running = scope.spawn(move || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind).unwrap();
            run()
        });
        running.join().unwrap()
    })
}

fn content(number: u8) -> Vec<u8> {
    (0..100_000_u32).map(|at| (at >> 9) as u8 ^ number).collect()
}

fn serve(network: &Network, one_port: bool) -> Serving {
    network.ip(&["-n", &network.theirs, "addr", "add", "192.168.0.20/24", "dev", "far"]);
    for number in 0..4 {
        network.write(&format!("files/{number}"), content(number));
    }
    network.serve(&format!(
        "mode = 'proxy'\ntftp-single-port = {one_port}\nfolders = [{:?}]",
        network.path("files")
    ))
}

#[test]
fn each_client_gets_its_file_from_the_port_that_it_asked() {
    let Some(network) = Network::new() else { return };
    let serving = serve(&network, true);
    there(&network, || {
        let clients: Vec<_> = (0..4).map(|_| Client::new(69)).collect();
        thread::scope(|scope| {
            for (number, client) in (0..).zip(&clients) {
                scope.spawn(move || {
                    let file = number.to_string();
                    assert!(client.fetch(&file).unwrap() == content(number), "{number}");
                    // From the same port again, as ROMs do.
                    assert!(client.fetch("0").unwrap() == content(0), "{number}");
                });
            }
        });
        // Another request in the middle of a transfer replaces that.
        let client = Client::new(69);
        client.asks("1");
        client.0.recv(&mut [0; 1024]).unwrap();
        client.0.send(&[0, 4, 0, 1]).unwrap();
        client.0.recv(&mut [0; 1024]).unwrap();
        assert!(client.fetch("2").unwrap() == content(2));
    });
    if let Some(atftp) = tool("atftp", "atftp") {
        let fetched = network.path("fetched");
        let mut command = network.there(&atftp);
        command.args(["--option", "blksize 1400", "--option", "windowsize 8", "--get", "-r", "3"]);
        let output = command.args(["-l", &fetched, "192.168.0.10"]).output().unwrap();
        assert!(std::fs::read(&fetched).unwrap() == content(3), "{output:?}");
    }
    serving.end().unwrap();
}

#[test]
fn a_published_port_is_served() {
    let Some(nft) = tool("nft", "nftables") else { return };
    for one_port in [true, false] {
        let Some(network) = Network::new() else { return };
        // As the port of a container is published.
        let rules = "add table ip nat; add chain ip nat pre { type nat hook prerouting priority -100 ; }; \
                     add rule ip nat pre udp dport 1069 redirect to :69";
        let made = network.at(&network.ours, Path::new(&nft), &[rules]).output().unwrap();
        if !made.status.success() {
            skip(&format!("no addresses can be translated: {made:?}"));
            return;
        }
        let serving = serve(&network, one_port);
        let fetched = there(&network, || Client::new(1069).fetch("1"));
        assert_eq!(fetched == Some(content(1)), one_port, "{}", serving.log());
        serving.end().unwrap();
    }
}
