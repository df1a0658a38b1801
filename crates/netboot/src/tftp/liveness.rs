//! Whether a client is silent, and when the next event about its transfer is due.

use std::time::{Duration, Instant};

use crate::logic::tftp::Transfer;

/// How long a client may acknowledge nothing before its transfer gives way to others that need its place.
const SILENT: Duration = Duration::from_millis(500);

/// Between two events about the progress of a transfer.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// What the sessions know of the client.
#[derive(Default)]
pub(super) struct Liveness {
    pub(super) answered: bool,
    pub(super) silent: bool,
}

impl Liveness {
    /// Whether the client has become silent, or answers again; none where nothing has changed.
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

/// When the client was heard last, and when progress was reported last.
pub(super) struct Reported {
    pub(super) heard: Instant,
    progress: Instant,
}

impl Reported {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { heard: now, progress: now }
    }

    /// True once in each [`PROGRESS_INTERVAL`]; never for most files, which do not take as long.
    pub(super) fn is_due(&mut self) -> bool {
        // The time of the last packet is exact enough, and costs no system call.
        let due = self.heard.duration_since(self.progress) >= PROGRESS_INTERVAL;
        if due {
            self.progress = self.heard;
        }
        due
    }
}
