//! A server of the status page, and machines whose boots are simulated by events.

use std::net::{SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use winpe_netboot::client::{Client, Kind, Platform};
use winpe_netboot::event::{Event, Failure, Heard, Ignore, Protocol, Sink};
use winpe_netboot::files::{Digest, File};
use winpe_netboot::watch::{self, Watch};
use winpe_netboot::wire::dhcp::{Hardware, MessageType};
use winpe_tests::{run, tool};

/// The status page with the machines of a test.
pub(crate) struct Shown {
    pub(crate) address: SocketAddr,
    sink: Arc<dyn Sink>,
    _runtime: Runtime,
}

impl Shown {
    pub(crate) fn new() -> Self {
        let watch = Arc::new(Watch::new());
        let sink = watch.before(Arc::new(|_: Event| {}));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = Runtime::new().unwrap();
        let names = Arc::from(["boot.example.org".to_owned()]);
        runtime.spawn(watch::serve(listener, watch, names, std::future::pending()));
        Self { address, sink, _runtime: runtime }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn machine(&self, number: u16) -> Machine<'_> {
        let vendor = "PXEClient:Arch:00007:UNDI:003000".to_owned();
        Machine { shown: self, number, vendor, host_name: None, table: None }
    }

    /// The answer that curl gets; `None`, with a message, without curl.
    pub(crate) fn get(&self, path: &str, more: &[&str]) -> Option<String> {
        let curl = tool("curl", "curl")?;
        let url = self.url(path);
        Some(text(&curl, &[&["-sS", "--max-time", "10", &url], more].concat()))
    }
}

pub(crate) fn text(program: &Path, words: &[&str]) -> String {
    let output = run(program, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A booting machine.
pub(crate) struct Machine<'a> {
    shown: &'a Shown,
    number: u16,
    pub(crate) vendor: String,
    pub(crate) host_name: Option<String>,
    /// The table of the configuration that matches it.
    pub(crate) table: Option<String>,
}

impl Machine<'_> {
    pub(crate) fn tell(&self, event: Event) {
        self.shown.sink.event(event);
    }

    pub(crate) fn hardware(&self) -> Hardware {
        let [high, low] = self.number.to_be_bytes();
        Hardware::ethernet([0x52, 0x54, 0, 0, high, low])
    }

    fn address(&self) -> [u8; 4] {
        let [high, low] = self.number.to_be_bytes();
        [192, 168, high, low]
    }

    pub(crate) fn hears(&self, message: MessageType, kind: Kind, ignored: Option<Ignore>) {
        let class = if kind == Kind::Other { "MSFT 5.0" } else { &self.vendor };
        let about = Client {
            hardware: self.hardware(),
            uuid: None,
            kind,
            platform: Some(Platform::UefiX64),
            user_classes: Vec::new(),
            relay: None,
            host_name: self.host_name.clone(),
            vendor_class: class.to_owned(),
        };
        let address = (message == MessageType::Request).then(|| self.address().into());
        let client = self.hardware().to_string();
        let heard = Heard {
            client,
            about,
            message,
            address,
            server: None,
            ignored,
            table: self.table.clone(),
        };
        self.tell(Event::Heard(Box::new(heard)));
    }

    pub(crate) fn answer(&self, answer: MessageType, file: Option<&str>) {
        self.tell(Event::Answered {
            client: self.hardware().to_string(),
            kind: String::new(),
            message: MessageType::Discover,
            answer,
            address: Some(self.address().into()),
            file: file.map(str::to_owned),
        });
    }

    /// DISCOVER to ACK.
    pub(crate) fn leg(&self, kind: Kind, file: &str) {
        self.hears(MessageType::Discover, kind, None);
        self.answer(MessageType::Offer, Some(file));
        self.hears(MessageType::Request, kind, None);
        self.answer(MessageType::Ack, Some(file));
    }

    fn asks(&self, protocol: Protocol, file: &str) -> SocketAddr {
        let client = SocketAddr::from((self.address(), 2070));
        self.tell(Event::Requested { protocol, client, file: file.to_owned() });
        client
    }

    pub(crate) fn loads(&self, protocol: Protocol, file: &str, bytes: u64, millis: u64) {
        let client = self.begins(protocol, file, 0, bytes);
        let elapsed = Duration::from_millis(millis);
        let go_on = |_| ControlFlow::Continue(());
        let sha256 = Digest::of(&File::from_bytes(file.to_owned()), go_on).unwrap();
        let file = file.to_owned();
        self.tell(Event::Sent { protocol, client, file, bytes, elapsed, sha256 });
    }

    pub(crate) fn begins(
        &self,
        protocol: Protocol,
        file: &str,
        bytes: u64,
        size: u64,
    ) -> SocketAddr {
        let client = self.asks(protocol, file);
        self.tell(Event::Progress { protocol, client, file: file.to_owned(), bytes, size });
        client
    }

    pub(crate) fn progresses(&self, protocol: Protocol, file: &str, bytes: u64, size: u64) {
        let client = SocketAddr::from((self.address(), 2070));
        self.tell(Event::Progress { protocol, client, file: file.to_owned(), bytes, size });
    }

    pub(crate) fn stalls(&self, file: &str, block: u64, retries: u32) {
        let client = self.begins(Protocol::Tftp, file, block * 1468, 300_000_000);
        let silent = Duration::from_secs(20);
        self.tell(Event::Stalled { client, file: file.to_owned(), block, retries, silent });
    }

    pub(crate) fn fails(&self, protocol: Protocol, file: &str, bytes: u64, reason: Failure) {
        let client = self.asks(protocol, file);
        self.tell(Event::Failed { protocol, client, file: file.to_owned(), bytes, reason });
    }

    pub(crate) fn says(&self, line: &str) {
        self.tell(Event::Console { client: self.address().into(), line: line.to_owned() });
    }
}

pub(crate) const IPXE: Kind = Kind::Ipxe { http: true };

/// Machines at every stage of a boot.
pub(crate) fn lab(shown: &Shown) {
    let up = shown.machine(1);
    up.leg(Kind::Pxe, "snponly.efi");
    up.loads(Protocol::Tftp, "snponly.efi", 259_584, 80);
    up.leg(IPXE, "http://192.168.0.10/boot.ipxe");
    up.says("iPXE 2.0.0 -- Open Source Network Boot Firmware -- https://ipxe.org");
    up.loads(Protocol::Http, "/boot.ipxe", 512, 3);
    up.loads(Protocol::Http, "/wimboot", 66_912, 2);
    up.loads(Protocol::Http, "/images/boot.wim", 364_000_000, 3100);
    up.hears(MessageType::Discover, Kind::Other, None);

    let refused = shown.machine(2);
    refused.leg(Kind::Pxe, "snponly.efi");
    refused.loads(Protocol::Tftp, "snponly.efi", 259_584, 80);
    refused.leg(Kind::Http, "http://192.168.0.10/snponly.efi");
    refused.loads(Protocol::Http, "/snponly.efi", 259_584, 4);
    refused.hears(MessageType::Discover, Kind::Pxe, None);
    refused.answer(MessageType::Offer, Some("snponly.efi"));

    let rival = shown.machine(3);
    rival.hears(MessageType::Discover, Kind::Pxe, None);
    rival.answer(MessageType::Offer, Some("snponly.efi"));
    rival.hears(MessageType::Request, Kind::Pxe, Some(Ignore::OtherServer([10, 0, 0, 1].into())));

    let stalled = shown.machine(4);
    stalled.leg(Kind::Pxe, "pxelinux.0");
    stalled.loads(Protocol::Tftp, "pxelinux.0", 42_430, 40);
    stalled.fails(Protocol::Tftp, "pxelinux.cfg/01-52-54-00-00-00-04", 0, Failure::NotFound);
    stalled.loads(Protocol::Tftp, "pxelinux.cfg/default", 311, 5);
    stalled.stalls("images/boot.wim", 3021, 5);

    let full = shown.machine(5);
    let network = "192.168.0.0/24".parse().unwrap();
    full.hears(MessageType::Discover, Kind::Pxe, Some(Ignore::PoolEmpty(network)));

    let loading = shown.machine(6);
    loading.leg(IPXE, "http://192.168.0.10/boot.ipxe");
    loading.loads(Protocol::Http, "/boot.ipxe", 512, 3);
    loading.begins(Protocol::Http, "/images/boot.wim", 152_000_000, 364_000_000);

    let menu = shown.machine(7);
    menu.leg(IPXE, "http://192.168.0.10/boot.ipxe");
    menu.loads(Protocol::Http, "/boot.ipxe", 512, 3);
}
