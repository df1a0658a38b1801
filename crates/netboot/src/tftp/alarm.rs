//! When to do something for want of an answer.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::time::Sleep;

/// An alarm that is put off with each packet and seldom goes off, made for that: it is set anew when it
/// has gone off only, and asks to be woken once.
pub(super) struct Alarm<'a> {
    sleep: Pin<&'a mut Sleep>,
    is_set: bool,
    /// Who is woken when it goes off.
    waker: Option<Waker>,
}

impl<'a> Alarm<'a> {
    /// It is not set, whatever `sleep` waits for.
    pub(super) fn new(sleep: Pin<&'a mut Sleep>) -> Self {
        Self { sleep, is_set: false, waker: None }
    }

    /// Goes off at `deadline`, or before if it was set to an earlier time.
    pub(super) fn set(&mut self, deadline: Instant) {
        let deadline = deadline.into();
        if !self.is_set || self.sleep.is_elapsed() || self.sleep.deadline() > deadline {
            self.sleep.as_mut().reset(deadline);
            self.is_set = true;
            self.waker = None;
        }
    }

    /// Ready once it has gone off, until it is set again.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let known = self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if known && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.waker = Some(context.waker().clone());
        self.sleep.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_goes_off_when_nobody_puts_it_off() {
        let began = Instant::now();
        let at = |milliseconds| began + Duration::from_millis(milliseconds);
        let sleep = pin!(tokio::time::sleep_until(began.into()));
        let mut alarm = Alarm::new(sleep);
        // The last of them are set anew before they go off: to later, which waits, and to earlier.
        for (set, off) in [(&[20][..], 20), (&[60], 60), (&[90, 9000], 90), (&[9000, 120], 120)] {
            for milliseconds in set {
                alarm.set(at(*milliseconds));
                let early = poll_fn(|context| Poll::Ready(alarm.poll(context))).await;
                assert!(early.is_pending() || Instant::now() >= at(off));
            }
            poll_fn(|context| alarm.poll(context)).await;
            assert!((at(off)..at(9000)).contains(&Instant::now()));
        }
    }
}
