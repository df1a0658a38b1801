//! A boot at a moment, as the signatures read it.

use std::time::Duration;

use super::boot::Boot;
use super::step::{FileStep, Outcome, Role, Step, StepKind};
use crate::client::{Choice, Kind};
use crate::logic::Time;

/// Where nothing else is known.
const GONE: Duration = Duration::from_secs(600);

/// A boot at a moment, as signatures see it.
#[derive(Debug)]
pub(super) struct Snapshot<'a> {
    pub(super) boot: &'a Boot,
    /// The steps since the program that runs now first asked for an address.
    pub(super) stage: &'a [Step],
    /// For how long nothing has happened; for ever, where the machine has begun again.
    pub(super) silent: Duration,
    pub(super) now: Time,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(boot: &'a Boot, now: Time) -> Self {
        let steps = &boot.steps;
        // Repeated questions, and the answers to them, belong together. An operating system may begin
        // with a REQUEST for the address that its loader had.
        let mut start = 0;
        for (at, step) in steps.iter().enumerate() {
            let begins = matches!(step.kind, StepKind::Discover | StepKind::Ignored);
            let goes_on = steps[start..at].iter().any(|step| step.file.is_some());
            let other = steps[start].program != step.program;
            if step.program.is_some() && (other || (begins && goes_on)) {
                start = at;
            }
        }
        let silent = match boot.restarted {
            Some(_) => Duration::MAX,
            None => now.since(boot.last),
        };
        Self { boot, stage: steps.get(start..).unwrap_or_default(), silent, now }
    }

    /// What program runs; none where no DHCP message of it was seen.
    pub(super) fn program(&self) -> Option<Kind> {
        self.stage.iter().find_map(|step| step.program)
    }

    pub(super) fn is_firmware(&self) -> bool {
        matches!(self.program(), Some(Kind::Pxe | Kind::Http))
    }

    pub(super) fn is_ipxe(&self) -> bool {
        matches!(self.program(), Some(Kind::Ipxe { .. }))
    }

    /// The last step of a kind in this stage.
    pub(super) fn last(&self, kind: StepKind) -> Option<&'a Step> {
        self.stage.iter().rev().find(|step| step.kind == kind)
    }

    pub(super) fn count(&self, kind: StepKind) -> u32 {
        self.stage.iter().filter(|step| step.kind == kind).map(|step| step.count).sum()
    }

    /// The files of this stage, in order.
    pub(super) fn files(&self) -> impl DoubleEndedIterator<Item = &'a FileStep> + use<'a> {
        self.stage.iter().filter_map(|step| step.file.as_ref())
    }

    /// The last file that matters: not the probes that every client sends.
    pub(super) fn last_file(&self) -> Option<&'a FileStep> {
        self.files().rev().find(matters)
    }

    /// The last file of this stage that arrived.
    pub(super) fn last_sent(&self) -> Option<&'a FileStep> {
        self.files().rev().find(|file| file.outcome == Outcome::Sent)
    }

    /// Whether a file of this role arrived in the boot.
    pub(super) fn has(&self, role: Role) -> bool {
        let files = self.boot.steps.iter().filter_map(|step| step.file.as_ref());
        files.into_iter().any(|file| file.role == role && file.outcome == Outcome::Sent)
    }

    /// What was reported last of a menu, and the last file that matters after it. None where the menu was loaded
    /// once more.
    pub(super) fn choice(&self) -> Option<(&'a Choice, Option<&'a FileStep>)> {
        let at = self.stage.iter().rposition(|step| step.choice.is_some())?;
        let choice = self.stage[at].choice.as_ref()?;
        let files = self.stage[at..].iter().filter_map(|step| step.file.as_ref());
        let last = files.rev().find(matters);
        let again =
            last.is_some_and(|file| file.role == Role::Script && file.outcome == Outcome::Sent);
        (!again).then_some((choice, last))
    }

    /// The entry that was chosen last, whatever came of it.
    pub(super) fn entry(&self) -> Option<&'a Choice> {
        self.boot.entry()
    }

    /// Whether it asked for a file in this boot or the one before.
    pub(super) fn has_loaded_lately(&self) -> bool {
        self.boot.loaded_before || self.boot.has_loaded()
    }

    /// How often it asked for the address that another server gave it, each time after a DISCOVER.
    pub(super) fn rounds(&self) -> usize {
        let kinds = self.boot.steps.iter().filter_map(|step| match step.kind {
            StepKind::Discover => Some(false),
            StepKind::Request => Some(step.server.is_some()),
            _ => None,
        });
        let kinds: Vec<_> = kinds.collect();
        kinds.windows(2).filter(|pair| *pair == [false, true]).count()
    }

    /// The other server whose address it took.
    pub(super) fn server_of_addresses(&self) -> Option<String> {
        let server = self.boot.steps.iter().rev().find_map(|step| step.server)?;
        Some(server.to_string())
    }

    /// Whether nothing has happened for so long that it is not going on.
    pub(super) fn is_gone(&self) -> bool {
        self.silent > GONE
    }

    /// Whether the last thing that happened is this step.
    pub(super) fn ends_with(&self, step: &Step) -> bool {
        self.stage.last().is_some_and(|last| std::ptr::eq(last, step))
    }
}

/// Whether a file says how a boot goes: the probes that every client sends do not.
fn matters(file: &&FileStep) -> bool {
    !matches!(file.outcome, Outcome::NotNeeded | Outcome::SizeOnly)
}
