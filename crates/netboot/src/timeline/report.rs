//! Reports of scripts: what was chosen in a menu; answers that name no boot file; questions over IPv6.

use std::time::Duration;

use super::Timeline;
use super::step::{Step, StepKind};
use crate::client::{Choice, ChoiceKind};
use crate::event::{Event, Ignore, Waiting};
use crate::logic::Time;

impl Timeline {
    /// Takes an event that is about the file of a report, and about no other file; false for every other event.
    /// A report is a step once it has arrived.
    pub(super) fn reported(&mut self, event: &Event, now: Time) -> bool {
        let (Event::Requested { file, .. }
        | Event::Progress { file, .. }
        | Event::Stalled { file, .. }
        | Event::Sent { file, .. }
        | Event::Failed { file, .. }) = event
        else {
            return false;
        };
        let Some(choice) = Choice::read(file) else { return false };
        // A HEAD is answered without content.
        if let Event::Sent { client, bytes: 1.., .. } = event {
            let name = self.name_of(client.ip());
            self.push(&name, choice_step(choice, now));
        }
        true
    }

    /// A machine asks for something over IPv6. Without a boot there is nothing to which this belongs.
    pub(super) fn waits(&mut self, client: &str, waiting: Waiting, elapsed: Duration, now: Time) {
        if self.clients.get(client).is_some_and(|it| !it.boots.is_empty()) {
            let text = format!("IPv6, {:.1} s after DHCP: {waiting}", elapsed.as_secs_f64());
            self.push(client, Step::new(now, StepKind::Ipv6, text));
        }
    }

    /// Remembers why an answer names no boot file.
    pub(super) fn not_named(&mut self, client: &str, reason: &Ignore) {
        if let Some(boot) = self.last_boot(client) {
            boot.unnamed = Some(reason.clone());
        }
        self.changed(client);
    }
}

fn choice_step(choice: Choice, now: Time) -> Step {
    let name = &choice.name;
    let text = match choice.kind {
        ChoiceKind::Failed => "what was chosen did not boot".to_owned(),
        ChoiceKind::Shell => "iPXE's shell was chosen".to_owned(),
        _ => format!("{name} was chosen"),
    };
    Step { choice: Some(choice), ..Step::new(now, StepKind::Chosen, text) }
}
