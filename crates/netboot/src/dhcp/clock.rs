//! The server's monotonic time, and its relation to the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::logic::Time;

/// Time that never goes back or jumps while the server runs, whatever is done to the machine's clock. It goes on
/// while the machine sleeps, as leases do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: Time,
    since: Duration,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { began: wall(), since: running() }
    }

    pub(super) fn now(&self) -> Time {
        self.began + running().saturating_sub(self.since)
    }

    /// What the wall clock will show at this time. Leases are written so: the next start has no other clock,
    /// and the wall clock may have been set since the server began.
    pub(super) fn to_wall(self, time: Time) -> Time {
        shift(time, self.now(), wall())
    }

    /// The time when the wall clock shows this.
    pub(super) fn of_wall(self, time: Time) -> Time {
        shift(time, wall(), self.now())
    }
}

fn wall() -> Time {
    Time::default() + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn running() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    // The clock counts from the start of the machine, and its nanoseconds are below a second.
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// A time of one clock as the other shows it, which shows `to` while the first one shows `from`.
fn shift(time: Time, from: Time, to: Time) -> Time {
    if to >= from {
        return time + to.since(from);
    }
    let back = from.as_millis() - to.as_millis();
    Time::from_millis(time.as_millis().saturating_sub(back))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_written_by_the_clock_that_the_next_start_reads() {
        let hour = Duration::from_secs(3600);
        let (now, ahead) = (Time::from_secs(1_800_000_000), Time::from_secs(2_115_000_000));
        let behind = Time::from_secs(1000);
        // The clock was right when the server began, ten years ahead, or that of a board without battery.
        for began in [now, ahead, behind] {
            let written = shift(began + hour, began, now);
            assert_eq!(written, now + hour);
            assert_eq!(shift(written, now, began), began + hour, "and back");
        }
        assert_eq!(shift(Time::from_secs(5), ahead, behind), Time::default(), "before all clocks");
    }

    #[test]
    fn time_goes_on() {
        let clock = Clock::start();
        let before = clock.now();
        std::thread::sleep(Duration::from_millis(20));
        let passed = clock.now().since(before);
        assert!(
            passed >= Duration::from_millis(19) && passed < Duration::from_secs(20),
            "{passed:?}"
        );
        let wall = clock.to_wall(clock.now());
        assert!(wall.since(super::wall()) < Duration::from_secs(1));
    }
}
