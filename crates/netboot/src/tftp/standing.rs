//! Whether a client is silent, and when the next event about its transfer is due.

use std::time::{Duration, Instant};

use crate::logic::tftp::Transfer;

/// How long a client may acknowledge nothing before its transfer gives way to others that need its place.
const SILENT: Duration = Duration::from_millis(500);

/// Between two words about how far a transfer is.
const PROGRESS: Duration = Duration::from_secs(1);

/// What is known of the client where places are given out.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) answered: bool,
    pub(super) silent: bool,
}

impl Standing {
    /// Whether the client has become silent, or goes on; none where it is as it was.
    pub(super) fn notice(&mut self, transfer: &Transfer, now: Instant) -> Option<bool> {
        let silent = transfer.silent_since().is_some_and(|since| now >= since + SILENT);
        let changed = self.answered && self.silent != silent;
        self.silent = silent && self.answered;
        changed.then_some(silent)
    }

    /// When to wake a transfer that is due at `deadline`: earlier, if it counts as silent before.
    pub(super) fn deadline(&self, transfer: &Transfer, deadline: Instant) -> Instant {
        match transfer.silent_since() {
            Some(since) if self.answered && !self.silent => deadline.min(since + SILENT),
            _ => deadline,
        }
    }
}

/// When the client was heard last, and when others were told how far the transfer is.
pub(super) struct Told {
    pub(super) heard: Instant,
    progress: Instant,
}

impl Told {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { heard: now, progress: now }
    }

    /// Once in each [`PROGRESS`]; never of most files, which do not take as long.
    pub(super) fn is_due(&mut self) -> bool {
        // What was heard last is as good a clock as any, and costs nothing for each packet.
        let due = self.heard.duration_since(self.progress) >= PROGRESS;
        if due {
            self.progress = self.heard;
        }
        due
    }
}
