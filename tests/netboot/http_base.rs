//! Another web server that holds the files: clients are led to exactly the exported files.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use winpe_netboot::config::Config;
use winpe_netboot::logic::Time;
use winpe_netboot::logic::dhcp::{Arrival, Effect, Link, Port, Role, Server};
use winpe_netboot::wire::dhcp::{Message, code};
use winpe_tests::{run, tool, winpe_iscsi};

use crate::check::{WHOLE, sha256, wim};

/// The address of our own server.
const OURS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

/// Python's own web server on a folder; it has no boot support, and its paths are case-sensitive.
struct Other {
    child: Child,
    base: String,
}

impl Other {
    fn new(folder: &Path) -> Option<Self> {
        let python = tool("python3", "python3")?;
        // A free port; another process is unlikely to take it in the meantime.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python);
        command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]);
        command.arg("--directory").arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let other =
            Self { child: command.spawn().unwrap(), base: format!("http://127.0.0.1:{port}/") };
        let end = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "the other server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(other)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The boot file and option 210 that a client gets.
fn told(config: &Config, class: &str, user_class: &[u8]) -> (String, String) {
    let link = Link { address: OURS, network: "127.0.0.0/8".parse().unwrap(), others: vec![] };
    let mut server = Server::new(Arc::new(config.clone()), link, Role::Proxy);
    let mut discover = Message::request(1, [0x52, 0x54, 0, 0, 0, 4]);
    discover.options.set(code::MESSAGE_TYPE, [1]);
    discover.options.set(code::VENDOR_CLASS, class.as_bytes());
    if !user_class.is_empty() {
        discover.options.set(code::USER_CLASS, user_class);
        // The list of its capabilities; 19 is HTTP.
        discover.options.set(175, [0x13, 1, 1]);
    }
    let arrival = Arrival { from: "127.0.0.9:68".parse().unwrap(), port: Port::Server };
    let decided = server.receive(&discover.encode(576).unwrap(), arrival, Time::from_secs(0));
    let offer = decided.effects.iter().find_map(|effect| match effect {
        Effect::Send { bytes, .. } => Some(Message::parse(bytes).unwrap()),
        _ => None,
    });
    let offer = offer.expect("an offer");
    let text = |code| String::from_utf8(offer.options.get(code).unwrap().to_vec()).unwrap();
    (text(67), text(210))
}

/// The content of a URL on the other server.
#[track_caller]
fn fetch(curl: &Path, url: &str) -> Vec<u8> {
    let output = run(curl, ["-sS", "--fail", "--max-time", "10", url]);
    assert!(output.status.success(), "{url}: {output:?}");
    output.stdout
}

/// The URLs with this prefix in a script or menu.
fn urls(text: &[u8], base: &str) -> Vec<String> {
    let text = std::str::from_utf8(text).unwrap();
    let words = text.split_whitespace().filter(|word| word.starts_with(base));
    words.map(str::to_owned).collect()
}

struct Lab {
    folder: tempfile::TempDir,
    other: Other,
    curl: PathBuf,
}

impl Lab {
    /// A configuration, with everything that belongs on the other server.
    fn new() -> Option<Self> {
        let curl = tool("curl", "curl")?;
        let folder = tempfile::tempdir().unwrap();
        for name in ["srv", "www"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        // Without a BCD, which is then generated.
        let parts: Vec<_> = WHOLE.iter().copied().filter(|it| !it.ends_with("BCD")).collect();
        wim(&folder.path().join("winpe.wim"), &parts);
        std::fs::write(folder.path().join("cd.iso"), vec![7; 100_000]).unwrap();
        for name in ["wimboot", "memdisk", "undionly.kpxe", "snponly.efi", "pxelinux.0"] {
            std::fs::write(folder.path().join("srv").join(name), name).unwrap();
        }
        let other = Other::new(&folder.path().join("www"))?;
        Some(Self { folder, other, curl })
    }

    fn export(&self, serve: &str) -> Config {
        let (folder, base) = (self.folder.path(), &self.other.base);
        let text = format!(
            "[serve]\ninterface = 'lo'\nfolders = ['srv']\nhttp-base = '{base}'\n{serve}\n\
             [[entry]]\nname = 'pe'\nwim = 'winpe.wim'\n[[entry]]\nname = 'CD'\niso = 'cd.iso'\n"
        );
        let file = folder.join("winpe-iscsi.toml");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(winpe_iscsi());
        command.args(["serve", "--config", "winpe-iscsi.toml", "--export-files", "www"]);
        let output = command.current_dir(folder).output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.ends_with(&format!(" files for {base} are in www\n")), "{told}");
        std::fs::read_to_string(file).unwrap().parse().unwrap()
    }
}

#[test]
fn all_that_clients_load_by_http_can_be_on_another_web_server() {
    let Some(lab) = Lab::new() else { return };
    let config = lab.export("http-base-holds = ['images', 'programs', 'scripts']\nchain = 'dell'");
    let base = &lab.other.base;

    // iPXE: its script, and everything that it refers to, letter by letter.
    let (script, prefix) = told(&config, "PXEClient:Arch:00000:UNDI:002001", b"iPXE");
    assert_eq!((script.as_str(), prefix.as_str()), (&*format!("{base}boot.ipxe"), &**base));
    let script = fetch(&lab.curl, &script);
    let named = urls(&script, base);
    for file in ["wimboot", "memdisk", "images/pe.wim", "images/pe/BCD", "images/CD.iso"] {
        assert!(named.contains(&format!("{base}{file}")), "{file}: {named:#?}");
    }
    let ours = |line: &&str| line.contains("http://127.0.0.1/");
    let text = String::from_utf8_lossy(&script);
    let ours: Vec<_> = text.lines().filter(ours).collect();
    // Reports of what was chosen come here, wherever the script is.
    let reports =
        ours.iter().all(|line| line.starts_with("imgfetch ") && line.contains("/chosen/"));
    assert!(reports && !ours.is_empty(), "{ours:#?}");
    for url in named {
        fetch(&lab.curl, &url);
    }
    assert_eq!(fetch(&lab.curl, &format!("{base}images/CD.iso")), vec![7; 100_000]);
    // PXELINUX over iPXE: itself and its menu below the prefix.
    fetch(&lab.curl, &format!("{prefix}pxelinux.0"));
    let menu = fetch(&lab.curl, &format!("{prefix}pxelinux.cfg/boot"));
    for url in urls(&menu, base) {
        fetch(&lab.curl, &url);
    }
    // Firmware that supports HTTP.
    let (file, _) = told(&config, "HTTPClient:Arch:00016:UNDI:003000", b"");
    assert_eq!(fetch(&lab.curl, &file), b"snponly.efi");
    // ROMs support only TFTP, which is ours.
    assert_eq!(told(&config, "PXEClient:Arch:00000", b"").0, "pxelinux.0");

    // The checksum list shows users of an object store that everything was uploaded.
    let www = lab.folder.path().join("www");
    let output = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(&www)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let sums = std::fs::read_to_string(www.join("SHA256SUMS")).unwrap();
    let image = sha256(&std::fs::read(lab.folder.path().join("winpe.wim")).unwrap());
    assert!(sums.contains(&format!("{image}  images/pe.wim\n")), "{sums}");
    assert!(!sums.contains("sources/boot.wim"), "what goes by TFTP alone is not copied: {sums}");
}

#[test]
fn images_alone_can_be_on_another_web_server_and_scripts_stay_here() {
    let Some(lab) = Lab::new() else { return };
    let config = lab.export("http-base-holds = ['images']");
    let base = &lab.other.base;
    let (script, prefix) = told(&config, "PXEClient:Arch:00007:UNDI:003000", b"iPXE");
    assert_eq!(
        (script.as_str(), prefix.as_str()),
        ("http://127.0.0.1/boot.ipxe", "http://127.0.0.1/")
    );
    let made = std::fs::read(lab.folder.path().join("www/boot.ipxe")).unwrap();
    let there = urls(&made, base);
    assert!(there.iter().all(|url| url.contains("/images/")), "{there:#?}");
    assert!(there.contains(&format!("{base}images/pe/BCD")), "{there:#?}");
    for url in there {
        fetch(&lab.curl, &url);
    }
    assert!(!urls(&made, "http://127.0.0.1/wimboot").is_empty());
}

#[test]
fn without_a_base_nothing_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(winpe_iscsi());
    command.args(["serve", "--iface", "lo", "--export-files", "www"]).current_dir(&folder);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("hint: http-base = \"http://files.example.org/boot/\" in [serve]"),
        "{told}"
    );
    assert!(!folder.path().join("www").exists());
}

/// The folder of a web server may belong to another user, who can create links there.
#[test]
fn links_in_the_folder_of_an_export_are_not_followed() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    std::fs::write(at("cd.iso"), [7; 1000]).unwrap();
    let text = "[serve]\ninterface = 'lo'\nhttp-base = 'http://files.example.org/'\n\
                [[entry]]\nname = 'CD'\niso = 'cd.iso'\n";
    std::fs::write(at("winpe-iscsi.toml"), text).unwrap();
    let export = || {
        let mut command = Command::new(winpe_iscsi());
        command.args(["serve", "--config", "winpe-iscsi.toml", "--export-files", "www"]);
        command.current_dir(&folder).output().unwrap()
    };
    std::fs::create_dir_all(at("victim")).unwrap();
    std::fs::write(at("victim/file"), "old").unwrap();
    std::fs::create_dir(at("www")).unwrap();
    symlink("../victim", at("www/images")).unwrap();
    let output = export();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("www/images is a link: expected a folder\nhint: "), "{told}");
    // A link at the path of a file is replaced.
    std::fs::remove_file(at("www/images")).unwrap();
    std::fs::create_dir(at("www/images")).unwrap();
    for name in ["www/images/CD.iso", "www/SHA256SUMS"] {
        symlink(at("victim/file"), at(name)).unwrap();
    }
    let output = export();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    assert_eq!(std::fs::read(at("www/images/CD.iso")).unwrap(), [7; 1000]);
    assert!(!at("www/SHA256SUMS").is_symlink());
    assert_eq!(std::fs::read(at("victim/file")).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(at("victim")).unwrap().count(), 1);
}
