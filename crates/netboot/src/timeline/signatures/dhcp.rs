//! Boots that stop before the first file.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::super::snapshot::Snapshot;
use super::super::step::StepKind;
use super::super::verdict::{Status, Verdict};
use crate::event::Ignore;

/// Firmware asks again after 4, 8 and 16 s; a client that has not taken an offer by then does not want it.
const OFFER: Duration = Duration::from_secs(12);
/// After its address is confirmed, firmware asks for its file without delay.
const FILE: Duration = Duration::from_secs(15);
/// iPXE waits for an IPv6 router before it goes on, for 16 s in older builds.
const FILE_IPXE: Duration = Duration::from_secs(30);
/// A client that took the address of another server so often, each time with a new DISCOVER, did boot between.
const ROUNDS: usize = 3;
/// After this time waiting is reported.
const NOTICED: Duration = Duration::from_secs(2);

/// The server has a reason for its silence.
pub(super) fn not_answered(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let step = snapshot.last(StepKind::Ignored)?;
    let reason = step.ignored.as_ref()?;
    if let Ignore::Loop { file, other: Some(other), .. } = reason
        && snapshot.files().next().is_none()
    {
        return Some(offered_in_vain(snapshot, file, Some(*other)));
    }
    if !snapshot.ends_with(step) {
        return None;
    }
    let remedy = match reason {
        Ignore::PoolEmpty(_) => {
            "Give the subnet more addresses (first, last), or shorten its lease so that addresses \
             come back sooner."
        }
        Ignore::Loop { file, .. } if !snapshot.has_loaded_lately() => {
            return Some(offered_in_vain(snapshot, file, None));
        }
        Ignore::Loop { .. } => {
            "It loads this file, comes back, and would load it again: give it another boot file or \
             another chain, and see on its screen why the file ends. It is tried again after a minute."
        }
        Ignore::NoBootFile => {
            "It does not say what it is, or is of a kind that has no boot file: name one in \
             [serve.boot-files]."
        }
        Ignore::LeftToPxe => {
            "Put PXE (IPv4) into the machine's boot order, or use secure-boot = \"ipxe\": its GRUB \
             has no HTTP."
        }
        Ignore::UnknownNetwork(_) => {
            "Add a [[serve.subnet]] for the network it comes from, or check the relay's address."
        }
        Ignore::NotAllowed => "Add its MAC address to a [[client]] or to a reservation.",
        Ignore::NotOurs(_) => {
            "It holds an address of another server. It asks again when that lease ends; with \
             authoritative = true it is refused immediately."
        }
        _ => "Compare what it sends with what the log says.",
    };
    let summary = format!("it gets no answer: {reason}");
    Some(Verdict::stopped("not-answered", summary).try_this(remedy))
}

/// Two servers on one link.
pub(super) fn other_server(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let step = snapshot.last(StepKind::OtherServer).filter(|step| snapshot.ends_with(step))?;
    let Some(Ignore::OtherServer(server)) = step.ignored else { return None };
    let summary = format!("the client took the OFFER of {server}, another DHCP server");
    let verdict = Verdict::stopped("other-server", summary)
        .because("Two DHCP servers answer on this link, and the other one was faster or liked better.")
        .try_this(format!(
            "Leave addresses to {server} and serve boot files beside it (mode = \"proxy\"), or turn \
             it off on this link."
        ));
    Some(verdict)
}

/// NAK is an answer that clients do not show.
pub(super) fn address_refused(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let step = snapshot.last(StepKind::Nak).filter(|step| snapshot.ends_with(step))?;
    let again = snapshot.count(StepKind::Nak) > 1 || snapshot.silent > OFFER;
    again.then(|| {
        Verdict::stopped(
            "address-refused",
            format!("{}: it wants an address it may not have", step.text),
        )
        .because("It asks for an address of another network, or one that another machine has.")
        .try_this(
            "Turn it off and on, so that it forgets the address; see whether its subnet is served.",
        )
    })
}

/// It has an address and got no boot file.
pub(super) fn no_boot_file(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let step = snapshot.last(StepKind::Ack).or_else(|| snapshot.last(StepKind::Offer))?;
    let asks = snapshot.is_firmware() || snapshot.is_ipxe();
    (asks && step.named.is_none() && snapshot.files().next().is_none()).then(|| {
        let summary = "it was given an address and no boot file";
        let verdict = Verdict::stopped("no-boot-file", summary);
        match &snapshot.boot.unnamed {
            Some(Ignore::Loop { file, times, .. }) => {
                let summary = format!("it loads {file} again and again");
                Verdict::stopped("boot-loop", summary)
                    .because(format!(
                        "{file} was named {times} times in a minute, so it gets an address without a \
                         boot file for the rest of that minute: each time it comes back and asks again."
                    ))
                    .try_this(
                        "Give it another boot file or another chain, and see on its screen why the \
                         file ends.",
                    )
            }
            Some(Ignore::LeftToPxe) => Verdict::new(Status::Booting, "left-to-pxe", "HTTP Boot is left to PXE")
                .because("The distribution's GRUB has no HTTP, so nothing is offered to HTTP Boot.")
                .try_this("Put PXE (IPv4) into the machine's boot order, or use secure-boot = \"ipxe\"."),
            _ => verdict
                .because("It does not say what it is, or is of a kind that has no boot file.")
                .try_this("Name a file for it in [serve.boot-files]."),
        }
    })
}

/// A proxy named its file again and again, and the client asked for it not once. `other` is the server whose offer
/// it took, where the answer that it got says so.
fn offered_in_vain(snapshot: &Snapshot<'_>, file: &str, other: Option<Ipv4Addr>) -> Verdict {
    let other = other.map(|other| other.to_string()).or_else(|| snapshot.server_of_addresses());
    let by = other.as_deref().unwrap_or("the server that gives it its address");
    let summary = format!("it was offered {file} again and again and did not ask for it");
    Verdict::stopped("boots-elsewhere", summary)
        .because(format!(
            "It loads the file that {by} names: where that server names one itself, clients prefer it."
        ))
        .try_this(format!(
            "Remove the boot file from {by} (options 66 and 67; filename and next-server, or dhcp-boot), or let \
             it name {file} and this server."
        ))
}

/// Beside another server, whose own boot file the client loads again and again.
pub(super) fn boots_elsewhere(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let file = snapshot.last(StepKind::Offer)?.named.as_deref()?;
    let again = !snapshot.boot.has_loaded() && snapshot.rounds() >= ROUNDS;
    again.then(|| offered_in_vain(snapshot, file, None))
}

/// The firewall, mostly.
pub(super) fn no_file_asked_for(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    // Beside another server, that one confirms the address and this server does not see it.
    let beside = snapshot.last(StepKind::Request).and(snapshot.last(StepKind::Offer));
    let ack = snapshot.last(StepKind::Ack).or(beside)?;
    let patience = if snapshot.is_ipxe() { FILE_IPXE } else { FILE };
    if snapshot.files().next().is_some() || snapshot.silent < patience {
        return None;
    }
    let file = ack.named.as_deref().unwrap_or("its file");
    let by = if file.contains("://") { "the HTTP port (TCP)" } else { "TFTP (UDP port 69)" };
    let verdict = Verdict::stopped(
        "no-request",
        format!("it has its address and never asked for {file}"),
    )
    .because(format!(
        "Its request does not arrive: a firewall on this machine drops {by}, the address it \
                 was given does not reach this server, or its firmware does not want such a file."
    ))
    .try_this(format!(
        "Open {by} on this machine; see that the address and the router it was given are \
                 right for its network."
    ));
    Some(verdict)
}

/// No fault: iPXE at work.
pub(super) fn waits_for_ipv6(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    snapshot.last(StepKind::Ack)?;
    let waits =
        snapshot.is_ipxe() && snapshot.files().next().is_none() && snapshot.silent > NOTICED;
    waits.then(|| {
        Verdict::new(
            Status::Booting,
            "ipxe-ipv6",
            "iPXE has its address and waits for an IPv6 router",
        )
        .because("Builds before October 2020 wait up to 16 s, newer ones for up to 4 s.")
        .try_this("A newer iPXE makes the wait short; nothing is wrong.")
    })
}

/// We offer and it does not take.
pub(super) fn offer_not_taken(snapshot: &Snapshot<'_>) -> Option<Verdict> {
    let offers = snapshot.count(StepKind::Offer);
    let taken = snapshot.last(StepKind::Request).is_some() || snapshot.files().next().is_some();
    let given_up = snapshot.silent > OFFER || snapshot.count(StepKind::Discover) > 3;
    if offers == 0 || taken || !given_up {
        return None;
    }
    let times = if offers == 1 { "once".to_owned() } else { format!("{offers} times") };
    let verdict =
        Verdict::stopped("offer-not-taken", format!("it was offered a boot {times} and took none"))
            .because(
                "The OFFER does not reach it (a switch port that is not forwarding yet, a VLAN, a \
                 firewall), or its firmware is not content with it. Beside another DHCP server: that \
                 one gave it no address.",
            )
            .try_this(
                "Set the switch port to PortFast or edge; look on its screen for PXE-E51, E52 or E53; \
                 see that exactly one server on the link gives addresses.",
            );
    Some(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Kind;
    use crate::event::Event;
    use crate::timeline::tests::machine::{IPXE, Machine, PXE};
    use crate::wire::dhcp::MessageType;

    fn in_a_loop() -> Ignore {
        Ignore::Loop { file: "undionly.kpxe".to_owned(), times: 3, other: None }
    }

    #[test]
    fn a_loop_is_one_where_the_file_was_loaded() {
        let mut machine = Machine::new();
        machine.stage(PXE, "undionly.kpxe");
        machine.loads("undionly.kpxe", 70_000);
        machine.wait(10);
        machine.hears(MessageType::Discover, PXE, Some(in_a_loop()));
        let verdict = machine.verdict();
        assert_eq!(verdict.signature, "not-answered");
        assert!(verdict.summary.contains("undionly.kpxe was named 3 times"), "{}", verdict.summary);
        assert!(verdict.remedy.unwrap().contains("It loads this file"));
    }

    /// Offers beside another server are no loads.
    #[test]
    fn a_client_that_only_got_offers_does_not_loop() {
        let mut machine = Machine::new();
        machine.discover(PXE);
        machine.offer("undionly.kpxe");
        machine.hears(MessageType::Discover, PXE, Some(in_a_loop()));
        let verdict = machine.verdict();
        assert_eq!(verdict.signature, "boots-elsewhere");
        assert!(verdict.reason.unwrap().contains("the server that gives it its address"));
    }

    #[test]
    fn a_client_that_boots_what_another_server_names_is_known_by_its_rounds() {
        let mut machine = Machine::new();
        machine.other_server = Some([10, 96, 0, 1].into());
        for _ in 0..3 {
            machine.discover(IPXE);
            assert_eq!(machine.verdict().status, Status::Booting);
            machine.offer("http://192.168.0.10/boot.ipxe");
            let left = Ignore::LeftToServer(MessageType::Request);
            machine.hears(MessageType::Request, IPXE, Some(left));
            machine.wait(1);
        }
        let verdict = machine.verdict();
        assert_eq!((verdict.status, verdict.signature), (Status::Stopped, "boots-elsewhere"));
        assert!(verdict.reason.unwrap().contains("10.96.0.1"));
        // A false friend: it asks for our file after all.
        machine.loads("/boot.ipxe", 500);
        assert_ne!(machine.verdict().signature, "boots-elsewhere");
    }

    #[test]
    fn questions_that_are_repeated_are_no_rounds() {
        let mut machine = Machine::new();
        machine.other_server = Some([10, 96, 0, 1].into());
        for _ in 0..6 {
            machine.discover(PXE);
        }
        machine.offer("undionly.kpxe");
        for _ in 0..6 {
            let left = Ignore::LeftToServer(MessageType::Request);
            machine.hears(MessageType::Request, PXE, Some(left));
        }
        assert_eq!(machine.verdict().status, Status::Booting);
    }

    #[test]
    fn a_loop_with_addresses_says_which_file_and_how_often() {
        let mut machine = Machine::new();
        machine.discover(PXE);
        let client = "52:54:00:00:00:01".to_owned();
        machine.event(&Event::NotNamed { client, reason: in_a_loop() });
        machine.answer(MessageType::Offer, None);
        let verdict = machine.verdict();
        assert_eq!(verdict.signature, "boot-loop");
        assert!(verdict.reason.unwrap().starts_with("undionly.kpxe was named 3 times"));
        // After a minute it is named again.
        machine.wait(60);
        machine.stage(PXE, "undionly.kpxe");
        assert_ne!(machine.verdict().signature, "boot-loop");
    }

    #[test]
    fn a_client_that_is_ignored_is_told_why() {
        let mut machine = Machine::new();
        let network = "10.0.0.0/24".parse().unwrap();
        machine.hears(MessageType::Discover, PXE, Some(Ignore::PoolEmpty(network)));
        let verdict = machine.verdict();
        assert_eq!(verdict.signature, "not-answered");
        assert_eq!(verdict.summary, "it gets no answer: no address is left in 10.0.0.0/24");
        assert!(verdict.remedy.unwrap().contains("more addresses"));
        machine.discover(PXE);
        machine.offer("undionly.kpxe");
        assert_eq!(machine.verdict().signature, "booting", "an answer later ends it");
    }

    #[test]
    fn a_loop_beside_another_server_names_that_one() {
        let looped = |other| {
            let mut machine = Machine::new();
            let file = "http://10.96.0.1/boot.ipxe".to_owned();
            let reason = Ignore::Loop { file, times: 3, other };
            machine.hears(MessageType::Discover, IPXE, Some(reason));
            let left = Ignore::LeftToServer(MessageType::Request);
            if other.is_some() {
                machine.hears(MessageType::Request, IPXE, Some(left));
            }
            machine.verdict()
        };
        let verdict = looped(Some([10, 95, 0, 1].into()));
        assert_eq!((verdict.status, verdict.signature), (Status::Stopped, "boots-elsewhere"));
        assert!(verdict.remedy.unwrap().contains("the boot file from 10.95.0.1"));
        let alone = looped(None);
        assert!(alone.remedy.unwrap().contains("the server that gives it its address"));
    }

    #[test]
    fn another_server_is_named() {
        let mut machine = Machine::new();
        machine.discover(PXE);
        machine.offer("undionly.kpxe");
        machine.hears(MessageType::Request, PXE, Some(Ignore::OtherServer([10, 0, 0, 1].into())));
        let verdict = machine.verdict();
        assert_eq!(verdict.status, Status::Stopped);
        assert_eq!(verdict.summary, "the client took the OFFER of 10.0.0.1, another DHCP server");
    }

    #[test]
    fn a_refused_address_is_told_when_it_comes_again() {
        let mut machine = Machine::new();
        for _ in 0..2 {
            machine.hears(MessageType::Request, PXE, None);
            machine.answer(MessageType::Nak, None);
        }
        assert_eq!(machine.verdict().signature, "address-refused");
    }

    #[test]
    fn an_answer_without_a_file_is_a_stop_for_who_boots() {
        let mut machine = Machine::new();
        machine.discover(Kind::Pxe);
        machine.answer(MessageType::Offer, None);
        assert_eq!(machine.verdict().signature, "no-boot-file");
    }

    #[test]
    fn an_offer_that_nobody_takes() {
        let mut machine = Machine::new();
        machine.discover(PXE);
        machine.offer("undionly.kpxe");
        machine.wait(8);
        assert_eq!(machine.verdict().status, Status::Booting);
        machine.discover(PXE);
        machine.offer("undionly.kpxe");
        machine.wait(13);
        let verdict = machine.verdict();
        assert_eq!(verdict.signature, "offer-not-taken");
        assert_eq!(verdict.summary, "it was offered a boot 2 times and took none");
    }

    #[test]
    fn an_address_and_no_request() {
        let mut machine = Machine::new();
        machine.stage(PXE, "undionly.kpxe");
        machine.wait(14);
        assert_eq!(machine.verdict().status, Status::Booting);
        machine.wait(2);
        let verdict = machine.verdict();
        assert_eq!(verdict.signature, "no-request");
        assert_eq!(verdict.summary, "it has its address and never asked for undionly.kpxe");
        assert!(verdict.remedy.unwrap().contains("UDP port 69"));
    }

    #[test]
    fn an_address_of_another_server_and_no_request() {
        let mut machine = Machine::new();
        machine.discover(PXE);
        machine.offer("snponly.efi");
        machine.hears(MessageType::Request, PXE, Some(Ignore::LeftToServer(MessageType::Request)));
        machine.wait(16);
        let summary = machine.verdict().summary;
        assert_eq!(summary, "it has its address and never asked for snponly.efi");
    }

    #[test]
    fn ipxe_is_given_time_for_ipv6() {
        let mut machine = Machine::new();
        machine.stage(IPXE, "http://192.168.0.10/boot.ipxe");
        machine.wait(16);
        let verdict = machine.verdict();
        assert_eq!((verdict.status, verdict.signature), (Status::Booting, "ipxe-ipv6"));
        machine.wait(15);
        assert_eq!(machine.verdict().signature, "no-request");
    }
}
