//! Busy polling: a cycle of sleeping and waking takes longer than the answer of a nearby client, so a task
//! polls its sockets and yields to other tasks meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A peer that answered within this time is busy-polled for its next packet.
pub(crate) const NEAR_RTT: Duration = Duration::from_millis(1);

/// Set while a task is busy polling.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// The permit to busy-poll. There is one in the process, so that at most one processor is kept busy. Dropping
/// it gives it back.
pub(crate) struct BusyPollPermit(());

impl BusyPollPermit {
    /// None while another task has it.
    pub(crate) fn take() -> Option<Self> {
        (!IN_USE.swap(true, Ordering::Acquire)).then(|| Self(()))
    }
}

impl Drop for BusyPollPermit {
    fn drop(&mut self) {
        IN_USE.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_at_a_time_has_the_permit() {
        // Other tests may have it for a moment.
        let mut permits = std::iter::repeat_with(BusyPollPermit::take).take(1 << 26).flatten();
        for _ in 0..2 {
            let _permit = permits.next().expect("the one before has given it back");
            assert!(BusyPollPermit::take().is_none());
            assert!(BusyPollPermit::take().is_none(), "a refusal gives nothing back");
        }
    }
}
