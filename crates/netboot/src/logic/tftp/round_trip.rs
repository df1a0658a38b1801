//! How long to wait for an answer: RFC 6298 with bounds that fit a boot.

use std::time::Duration;

/// Before anything is known. A boot loader answers within milliseconds; a lost first packet should
/// not be felt.
const FIRST: Duration = Duration::from_millis(400);
/// A packet lost costs this much. Firmware that is busy with its console for longer gets one again that
/// it has, once, and is waited for from then on.
const MIN_TIMEOUT: Duration = Duration::from_millis(80);
const MAX_TIMEOUT: Duration = Duration::from_secs(4);

/// The measured round trip and the timeout that follows from it.
#[derive(Debug, Clone)]
pub(super) struct RoundTrip {
    /// What the client asked for instead (RFC 2349).
    fixed: Option<Duration>,
    smoothed: Option<Duration>,
    variation: Duration,
    least_seen: Duration,
    backoff: u32,
}

impl RoundTrip {
    pub(super) fn new(fixed: Option<Duration>) -> Self {
        Self {
            fixed,
            smoothed: None,
            variation: Duration::ZERO,
            least_seen: Duration::ZERO,
            backoff: 0,
        }
    }

    /// Takes a measurement, which must be of a packet that was sent once (Karn's rule). Only this
    /// ends a back-off: else a client slower than the timeout would get each block twice for ever.
    pub(super) fn measured(&mut self, sample: Duration) {
        self.backoff = 0;
        let Some(smoothed) = self.smoothed else {
            self.smoothed = Some(sample);
            self.variation = sample / 2;
            self.least_seen = sample;
            return;
        };
        self.variation = (self.variation * 3 + smoothed.abs_diff(sample)) / 4;
        self.smoothed = Some((smoothed * 7 + sample) / 8);
        self.least_seen = self.least_seen.min(sample);
    }

    pub(super) fn timed_out(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// How long to wait before a packet is sent again.
    pub(super) fn timeout(&self) -> Duration {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let base = match self.smoothed {
            Some(smoothed) => (smoothed + self.variation * 4).clamp(MIN_TIMEOUT, MAX_TIMEOUT),
            None => FIRST,
        };
        base.saturating_mul(1 << self.backoff.min(16)).min(MAX_TIMEOUT)
    }

    /// The smoothed round trip; none before the first measurement.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// The shortest round trip yet: an answer that comes sooner belongs to an earlier packet.
    pub(super) fn least_seen(&self) -> Duration {
        self.least_seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_timeout_follows_the_round_trip_within_bounds() {
        let mut trip = RoundTrip::new(None);
        assert_eq!(trip.timeout(), FIRST);
        trip.measured(MS);
        assert_eq!(trip.timeout(), MIN_TIMEOUT);
        for _ in 0..50 {
            trip.measured(300 * MS);
        }
        assert!(trip.timeout() >= 300 * MS && trip.timeout() < 400 * MS, "{:?}", trip.timeout());
        trip.measured(60_000 * MS);
        assert_eq!(trip.timeout(), MAX_TIMEOUT);
    }

    #[test]
    fn it_doubles_until_something_is_measured() {
        let mut trip = RoundTrip::new(None);
        let mut timeouts = Vec::new();
        for _ in 0..5 {
            trip.timed_out();
            timeouts.push(trip.timeout().as_millis());
        }
        assert_eq!(timeouts, [800, 1600, 3200, 4000, 4000]);
        trip.measured(MS);
        assert_eq!(trip.timeout(), MIN_TIMEOUT);
    }

    #[test]
    fn the_clients_own_timeout_is_kept() {
        let mut trip = RoundTrip::new(Some(1000 * MS));
        trip.timed_out();
        trip.measured(MS);
        assert_eq!(trip.timeout(), 1000 * MS);
    }
}
