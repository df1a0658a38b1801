//! `FileTime`: FILETIME timestamps, conversion from and to Unix time, and ISO 8601.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A FILETIME: 100-nanosecond steps since 1601-01-01 00:00 UTC.
///
/// ```
/// use winpe_hive::FileTime;
/// assert_eq!(FileTime::from_unix(0).to_string(), "1970-01-01T00:00:00Z");
/// assert_eq!(FileTime::from_unix(1_600_000_000).unix(), 1_600_000_000);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileTime(pub u64);

const STEPS_PER_SECOND: u64 = 10_000_000;
const UNIX_EPOCH_SECONDS: i64 = 11_644_473_600;

impl FileTime {
    /// Seconds since 1970, the unit of `SOURCE_DATE_EPOCH`. Times before 1601 become 1601.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        let seconds = u64::try_from(seconds.saturating_add(UNIX_EPOCH_SECONDS)).unwrap_or(0);
        Self(seconds.saturating_mul(STEPS_PER_SECOND))
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub fn unix(self) -> i64 {
        // A 64-bit count of 100 ns steps has fewer than 2^41 seconds.
        (self.0 / STEPS_PER_SECOND) as i64 - UNIX_EPOCH_SECONDS
    }

    /// The current time of the system clock.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = Self::from_unix(0).0;
        Self(start + since.as_secs() * STEPS_PER_SECOND + u64::from(since.subsec_nanos() / 100))
    }
}

/// ISO 8601 in UTC; trailing zeros of the decimals are omitted.
impl fmt::Display for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / STEPS_PER_SECOND;
        let (year, month, day) = date((seconds / 86_400) as i64);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        let steps = self.0 % STEPS_PER_SECOND;
        if steps > 0 {
            write!(f, ".{}", format!("{steps:07}").trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// The date in the proleptic Gregorian calendar, from days since 1601-01-01.
///
/// A year starts in March, so that the leap day is its last; 400 years are 146,097 days.
fn date(days_since_1601: i64) -> (i64, i64, i64) {
    const DAYS_FROM_MARCH_0000: i64 = 584_694;
    let days = days_since_1601 + DAYS_FROM_MARCH_0000;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_at_the_edges_of_the_calendar() {
        for (seconds, text) in [
            (-11_644_473_600, "1601-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-2_203_891_200, "1900-03-01T00:00:00Z"),
            (1_640_995_199, "2021-12-31T23:59:59Z"),
        ] {
            assert_eq!(FileTime::from_unix(seconds).to_string(), text);
        }
        assert_eq!(FileTime(1).to_string(), "1601-01-01T00:00:00.0000001Z");
        assert!(!FileTime(u64::MAX).to_string().is_empty());
        assert_eq!(FileTime::from_unix(i64::MIN), FileTime(0));
    }
}
