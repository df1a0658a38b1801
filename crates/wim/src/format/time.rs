//! Windows time: 100 ns intervals since 1601-01-01 UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 1970-01-01 in Windows time.
const UNIX: u64 = 116_444_736_000_000_000;
const PER_SECOND: u64 = 10_000_000;

/// A time before 1601 becomes 1601; a time that is too late becomes the latest possible.
pub(crate) fn from_system(time: SystemTime) -> u64 {
    let ticks = |span: Duration| {
        span.as_secs()
            .saturating_mul(PER_SECOND)
            .saturating_add(u64::from(span.subsec_nanos() / 100))
    };
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => UNIX.saturating_add(ticks(after)),
        Err(before) => UNIX.saturating_sub(ticks(before.duration())),
    }
}

/// `None` if `SystemTime` cannot represent it.
pub(crate) fn to_system(ticks: u64) -> Option<SystemTime> {
    let span = |ticks: u64| {
        let nanos = u32::try_from(ticks % PER_SECOND * 100).expect("below a second");
        Duration::new(ticks / PER_SECOND, nanos)
    };
    match ticks.checked_sub(UNIX) {
        Some(after) => UNIX_EPOCH.checked_add(span(after)),
        None => UNIX_EPOCH.checked_sub(span(UNIX - ticks)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_unix_epoch_is_the_known_number() {
        assert_eq!(from_system(UNIX_EPOCH), 116_444_736_000_000_000);
        assert_eq!(to_system(0), UNIX_EPOCH.checked_sub(Duration::from_secs(11_644_473_600)));
    }

    proptest! {
        #[test]
        fn a_time_survives_the_round_trip(ticks in 0..u64::MAX) {
            if let Some(time) = to_system(ticks) {
                prop_assert_eq!(from_system(time), ticks);
            }
        }
    }
}
