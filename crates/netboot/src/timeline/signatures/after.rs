//! Boots that stop, or go on, after a file has arrived.

use std::time::Duration;

use super::super::console::error_number;
use super::super::snapshot::Snapshot;
use super::super::step::{FileStep, Outcome, Role, StepKind};
use super::super::verdict::{Status, Verdict};
use crate::client::Kind;

/// Firmware that refuses a program continues with its boot order without delay.
const REFUSED: Duration = Duration::from_secs(2);
/// After a refusal, a program that is silent for so long was refused as well.
const REFUSED_AGAIN: Duration = Duration::from_secs(5);
/// A program that runs sends its first packet within this time.
const PROGRAM: Duration = Duration::from_secs(30);
/// Windows PE asks for an address after about as long.
const WINDOWS: Duration = Duration::from_secs(120);
/// After its last error, iPXE has this long to try something else.
const ERROR: Duration = Duration::from_secs(5);

/// Known errors of iPXE, by the number of `https://ipxe.org/`, and what they mean.
const IPXE_ERRORS: &[(&str, &str, &str)] = &[(
    "1d704039",
    "The iSCSI target accepted the login but has no disk under this number.",
    "Name the disk's LUN in the URI, as in iscsi:HOST:::1:NAME. tgt keeps LUN 0 for its controller.",
)];

/// The aim of all of it.
pub(super) fn operating_system_is_up(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let up = snapshot.program() == Some(Kind::Other) && snapshot.boot.has_loaded();
    up.then(|| {
        let windows = snapshot.stage.iter().any(|step| step.text.contains("Windows"));
        let system = if windows { "Windows" } else { "the operating system" };
        Verdict::new(Status::Up, "up", format!("{system} is up: it asks for an address by itself"))
    })
}

/// iPXE says itself what failed.
pub(super) fn ipxe_error(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let step = snapshot.stage.last()?;
    let console = matches!(step.kind, StepKind::Console | StepKind::San);
    let number = error_number(&step.text).filter(|_| console && snapshot.silent >= ERROR)?;
    let verdict = Verdict::stopped("ipxe-error", format!("iPXE: {}", step.text));
    let known = IPXE_ERRORS.iter().find(|row| row.0 == number);
    Some(match known {
        Some((_, reason, remedy)) => verdict.because(*reason).try_this(*remedy),
        None => verdict.try_this(format!("https://ipxe.org/{number} says what this error means.")),
    })
}

/// Whether the firmware has loaded a program, did not run it, and went on at once.
pub(super) fn has_refused(snapshot: &Snapshot<'_>) -> bool {
    let restarted = snapshot.boot.restarted;
    let again = restarted.is_some_and(|after| after < REFUSED);
    // Firmware that came to the end of its boot order waits for a key before it begins again.
    let at_the_end = snapshot.boot.refused_before && restarted.is_some_and(|after| after < PROGRAM);
    (again || at_the_end) && program_of_firmware(snapshot).is_some()
}

/// The program that firmware loaded last.
fn program_of_firmware<'a>(snapshot: &Snapshot<'a>) -> Option<&'a FileStep> {
    snapshot.last_sent().filter(|file| snapshot.is_firmware() && file.role == Role::Program)
}

/// Secure Boot, mostly.
pub(super) fn refused_by_firmware(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let program = program_of_firmware(snapshot)?;
    // HTTP Boot after PXE loads the same program in another way, and nothing follows it.
    let likely = snapshot.boot.refused_before && snapshot.silent >= REFUSED_AGAIN;
    (has_refused(snapshot) || likely).then(|| {
        Verdict::stopped("refused-by-firmware", format!("the firmware loaded {} and did not run it", program.name))
            .because("Secure Boot is on and the file is not signed by a key that it trusts, or the file is made for another processor.")
            .try_this("Boot a signed shim (shimx64.efi with its grubx64.efi, or iPXE's signed shim), or turn Secure Boot off.")
    })
}

/// Loaded, and never heard of again.
pub(super) fn windows_is_silent(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    (snapshot.has(Role::Wim) && snapshot.silent > WINDOWS).then(|| {
        Verdict::stopped("windows-silent", "the Windows image was loaded and Windows was not heard of")
            .because("Windows PE has no driver for this network card, stopped with an error, or takes its address from elsewhere.")
            .try_this("See its screen: 0xc0000225 and the like mean boot files are missing; without one, add the card's driver to the image.")
    })
}

/// Loaded a moment ago.
pub(super) fn windows_starts(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let last = snapshot.last_file()?;
    (last.role == Role::Wim && last.outcome == Outcome::Sent).then(|| {
        Verdict::new(
            Status::HandedOver,
            "windows-starts",
            format!("{} is loaded; Windows starts", last.name),
        )
    })
}

/// A menu whose files are at URLs that it cannot open.
pub(super) fn ipxe_without_http(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let last = snapshot.last_file()?;
    let script = last.role == Role::Script && last.outcome == Outcome::Sent;
    let poor = snapshot.program() == Some(Kind::Ipxe { http: false });
    (script && poor && snapshot.silent > PROGRAM).then(|| {
        Verdict::stopped("ipxe-without-http", format!("{} was loaded and nothing after it", last.name))
            .because("This iPXE was built without HTTP, and what the menu names is served by HTTP.")
            .try_this("Boot an iPXE that has HTTP: its package's undionly.kpxe or snponly.efi; or entries that TFTP serves.")
    })
}

/// The menu is on the screen, as far as we can know.
pub(super) fn menu_waits(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let last = snapshot.last_file()?;
    let menu = matches!(last.role, Role::Script | Role::Config) && last.outcome == Outcome::Sent;
    menu.then(|| {
        Verdict::new(
            Status::Waiting,
            "menu",
            format!("{} is loaded; its menu may wait for a choice", last.name),
        )
    })
}

/// A program that was loaded and does nothing.
pub(super) fn program_is_silent(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let last = snapshot.last_file()?;
    let program = last.role == Role::Program && last.outcome == Outcome::Sent;
    if !program || snapshot.silent < PROGRAM {
        return None;
    }
    if !snapshot.is_firmware() {
        let summary = format!("{} is loaded and runs", last.name);
        return Some(Verdict::new(Status::HandedOver, "program-runs", summary));
    }
    let verdict = Verdict::stopped("program-silent", format!("{} was loaded and is not heard of", last.name))
        .because("It hangs before it uses the network: it does not get along with this card's firmware, or stopped with a message.")
        .try_this("See its screen; try another program: ipxe.efi for snponly.efi, ipxe.pxe for undionly.kpxe, or chain = \"pxelinux\".");
    Some(verdict)
}

/// Nothing for a long time, and nothing wrong.
pub(super) fn gone(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let last = snapshot.last_file().filter(|file| file.outcome == Outcome::Sent);
    snapshot.is_gone().then(|| match last {
        Some(file) => Verdict::new(
            Status::HandedOver,
            "quiet",
            format!("{} is loaded; nothing was heard since", file.name),
        ),
        None => Verdict::stopped("quiet", "it began and was not heard of any more")
            .try_this("See whether it is on, and what its screen says."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::tests::machine::{IPXE, IPXE_WITHOUT_HTTP, Machine, PXE};
    use crate::wire::dhcp::MessageType;

    #[test]
    fn windows_says_that_it_is_up_by_its_own_discover() {
        let mut machine = Machine::new();
        machine.stage(IPXE, "http://192.168.0.10/boot.ipxe");
        machine.loads("/boot.ipxe", 500);
        machine.loads("/images/boot.wim", 200_000_000);
        let verdict = machine.verdict();
        assert_eq!((verdict.status, verdict.signature), (Status::HandedOver, "windows-starts"));
        machine.wait(40);
        machine.windows(MessageType::Discover);
        let verdict = machine.verdict();
        assert_eq!(verdict.status, Status::Up);
        let mut again = Machine::new();
        again.stage(IPXE, "http://192.168.0.10/boot.ipxe");
        again.loads("/images/boot.wim", 200_000_000);
        again.windows(MessageType::Request);
        assert_eq!(again.verdict().status, Status::Up, "it may know its address already");
        assert_eq!(verdict.summary, "Windows is up: it asks for an address by itself");
    }

    #[test]
    fn windows_that_is_never_heard_of_has_no_driver() {
        let mut machine = Machine::new();
        machine.stage(IPXE, "http://192.168.0.10/boot.ipxe");
        machine.loads("/images/boot.wim", 200_000_000);
        machine.wait(121);
        let verdict = machine.verdict();
        assert_eq!(verdict.signature, "windows-silent");
        assert!(verdict.reason.unwrap().contains("driver"));
    }

    #[test]
    fn a_program_that_the_firmware_refuses() {
        let mut machine = Machine::new();
        machine.stage(PXE, "snponly.efi");
        machine.loads("snponly.efi", 250_000);
        let id = machine.newest();
        machine.discover(Kind::Http);
        assert_ne!(machine.newest(), id, "the firmware began a new boot");
        let verdict = machine.verdict_of(id);
        assert_eq!(verdict.signature, "refused-by-firmware");
        assert!(verdict.reason.unwrap().contains("Secure Boot"));
    }

    /// PXE is refused, then HTTP Boot, and that was the end of the boot order.
    fn refused_by_pxe() -> Machine {
        let mut machine = Machine::new();
        machine.stage(PXE, "snponly.efi");
        machine.loads("snponly.efi", 250_000);
        machine.stage(Kind::Http, "http://192.168.0.10/snponly.efi");
        machine.loads("/snponly.efi", 250_000);
        machine
    }

    #[test]
    fn what_http_boot_does_after_a_refusal_is_a_refusal_too() {
        let mut machine = refused_by_pxe();
        assert_eq!(machine.verdict().status, Status::Booting);
        machine.wait(5);
        assert_eq!(machine.verdict().signature, "refused-by-firmware");
        machine.wait(600);
        assert_eq!(machine.verdict().signature, "refused-by-firmware");
        // Somebody presses a key at the end of the boot order.
        let id = machine.newest();
        machine.stage(PXE, "snponly.efi");
        machine.loads("snponly.efi", 250_000);
        assert_eq!(machine.verdict_of(id).signature, "refused-by-firmware");
    }

    #[test]
    fn a_program_that_runs_after_a_refusal_was_not_refused() {
        let mut machine = refused_by_pxe();
        machine.wait(4);
        machine.stage(IPXE, "http://192.168.0.10/boot.ipxe");
        machine.wait(6);
        assert_ne!(machine.verdict().signature, "refused-by-firmware");
    }

    #[test]
    fn an_old_refusal_says_nothing_about_a_later_boot() {
        let mut machine = refused_by_pxe();
        machine.wait(120);
        machine.stage(PXE, "snponly.efi");
        machine.loads("snponly.efi", 250_000);
        machine.wait(10);
        assert_eq!(machine.verdict().status, Status::Booting, "Secure Boot may be off now");
        machine.wait(20);
        assert_eq!(machine.verdict().signature, "program-silent");
    }

    #[test]
    fn firmware_that_loads_nothing_by_its_second_way_was_not_refused_there() {
        let mut machine = Machine::new();
        machine.stage(PXE, "snponly.efi");
        machine.loads("snponly.efi", 250_000);
        machine.stage(Kind::Http, "http://192.168.0.10/snponly.efi");
        machine.wait(20);
        assert_eq!(machine.verdict().signature, "no-request");
    }

    #[test]
    fn a_program_that_ran_for_a_while_was_not_refused() {
        let mut machine = Machine::new();
        machine.stage(PXE, "pxelinux.0");
        machine.loads("pxelinux.0", 40_000);
        let id = machine.newest();
        machine.wait(20);
        machine.discover(PXE);
        assert_eq!(machine.verdict_of(id).signature, "program-silent");
    }

    #[test]
    fn a_program_that_hangs() {
        let mut machine = Machine::new();
        machine.stage(PXE, "undionly.kpxe");
        machine.loads("undionly.kpxe", 70_000);
        machine.wait(29);
        assert_eq!(machine.verdict().status, Status::Booting);
        machine.wait(1);
        assert_eq!(machine.verdict().signature, "program-silent");
        machine.discover(IPXE);
        assert_eq!(machine.verdict().status, Status::Booting, "it was only slow");
    }

    #[test]
    fn a_script_leads_to_a_menu_that_may_wait() {
        let mut machine = Machine::new();
        machine.stage(IPXE, "http://192.168.0.10/boot.ipxe");
        machine.loads("/boot.ipxe", 500);
        assert_eq!(machine.verdict().status, Status::Waiting);
        machine.wait(3600);
        assert_eq!(machine.verdict().status, Status::Waiting);
    }

    #[test]
    fn an_ipxe_without_http_gets_no_further_than_its_script() {
        let mut machine = Machine::new();
        machine.stage(IPXE_WITHOUT_HTTP, "tftp://192.168.0.10/boot.ipxe");
        machine.loads("boot.ipxe", 500);
        machine.wait(31);
        assert_eq!(machine.verdict().signature, "ipxe-without-http");
    }

    #[test]
    fn ipxe_tells_what_failed() {
        let mut machine = Machine::new();
        machine.stage(IPXE, "http://192.168.0.10/boot.ipxe");
        machine.loads("/boot.ipxe", 500);
        machine.says("Could not open SAN device: Input/output error (https://ipxe.org/1d704039)");
        assert_eq!(machine.verdict().status, Status::Waiting, "it may try something else");
        machine.wait(5);
        let verdict = machine.verdict();
        assert_eq!(verdict.signature, "ipxe-error");
        assert!(verdict.remedy.unwrap().contains("LUN"));
    }

    #[test]
    fn what_was_not_heard_of_for_long_is_gone() {
        let mut machine = Machine::new();
        machine.hears(MessageType::Request, PXE, None);
        assert_eq!(machine.verdict().status, Status::Booting);
        machine.wait(601);
        assert_eq!(machine.verdict().signature, "quiet");
    }
}
