//! Boots that stop at a file.

use std::time::Duration;

use super::super::snapshot::Snapshot;
use super::super::step::{FileStep, Outcome, Role};
use super::super::verdict::Verdict;
use crate::event::Failure;

/// After a file that does not exist, programs try the next name without delay.
const NEXT: Duration = Duration::from_secs(5);
/// A block sent so often was not lost by chance.
const RETRIES: u32 = 2;
/// A large block, which needs fragments where the path is narrower than it says.
const FIRST_BLOCKS: u64 = 1;

/// Sent, and sent again, and never acknowledged.
pub(super) fn stalled(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let file = snapshot.files().rev().find(|file| file.stalled_at.is_some())?;
    let block = file.stalled_at.filter(|_| file.retries >= RETRIES)?;
    if file.outcome == Outcome::Sent {
        return None;
    }
    let seconds = snapshot.now.since(snapshot.boot.last).as_secs();
    let summary = format!(
        "{} stalled at block {block} for {seconds} s, sent again {} times",
        file.name, file.retries
    );
    let verdict = Verdict::stopped("stalled", summary);
    Some(if block <= FIRST_BLOCKS {
        verdict
            .because(
                "The first packet of the file never arrives, though the request did: a firewall that \
                 lets port 69 pass and not the transfer's own port, or a path that drops large packets.",
            )
            .try_this(
                "Let UDP from this server's ports above 1023 pass to the client; check the MTU of \
                 switches, tunnels and VLANs between.",
            )
    } else {
        verdict
            .because("Packets that it got before do not get through any more, or it hangs or was turned off.")
            .try_this("Check cable, switch port and MTU on the way; see whether its screen still moves.")
    })
}

/// Begun and not ended.
pub(super) fn cut_short(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let file = snapshot.last_file().filter(|file| file.outcome == Outcome::Failed)?;
    let reason = file.reason.as_deref().unwrap_or("it ended early");
    let size = file.size.map_or(String::new(), |size| format!(" of {size}"));
    let summary = format!("{} ended after {}{size} bytes: {reason}", file.name, file.bytes);
    let verdict = Verdict::stopped("cut-short", summary);
    Some(match &file.failure {
        Some(Failure::Busy(_)) => verdict
            .because("A limit of this server was reached.")
            .try_this("Start fewer machines at a time; the machine's next attempt may succeed."),
        Some(Failure::Malformed(_) | Failure::Name(_)) => verdict
            .because(
                "Its request has a name that no file can have: the boot file that a DHCP server named \
                 ends in other bytes there, or the program spells names in its own way.",
            )
            .try_this("Compare the name in its steps with the boot file that it was given, also by other DHCP servers."),
        Some(Failure::Changed) => verdict
            .because("Somebody wrote into the file while it was sent, so the machine got a mixture of both versions.")
            .try_this("Write the new version under another name and rename it: transfers under way then end with the old one."),
        Some(Failure::Refused(_) | Failure::Io(_)) => {
            verdict.because("The server may not give this file, or cannot read it.").try_this(
                "See that it lies in a folder that is served and that the server may read it.",
            )
        }
        _ => given_up(file, verdict),
    })
}

/// The client did not take all of it.
fn given_up(file: &FileStep, verdict: Verdict) -> Verdict {
    if file.bytes > 0 {
        verdict
            .because("The client gave up or went away: too little memory for the file, a lost link, or a key was pressed.")
            .try_this("See its screen; give it more memory, or an image that is smaller.")
    } else {
        verdict
            .because("The client asked and did not go on with it.")
            .try_this("See its screen; check firewall and MTU on the way.")
    }
}

/// PXELINUX and GRUB try one name after the other.
pub(super) fn no_configuration(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let missing = |file: &&FileStep| file.outcome == Outcome::Missing && file.role == Role::Config;
    let tried: Vec<_> = snapshot.files().filter(missing).collect();
    let last = snapshot.last_file().filter(missing)?;
    if snapshot.silent < NEXT {
        return None;
    }
    let program = snapshot.last_sent().map_or("the boot program", |file| file.name.as_str());
    let files = if tried.len() == 1 { "config file" } else { "config files" };
    let verdict = Verdict::stopped(
        "no-configuration",
        format!("{program} asked for {} {files} and found none", tried.len()),
    );
    Some(
        verdict
            .because(format!("There is no {} and none of the names before it.", last.name))
            .try_this("Put a file of that name into a folder that is served, or leave the menu to this server by another chain."),
    )
}

/// A name that is not there, and nothing after it.
pub(super) fn missing(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let file = snapshot.last_file().filter(|file| file.outcome == Outcome::Missing)?;
    (snapshot.silent >= NEXT).then(|| {
        Verdict::stopped("file-missing", format!("{} was asked for and is not there", file.name))
            .because("No folder that is served has a file of this name, and nothing makes one.")
            .try_this(format!(
                "Put {} into a folder that is served, or correct the menu that names it.",
                file.name
            ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::verdict::Status;
    use crate::event::Failure;
    use crate::timeline::tests::machine::{Machine, PXE};

    #[test]
    fn a_stall_says_where_and_for_how_long() {
        let mut machine = Machine::new();
        machine.stage(PXE, "pxelinux.0");
        machine.asks("boot.wim");
        machine.wait(4);
        machine.stalls("boot.wim", 3021, 1);
        assert_eq!(machine.verdict().status, Status::Booting, "one packet may be lost");
        machine.wait(16);
        machine.stalls("boot.wim", 3021, 5);
        let verdict = machine.verdict();
        assert_eq!(verdict.summary, "boot.wim stalled at block 3021 for 20 s, sent again 5 times");
        machine.sent("boot.wim", 1000);
        assert_ne!(machine.verdict().signature, "stalled", "it went on after all");
    }

    #[test]
    fn a_first_block_that_never_arrives_is_the_way_there() {
        let mut machine = Machine::new();
        machine.stage(PXE, "pxelinux.0");
        machine.asks("pxelinux.0");
        machine.stalls("pxelinux.0", 1, 3);
        assert!(machine.verdict().remedy.unwrap().contains("ports above 1023"));
    }

    #[test]
    fn a_file_cut_short_says_how_much_arrived() {
        let mut machine = Machine::new();
        machine.stage(PXE, "pxelinux.0");
        machine.asks("boot.iso");
        machine.progress("boot.iso", 5000, 100_000);
        machine.lost("boot.iso", 5000);
        let verdict = machine.verdict();
        assert_eq!(verdict.signature, "cut-short");
        assert_eq!(
            verdict.summary,
            "boot.iso ended after 5000 of 100000 bytes: client went silent"
        );
        assert!(verdict.reason.unwrap().contains("memory"));
    }

    #[test]
    fn a_request_that_no_file_can_answer_is_no_firewall() {
        for reason in [
            Failure::Malformed("the text at offset 2 is not UTF-8".to_owned()),
            Failure::Name("control character in the name"),
        ] {
            let mut machine = Machine::new();
            machine.stage(PXE, "undionly.kpxe");
            machine.asks("undionly.kpxe\u{fffd}");
            machine.fails("undionly.kpxe\u{fffd}", 0, reason);
            machine.wait(30);
            let verdict = machine.verdict();
            assert_eq!(verdict.signature, "cut-short");
            assert!(verdict.reason.unwrap().contains("a name that no file can have"));
        }
        let mut machine = Machine::new();
        machine.stage(PXE, "undionly.kpxe");
        machine.asks("undionly.kpxe");
        machine.fails("undionly.kpxe", 0, Failure::Refused("not a regular file"));
        assert!(machine.verdict().reason.unwrap().contains("may not give this file"));
    }

    #[test]
    fn a_file_that_was_written_to_is_said_to_be_a_mixture() {
        let mut machine = Machine::new();
        machine.stage(PXE, "pxelinux.0");
        machine.asks("boot.wim");
        machine.progress("boot.wim", 5000, 100_000);
        machine.fails("boot.wim", 9000, Failure::Changed);
        assert!(machine.verdict().reason.unwrap().contains("mixture"));
    }

    #[test]
    fn config_files_are_counted() {
        let mut machine = Machine::new();
        machine.stage(PXE, "pxelinux.0");
        machine.loads("pxelinux.0", 40_000);
        for name in ["01-52-54-00-00-00-01", "C0A80032", "C0A8003", "default"] {
            machine.misses(&format!("pxelinux.cfg/{name}"));
        }
        assert_eq!(machine.verdict().status, Status::Booting);
        machine.wait(5);
        let verdict = machine.verdict();
        assert_eq!(verdict.summary, "pxelinux.0 asked for 4 config files and found none");
    }

    #[test]
    fn a_missing_file_is_a_stop_when_nothing_follows() {
        let mut machine = Machine::new();
        machine.stage(PXE, "undionly.kpxe");
        machine.misses("undionly.kpxe");
        machine.wait(5);
        assert_eq!(machine.verdict().summary, "undionly.kpxe was asked for and is not there");
    }

    #[test]
    fn what_everybody_asks_for_is_never_the_reason() {
        let mut machine = Machine::new();
        machine.stage(PXE, "snponly.efi");
        machine.loads("snponly.efi", 250_000);
        machine.misses("autoexec.ipxe");
        machine.wait(10);
        assert_eq!(machine.verdict().status, Status::Booting);
    }
}
