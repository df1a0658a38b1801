//! Boots of which a script has reported what was chosen in its menu.

use std::time::Duration;

use super::super::snapshot::Snapshot;
use super::super::step::{FileStep, Outcome, Role};
use super::super::verdict::{Status, Verdict};
use crate::client::ChoiceKind;

/// Firmware whose own disk does not boot continues with its boot order without delay.
const NO_DISK: Duration = Duration::from_secs(10);

/// What was chosen decides what a file that arrived, or silence, means.
pub(super) fn entry(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let (choice, last) = snapshot.choice()?;
    let name = &choice.name;
    let handed = |signature, summary: String| Verdict::new(Status::HandedOver, signature, summary);
    match (choice.kind, last) {
        (ChoiceKind::Failed, _) => Some(failed(snapshot)),
        (ChoiceKind::Shell, None) => {
            let summary = "iPXE's shell was chosen and waits for commands";
            Some(Verdict::new(Status::Waiting, "shell", summary))
        }
        (ChoiceKind::Local, None) => Some(local(snapshot, name)),
        (ChoiceKind::San, None) => {
            Some(handed("san-boots", format!("{name} was chosen: its iSCSI disk boots")))
        }
        (_, None) => {
            let summary = format!("{name} was chosen");
            (!snapshot.is_gone()).then(|| Verdict::new(Status::Booting, "chosen", summary))
        }
        (ChoiceKind::Iso, Some(file)) if is_sent(file, Role::Other) => {
            Some(handed("disc-boots", format!("{} is loaded; the disc boots", file.name)))
        }
        (ChoiceKind::Linux, Some(file)) if is_sent(file, Role::Other) => {
            Some(handed("linux-starts", format!("{} is loaded; Linux starts", file.name)))
        }
        (ChoiceKind::Program, Some(file)) if is_sent(file, Role::Program) => {
            Some(handed("program-runs", format!("{} is loaded and runs", file.name)))
        }
        _ => None,
    }
}

fn is_sent(file: &FileStep, role: Role) -> bool {
    file.outcome == Outcome::Sent && file.role == role
}

/// iPXE came back to its menu.
fn failed(snapshot: &Snapshot<'_>) -> Verdict {
    let name = snapshot.entry().map_or("what was chosen", |choice| choice.name.as_str());
    Verdict::stopped("entry-failed", format!("{name} did not boot"))
        .because("iPXE could not load it, or not start it, and goes back to its menu.")
        .try_this("See the error with its https://ipxe.org/ number on the screen; the steps show how far it came.")
}

/// The firmware goes on with its own boot order, and comes back where that has no disk.
fn local(snapshot: &Snapshot<'_>, name: &str) -> Verdict {
    if snapshot.boot.restarted.is_some_and(|after| after < NO_DISK) {
        return Verdict::stopped(
            "local-failed",
            format!("{name} was chosen, and the firmware came back at once"),
        )
        .because("Its own disk does not boot: there is none, or nothing on it starts.")
        .try_this("See its boot order: the disk comes after the network there, or is missing.");
    }
    let summary = format!("{name} was chosen: the machine boots from its own disk");
    Verdict::new(Status::HandedOver, "local-disk", summary)
}

#[cfg(test)]
mod tests {
    use super::super::super::verdict::{Status, Verdict};
    use crate::event::Failure;
    use crate::timeline::tests::machine::{IPXE, Machine, PXE};
    use crate::wire::dhcp::MessageType;

    fn at_a_menu() -> Machine {
        let mut machine = Machine::new();
        machine.stage(IPXE, "http://192.168.0.10/boot.ipxe");
        machine.loads("/boot.ipxe", 500);
        machine
    }

    fn state(verdict: &Verdict) -> (Status, &str) {
        (verdict.status, verdict.signature)
    }

    #[test]
    fn a_disk_a_shell_and_the_machine_itself_are_known_without_a_file() {
        for (chosen, expected) in [
            ("/chosen/san/win7", (Status::HandedOver, "san-boots")),
            ("/chosen/local/disk", (Status::HandedOver, "local-disk")),
            ("/chosen/shell/shell", (Status::Waiting, "shell")),
            ("/chosen/wim/pe", (Status::Booting, "chosen")),
            ("/chosen/iso/rescue", (Status::Booting, "chosen")),
            // By TFTP too, from an iPXE without HTTP.
            ("chosen/san/win7", (Status::HandedOver, "san-boots")),
        ] {
            let mut machine = at_a_menu();
            assert_eq!(machine.verdict().status, Status::Waiting);
            machine.loads(chosen, 6);
            assert_eq!(state(&machine.verdict()), expected, "{chosen}");
        }
    }

    #[test]
    fn a_choice_that_was_not_reported_whole_is_none() {
        let mut machine = at_a_menu();
        machine.asks("/chosen/san/win7");
        assert_eq!(state(&machine.verdict()), (Status::Waiting, "menu"));
        machine.misses("/chosen/san/other");
        machine.wait(6);
        // A false friend: a report that fails is no file that is missing.
        assert_eq!(state(&machine.verdict()), (Status::Waiting, "menu"));
        machine.event(&crate::event::Event::Failed {
            protocol: crate::event::Protocol::Http,
            client: machine.address(),
            file: "/chosen/san/win7".to_owned(),
            bytes: 0,
            reason: Failure::Lost,
        });
        assert_eq!(machine.verdict().signature, "menu");
    }

    #[test]
    fn an_image_is_loaded_before_it_boots() {
        for (chosen, files, expected) in [
            ("iso", vec!["/memdisk", "/images/cd.iso"], "disc-boots"),
            ("linux", vec!["/vmlinuz", "/initrd.img"], "linux-starts"),
            ("program", vec!["/shellx64.efi"], "program-runs"),
            ("wim", vec!["/wimboot", "/images/pe.wim"], "windows-starts"),
        ] {
            let mut machine = at_a_menu();
            machine.loads(&format!("/chosen/{chosen}/it"), 6);
            for file in files {
                machine.asks(file);
                machine.progress(file, 10, 500);
                assert_eq!(machine.verdict().status, Status::Booting, "{file}");
                machine.sent(file, 500);
            }
            assert_eq!(state(&machine.verdict()), (Status::HandedOver, expected));
            machine.asks("/more");
            assert_eq!(machine.verdict().status, Status::Booting, "it goes on loading");
        }
    }

    #[test]
    fn ranges_of_a_disc_are_one_boot() {
        let mut machine = at_a_menu();
        machine.loads("/chosen/iso/rescue", 6);
        for _ in 0..20 {
            machine.loads("/images/rescue.iso", 2048);
            assert_eq!(machine.verdict().signature, "disc-boots");
        }
        machine.wait(3600);
        assert_eq!(machine.verdict().status, Status::HandedOver);
    }

    #[test]
    fn an_entry_that_did_not_boot_is_named_and_another_may_follow() {
        let mut machine = at_a_menu();
        machine.loads("/chosen/san/win7", 6);
        machine.wait(20);
        machine.loads("/chosen/failed/menu", 6);
        let verdict = machine.verdict();
        assert_eq!(state(&verdict), (Status::Stopped, "entry-failed"));
        assert_eq!(verdict.summary, "win7 did not boot");
        machine.loads("/chosen/local/disk", 6);
        assert_eq!(machine.verdict().signature, "local-disk");
    }

    #[test]
    fn a_disk_that_fails_has_the_error_that_ipxe_reports() {
        let mut machine = at_a_menu();
        machine.loads("/chosen/san/win7", 6);
        machine.says("Could not open SAN device: Input/output error (https://ipxe.org/1d704039)");
        machine.wait(5);
        assert_eq!(machine.verdict().signature, "ipxe-error");
    }

    #[test]
    fn an_own_disk_that_does_not_boot_brings_the_firmware_back() {
        for (seconds, expected) in [(3, "local-failed"), (60, "local-disk")] {
            let mut machine = at_a_menu();
            machine.loads("/chosen/local/disk", 6);
            let boot = machine.newest();
            machine.wait(seconds);
            machine.discover(PXE);
            assert_ne!(machine.newest(), boot);
            assert_eq!(machine.verdict_of(boot).signature, expected);
        }
    }

    #[test]
    fn an_operating_system_that_asks_for_an_address_is_up_whatever_was_chosen() {
        for chosen in ["san", "iso", "linux", "local"] {
            let mut machine = at_a_menu();
            machine.loads(&format!("/chosen/{chosen}/it"), 6);
            machine.wait(40);
            machine.windows(MessageType::Request);
            assert_eq!(machine.verdict().status, Status::Up, "{chosen}");
        }
    }

    #[test]
    fn a_boot_shows_what_was_chosen() {
        let mut machine = at_a_menu();
        let chosen = |machine: &Machine| machine.timeline.boots(machine.now)[0].chosen.clone();
        assert_eq!(chosen(&machine), None);
        machine.loads("/chosen/wim/pe", 6);
        assert_eq!(chosen(&machine).as_deref(), Some("pe"));
        machine.loads("/chosen/failed/menu", 6);
        assert_eq!(chosen(&machine).as_deref(), Some("pe"), "the entry, not what came of it");
        machine.loads("/chosen/san/win7", 6);
        assert_eq!(chosen(&machine).as_deref(), Some("win7"));
        let boot = &machine.timeline.boots(machine.now)[0];
        let labels: Vec<_> = boot.chain.iter().map(|link| link.label.as_str()).collect();
        assert!(labels.ends_with(&["boot.ipxe", "pe", "win7"]), "{labels:?}");
    }
}
