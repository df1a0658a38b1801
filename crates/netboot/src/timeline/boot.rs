//! One boot of one machine.

use std::time::Duration;

use super::step::{FileStep, Outcome, Step, StepKind};
use super::verdict::Verdict;
use crate::client::{Choice, ChoiceKind};
use crate::event::{Ignore, Protocol};
use crate::logic::Time;

/// One boot of one machine, from its first DISCOVER to the next one of its firmware.
#[derive(Debug)]
pub(super) struct Boot {
    pub(super) id: u64,
    pub(super) began: Time,
    /// When something happened last.
    pub(super) last: Time,
    pub(super) steps: Vec<Step>,
    /// Steps that were left out between the first and the last ones.
    pub(super) omitted: u64,
    /// Bytes of files that were sent.
    pub(super) bytes: u64,
    /// When the machine began again after the last step of this boot.
    pub(super) restarted: Option<Duration>,
    /// Whether the boot before loaded a file, so that this one may be the next round of a loop.
    pub(super) loaded_before: bool,
    /// Whether the firmware refused, just before, the program of the boot before.
    pub(super) refused_before: bool,
    /// Why no boot file was named in the last answer.
    pub(super) unnamed: Option<Ignore>,
    /// The count of changes at the last one.
    pub(super) revision: u64,
    /// The verdict that was shown last.
    pub(super) shown: Option<Verdict>,
}

impl Boot {
    pub(super) fn new(id: u64, now: Time) -> Self {
        Self {
            id,
            began: now,
            last: now,
            steps: Vec::new(),
            omitted: 0,
            bytes: 0,
            restarted: None,
            loaded_before: false,
            refused_before: false,
            unnamed: None,
            revision: 0,
            shown: None,
        }
    }

    /// Adds a step. Above the limit a quarter of the steps is dropped from the middle, so that the cost is
    /// amortised.
    pub(super) fn push(&mut self, step: Step, most: usize) {
        self.last = step.time;
        if let Some(last) = self.steps.last_mut()
            && last.file.is_none()
            && (last.kind, &last.text) == (step.kind, &step.text)
        {
            last.count = last.count.saturating_add(1);
            return;
        }
        self.steps.push(step);
        if self.steps.len() > most {
            let some = (most / 4).max(1);
            let first = (self.steps.len() - some) / 2;
            self.steps.drain(first..first + some);
            self.omitted += some as u64;
        }
    }

    /// The transfer that is under way to this port.
    pub(super) fn underway(
        &mut self,
        protocol: Protocol,
        port: u16,
        name: &str,
    ) -> Option<&mut FileStep> {
        self.steps.iter_mut().rev().filter_map(|step| step.file.as_mut()).find(|file| {
            file.outcome == Outcome::Underway
                && (file.protocol, file.port) == (protocol, port)
                && file.name == name
        })
    }

    /// The entry that was chosen last, whatever came of it.
    pub(super) fn entry(&self) -> Option<&Choice> {
        let entries = self.steps.iter().rev().filter_map(|step| step.choice.as_ref());
        entries.into_iter().find(|it| !matches!(it.kind, ChoiceKind::Failed | ChoiceKind::Shell))
    }

    /// Whether anything but the first DHCP messages has happened.
    pub(super) fn has_loaded(&self) -> bool {
        self.steps.iter().any(|step| step.file.is_some())
    }

    /// Whether an answer of ours was taken, or a file asked for.
    pub(super) fn is_real(&self) -> bool {
        self.steps.iter().any(|step| step.file.is_some() || step.kind == StepKind::Ack)
    }
}
