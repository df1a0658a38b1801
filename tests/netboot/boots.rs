//! Machines that boot from `winpe-iscsi serve`.
//!
//! Each test reads the machine's serial console and the server's log, and prints the time of each
//! stage.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use winpe_tests::{supplied, tool, winpe_iscsi};

use crate::rig::{Firmware, Rig, Running, SERVER, installed};
use crate::{target, windows};

/// Limit for one stage, under emulation on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// The title of the menus that the server generates.
pub(crate) const MENU: &str = "Network boot";

/// The prompt of PXELINUX when it has nothing to boot.
const PROMPT: &str = "boot:";

/// A server and a machine that boots from it.
pub(crate) struct Boot {
    name: &'static str,
    pub(crate) machine: Running,
    pub(crate) server: Running,
    stages: Vec<(String, Duration)>,
    _others: Vec<Running>,
    // Dropped last: its processes end before.
    rig: Rig,
}

impl Boot {
    /// Starts the server with a configuration, and then the machine.
    pub(crate) fn start(
        name: &'static str,
        rig: Rig,
        firmware: Firmware,
        config: &str,
        others: Vec<Running>,
    ) -> Option<Self> {
        let config = rig.file("winpe-iscsi.toml", config);
        let folder = rig.file("srv/README", "files that tests add");
        let folder = folder.trim_end_matches("/README");
        let words = ["serve", "--iface", "br0", "--config", &config, "--folder", folder];
        let server = rig.start(&rig.namespace, winpe_iscsi(), &words);
        server.wait_for("boot files", PATIENCE, &server);
        let machine = rig.power_on(firmware)?;
        Some(Self { name, machine, server, stages: Vec::new(), _others: others, rig })
    }

    /// Waits for a line on the console.
    #[track_caller]
    pub(crate) fn console(&mut self, text: &str) {
        let at = self.machine.wait_for(text, PATIENCE, &self.server);
        self.stages.push((text.to_owned(), at));
    }

    /// Waits for a line of the server's log; the time counts from the start of the machine.
    #[track_caller]
    pub(crate) fn log(&mut self, text: &str) {
        self.server.wait_for(text, PATIENCE, &self.machine);
        self.stages.push((text.to_owned(), self.machine.age()));
    }

    /// The names that the machine requested by TFTP or HTTP, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = self.server.printed();
        let names = log.lines().filter_map(|line| line.split_once(" filename "));
        names.map(|(_, name)| name.trim_start_matches('/').to_owned()).collect()
    }
}

impl Boot {
    /// Waits until the page shows the newest boot with this signature, and returns the boot.
    #[track_caller]
    pub(crate) fn shown(&self, signature: &str) -> serde_json::Value {
        let mut last = serde_json::Value::Null;
        for _ in 0..100 {
            let boots = self.rig.run(winpe_iscsi(), &["boots", "--json"]);
            let boots: serde_json::Value = serde_json::from_slice(&boots.stdout).unwrap();
            last = boots["boots"][0].clone();
            if last["verdict"]["signature"] == signature {
                return last;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("no {signature:?} in {last:#}\n{}", self.server.printed());
    }
}

impl Drop for Boot {
    fn drop(&mut self) {
        // The test runner captures output of the print macros.
        let mut out = std::io::stderr().lock();
        for (stage, at) in &self.stages {
            let _ = writeln!(out, "{}: {:6.2} s  {stage}", self.name, at.as_secs_f64());
        }
    }
}

pub(crate) fn config(rig: &Rig, serve: &str, rest: &str) -> String {
    let state = rig.folder.path().join("leases");
    format!("[serve]\nmode = \"dhcp\"\nstate = {:?}\n{serve}\n{rest}", state.to_str().unwrap())
}

const ABSENT: &str = "[[entry]]\nname = \"absent\"\npxe = \"absent.0\"\n";
pub(crate) const LOCAL: &str =
    "[[entry]]\nname = \"local\"\ntitle = \"The disk within\"\nlocal = true\n";

#[test]
fn bios_rom_to_the_menu() {
    let Some(rig) = Rig::new() else { return };
    let config = config(&rig, "", LOCAL);
    let boot = Boot::start("bios-rom", rig, Firmware::BiosRom, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("filename /boot.ipxe");
    boot.console(MENU);
    boot.console("The disk within");
    // Nothing else on this link answers a router solicitation.
    let log = boot.server.printed();
    assert!(log.contains("answered that there is no router"), "{log}");
}

#[test]
fn plain_rom_to_undionly_to_the_menu() {
    let Some(rig) = Rig::new() else { return };
    let config = config(&rig, "", LOCAL);
    let boot = Boot::start("bios-plain", rig, Firmware::BiosPlain, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("filename undionly.kpxe");
    boot.log("filename /boot.ipxe");
    boot.console(MENU);
    assert_eq!(boot.requests(), ["undionly.kpxe", "boot.ipxe"]);
}

#[test]
fn uefi_by_pxe_to_the_menu() {
    let Some(rig) = Rig::new() else { return };
    let config = config(&rig, "", LOCAL);
    let boot = Boot::start("uefi-pxe", rig, Firmware::UefiPxe, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("client asked for the size only");
    boot.log("TFTP sent snponly.efi");
    boot.log("filename /boot.ipxe");
    boot.console(MENU);
}

#[test]
fn uefi_by_http_to_the_menu() {
    let Some(rig) = Rig::new() else { return };
    let config = config(&rig, "", LOCAL);
    let boot = Boot::start("uefi-http", rig, Firmware::UefiHttp, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("HTTP sent /snponly.efi");
    boot.log("filename /boot.ipxe");
    boot.console(MENU);
    assert!(!boot.server.printed().contains("RRQ"), "no TFTP at all");
}

/// The shim and the GRUB that the distribution signed; `None`, with a message, without them.
fn signed() -> Option<()> {
    installed("/usr/lib/shim/shimx64.efi.signed", "shim-signed")?;
    let grub = "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed";
    installed(grub, "grub-efi-amd64-signed").map(|_| ())
}

#[test]
fn secure_boot_by_shim_and_grub_to_the_menu() {
    let (Some(()), Some(rig)) = (signed(), Rig::new()) else { return };
    let config = config(&rig, "secure-boot = \"grub\"", LOCAL);
    let boot = Boot::start("secure-grub", rig, Firmware::UefiSecure, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("TFTP sent shimx64.efi");
    boot.log("TFTP sent grubx64.efi");
    boot.log("filename /grub/grub.cfg");
    boot.console("The disk within");
}

#[test]
fn secure_boot_refuses_unsigned_programs() {
    let Some(rig) = Rig::new() else { return };
    let config = config(&rig, "", LOCAL);
    let boot = Boot::start("secure-refused", rig, Firmware::UefiSecure, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("TFTP sent snponly.efi");
    boot.console("Access Denied");
    assert!(!boot.server.printed().contains("boot.ipxe"), "iPXE did not run");
}

#[test]
fn secure_boot_by_a_signed_ipxe_to_the_menu() {
    let Some(rig) = Rig::new() else { return };
    let Some(ipxe) = installed("/usr/lib/ipxe/snponly.efi", "ipxe") else { return };
    // No distribution has iPXE's own shim. Here iPXE itself takes its place, signed with a key that
    // this firmware trusts: firmware distinguishes the two only by the signature.
    let Some(signed) = rig.signed(ipxe) else { return };
    rig.file("srv/snponly-shim.efi", signed);
    let config = config(&rig, "secure-boot = \"ipxe\"", LOCAL);
    let boot = Boot::start("secure-ipxe", rig, Firmware::UefiOwnKey, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("TFTP sent snponly-shim.efi");
    boot.log("filename /boot.ipxe");
    boot.console(MENU);
    assert!(!boot.machine.printed().contains("Access Denied"), "{}", boot.machine.printed());
}

#[test]
fn secure_boot_with_an_own_key_refuses_other_signatures() {
    let Some(rig) = Rig::new() else { return };
    let Some(ipxe) = installed("/usr/lib/ipxe/snponly.efi", "ipxe") else { return };
    rig.file("srv/snponly-shim.efi", std::fs::read(ipxe).unwrap());
    let config = config(&rig, "secure-boot = \"ipxe\"", LOCAL);
    let boot = Boot::start("secure-ipxe-unsigned", rig, Firmware::UefiOwnKey, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("TFTP sent snponly-shim.efi");
    boot.console("Access Denied");
    assert!(!boot.server.printed().contains("boot.ipxe"), "iPXE did not run");
}

#[test]
fn ipxe_goes_on_at_another_web_server() {
    let Some(mut rig) = Rig::new() else { return };
    let Some(python) = tool("python3", "python3") else { return };
    let base = "http://192.168.0.1:8000/";
    let holds = format!("http-base = \"{base}\"\nhttp-base-holds = [\"scripts\", \"programs\"]");
    let config = config(&rig, &holds, LOCAL);
    let file = rig.file("export.toml", &config);
    let www = rig.folder.path().join("www");
    let www = www.to_str().unwrap();
    let words = ["serve", "--iface", "br0", "--config", &file, "--export-files", www];
    let exported = rig.start(&rig.namespace, winpe_iscsi(), &words);
    exported.wait_for(&format!("files for {base} are in"), PATIENCE, &exported);
    let other = rig.neighbour();
    let words = ["-u", "-m", "http.server", "8000", "--directory", www];
    let web = rig.start(&other, &python, &words);
    web.wait_for("Serving HTTP", PATIENCE, &web);
    let boot = Boot::start("http-base", rig, Firmware::BiosRom, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.console(MENU);
    boot.console("The disk within");
    web.wait_for("\"GET /boot.ipxe HTTP/1.1\" 200", PATIENCE, &boot.machine);
    assert!(!boot.server.printed().contains("filename /boot.ipxe"), "{}", boot.server.printed());
}

#[test]
fn grub_starts_ipxe_for_entries_that_it_cannot_boot() {
    let (Some(()), Some(rig)) = (signed(), Rig::new()) else { return };
    let entry = "[[entry]]\nname = \"san\"\nsan = \"iscsi:192.168.0.20::::iqn.a:b\"\n";
    let config = config(&rig, "secure-boot = \"grub\"\ntimeout = 1", entry);
    let boot = Boot::start("grub-ipxe", rig, Firmware::UefiPxe, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("filename /grub/grub.cfg");
    boot.log("TFTP sent /ipxe.efi");
    // The test ends here: GRUB keeps the network card for itself when it starts another program.
    boot.console("iPXE initialising devices");
}

#[test]
fn pxelinux_searches_down_to_default() {
    let Some(rig) = Rig::new() else { return };
    rig.file(
        "srv/pxelinux.cfg/default",
        "SAY REACHED default\nDEFAULT none\nLABEL none\n LOCALBOOT -1\n",
    );
    let serve = "chain = \"pxelinux\"\n[serve.pxelinux]\nconfig-file = \"\"\n";
    let config = config(&rig, serve, LOCAL);
    let boot = Boot::start("pxelinux-search", rig, Firmware::BiosPlain, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.console("PXELINUX 6.04");
    boot.console("REACHED default");
    boot.log("pxelinux.cfg/default\n");
    let asked = boot.requests();
    let asked: Vec<_> =
        asked.iter().filter_map(|name| name.strip_prefix("pxelinux.cfg/")).collect();
    // The UUID in the byte order of the packet, the MAC, and the address shortened digit by digit.
    assert_eq!(asked[..2], ["34124d56-7856-bc4a-8000-000000000001", "01-52-54-00-00-00-01"]);
    let address = asked[2];
    assert!(address.starts_with("C0A800") && address.len() == 8, "{asked:?}");
    let shortened: Vec<_> = (1..=8).rev().map(|length| &address[..length]).collect();
    assert_eq!(asked[2..10], shortened);
    assert_eq!(asked[10..], ["default"]);
}

#[test]
fn the_dell_chain_to_its_menu() {
    let Some(rig) = Rig::new() else { return };
    let config = config(&rig, "chain = \"dell\"", LOCAL);
    let boot = Boot::start("dell", rig, Firmware::BiosPlain, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("filename pxelinux.0");
    boot.log("filename /ipxe.lkrn");
    boot.log("filename /boot.ipxe");
    boot.log("filename /pxelinux.0");
    boot.log("filename /pxelinux.cfg/boot");
    boot.console(MENU);
    boot.console("The disk within");
}

#[test]
fn memdisk_boots_a_cd_over_http() {
    let Some(rig) = Rig::new() else { return };
    let Some(iso) = target::cd(&rig, "REACHED the CD") else { return };
    let entry = format!("[[entry]]\nname = \"cd\"\niso = {iso:?}\n");
    // PXELINUX on iPXE, which has HTTP.
    let config = config(&rig, "chain = \"dell\"\ntimeout = 1", &entry);
    let boot = Boot::start("memdisk", rig, Firmware::BiosRom, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("filename /pxelinux.0");
    boot.log("filename /images/cd.iso");
    boot.console("REACHED the CD");
}

#[test]
fn ipxe_boots_a_disk_over_iscsi() {
    let Some(rig) = Rig::new() else { return };
    let disk = target::disk(&rig, "REACHED the disk");
    let Some(target) = target::serve_disk(&rig, &disk, &[]) else { return };
    let entry =
        format!("[[entry]]\nname = \"san\"\nsan = \"iscsi:{SERVER}:::1:{}\"\n", target::NAME);
    let config = config(&rig, "timeout = 1", &entry);
    let boot = Boot::start("sanboot", rig, Firmware::BiosRom, &config, vec![target]);
    let Some(mut boot) = boot else { return };
    boot.log("filename /boot.ipxe");
    boot.console("REACHED the disk");
}

/// A disk over iSCSI that boots without a menu, although the menu's default is another entry.
fn without_a_menu(name: &'static str, chain: &str) -> Option<Boot> {
    let rig = Rig::new()?;
    let disk = target::disk(&rig, "REACHED the disk");
    let target = target::serve_disk(&rig, &disk, &[])?;
    let rest = format!(
        "{LOCAL}[[entry]]\nname = \"san\"\nsan = \"iscsi:{SERVER}:::1:{}\"\n\
         [[client]]\nname = \"lab\"\noui = \"52:54:00\"\ndefault = \"san\"\nmenu = false\n",
        target::NAME,
    );
    let config = config(&rig, &format!("chain = {chain:?}\ntimeout = 0"), &rest);
    let mut boot = Boot::start(name, rig, Firmware::BiosRom, &config, vec![target])?;
    boot.log("filename /clients/lab/boot.ipxe");
    boot.console("REACHED the disk");
    assert!(!boot.machine.printed().contains(MENU));
    Some(boot)
}

#[test]
fn without_a_menu_ipxe_boots_immediately() {
    without_a_menu("sanboot-alone", "ipxe");
}

#[test]
fn without_a_menu_pxelinux_boots_immediately() {
    let Some(boot) = without_a_menu("gpxecmd-alone", "dell") else { return };
    assert!(boot.requests().contains(&"gpxecmd.c32".to_owned()), "{:?}", boot.requests());
    assert!(!boot.machine.printed().contains(PROMPT));
}

/// A disk over iSCSI whose target requires this machine's own secret, and authenticates itself with
/// another.
fn with_a_login(name: &'static str, chain: &str) {
    let Some(rig) = Rig::new() else { return };
    let disk = target::disk(&rig, "REACHED the disk");
    // Characters that a command line of iPXE would interpret.
    let machine = target::Account { user: "pc1", secret: "a ${ip} && #'b", of_target: false };
    let back = target::Account { user: "nas", secret: "secret-of-nas1", of_target: true };
    let secret = machine.secret;
    let files = [
        ("chap", format!("# the lab\n52-54-00-00-00-01 {} {secret}\n", machine.user)),
        ("back", format!("{}\n{}\n", back.user, back.secret)),
    ];
    let [chap, mutual] = files.map(|(name, text)| {
        let file = rig.file(name, text);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        file
    });
    let Some(target) = target::serve_disk(&rig, &disk, &[machine, back]) else { return };
    let rest = format!(
        "[serve.login]\ninitiator-name = \"iqn.2026-11.com.example:{{mac}}\"\n\
         chap-secret-file = {chap:?}\nmutual-chap-secret-file = {mutual:?}\n\
         [[entry]]\nname = \"san\"\nsan = \"iscsi:{SERVER}:::1:{}\"\n",
        target::NAME,
    );
    let config = config(&rig, &format!("chain = {chain:?}\nmenu = false"), &rest);
    let boot = Boot::start(name, rig, Firmware::BiosRom, &config, vec![target]);
    let Some(mut boot) = boot else { return };
    boot.log("filename /login.ipxe");
    boot.console("REACHED the disk");
    let log = boot.server.printed();
    assert!(!log.contains(secret) && !log.contains("secret-of-nas1"), "{log}");
}

#[test]
fn a_machine_logs_in_with_its_own_secret() {
    with_a_login("sanboot-login", "ipxe");
}

#[test]
fn a_machine_logs_in_with_its_own_secret_from_a_pxelinux_menu() {
    with_a_login("gpxecmd-login", "dell");
}

#[test]
fn without_a_menu_a_failure_leads_ipxe_to_the_menu() {
    let Some(rig) = Rig::new() else { return };
    let config = config(&rig, "menu = false", ABSENT);
    let boot = Boot::start("ipxe-alone-fails", rig, Firmware::BiosRom, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("TFTP did not send absent.0");
    boot.console("This did not boot.");
    boot.console(MENU);
}

#[test]
fn without_a_menu_a_failure_leads_pxelinux_to_its_prompt() {
    let Some(rig) = Rig::new() else { return };
    let config = config(&rig, "menu = false\nchain = \"dell\"", ABSENT);
    let boot = Boot::start("pxelinux-alone-fails", rig, Firmware::BiosRom, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("did not send /absent.0");
    boot.console(PROMPT);
}

#[test]
fn gpxecmd_boots_a_disk_over_iscsi() {
    let Some(rig) = Rig::new() else { return };
    let disk = target::disk(&rig, "REACHED the disk");
    let Some(target) = target::serve_disk(&rig, &disk, &[]) else { return };
    let entry =
        format!("[[entry]]\nname = \"san\"\nsan = \"iscsi:{SERVER}:::1:{}\"\n", target::NAME);
    let config = config(&rig, "chain = \"dell\"\ntimeout = 1", &entry);
    let boot = Boot::start("gpxecmd", rig, Firmware::BiosRom, &config, vec![target]);
    let Some(mut boot) = boot else { return };
    boot.log("gpxecmd.c32");
    boot.console("REACHED the disk");
}

/// Boots a WIM by wimboot, if the user provides it.
fn wimboot(name: &'static str, firmware: Firmware) -> Option<Boot> {
    let loader = supplied("WINPE_WIMBOOT", "wimboot")?;
    let rig = Rig::new()?;
    rig.file("srv/wimboot", std::fs::read(&loader).unwrap());
    let entry = format!("[[entry]]\nname = \"pe\"\nwim = {:?}\n", windows::winpe(&rig));
    let config = config(&rig, "timeout = 1", &entry);
    let mut boot = Boot::start(name, rig, firmware, &config, vec![])?;
    boot.log("HTTP sent /wimboot");
    boot.log("HTTP sent /images/pe/BCD");
    boot.log("HTTP sent /images/pe.wim");
    Some(boot)
}

#[test]
fn wimboot_starts_the_boot_manager_of_the_image_on_bios() {
    let Some(mut boot) = wimboot("wimboot-bios", Firmware::BiosRom) else { return };
    boot.console(windows::BOOTMGR);
}

#[test]
fn wimboot_starts_the_boot_manager_of_the_image_on_uefi() {
    let Some(mut boot) = wimboot("wimboot-uefi", Firmware::UefiPxe) else { return };
    boot.console(windows::BOOTMGFW);
}

#[test]
fn without_wimboot_the_network_loader_of_windows_runs() {
    let Some(rig) = Rig::new() else { return };
    let entry = format!("[[entry]]\nname = \"pe\"\nwim = {:?}\n", windows::winpe(&rig));
    let config = config(&rig, "timeout = 1", &entry);
    let boot = Boot::start("pxeboot", rig, Firmware::BiosRom, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("HTTP did not send /wimboot");
    boot.log("TFTP sent pxeboot.n12");
    boot.console(windows::PXEBOOT);
}

/// dnsmasq gives addresses at 192.168.0.1 and does not answer boot requests.
fn other_server(rig: &mut Rig, more: &[&str]) -> Option<Running> {
    let dnsmasq = tool("dnsmasq", "dnsmasq-base")?;
    let namespace = rig.neighbour();
    let leases = format!("--dhcp-leasefile={}", rig.file("other-leases", ""));
    let words = [
        "--no-daemon",
        "--conf-file=/dev/null",
        "--user=root",
        "--port=0",
        "--interface=veth1",
        "--no-ping",
        "--dhcp-range=192.168.0.100,192.168.0.150,1h",
        &leases,
    ];
    let server = rig.start(&namespace, &dnsmasq, &[&words, more].concat());
    server.wait_for("DHCP, IP range", PATIENCE, &server);
    Some(server)
}

#[test]
fn bios_beside_another_dhcp_server() {
    let Some(mut rig) = Rig::new() else { return };
    let Some(other) = other_server(&mut rig, &[]) else { return };
    // The configuration does not mention the proxy: the server detects the other one.
    let subnet = "[[serve.subnet]]\nnetwork = \"192.168.0.0/24\"\n";
    let config = config(&rig, "", &format!("{LOCAL}{subnet}")).replace("\"dhcp\"", "\"auto\"");
    let boot = Boot::start("proxy-bios", rig, Firmware::BiosPlain, &config, vec![other]);
    let Some(mut boot) = boot else { return };
    assert!(boot.server.printed().contains("beside another DHCP server"));
    boot.log("filename undionly.kpxe");
    boot.log("filename /boot.ipxe");
    boot.console(MENU);
}

#[test]
fn uefi_beside_another_dhcp_server() {
    let Some(mut rig) = Rig::new() else { return };
    let Some(other) = other_server(&mut rig, &[]) else { return };
    let config = config(&rig, "", LOCAL).replace("\"dhcp\"", "\"proxy\"");
    let boot = Boot::start("proxy-uefi", rig, Firmware::UefiPxe, &config, vec![other]);
    let Some(mut boot) = boot else { return };
    boot.log("TFTP sent snponly.efi");
    boot.log("filename /boot.ipxe");
    boot.console(MENU);
}

/// A router that names a boot file itself, as many do by default or by a leftover.
const NAMES_A_FILE: &[&str] = &["--dhcp-boot=undionly.kpxe,other,192.168.0.1", "--log-dhcp"];

/// Without a priority iPXE takes the file of the server that gave the address, which is itself, and never ends.
fn beside_a_server_that_names_a_file(name: &'static str, firmware: Firmware) {
    let Some(mut rig) = Rig::new() else { return };
    let Some(other) = other_server(&mut rig, NAMES_A_FILE) else { return };
    let config = config(&rig, "", LOCAL).replace("\"dhcp\"", "\"proxy\"");
    let Some(mut boot) = Boot::start(name, rig, firmware, &config, vec![other]) else { return };
    boot.log("filename /boot.ipxe");
    boot.console(MENU);
    assert!(!boot.requests().contains(&"undionly.kpxe".to_owned()), "{:?}", boot.requests());
}

#[test]
fn bios_rom_beside_a_server_that_names_a_boot_file() {
    beside_a_server_that_names_a_file("proxy-named-bios", Firmware::BiosRom);
}

#[test]
fn uefi_beside_a_server_that_names_a_boot_file() {
    beside_a_server_that_names_a_file("proxy-named-uefi", Firmware::UefiPxe);
}
