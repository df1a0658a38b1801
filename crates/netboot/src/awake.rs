//! Waiting without going to sleep.
//!
//! To go to sleep and be woken takes longer than a machine next door takes to answer. So what is about
//! to come is waited for awake; everybody else has their turn meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Who was last heard so soon is waited for awake the next time.
pub(crate) const SOON: Duration = Duration::from_millis(1);

/// Whether somebody is.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The one place of the process, so that no more than one processor is kept busy. Given back when it is
/// dropped.
pub(crate) struct Awake(());

impl Awake {
    /// None while somebody else is awake.
    pub(crate) fn take() -> Option<Self> {
        (!TAKEN.swap(true, Ordering::Acquire)).then(|| Self(()))
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_is_awake() {
        // Other tests may be awake meanwhile, for a moment.
        let mut places = std::iter::repeat_with(Awake::take).take(1 << 26).flatten();
        for _ in 0..2 {
            let _awake = places.next().expect("the one before has given it back");
            assert!(Awake::take().is_none());
            assert!(Awake::take().is_none(), "asking in vain gives nothing back");
        }
    }
}
