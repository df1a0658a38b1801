//! The rate at which a client takes answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Between two samples of how much a client has taken.
pub(super) const SAMPLE_INTERVAL: Duration = Duration::from_secs(20);
/// Samples that are kept: the last minute.
const SAMPLES: usize = 3;
/// A rate is measured over at least this time.
const MIN_TIME: Duration = Duration::from_secs(10);
/// Most bytes read from a disk that all connections hold together.
const MAX_READ_TOTAL: u64 = 48 << 20;
/// Bytes of one read, for many connections and for few.
const READ_SIZES: std::ops::RangeInclusive<u64> = 16 * 1024..=128 * 1024;

/// What a connection's own task counts, without a lock.
#[derive(Debug)]
pub(super) struct Pace {
    began: Instant,
    /// Bytes of files that were given to the kernel.
    bytes: AtomicU64,
    /// The bytes before the answer under way, and when that began; see [`Pace::millis`].
    before: AtomicU64,
    asked: AtomicU64,
    answering: AtomicBool,
    /// When the last answer ended.
    ended: AtomicU64,
    /// Whether the connection is closed in favour of another.
    gave_way: AtomicBool,
    /// Connections that have sent a request, all together.
    crowd: Arc<AtomicUsize>,
}

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// It has had its answers, and sends no request.
    Idle(Duration),
    /// It takes an answer, at this many bytes a second. None while that is not known.
    Taking(Option<u64>),
}

impl Pace {
    pub(super) fn new(now: Instant, crowd: &Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self {
            began: now,
            bytes: AtomicU64::new(0),
            before: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            answering: AtomicBool::new(false),
            ended: AtomicU64::new(0),
            gave_way: AtomicBool::new(false),
            crowd: Arc::clone(crowd),
        })
    }

    /// An answer begins.
    pub(super) fn begin(&self, now: Instant) {
        self.before.store(self.bytes.load(Relaxed), Relaxed);
        self.asked.store(self.millis(now), Relaxed);
        self.answering.store(true, Relaxed);
    }

    /// Counts bytes that were given to the kernel.
    pub(super) fn took(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// The answer has ended.
    pub(super) fn end(&self, now: Instant) {
        self.ended.store(self.millis(now), Relaxed);
        self.answering.store(false, Relaxed);
    }

    pub(super) fn give_way(&self) {
        self.gave_way.store(true, Relaxed);
    }

    pub(super) fn gave_way(&self) -> bool {
        self.gave_way.load(Relaxed)
    }

    /// Bytes of one read from a disk.
    pub(super) fn piece(&self) -> u64 {
        let crowd = self.crowd.load(Relaxed).max(1) as u64;
        (MAX_READ_TOTAL / crowd).clamp(*READ_SIZES.start(), *READ_SIZES.end())
    }

    /// Milliseconds since the connection was made.
    fn millis(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.began);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A connection's pace, and what it was at the last looks.
#[derive(Debug)]
pub(super) struct Watched {
    pace: Arc<Pace>,
    /// When, and how many bytes by then.
    looks: VecDeque<(u64, u64)>,
}

impl Watched {
    pub(super) fn new(pace: Arc<Pace>) -> Self {
        Self { pace, looks: VecDeque::with_capacity(SAMPLES) }
    }

    pub(super) fn begin(&self, now: Instant) {
        self.pace.begin(now);
    }

    pub(super) fn give_way(&self) {
        self.pace.give_way();
    }

    /// Looks; to be called each [`SAMPLE_INTERVAL`].
    pub(super) fn sample(&mut self, now: Instant) {
        if self.looks.len() == SAMPLES {
            self.looks.pop_front();
        }
        self.looks.push_back((self.pace.millis(now), self.pace.bytes.load(Relaxed)));
    }

    /// What the connection does, on average of the last minute or of the answer under way.
    pub(super) fn doing(&self, now: Instant) -> Doing {
        let (pace, now) = (&self.pace, self.pace.millis(now));
        if !pace.answering.load(Relaxed) {
            return Doing::Idle(Duration::from_millis(
                now.saturating_sub(pace.ended.load(Relaxed)),
            ));
        }
        let answer = (pace.asked.load(Relaxed), pace.before.load(Relaxed));
        let looked = self.looks.front().copied().filter(|(at, _)| *at > answer.0);
        let (since, before) = looked.unwrap_or(answer);
        let taken = pace.bytes.load(Relaxed).saturating_sub(before);
        let millis = now.saturating_sub(since);
        let known = u128::from(millis) >= MIN_TIME.as_millis();
        Doing::Taking(known.then(|| taken.saturating_mul(1000) / millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_minute_or_of_the_answer_under_way() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let pace = Pace::new(start, &Arc::default());
        let mut watched = Watched::new(Arc::clone(&pace));
        assert_eq!(watched.doing(start + 5 * second), Doing::Idle(5 * second));
        pace.begin(start + 5 * second);
        pace.took(1_000_000);
        assert_eq!(watched.doing(start + 10 * second), Doing::Taking(None), "too early to say");
        assert_eq!(watched.doing(start + 25 * second), Doing::Taking(Some(50_000)));
        // It was fast for a time, and is no more.
        for look in 2..9 {
            watched.sample(start + look * 20 * second);
            pace.took(20_000);
        }
        assert_eq!(watched.doing(start + 180 * second), Doing::Taking(Some(1000)));
        pace.end(start + 180 * second);
        assert_eq!(watched.doing(start + 187 * second), Doing::Idle(7 * second));
        // The rate of earlier answers says nothing about the next one.
        pace.begin(start + 190 * second);
        pace.took(80_000);
        assert_eq!(watched.doing(start + 200 * second), Doing::Taking(Some(8000)));
    }

    #[test]
    fn what_is_read_from_disks_is_bounded_in_all() {
        let crowd = Arc::new(AtomicUsize::new(0));
        let pace = Pace::new(Instant::now(), &crowd);
        for (connections, piece) in [(0, 128), (100, 128), (1024, 48), (2048, 24), (65_536, 16)] {
            crowd.store(connections, Relaxed);
            assert_eq!(pace.piece(), piece * 1024, "{connections}");
        }
    }
}
