//! The page in Chromium.

use std::path::{Path, PathBuf};

use winpe_netboot::client::Kind;
use winpe_netboot::event::Ignore;
use winpe_netboot::event::{Failure, Protocol};
use winpe_netboot::wire::dhcp::MessageType;
use winpe_tests::{run, tool};

use crate::machines::{Shown, lab, text};

struct Browser {
    program: PathBuf,
    profile: tempfile::TempDir,
}

impl Browser {
    /// `None`, with a message, if it is not installed.
    fn new() -> Option<Self> {
        let program = tool("chromium", "chromium")?;
        Some(Self { program, profile: tempfile::tempdir().unwrap() })
    }

    fn open(&self, more: &[&str]) -> std::process::Output {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let mut words = vec![
            "--headless",
            // The sandbox needs rights that a container does not have; the page is our own.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
            &profile,
        ];
        words.extend(more);
        run(&self.program, words)
    }

    /// The document after the page's script has run, before it counts as loaded.
    fn document(&self, url: &str) -> String {
        let output = self.open(&["--dump-dom", url]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn the_page_shows_where_each_machine_stopped_and_what_helps() {
    let Some(browser) = Browser::new() else { return };
    let shown = Shown::new();
    lab(&shown);
    let document = browser.document(&shown.url("/"));
    for wanted in [
        "data-signature=\"other-server\"",
        "The client took the OFFER of 10.0.0.1, another DHCP server",
        "data-signature=\"not-answered\"",
        "Give the subnet more addresses",
        "data-signature=\"stalled\"",
        "images/boot.wim stalled at block 3021",
        // For the machine whose firmware retries, the state of its last try.
        "The firmware loaded snponly.efi and did not run it",
        "Secure Boot is on",
        "Windows is up: it asks for an address by itself",
        "boot.wim 41 %",
        ">all 7<",
        ">stopped 3<",
        "<title>(3 stopped) Boots",
    ] {
        assert!(document.contains(wanted), "{wanted}\n{document}");
    }
}

#[test]
fn nothing_that_a_machine_sends_becomes_part_of_the_page() {
    let Some(browser) = Browser::new() else { return };
    let shown = Shown::new();
    let evil = "</script><img src=x onerror=\"document.title='taken'\"><b id=taken>";
    let mut machine = shown.machine(1);
    machine.vendor = format!("PXEClient{evil}");
    machine.leg(Kind::Pxe, evil);
    machine.loads(Protocol::Tftp, evil, 1000, 1);
    machine.says(evil);
    machine.fails(Protocol::Http, evil, 0, Failure::ClientError { code: 0, text: evil.to_owned() });
    let other = shown.machine(2);
    other.hears(
        MessageType::Discover,
        Kind::Pxe,
        Some(Ignore::Loop { file: evil.to_owned(), times: 3, other: None }),
    );
    let document = browser.document(&shown.url("/"));
    assert!(document.contains("&lt;img src=x onerror="), "it is shown\n{document}");
    assert!(!document.contains("<img src=\"x\""), "{document}");
    assert!(!document.contains("<b id=\"taken\""), "{document}");
    assert!(!document.contains("<title>taken"), "{document}");
}

/// How often a text occurs.
fn count(document: &str, text: &str) -> usize {
    document.matches(text).count()
}

/// The number in an attribute of the list of machines.
fn measured(document: &str, name: &str) -> u32 {
    let (_, rest) = document.split_once(&format!("data-{name}=\"")).expect(name);
    rest.split('"').next().unwrap().parse().unwrap()
}

/// Machines of which each is at another point of its boot.
fn crowd(shown: &Shown, machines: u16) {
    for number in 1..=machines {
        let mut machine = shown.machine(number);
        machine.host_name = Some(format!("pc{number}"));
        machine.table = (number % 10 == 0).then(|| "lab".to_owned());
        machine.leg(Kind::Pxe, "snponly.efi");
        machine.loads(Protocol::Tftp, "snponly.efi", 250_000, 30);
        machine.leg(Kind::Ipxe { http: true }, "http://192.168.0.10/boot.ipxe");
        machine.loads(Protocol::Http, "/boot.ipxe", 500, 1);
        match number % 4 {
            0 => machine.loads(Protocol::Http, "/chosen/san/win7", 6, 1),
            1 => machine.fails(Protocol::Http, "/wimboot", 0, Failure::NotFound),
            2 => machine.loads(Protocol::Http, "/images/boot.wim", 300_000_000, 3000),
            _ => {}
        }
    }
}

#[test]
fn a_hundred_machines_are_on_one_screen_and_five_hundred_are_fast() {
    let Some(browser) = Browser::new() else { return };
    for (machines, height) in [(100, 1080), (500, u32::MAX)] {
        let shown = Shown::new();
        crowd(&shown, machines);
        let url = shown.url("/");
        let output = browser.open(&["--window-size=1920,1080", "--dump-dom", &url]);
        let document = String::from_utf8(output.stdout).unwrap();
        assert_eq!(count(&document, "data-client=\""), usize::from(machines));
        assert!(document.contains(&format!(">all {machines}<")));
        let (tall, first) = (measured(&document, "height"), measured(&document, "first"));
        eprintln!("{machines} machines: {tall} pixels, made in {first} ms");
        assert!(tall + 200 < height, "{tall} pixels");
        // The page of a browser without a graphics card, on a busy machine: this is the whole page at once.
        assert!(first < 2000, "{first} ms");
    }
}

#[test]
fn machines_are_found_by_what_people_know_of_them_and_sorted() {
    let Some(browser) = Browser::new() else { return };
    let shown = Shown::new();
    crowd(&shown, 40);
    for (query, expected) in [
        ("?search=52-54-00-00-00-07", 1),
        ("?search=5254.0000.0007", 1),
        ("?search=pc12", 1),
        ("?search=lab", 4),
        ("?search=192.168.0.9", 1),
        ("?search=win7", 10),
        ("?search=lab%20pc10", 1),
        ("?search=nothing", 0),
        ("?show=handed-over", 20),
        ("?show=handed-over&search=iscsi%20lab", 2),
        ("", 40),
    ] {
        let document = browser.document(&shown.url(&format!("/{query}")));
        assert_eq!(count(&document, "data-client=\""), expected, "{query}");
    }
    let order = |query: &str| -> Vec<String> {
        let document = browser.document(&shown.url(&format!("/{query}")));
        let clients = document.split("data-client=\"").skip(1);
        clients.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let last = |names: &[String]| names.iter().map(|it| it[15..].to_owned()).collect::<Vec<_>>();
    assert_eq!(last(&order("?sort=address"))[..3], ["01", "02", "03"]);
    assert_eq!(last(&order("?sort=last"))[..2], ["28", "27"]);
    // Those of the table come first by name, and pc2 before pc11.
    let names = last(&order("?sort=name"));
    assert_eq!(names[..5], ["0a", "14", "1e", "28", "01"], "{names:?}");
}

#[test]
fn a_machine_shows_its_names_what_it_chose_and_how_fast_it_loads() {
    let Some(browser) = Browser::new() else { return };
    let shown = Shown::new();
    let mut machine = shown.machine(1);
    (machine.host_name, machine.table) = (Some("pc1".to_owned()), Some("lab".to_owned()));
    machine.leg(Kind::Ipxe { http: true }, "http://192.168.0.10/boot.ipxe");
    machine.loads(Protocol::Http, "/boot.ipxe", 500, 1);
    machine.loads(Protocol::Http, "/chosen/wim/winpe", 6, 1);
    machine.begins(Protocol::Http, "/images/boot.wim", 0, 400_000_000);
    std::thread::sleep(std::time::Duration::from_millis(700));
    machine.progresses(Protocol::Http, "/images/boot.wim", 100_000_000, 400_000_000);
    let document = browser.document(&shown.url("/?view=cards#52:54:00:00:00:01"));
    for wanted in
        ["lab · pc1", "chose winpe", "100 MB of 400 MB at ", " s left", "max=\"400000000\""]
    {
        assert!(document.contains(wanted), "{wanted}\n{document}");
    }
}

#[test]
fn an_empty_page_says_what_to_check() {
    let Some(browser) = Browser::new() else { return };
    let shown = Shown::new();
    let document = browser.document(&shown.url("/"));
    assert!(document.contains("<section id=\"empty\">"), "{document}");
    assert!(document.contains("PortFast"), "{document}");
}

/// A page that refers to another host would not work offline, and would violate its policy.
#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let shown = Shown::new();
    for path in ["/", "/page.css", "/page.js", "/icon.svg"] {
        let Some(file) = shown.get(path, &[]) else { return };
        let known = file.replace("http://www.w3.org/2000/svg", "");
        assert!(!known.contains("http://") && !known.contains("https://"), "{path}");
        assert!(!file.contains(".innerHTML") && !file.contains("style=\""), "{path}");
    }
}

/// Light, dark, and as wide as a phone. The pictures are for people: `WINPE_SCREENSHOTS` is the
/// folder for them. The test checks that they are not empty.
#[test]
fn the_page_is_rendered() {
    let Some(browser) = Browser::new() else { return };
    let shown = Shown::new();
    lab(&shown);
    let folder = std::env::var_os("WINPE_SCREENSHOTS").map(PathBuf::from);
    let kept = folder.as_deref().unwrap_or(browser.profile.path());
    let url = shown.url("/");
    // One is a boot with all its steps.
    for (name, size, scheme, at) in [
        ("light", "1100,1500", "1", "?view=cards"),
        ("dark", "1100,1500", "0", "?view=cards"),
        ("phone", "400,1800", "1", "?view=cards"),
        ("steps", "1100,3200", "1", "?view=cards#52:54:00:00:00:01"),
        ("compact", "1100,700", "1", ""),
    ] {
        let url = format!("{url}{at}");
        let picture = kept.join(format!("{name}.png"));
        let screenshot = format!("--screenshot={}", picture.display());
        let size = format!("--window-size={size}");
        let scheme = format!("--blink-settings=preferredColorScheme={scheme}");
        // The picture is taken when the page is loaded, sometimes before the first event has
        // arrived.
        let taken = (0..5).any(|_| {
            let output = browser.open(&["--timeout=8000", &screenshot, &size, &scheme, &url]);
            assert!(output.status.success(), "{output:?}");
            is_picture(&picture, if name == "compact" { 30_000 } else { 60_000 })
        });
        assert!(taken, "{name} is empty");
    }
}

/// Whether there is a picture with more content than the frame of an empty page.
fn is_picture(path: &Path, least: usize) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes.starts_with(b"\x89PNG") && bytes.len() > least
}

#[test]
fn the_terminal_shows_the_same() {
    let shown = Shown::new();
    lab(&shown);
    let program = winpe_tests::winpe_iscsi();
    let url = format!("http://{}", shown.address);
    let boots = text(program, &["boots", "--url", &url]);
    for wanted in [
        "stopped     52:54:00:00:00:03  192.168.0.3  UEFI x64",
        "DISCOVER > OFFER > other server",
        "      try:  Leave addresses to 10.0.0.1",
        "up          52:54:00:00:00:01",
        "boot.wim 41 %",
    ] {
        assert!(boots.contains(wanted), "{wanted}\n{boots}");
    }
    let steps = text(program, &["boots", "--url", &url, "--steps", "52:54:00:00:00:01"]);
    assert!(
        steps.contains("HTTP images/boot.wim: sent, 364000000 bytes in 3.10 s, 117.4 MB/s"),
        "{steps}"
    );
    assert!(!steps.contains("52:54:00:00:00:02"), "{steps}");
    let json = text(program, &["boots", "--url", &url, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], 1);
    assert!(json["boots"].as_array().unwrap().len() >= 8);
}
