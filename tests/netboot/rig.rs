//! A network of our own with a machine on it: a namespace with a bridge, and QEMU with a tap.
//!
//! ```text
//!   namespace ─────────────────────────────┐       namespace ───────────┐
//!   │ the server: 192.168.0.10 on br0      │       │ another server:    │
//!   │            br0 ── tap0 ── QEMU       │       │ 192.168.0.1        │
//!   │             └──── veth ──────────────┼───────┼── veth             │
//!   └──────────────────────────────────────┘       └────────────────────┘
//! ```
//!
//! Nothing outside is changed, and dropping the rig removes all of it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use winpe_tests::{skip, tool};

/// The address of the server under test.
pub(crate) const SERVER: &str = "192.168.0.10";

/// One machine boots at a time: two under emulation would disturb each other's times.
static TURN: Mutex<()> = Mutex::new(());
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The namespace with the bridge.
pub(crate) struct Rig {
    ip: PathBuf,
    pub(crate) namespace: String,
    other: Option<String>,
    pub(crate) folder: tempfile::TempDir,
    /// Counts the rigs of this process.
    pub(crate) number: u32,
    _turn: MutexGuard<'static, ()>,
}

impl Rig {
    /// `None`, with a message, if neither `WINPE_SLOW` nor `CI` is set, or the system does not
    /// allow network namespaces.
    pub(crate) fn new() -> Option<Self> {
        let set = |name| std::env::var_os(name).is_some();
        if !set("WINPE_SLOW") && !set("CI") {
            skip("slow tests run where WINPE_SLOW is set");
            return None;
        }
        let ip = tool("ip", "iproute2")?;
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("winpe-{}-{count}", std::process::id());
        let made = Command::new(&ip).args(["netns", "add", &namespace]).output().unwrap();
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            skip(&format!("no network namespace can be made: {why}"));
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let rig = Self { ip, namespace, other: None, folder, number: count, _turn: turn };
        rig.ip("link set lo up");
        rig.ip("link add br0 type bridge forward_delay 0 stp_state 0");
        rig.ip(&format!("addr add {SERVER}/24 dev br0"));
        rig.ip("link set br0 up");
        rig.ip("tuntap add tap0 mode tap");
        rig.ip("link set tap0 master br0 up");
        Some(rig)
    }

    /// A second namespace on the same bridge, where another server has 192.168.0.1.
    pub(crate) fn neighbour(&mut self) -> String {
        let other = format!("{}-other", self.namespace);
        self.ip_plain(&["netns", "add", &other]);
        self.other = Some(other.clone());
        self.ip("link add veth0 type veth peer name veth1");
        self.ip(&format!("link set veth1 netns {other}"));
        self.ip("link set veth0 master br0 up");
        for words in ["link set lo up", "addr add 192.168.0.1/24 dev veth1", "link set veth1 up"] {
            let words: Vec<_> = ["-n", &other].into_iter().chain(words.split(' ')).collect();
            self.ip_plain(&words);
        }
        other
    }

    /// `ip` in the namespace of the bridge.
    fn ip(&self, words: &str) {
        let words: Vec<_> = ["-n", &self.namespace].into_iter().chain(words.split(' ')).collect();
        self.ip_plain(&words);
    }

    fn ip_plain(&self, words: &[&str]) {
        let output = Command::new(&self.ip).args(words).output().unwrap();
        assert!(output.status.success(), "ip {words:?}: {output:?}");
    }

    /// Starts a program in a namespace; its output is kept.
    pub(crate) fn start(&self, namespace: &str, program: &Path, words: &[&str]) -> Running {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", namespace]).arg(program).args(words);
        Running::start(command.current_dir(self.folder.path()))
    }

    /// Runs a program in the namespace of the bridge to its end.
    pub(crate) fn run(&self, program: &Path, words: &[&str]) -> std::process::Output {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", &self.namespace]).arg(program).args(words);
        command.current_dir(self.folder.path()).output().unwrap()
    }

    /// Writes a file into the rig's folder and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for namespace in [Some(&self.namespace), self.other.as_ref()].into_iter().flatten() {
            let _ = Command::new(&self.ip).args(["netns", "del", namespace]).status();
        }
    }
}

/// A program that runs until it is dropped, and its output.
pub(crate) struct Running {
    child: Child,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    started: Instant,
}

#[derive(Default)]
struct Screen {
    raw: Vec<u8>,
    /// The same without escape sequences for cursor and colours.
    text: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        // Both ends of the pipe that the command holds are closed with it.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        assert!(child.try_wait().unwrap().is_none_or(|status| status.success()), "{command:?}");
        let screen = Arc::new((Mutex::default(), Condvar::new()));
        let filled = Arc::clone(&screen);
        std::thread::spawn(move || fill(reader, &filled));
        Self { child, screen, started: Instant::now() }
    }

    /// Waits until the program has printed `text` and returns the time since its start.
    ///
    /// # Panics
    /// With the output of this and `beside`, if that does not happen in time.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str, patience: Duration, beside: &Self) -> Duration {
        let (screen, changed) = &*self.screen;
        let screen = screen.lock().unwrap();
        let missing = |screen: &mut Screen| !screen.text.contains(text);
        let (screen, result) = changed.wait_timeout_while(screen, patience, missing).unwrap();
        drop(screen);
        assert!(
            !result.timed_out(),
            "no {text:?} after {patience:?} in:\n{}\nbeside:\n{}",
            self.printed(),
            beside.printed(),
        );
        self.age()
    }

    /// How long ago the program was started.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// The output so far.
    pub(crate) fn printed(&self) -> String {
        self.screen.0.lock().unwrap().text.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fill(mut from: impl Read, screen: &(Mutex<Screen>, Condvar)) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mut shown = screen.0.lock().unwrap();
        shown.raw.extend_from_slice(&buffer[..length]);
        shown.text = plain(&shown.raw);
        screen.1.notify_all();
    }
}

/// Text without escape sequences, so that words that a menu draws piece by piece are found.
fn plain(raw: &[u8]) -> String {
    let mut text = String::new();
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            0x1b => {
                // ESC [ parameters letter, or ESC and one character.
                if bytes.next() == Some(b'[') {
                    bytes.by_ref().find(u8::is_ascii_alphabetic);
                }
            }
            b'\r' | 0 => {}
            byte => text.push(char::from(byte)),
        }
    }
    text
}

/// The firmware of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Firmware {
    /// SeaBIOS with the network card's own boot ROM, which is iPXE.
    BiosRom,
    /// SeaBIOS and a PXE ROM that is not known to be iPXE: iPXE under another name.
    BiosPlain,
    /// OVMF, which boots from the network by PXE.
    UefiPxe,
    /// OVMF, which boots from the network by HTTP.
    UefiHttp,
    /// OVMF with Microsoft's keys, which boots signed programs from the network by PXE.
    UefiSecure,
    /// The same with the distribution's key for tests in place of Microsoft's; see [`Rig::signed`].
    UefiOwnKey,
}

/// The test key of the distribution's OVMF, its certificate, and its passphrase.
const KEY: &str = "/usr/share/ovmf/PkKek-1-snakeoil.key";
const CERTIFICATE: &str = "/usr/share/ovmf/PkKek-1-snakeoil.pem";
const PASSPHRASE: &str = "pass:snakeoil";

impl Rig {
    /// Switches a machine on; `None`, with a message, if its firmware is not installed.
    pub(crate) fn power_on(&self, firmware: Firmware) -> Option<Running> {
        let qemu = tool("qemu-system-x86_64", "qemu-system-x86")?;
        let secure = matches!(firmware, Firmware::UefiSecure | Firmware::UefiOwnKey);
        // Secure Boot stores its variables where only the system management mode of a newer board
        // can write.
        let machine = if secure { "q35,smm=on," } else { "pc," };
        let mut words = vec![
            "-machine".to_owned(),
            format!("{machine}graphics=off,accel=tcg"),
            "-m".to_owned(),
            "512".to_owned(),
            "-display".to_owned(),
            "none".to_owned(),
            "-monitor".to_owned(),
            "none".to_owned(),
            "-serial".to_owned(),
            "stdio".to_owned(),
            "-nodefaults".to_owned(),
            "-no-reboot".to_owned(),
            "-uuid".to_owned(),
            "564d1234-5678-4abc-8000-000000000001".to_owned(),
            "-netdev".to_owned(),
            "tap,id=n0,ifname=tap0,script=no,downscript=no".to_owned(),
        ];
        let mut add = |words_of: &[&str]| words.extend(words_of.iter().map(|&w| w.to_owned()));
        let bios = matches!(firmware, Firmware::BiosRom | Firmware::BiosPlain);
        let card = if bios { "e1000" } else { "virtio-net-pci" };
        let rom = if firmware == Firmware::BiosRom { "" } else { ",romfile=" };
        let device = format!("{card},netdev=n0,mac=52:54:00:00:00:01{rom}");
        add(&["-device", &device]);
        match firmware {
            Firmware::BiosRom => {
                installed("/usr/lib/ipxe/qemu/pxe-e1000.rom", "ipxe-qemu")?;
                add(&["-boot", "n"]);
            }
            Firmware::BiosPlain => {
                let loader = installed("/usr/lib/ipxe/ipxe.lkrn", "ipxe")?;
                // Cleared again, since iPXE passes its settings to the next stage as if a server
                // had sent them.
                let script = "#!ipxe\nset user-class PlainROM\ndhcp\nclear user-class\n\
                              isset ${proxydhcp/filename} && set from proxydhcp || set from net0\n\
                              chain tftp://${${from}/next-server}/${${from}/filename}\n";
                let script = self.file("plain.ipxe", script);
                add(&["-kernel", loader, "-initrd", &script]);
            }
            Firmware::UefiPxe
            | Firmware::UefiHttp
            | Firmware::UefiSecure
            | Firmware::UefiOwnKey => {
                // OVMF tries each boot option for minutes; this leaves only one.
                let off = |protocol| format!("name=opt/org.tianocore/{protocol}Support,string=n");
                add(&["-fw_cfg", &off("IPv6PXE")]);
                if firmware == Firmware::UefiHttp {
                    add(&["-fw_cfg", &off("IPv4PXE")]);
                }
                if secure {
                    add(&["-global", "driver=cfi.pflash01,property=secure,value=on"]);
                }
                let kind = match firmware {
                    Firmware::UefiSecure => ".ms",
                    Firmware::UefiOwnKey => ".snakeoil",
                    _ => "",
                };
                let code = format!("/usr/share/OVMF/OVMF_CODE_4M{kind}.fd");
                let variables = format!("/usr/share/OVMF/OVMF_VARS_4M{kind}.fd");
                let code = installed(&code, "ovmf")?;
                let variables = self.file("vars.fd", std::fs::read(variables).unwrap());
                let code = format!("if=pflash,format=raw,readonly=on,file={code}");
                let variables = format!("if=pflash,format=raw,file={variables}");
                add(&["-drive", &code, "-drive", &variables]);
            }
        }
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        Some(self.start(&self.namespace, &qemu, &words))
    }
}

impl Rig {
    /// A program signed with the key that [`Firmware::UefiOwnKey`] trusts; `None`, with a message,
    /// if the signing tool is not installed.
    pub(crate) fn signed(&self, program: &str) -> Option<Vec<u8>> {
        let sbsign = tool("sbsign", "sbsigntool")?;
        let openssl = tool("openssl", "openssl")?;
        let (key, certificate) = (installed(KEY, "ovmf")?, installed(CERTIFICATE, "ovmf")?);
        let (open, signed) = (self.file("key.pem", ""), self.file("signed.efi", ""));
        let run = |program: &Path, words: &[&str]| {
            let output = Command::new(program).args(words).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        };
        run(&openssl, &["pkey", "-in", key, "-passin", PASSPHRASE, "-out", &open]);
        run(&sbsign, &["--key", &open, "--cert", certificate, "--output", &signed, program]);
        Some(std::fs::read(signed).unwrap())
    }
}

pub(crate) fn installed<'a>(path: &'a str, package: &str) -> Option<&'a str> {
    if Path::new(path).exists() {
        return Some(path);
    }
    skip(&format!("{path} is not installed (Debian package {package})"));
    None
}
