//! One file on its way to one client.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::held::Held;
use super::netascii;
use super::round_trip::RoundTrip;
use super::{Agreed, Limits};
use crate::wire::tftp::{ErrorCode, Mode, Packet};

mod ending;
mod run;

pub use ending::{Ignored, Outcome, Progress};
pub use run::Run;

/// Bytes of the file that are asked for at once, so that small blocks need no read each, and many slow
/// transfers little memory.
const READ: std::ops::RangeInclusive<usize> = 4 * 1024..=64 * 1024;
/// Characters of a client's error text that are kept.
const MESSAGE: usize = 80;
/// Before a packet is sent again, at most, whatever the client asks for: until it has answered, and after.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const WAIT: Duration = Duration::from_secs(10);

/// Times that a window is sent again whole. A client that is silent for longer, some five seconds on a
/// short way, gets the first block of it only: a thousand of them would else be sent what fills the link.
const WHOLE_WINDOWS: u32 = 6;

/// One file on its way to one client.
///
/// Blocks are counted from 1 and without wrapping here; on the wire they are modulo 65536, so that a
/// file may have any length.
///
/// The first flight is a single packet, the OACK or the first block: until the client has answered,
/// its address may be forged. A window follows only then.
///
/// ```
/// use std::time::Instant;
/// use winpe_netboot::logic::tftp::{Limits, Outcome, Transfer, negotiate};
/// use winpe_netboot::wire::tftp::Packet;
///
/// let request = b"\0\x01default\0octet\0";
/// let Packet::Read(request) = Packet::parse(request)? else { panic!("a read request") };
/// let now = Instant::now();
/// let limits = Limits::default();
/// let mut transfer = Transfer::new(negotiate(&request, 12, &limits, 4096), &limits);
///
/// assert!(transfer.wanted().is_some());
/// transfer.supply(b"default boot", true);
/// let mut datagram = Vec::new();
/// assert!(transfer.transmit(now, &mut datagram));
/// assert_eq!(datagram, b"\0\x03\0\x01default boot");
/// transfer.receive(&Packet::Ack { block: 1 }, now)?;
/// assert_eq!(transfer.outcome(), Some(&Outcome::Complete));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Transfer {
    agreed: Agreed,
    patience: Patience,
    opening: Opening,
    /// What is not acknowledged yet, as it goes over the wire; it begins with block `acked + 1`.
    held: Held,
    ended: bool,
    /// The last block acknowledged.
    acked: u64,
    /// The last block sent since the last step back.
    sent: u64,
    /// The last block sent ever.
    peak: u64,
    tries: u32,
    trip: RoundTrip,
    /// The packet that is being timed: block, or 0 for the OACK, and when it was sent.
    timed: Option<(u64, Instant)>,
    /// When the first packet of the flight was sent that is not answered yet.
    flight: Option<Instant>,
    /// When the first packet was sent of those that went out since the client acknowledged something.
    waiting: Option<Instant>,
    /// `acked` when a gap was repaired last: each gap is repaired once, then the timeout rules.
    repaired: Option<u64>,
    /// When blocks were last sent again because of a gap.
    stepped_back: Option<Instant>,
    progress: Progress,
    outcome: Option<Outcome>,
}

/// See the fields of [`Limits`] that have these names.
#[derive(Debug, Clone, Copy)]
struct Patience {
    first_tries: u32,
    first_answer: Duration,
    silence: Duration,
    tries: u32,
}

/// Whether the client has agreed to the options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// The OACK has to be sent.
    Due,
    /// It was sent.
    Sent,
    /// It was acknowledged, or there is none.
    Over,
}

impl Transfer {
    /// Begins a transfer. The first packet is ready at once if an OACK opens it, else after the first
    /// bytes are supplied.
    #[must_use]
    pub fn new(agreed: Agreed, limits: &Limits) -> Self {
        let opening = if agreed.answer.is_some() { Opening::Due } else { Opening::Over };
        Self {
            agreed,
            patience: Patience {
                first_tries: limits.first_tries,
                first_answer: limits.first_answer,
                silence: limits.silence,
                tries: limits.tries,
            },
            opening,
            held: Held::default(),
            ended: false,
            acked: 0,
            sent: 0,
            peak: 0,
            tries: 0,
            trip: RoundTrip::new(agreed.timeout.map(|s| Duration::from_secs(s.into()))),
            timed: None,
            flight: None,
            waiting: None,
            repaired: None,
            stepped_back: None,
            progress: Progress::default(),
            outcome: None,
        }
    }

    /// How many of the next bytes of the file to supply; none where there is no need yet. What is
    /// held is bounded by twice the window and one such supply, twice that for netascii;
    /// it lies in at most about twice as much memory.
    #[must_use]
    pub fn wanted(&self) -> Option<usize> {
        self.wants(self.agreed.window_bytes())
    }

    /// The same of bytes that are not due yet, which may be supplied while the client is busy with
    /// what it got; none before it has answered.
    #[must_use]
    pub fn wanted_ahead(&self) -> Option<usize> {
        let window = self.agreed.window_bytes();
        if self.confirmed() { self.wants(window + window.min(*READ.end())) } else { None }
    }

    /// What to supply so that at least `least` bytes are held.
    fn wants(&self, least: usize) -> Option<usize> {
        let open = self.outcome.is_none() && self.opening == Opening::Over && !self.ended;
        let length = self.agreed.window_bytes().clamp(*READ.start(), *READ.end());
        (open && self.held.len() < least).then_some(length)
    }

    /// Takes the next bytes of the file; `last` where it ends with them.
    pub fn supply(&mut self, bytes: &[u8], last: bool) {
        match self.agreed.mode {
            Mode::Octet => self.held.append(bytes),
            Mode::Netascii => self.held.append(&netascii::encode(bytes)),
        }
        self.ended |= last;
    }

    /// The same of `length` bytes that `fill` can put where they belong; false where it says that it
    /// did not, and nothing was supplied.
    pub fn supply_with(
        &mut self,
        length: usize,
        last: bool,
        fill: impl FnOnce(&mut [u8]) -> bool,
    ) -> bool {
        let filled = match self.agreed.mode {
            Mode::Octet => self.held.append_with(length, fill),
            Mode::Netascii => {
                let mut bytes = vec![0; length];
                let filled = fill(&mut bytes);
                if filled {
                    self.held.append(&netascii::encode(&bytes));
                }
                filled
            }
        };
        self.ended |= filled && last;
        filled
    }

    /// Takes the whole file at once, in place of all bytes that would be supplied, and copies none;
    /// false where it does not go out as it is, and nothing was supplied.
    pub fn supply_whole(&mut self, file: &Bytes) -> bool {
        let as_it_is = self.agreed.mode == Mode::Octet;
        if as_it_is {
            self.held = Held::whole(file.clone());
            self.ended = true;
        }
        as_it_is
    }

    /// Ends the transfer because the file cannot be read on, and appends what tells the client so.
    pub fn unreadable(&mut self, out: &mut Vec<u8>) {
        self.outcome = Some(Outcome::Unreadable);
        let message = Cow::Borrowed("cannot read the file");
        Packet::Error { code: ErrorCode::UNDEFINED, message }.write(out);
    }

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
        // The low 16 bits tell how far the block lies ahead or behind: windows are shorter than that.
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
        let polite = matches!(code, ErrorCode::OPTIONS | ErrorCode::UNDEFINED);
        if self.acked == 0 && asked_size && polite {
            return Outcome::SizeProbe;
        }
        Outcome::Aborted { code, message: message.chars().take(MESSAGE).collect() }
    }

    /// Appends the next packet that is due to the empty `out`; false where there is none until
    /// something else happens.
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

    /// The next DATA packets that are due, `most` of them at most, so that they may be handed to the
    /// system at once; none where [`Transfer::transmit`] would append none, or an OACK.
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
        let most = if self.confirmed() { WAIT } else { FIRST_WAIT };
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
            self.outcome = Some(if self.all_sent() { Outcome::Unconfirmed } else { Outcome::Lost });
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

    /// Since when the client has acknowledged nothing of what it was sent; none where nothing is awaited.
    #[must_use]
    pub fn silent_since(&self) -> Option<Instant> {
        self.waiting.filter(|_| self.opening != Opening::Over || self.sent > self.acked)
    }

    /// Whether the last block is on its way and nothing but its window is unacknowledged.
    fn all_sent(&self) -> bool {
        let held = self.held.len() as u64;
        self.opening == Opening::Over
            && self.ended
            && self.peak > self.acked + held / u64::from(self.agreed.block_size)
    }

    /// How long the client takes to answer, as far as that was measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.trip.smoothed()
    }

    /// Whether the client has answered, so that its address is no forgery.
    #[must_use]
    pub fn confirmed(&self) -> bool {
        self.acked > 0 || (self.agreed.answer.is_some() && self.opening == Opening::Over)
    }

    /// Whether the client has answered all that was sent, so that it has nothing to say until more is.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.confirmed() && self.sent == self.acked
    }

    /// How it ended; none while it lasts.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_size(&self) -> u16 {
        self.agreed.block_size
    }

    /// What is not acknowledged, and how often it was sent again for want of an answer; none where
    /// the client answers.
    #[must_use]
    pub fn stall(&self) -> Option<(u64, u32)> {
        let block = if self.opening == Opening::Over { self.acked + 1 } else { 0 };
        (self.tries > 0).then_some((block, self.tries))
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }
}

#[cfg(test)]
mod tests;
