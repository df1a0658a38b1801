//! A transfer with its file and socket, while it runs.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::Sleep;

use super::liveness::{Liveness, Reported};
use super::poller::PolledSocket;
use super::reader::Reader;
use super::receiver::Receiver;
use super::sender::Sender;
use crate::logic::tftp::Transfer;
use crate::net::NEAR_RTT;

/// A transfer with its file and socket.
pub(super) struct Running<'a> {
    pub(super) transfer: Transfer,
    pub(super) reader: Reader<'a>,
    pub(super) socket: &'a Arc<PolledSocket>,
    pub(super) sender: Sender<'a>,
    pub(super) receiver: Receiver<'a>,
    pub(super) liveness: Liveness,
    pub(super) reported: Reported,
    /// Packets from other addresses.
    pub(super) foreign: u32,
    /// The time of the last packet or read.
    pub(super) now: Instant,
}

impl Running<'_> {
    /// Reads the next block while the client is busy with this one.
    pub(super) fn read_ahead(&mut self) {
        if let Some(wanted) = self.transfer.wanted_ahead() {
            self.reader.supply_now(&mut self.transfer, wanted);
        }
    }

    /// Each answer postpones the deadline. The alarm follows only once it has gone off, since setting it costs
    /// more than checking whether it is due.
    pub(super) fn set_alarm(&self, alarm: Pin<&mut Sleep>) {
        let deadline = self.transfer.deadline().unwrap_or(self.now);
        let deadline = self.liveness.deadline(&self.transfer, deadline).into();
        if alarm.is_elapsed() || alarm.deadline() > deadline {
            alarm.reset(deadline);
        }
    }

    /// Until when the answer is worth busy polling: two round trips of a nearby client. A client that has not
    /// answered yet may be near.
    pub(super) fn poll_until(&self) -> Option<Instant> {
        let trip = self.transfer.round_trip().unwrap_or(NEAR_RTT / 2);
        (trip <= NEAR_RTT).then(|| self.now + 2 * trip)
    }
}
