//! Which machines get an answer to their router solicitation: those that boot from this server right now.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::time::Duration;

use super::Time;
use crate::client::Kind;
use crate::event::Waiting;
use crate::wire::dhcp::Hardware;
use crate::wire::ndp::Question;

/// How long after its last DHCP message a machine is answered. Boot programs ask for an address and for a router
/// at the same time.
const RECENT: Duration = Duration::from_secs(30);
/// How long after it what a machine does over IPv6 is still reported: firmware tries PXE over IPv6 when that over
/// IPv4 has ended.
const REPORTED: Duration = Duration::from_secs(120);
/// Machines that are remembered.
const MACHINES: usize = 4096;
/// Answers to one DHCP message of a machine; iPXE asks six times while it waits.
const ANSWERS: u32 = 8;

/// The machines that boot, and what is known of their wait.
#[derive(Debug, Default)]
pub struct Waits {
    machines: HashMap<Hardware, Machine>,
}

#[derive(Debug)]
struct Machine {
    kind: Kind,
    /// The first DHCP message of this program.
    began: Time,
    /// Its last one.
    heard: Time,
    answers: u32,
    /// What was reported of this program.
    reported: Option<Waiting>,
}

/// What to do about a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decision {
    /// Where an advertisement goes; `None` for no answer.
    pub answer: Option<Ipv6Addr>,
    /// What to report, if it is new, and how long after the program's first DHCP message that is.
    pub report: Option<(Waiting, Duration)>,
}

impl Waits {
    /// A boot program sent a DHCP message that this server deals with.
    pub fn heard(&mut self, hardware: Hardware, kind: Kind, now: Time) {
        if kind == Kind::Other {
            // An operating system asks routers for its own sake.
            self.machines.remove(&hardware);
            return;
        }
        if self.machines.len() >= MACHINES && !self.machines.contains_key(&hardware) {
            self.forget(now);
        }
        let fresh = || Machine { kind, began: now, heard: now, answers: 0, reported: None };
        let machine = self.machines.entry(hardware).or_insert_with(fresh);
        if machine.kind != kind || now.since(machine.heard) > RECENT {
            *machine = fresh();
        }
        (machine.heard, machine.answers) = (now, 0);
    }

    /// A question came from a machine.
    pub fn asked(&mut self, hardware: Hardware, question: Question, now: Time) -> Decision {
        let Some(machine) = self.machines.get_mut(&hardware) else { return Decision::default() };
        let age = now.since(machine.heard);
        if age > REPORTED {
            return Decision::default();
        }
        let is_ipxe = matches!(machine.kind, Kind::Ipxe { .. });
        let (answer, report) = match question {
            Question::Router { from } if from.is_unspecified() => {
                (None, (!is_ipxe).then_some(Waiting::Firmware))
            }
            Question::Router { from } if from.is_unicast_link_local() => {
                let may = age <= RECENT && machine.answers < ANSWERS;
                (may.then_some(from), may.then_some(Waiting::Ended))
            }
            Question::Router { .. } => (None, None),
            Question::Address if is_ipxe => (None, Some(Waiting::OtherRouter)),
            Question::Address => (None, Some(Waiting::Firmware)),
        };
        machine.answers += u32::from(answer.is_some());
        let report = report.filter(|report| machine.reported != Some(*report));
        machine.reported = report.or(machine.reported);
        let elapsed = now.since(machine.began);
        Decision { answer, report: report.map(|report| (report, elapsed)) }
    }

    /// Makes room: drops those that are not answered any more; where there are none, the one heard first.
    fn forget(&mut self, now: Time) {
        self.machines.retain(|_, machine| now.since(machine.heard) <= RECENT);
        if self.machines.len() >= MACHINES {
            let oldest = self.machines.iter().min_by_key(|(_, machine)| machine.heard);
            if let Some(oldest) = oldest.map(|(hardware, _)| *hardware) {
                self.machines.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPXE: Kind = Kind::Ipxe { http: true };

    fn machine(number: u16) -> Hardware {
        let [high, low] = number.to_be_bytes();
        Hardware::ethernet([0x52, 0x54, 0, 0, high, low])
    }

    fn router() -> Question {
        Question::Router { from: "fe80::1".parse().unwrap() }
    }

    fn at(seconds: u64) -> Time {
        Time::from_secs(1000 + seconds)
    }

    #[test]
    fn a_machine_that_boots_is_answered_and_no_other() {
        let mut waits = Waits::default();
        assert_eq!(waits.asked(machine(1), router(), at(0)), Decision::default());
        waits.heard(machine(1), IPXE, at(0));
        let ended = Some((Waiting::Ended, Duration::from_secs(1)));
        let answer = Some("fe80::1".parse().unwrap());
        assert_eq!(waits.asked(machine(1), router(), at(1)), Decision { answer, report: ended });
        assert_eq!(waits.asked(machine(1), router(), at(2)), Decision { answer, report: None });
        assert_eq!(waits.asked(machine(2), router(), at(2)), Decision::default());
        assert_eq!(waits.asked(machine(1), router(), at(31)).answer, None);
        // Once it runs an operating system, routers are for that.
        waits.heard(machine(1), Kind::Other, at(32));
        assert_eq!(waits.asked(machine(1), router(), at(32)), Decision::default());
    }

    #[test]
    fn each_program_of_a_chain_is_answered() {
        let mut waits = Waits::default();
        for (kind, start) in [(Kind::Pxe, 0), (IPXE, 5), (IPXE, 40)] {
            waits.heard(machine(1), kind, at(start));
            let decision = waits.asked(machine(1), router(), at(start));
            let ended = Some((Waiting::Ended, Duration::ZERO));
            assert_eq!(decision.report, ended, "{kind:?} at {start}");
        }
    }

    /// Only multicast reaches a sender without an address, and every host on the link would receive it.
    #[test]
    fn nothing_is_sent_to_many_and_nothing_beyond_the_link() {
        let mut waits = Waits::default();
        waits.heard(machine(1), Kind::Pxe, at(0));
        for from in ["::", "ff02::1", "2001:db8::1", "::1"] {
            let question = Question::Router { from: from.parse().unwrap() };
            assert_eq!(waits.asked(machine(1), question, at(0)).answer, None, "{from}");
        }
    }

    #[test]
    fn a_machine_that_asks_and_asks_is_answered_some_times() {
        let mut waits = Waits::default();
        waits.heard(machine(1), IPXE, at(0));
        let asked = |waits: &mut Waits| waits.asked(machine(1), router(), at(1)).answer.is_some();
        assert_eq!((0..1000).filter(|_| asked(&mut waits)).count(), 8);
        waits.heard(machine(1), IPXE, at(2));
        assert!(asked(&mut waits));
    }

    #[test]
    fn what_ipv6_makes_a_machine_wait_for_is_reported_once() {
        let mut waits = Waits::default();
        waits.heard(machine(1), IPXE, at(0));
        let reports: Vec<_> =
            (0..3).map(|_| waits.asked(machine(1), Question::Address, at(1)).report).collect();
        assert_eq!(reports, [Some((Waiting::OtherRouter, Duration::from_secs(1))), None, None]);
        waits.heard(machine(2), Kind::Pxe, at(0));
        let unspecified = Question::Router { from: Ipv6Addr::UNSPECIFIED };
        let firmware = Some((Waiting::Firmware, Duration::from_secs(60)));
        assert_eq!(waits.asked(machine(2), unspecified, at(60)).report, firmware);
        assert_eq!(waits.asked(machine(2), Question::Address, at(61)).report, None);
        assert_eq!(waits.asked(machine(2), unspecified, at(121)).report, None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut waits = Waits::default();
        (0..u16::MAX).for_each(|number| waits.heard(machine(number), IPXE, at(0)));
        assert_eq!(waits.machines.len(), MACHINES);
        // Those that boot now are kept.
        assert!(waits.asked(machine(u16::MAX - 1), router(), at(1)).answer.is_some());
    }
}
