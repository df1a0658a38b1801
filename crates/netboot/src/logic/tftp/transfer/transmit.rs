//! Which packets are due, and when they are sent again.

use std::time::{Duration, Instant};

use super::{Opening, Outcome, Patience, Run, Transfer};
use crate::wire::tftp::Packet;

/// Longest waits before a packet is sent again, whatever the client asks for: before its first answer, and after.
const MAX_FIRST_WAIT: Duration = Duration::from_secs(2);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// How often a window is sent again whole. A client that is silent for longer, some five seconds on a short
/// way, gets its first block only: a thousand such clients would else fill the link.
pub(super) const WHOLE_WINDOWS: u32 = 6;

impl Transfer {
    /// Appends the next packet that is due to the empty `out`; false where none is due.
    pub fn transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        if self.outcome.is_some() {
            return false;
        }
        match (self.opening, self.agreed.answer) {
            (Opening::Due, Some(answer)) => {
                Packet::OptionAck(answer).write(out);
                self.opening = Opening::Sent;
                self.launched(0, 0, self.tries == 0, now);
                true
            }
            _ => {
                let Some(run) = self.transmit_run(now, 1) else { return false };
                for (header, payload) in run.packets() {
                    out.extend_from_slice(&header);
                    out.extend_from_slice(payload);
                }
                true
            }
        }
    }

    /// The next DATA packets that are due, `most` of them at most, so that one call can send them; none where
    /// [`Transfer::transmit`] would append none, or an OACK.
    pub fn transmit_run(&mut self, now: Instant, most: usize) -> Option<Run<'_>> {
        if self.outcome.is_some() || self.opening != Opening::Over {
            return None;
        }
        let size = usize::from(self.agreed.block_size);
        // At most a window of blocks lies between, so the numbers fit. After a last block that is full
        // an empty one begins just at the end; after a short one nothing begins any more.
        let window = if self.tries > WHOLE_WINDOWS { 1 } else { self.agreed.window };
        let window = (self.acked + u64::from(window)).saturating_sub(self.sent) as usize;
        let start = (self.sent - self.acked) as usize * size;
        let rest = self.held.len().checked_sub(start)?;
        let blocks = (rest / size + usize::from(self.ended)).min(window).min(most);
        if blocks == 0 {
            return None;
        }
        let (first, last) = (self.sent + 1, self.sent + blocks as u64);
        self.progress.packets += blocks as u64;
        self.progress.repeated += self.peak.min(last).saturating_sub(self.sent);
        self.launched(first, last, last > self.peak, now);
        self.sent = last;
        self.peak = self.peak.max(last);
        let payload = &self.held.bytes()[start..start + rest.min(blocks * size)];
        Some(Run { first, blocks, block_size: self.agreed.block_size, payload })
    }

    /// Packets from `first` to `last` go out; `new` where the last one does so for the first time.
    fn launched(&mut self, first: u64, last: u64, new: bool, now: Instant) {
        self.timed = new.then_some((last, now));
        self.flight = self.flight.filter(|_| first > self.acked + 1).or(Some(now));
        self.waiting = self.waiting.or(Some(now));
    }

    /// When to call [`Transfer::expire`]; none where the file's bytes or nothing is awaited.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let waiting = match self.opening {
            Opening::Due => false,
            Opening::Sent => true,
            Opening::Over => self.sent > self.acked,
        };
        let flight = self.flight.filter(|_| waiting && self.outcome.is_none())?;
        let last = self.waiting? + self.patience();
        let most = if self.confirmed() { MAX_WAIT } else { MAX_FIRST_WAIT };
        let again = flight + self.trip.timeout().min(most);
        Some(if self.may_try() { again.min(last) } else { last })
    }

    /// How long the client may leave unanswered what it is sent.
    fn patience(&self) -> Duration {
        let Patience { first_answer, silence, .. } = self.patience;
        if self.confirmed() { silence } else { first_answer }
    }

    /// Whether what is not acknowledged is sent again.
    fn may_try(&self) -> bool {
        self.confirmed() || self.tries < self.patience.first_tries
    }

    /// Does what is due when the deadline has passed: steps back to what is not acknowledged, or
    /// gives the client up.
    pub fn expire(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        let patient = self.waiting.is_some_and(|waiting| now < waiting + self.patience());
        let jumped = self.confirmed() && self.awaits_last() && self.tries >= self.patience.tries;
        if jumped || !patient || !self.may_try() {
            // Many clients that have learnt that a file is empty do not go on.
            let has_all = self.all_sent() || self.agreed.empty;
            self.outcome = Some(if has_all { Outcome::Unconfirmed } else { Outcome::Lost });
            return;
        }
        self.tries += 1;
        self.trip.timed_out();
        self.timed = None;
        self.flight = Some(now);
        self.repaired = Some(self.acked);
        match self.opening {
            Opening::Sent => self.opening = Opening::Due,
            Opening::Due | Opening::Over => self.sent = self.acked,
        }
    }

    /// Whether nothing but the last block is unacknowledged.
    fn awaits_last(&self) -> bool {
        self.all_sent() && self.peak == self.acked + 1
    }
}
