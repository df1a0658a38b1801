//! Entries of each kind that machines boot, and what the page says of them.

use std::time::{Duration, Instant};

use crate::boots::{Boot, LOCAL, PATIENCE, config};
use crate::rig::{Firmware, Rig, SERVER, installed};
use crate::target;

fn san(name: &str) -> String {
    format!("[[entry]]\nname = {name:?}\nsan = \"iscsi:{SERVER}:::1:{}\"\n", target::NAME)
}

/// The page knows what a machine boots as soon as the machine does it, with a menu or without.
fn shown_as_an_iscsi_disk(name: &'static str, serve: &str) {
    let Some(rig) = Rig::new() else { return };
    let disk = target::disk(&rig, "REACHED the disk");
    let Some(target) = target::serve_disk(&rig, &disk, &[]) else { return };
    let config = config(&rig, serve, &san("win7"));
    let boot = Boot::start(name, rig, Firmware::BiosRom, &config, vec![target]);
    let Some(mut boot) = boot else { return };
    boot.console("REACHED the disk");
    let began = Instant::now();
    let shown = boot.shown("san-boots");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(shown["chosen"], "win7");
    assert_eq!(shown["verdict"]["summary"], "win7 was chosen: its iSCSI disk boots");
}

#[test]
fn an_iscsi_disk_is_shown_as_one() {
    shown_as_an_iscsi_disk("shown-san", "timeout = 1");
}

#[test]
fn an_iscsi_disk_without_a_menu_is_shown_as_one() {
    shown_as_an_iscsi_disk("shown-alone", "menu = false");
}

#[test]
fn an_iscsi_disk_of_a_pxelinux_menu_is_shown_as_one() {
    shown_as_an_iscsi_disk("shown-gpxecmd", "chain = \"dell\"\ntimeout = 1");
}

#[test]
fn what_does_not_boot_is_shown_as_failed() {
    let Some(rig) = Rig::new() else { return };
    let entry = "[[entry]]\nname = \"absent\"\npxe = \"absent.0\"\n";
    let config = config(&rig, "timeout = 1", entry);
    let boot = Boot::start("shown-failed", rig, Firmware::BiosRom, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.console("This did not boot.");
    let shown = boot.shown("entry-failed");
    assert_eq!(shown["verdict"]["summary"], "absent did not boot");
}

#[test]
fn a_machine_that_is_sent_to_its_own_disk_is_shown_so() {
    let Some(rig) = Rig::new() else { return };
    let config = config(&rig, "menu = false", LOCAL);
    let boot = Boot::start("shown-local", rig, Firmware::UefiPxe, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("HTTP sent /chosen/local/local");
    assert_eq!(boot.shown("local-disk")["chosen"], "local");
}

/// The commands of the made script, with a server in its place that does not exist: the boot goes on after a
/// second. Another that has no such file costs nothing.
#[test]
fn a_report_that_fails_stops_no_boot() {
    let Some(rig) = Rig::new() else { return };
    let script = |place: &str| {
        format!("imgfetch --timeout 1000 --name chosen {place}chosen/san/x && imgfree chosen ||\n")
    };
    let text = format!(
        "#!ipxe\necho BEFORE the reports\n{}{}echo BETWEEN the reports\n{}echo AFTER the reports\nshell\n",
        script("/nowhere/"),
        script(&format!("http://{SERVER}:81/")),
        script("http://192.168.0.99/"),
    );
    rig.file("srv/boot.ipxe", text);
    let config = config(&rig, "", &san("x"));
    let boot = Boot::start("report-fails", rig, Firmware::BiosRom, &config, vec![]);
    let Some(boot) = boot else { return };
    let at = |text: &str| boot.machine.wait_for(text, PATIENCE, &boot.server);
    let (before, between, after) =
        (at("BEFORE the reports"), at("BETWEEN the reports"), at("AFTER the reports"));
    assert!(between - before < Duration::from_secs(2), "{:?}", between - before);
    assert!(after - between < Duration::from_secs(4), "{:?}", after - between);
}

/// `memdisk` has the format of a Linux kernel, and boots the disk that it gets as initial RAM disk.
fn linux(name: &'static str, serve: &str) {
    let Some(rig) = Rig::new() else { return };
    let Some(kernel) = installed("/usr/lib/syslinux/memdisk", "syslinux-common") else { return };
    let disk = target::disk(&rig, "REACHED the kernel");
    let entry = format!(
        "[[entry]]\nname = \"lx\"\nkernel = {kernel:?}\ninitrd = {disk:?}\nargs = \"raw\"\n\
         before = [\"echo OWN line before\"]\n"
    );
    let config = config(&rig, serve, &entry);
    let boot = Boot::start(name, rig, Firmware::BiosRom, &config, vec![]);
    let Some(mut boot) = boot else { return };
    if !serve.contains("dell") {
        boot.console("OWN line before");
    }
    boot.console("REACHED the kernel");
    boot.log("HTTP sent /images/lx/initrd1");
    if !serve.contains("dell") {
        assert_eq!(boot.shown("linux-starts")["chosen"], "lx");
    }
}

#[test]
fn ipxe_boots_linux() {
    linux("linux-ipxe", "timeout = 1");
}

#[test]
fn pxelinux_boots_linux() {
    linux("linux-pxelinux", "chain = \"dell\"\ntimeout = 1");
}

#[test]
fn uefi_runs_an_efi_program() {
    let Some(rig) = Rig::new() else { return };
    let Some(program) = installed("/usr/lib/ipxe/ipxe.efi", "ipxe") else { return };
    let entry = format!("[[entry]]\nname = \"mt\"\nefi = {program:?}\n");
    let config = config(&rig, "timeout = 1", &entry);
    let boot = Boot::start("efi-program", rig, Firmware::UefiPxe, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("HTTP sent /chosen/program/mt");
    boot.log("HTTP sent /images/mt/program.efi");
    assert_eq!(boot.shown("program-runs")["chosen"], "mt");
}

/// The distribution's GRUB would end at its prompt, as it has no HTTP.
#[test]
fn http_boot_is_left_to_pxe_where_grub_would_follow() {
    let Some(rig) = Rig::new() else { return };
    let config = config(&rig, "secure-boot = \"grub\"", LOCAL);
    let boot = Boot::start("http-grub", rig, Firmware::UefiHttp, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.console("Start HTTP Boot over IPv4");
    boot.shown("left-to-pxe");
    // The firmware goes on with its boot order, after two minutes.
    boot.console("EFI Internal Shell");
    assert_eq!(boot.requests(), [""; 0]);
    boot.shown("left-to-pxe");
}

#[test]
fn a_client_gets_its_own_script() {
    let Some(rig) = Rig::new() else { return };
    rig.file("srv/own.ipxe", "#!ipxe\necho REACHED the own script\nshell\n");
    let client = "[[client]]\nname = \"lab\"\narchitecture = \"bios\"\nuser-class = \"iPXE\"\n\
                  script = \"own.ipxe\"\n";
    let config = config(&rig, "", &format!("{LOCAL}{client}"));
    let boot = Boot::start("own-script", rig, Firmware::BiosRom, &config, vec![]);
    let Some(mut boot) = boot else { return };
    boot.log("filename /own.ipxe");
    boot.console("REACHED the own script");
}
