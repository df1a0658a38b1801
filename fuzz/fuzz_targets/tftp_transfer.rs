//! An arbitrary request, and the client's packets during the transfer.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use winpe_fuzz::packet;
use winpe_netboot::logic::tftp::{Limits, Transfer, negotiate};
use winpe_netboot::wire::tftp::Packet;

/// Longer than a window, and not a multiple of most block sizes.
const LENGTH: usize = 300_001;
/// Line ends, which netascii doubles.
static FILE: [u8; LENGTH] = [b'\n'; LENGTH];

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    let request = packet(&mut rest);
    let Ok(first) = Packet::parse(request) else { return };
    check_codec(&first);
    let Packet::Read(request) = first else { return };
    let limits = Limits::default();
    let agreed = negotiate(&request, LENGTH as u64, &limits, 64 * 1024);
    assert!(agreed.window_bytes() <= (64 * 1024).max(usize::from(agreed.block_size)));
    let mut transfer = Transfer::new(agreed, &limits);
    let (mut read, mut now) = (0, Instant::now());
    let mut datagram = Vec::new();
    for _ in 0..64 {
        let allowed = if transfer.confirmed() { usize::from(agreed.window) } else { 1 };
        let mut flight = 0;
        loop {
            while let Some(wanted) = transfer.wanted() {
                let end = LENGTH.min(read + wanted);
                transfer.supply(&FILE[read..end], end == LENGTH);
                read = end;
            }
            datagram.clear();
            if !transfer.transmit(now, &mut datagram) {
                break;
            }
            flight += 1;
            assert!(flight <= allowed, "{flight} packets, {allowed} agreed");
            assert!(datagram.len() <= usize::from(agreed.block_size).max(512) + 4);
            Packet::parse(&datagram).expect("our own packet");
        }
        if transfer.outcome().is_some() || rest.is_empty() {
            return;
        }
        if let Some(wanted) = transfer.wanted_ahead() {
            let end = LENGTH.min(read + wanted);
            let fill = |room: &mut [u8]| {
                room.copy_from_slice(&FILE[read..end]);
                !rest[0].is_multiple_of(4)
            };
            if transfer.supply_with(end - read, end == LENGTH, fill) {
                read = end;
            }
        }
        let deadline = transfer.deadline().expect("a transfer that waits knows until when");
        assert!(deadline - now <= Duration::from_secs(255));
        // An empty packet represents a timeout.
        match packet(&mut rest) {
            [] => now = deadline,
            bytes => {
                now += Duration::from_millis(20);
                if let Ok(received) = Packet::parse(bytes) {
                    check_codec(&received);
                    let _ = transfer.receive(&received, now);
                }
            }
        }
        transfer.expire(now);
    }
});

/// A packet that is read, written and read again stays the same.
fn check_codec(packet: &Packet<'_>) {
    let mut written = Vec::new();
    packet.write(&mut written);
    assert_eq!(Packet::parse(&written).as_ref(), Ok(packet));
}
