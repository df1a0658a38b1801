//! The transfer of one file to one client.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::held::Held;
use super::netascii;
use super::round_trip::RoundTrip;
use super::{Agreed, Limits};
use crate::wire::tftp::{ErrorCode, Mode, Packet};

mod ending;
mod receive;
mod run;
mod transmit;

pub use ending::{Ignored, Outcome, Progress};
pub use run::Run;

/// Bytes of one read of the file: enough that small blocks need no read each, and little memory for many slow
/// transfers.
const READ_SIZES: std::ops::RangeInclusive<usize> = 4 * 1024..=64 * 1024;
/// Characters of a client's error text that are kept.
const MAX_TEXT: usize = 80;
/// The transfer of one file to one client.
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
    /// The unacknowledged bytes as they are sent, from block `acked + 1` on.
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
    /// Begins a transfer. The first packet is ready now if an OACK opens it, else after the first bytes are
    /// supplied.
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
        if self.confirmed() { self.wants(window + window.min(*READ_SIZES.end())) } else { None }
    }

    /// How many bytes to supply so that at least `least` are held.
    fn wants(&self, least: usize) -> Option<usize> {
        let open = self.outcome.is_none() && self.opening == Opening::Over && !self.ended;
        let length = self.agreed.window_bytes().clamp(*READ_SIZES.start(), *READ_SIZES.end());
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

    /// Takes the whole file in place of all bytes that would be supplied, and copies none; false where it
    /// does not go out as it is, and nothing was supplied.
    pub fn supply_whole(&mut self, file: &Bytes) -> bool {
        let as_it_is = self.agreed.mode == Mode::Octet;
        if as_it_is {
            self.held = Held::whole(file.clone());
            self.ended = true;
        }
        as_it_is
    }

    /// Ends the transfer because the file cannot be read on, and appends the error packet for the client.
    pub fn unreadable(&mut self, out: &mut Vec<u8>) {
        self.outcome = Some(Outcome::Unreadable);
        let message = Cow::Borrowed("cannot read the file");
        Packet::Error { code: ErrorCode::UNDEFINED, message }.write(out);
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

    /// The first unacknowledged block, and how often it was sent again; none where the client answers, or has
    /// nothing to wait for.
    #[must_use]
    pub fn stall(&self) -> Option<(u64, u32)> {
        let block = if self.opening == Opening::Over { self.acked + 1 } else { 0 };
        (self.tries > 0 && !self.agreed.empty).then_some((block, self.tries))
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }
}

#[cfg(test)]
mod tests;
