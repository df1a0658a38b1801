//! What a packet of the client changes.

use std::time::Instant;

use super::{Ignored, MAX_TEXT, Opening, Outcome, Transfer};
use crate::wire::tftp::{ErrorCode, Packet};

impl Transfer {
    /// Takes a packet of the client.
    ///
    /// # Errors
    /// Where it changes nothing, and why.
    pub fn receive(&mut self, packet: &Packet<'_>, now: Instant) -> Result<(), Ignored> {
        if self.outcome.is_some() {
            return Err(Ignored::Over);
        }
        match packet {
            Packet::Ack { block } if self.opening == Opening::Over => {
                self.acknowledged(*block, now)
            }
            Packet::Ack { block: 0 } if self.opening == Opening::Sent => {
                self.opening = Opening::Over;
                self.answered(0, now);
                Ok(())
            }
            Packet::Ack { .. } => Err(Ignored::Stray),
            Packet::Error { code, message } => {
                self.outcome = Some(self.left(*code, message));
                Ok(())
            }
            _ => Err(Ignored::Unexpected),
        }
    }

    fn acknowledged(&mut self, block: u16, now: Instant) -> Result<(), Ignored> {
        // The low 16 bits give the distance of the block, ahead or back: windows are shorter than that.
        let ahead = block.wrapping_sub(self.acked as u16);
        if ahead == 0 {
            return self.repair(now);
        }
        let acked = self.acked + u64::from(ahead);
        if acked > self.peak {
            let behind = ahead.wrapping_neg();
            let heard = behind <= self.agreed.window && u64::from(behind) <= self.acked;
            return Err(if heard { Ignored::Repeated } else { Ignored::Stray });
        }
        let bytes = usize::from(self.agreed.block_size) * usize::from(ahead);
        let held = self.held.len();
        self.progress.bytes += bytes.min(held) as u64;
        self.held.release(bytes);
        self.acked = acked;
        self.answered(acked, now);
        if self.ended && bytes > held {
            self.outcome = Some(Outcome::Complete);
        } else if acked < self.sent && self.round_trip_since(self.stepped_back, now) {
            // Only a gap makes a client acknowledge the middle of a window (RFC 7440, section 4).
            self.step_back(now);
        }
        self.sent = self.sent.max(acked);
        self.flight = (self.sent > acked).then_some(now);
        self.waiting = self.flight;
        Ok(())
    }

    /// A repeated ACK within a window says that the window's first block is missing, unless it
    /// answers a duplicate of an earlier one: then it comes sooner than any answer could.
    fn repair(&mut self, now: Instant) -> Result<(), Ignored> {
        let windowed = self.agreed.window > 1 && self.sent > self.acked;
        let answer = self.flight.is_some() && self.round_trip_since(self.flight, now);
        if !windowed || !answer || self.repaired == Some(self.acked) {
            return Err(Ignored::Repeated);
        }
        self.step_back(now);
        Ok(())
    }

    fn step_back(&mut self, now: Instant) {
        self.sent = self.acked;
        self.repaired = Some(self.acked);
        self.stepped_back = Some(now);
        self.timed = None;
    }

    fn round_trip_since(&self, then: Option<Instant>, now: Instant) -> bool {
        then.is_none_or(|then| now.saturating_duration_since(then) >= self.trip.least_seen())
    }

    /// The client is there: its time to answer begins again.
    fn answered(&mut self, block: u64, now: Instant) {
        self.waiting = None;
        if let Some((timed, sent)) = self.timed
            && timed == block
        {
            self.trip.measured(now.saturating_duration_since(sent));
        }
        self.timed = None;
        self.tries = 0;
    }

    fn left(&self, code: ErrorCode, message: &str) -> Outcome {
        let asked_size = self.agreed.answer.is_some_and(|answer| answer.transfer_size.is_some());
        let asked_size = asked_size || self.agreed.empty;
        let polite = matches!(code, ErrorCode::OPTIONS | ErrorCode::UNDEFINED);
        if self.acked == 0 && asked_size && polite {
            return Outcome::SizeProbe;
        }
        Outcome::Aborted { code, message: message.chars().take(MAX_TEXT).collect() }
    }
}
