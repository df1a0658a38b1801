//! How often limits are met, and the warning about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::config::Limit;
use crate::event::{Event, Sink};

/// Between two warnings about one limit: a flood meets it a thousand times a second.
const QUIET: Duration = Duration::from_secs(60);

/// Counts how often each limit is met.
pub(crate) struct Meter {
    met: [AtomicU64; Limit::ALL.len()],
    /// Milliseconds after `began` from which on the next warning may come.
    next_warning: [AtomicU64; Limit::ALL.len()],
    began: Instant,
    events: Arc<dyn Sink>,
}

/// How much of a limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) limit: Limit,
    pub(crate) count: usize,
    pub(crate) max: usize,
}

/// Knows how much of some limits is used.
pub(crate) trait Used: Send + Sync {
    fn usage(&self) -> Vec<Usage>;
}

impl Meter {
    /// Warnings go to `events`.
    pub(crate) fn new(events: Arc<dyn Sink>) -> Self {
        let zeros = || [const { AtomicU64::new(0) }; Limit::ALL.len()];
        Self { met: zeros(), next_warning: zeros(), began: Instant::now(), events }
    }

    /// A limit of `max` is met. Warns of it, once in each [`QUIET`].
    pub(crate) fn met(&self, limit: Limit, max: usize) {
        self.met_at(limit, max, Instant::now());
    }

    fn met_at(&self, limit: Limit, max: usize, now: Instant) {
        self.met[limit as usize].fetch_add(1, Ordering::Relaxed);
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let now = millis(now.saturating_duration_since(self.began));
        let next = &self.next_warning[limit as usize];
        let due = next.load(Ordering::Relaxed);
        let later = now + millis(QUIET);
        if now < due
            || next.compare_exchange(due, later, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let (key, consequence) = (limit.key(), limit.consequence());
        let text = format!("limit {key} = {max} is met: {consequence}; see [serve.limits]");
        self.events.event(Event::Warning { text });
    }

    /// How often a limit was met.
    pub(crate) fn times(&self, limit: Limit) -> u64 {
        self.met[limit as usize].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_limit_that_is_met_is_counted_each_time_and_told_of_once_a_minute() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&lines);
        let meter =
            Meter::new(Arc::new(move |event: Event| log.lock().unwrap().push(event.to_string())));
        let second = Duration::from_secs(1);
        for at in [0, 0, 1, 59, 60, 61, 119, 121] {
            meter.met_at(Limit::TftpUnanswered, 512, meter.began + at * second);
        }
        assert_eq!(meter.times(Limit::TftpUnanswered), 8);
        assert_eq!(meter.times(Limit::TftpTransfers), 0);
        assert_eq!(lines.lock().unwrap().len(), 3);
        // Each limit has a minute to itself.
        meter.met_at(Limit::PageStreams, 48, meter.began + 121 * second);
        let lines = lines.lock().unwrap();
        assert_eq!(
            lines[3],
            "warning: limit page-streams = 48 is met: the oldest pages that follow boots are \
             closed; see [serve.limits]"
        );
        assert!(lines[0].contains("limit tftp-unanswered = 512 is met"), "{}", lines[0]);
    }

    #[test]
    fn limits_are_numbered_as_they_are_listed() {
        for (number, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, number);
        }
    }
}
