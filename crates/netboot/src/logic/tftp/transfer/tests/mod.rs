//! Single exchanges of a transfer.

mod silence;

use proptest::prelude::*;

use super::super::negotiate;
use super::*;
use crate::wire::tftp::{Options, Request};

const MS: Duration = Duration::from_millis(1);

/// A transfer of `file` to a client that asked for `options`, with all of the file supplied.
fn begun(file: &[u8], options: Options) -> (Transfer, Instant) {
    let request = Request { file: "f", mode: Mode::Octet, options };
    let limits = Limits::default();
    let agreed = negotiate(&request, file.len() as u64, &limits, usize::MAX);
    (Transfer::new(agreed, &limits), Instant::now())
}

/// Supplies what is wanted, and takes all that is sent now.
fn flight(transfer: &mut Transfer, file: &[u8], now: Instant) -> Vec<Vec<u8>> {
    if transfer.wanted().is_some() {
        transfer.supply(file, true);
    }
    let mut packets = Vec::new();
    let mut packet = Vec::new();
    while transfer.transmit(now, &mut packet) {
        packets.push(std::mem::take(&mut packet));
    }
    packets
}

fn probe() -> Options {
    Options {
        block_size: Some(1468),
        transfer_size: Some(0),
        window_size: Some(4),
        ..Options::default()
    }
}

/// When packets were sent again without an answer, and when the transfer ended, in milliseconds.
fn sent_again(transfer: &mut Transfer, file: &[u8], start: Instant) -> (Vec<u128>, u128) {
    let (mut sent, mut ended) = (Vec::new(), 0);
    while let Some(deadline) = transfer.deadline() {
        transfer.expire(deadline);
        ended = (deadline - start).as_millis();
        if !flight(transfer, file, deadline).is_empty() {
            sent.push(ended);
        }
    }
    (sent, ended)
}

#[test]
fn until_the_client_answers_one_packet_is_on_its_way() {
    let file = vec![7; 10_000];
    let (mut transfer, now) = begun(&file, probe());
    let first = flight(&mut transfer, &file, now);
    assert_eq!(first, [b"\0\x06blksize\x001468\0tsize\x0010000\0windowsize\x004\0"]);
    assert!(!transfer.confirmed());
    assert_eq!(flight(&mut transfer, &file, now), [] as [Vec<u8>; 0]);
    transfer.receive(&Packet::Ack { block: 0 }, now + MS).unwrap();
    assert!(transfer.confirmed());
    assert_eq!(flight(&mut transfer, &file, now + MS).len(), 4);

    let (mut plain, now) = begun(&file, Options::default());
    let first = flight(&mut plain, &file, now);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].len(), 516);
    assert!(!plain.confirmed());
}

#[test]
fn leaving_once_the_size_is_known_is_a_size_probe() {
    let (mut transfer, now) = begun(&[7; 10_000], probe());
    flight(&mut transfer, &[7; 10_000], now);
    let message = Cow::Borrowed("User aborted the transfer");
    transfer.receive(&Packet::Error { code: ErrorCode::OPTIONS, message }, now).unwrap();
    assert_eq!(transfer.outcome(), Some(&Outcome::SizeProbe));
    assert_eq!(transfer.deadline(), None);
    assert_eq!(transfer.receive(&Packet::Ack { block: 0 }, now), Err(Ignored::Over));
    assert_eq!(flight(&mut transfer, &[], now), [] as [Vec<u8>; 0]);
}

#[test]
fn leaving_in_the_middle_is_not() {
    let file = vec![7; 10_000];
    let (mut transfer, now) = begun(&file, probe());
    flight(&mut transfer, &file, now);
    transfer.receive(&Packet::Ack { block: 0 }, now).unwrap();
    flight(&mut transfer, &file, now);
    transfer.receive(&Packet::Ack { block: 4 }, now).unwrap();
    let message = Cow::Owned("x".repeat(1000));
    transfer.receive(&Packet::Error { code: ErrorCode::UNDEFINED, message }, now).unwrap();
    let aborted = Outcome::Aborted { code: ErrorCode::UNDEFINED, message: "x".repeat(80) };
    assert_eq!(transfer.outcome(), Some(&aborted));
}

#[test]
fn a_run_holds_the_packets_that_would_go_out_one_by_one() {
    // The last block of the first file is full, so that an empty one follows.
    for length in [7 * 100, 7 * 100 + 1, 3 * 100, 0] {
        let file: Vec<_> = (0..length).map(|at| at as u8).collect();
        let options = Options { block_size: Some(100), window_size: Some(5), ..probe() };
        let (mut single, now) = begun(&file, options);
        let (mut runs, _) = begun(&file, options);
        for transfer in [&mut single, &mut runs] {
            flight(transfer, &file, now);
            transfer.receive(&Packet::Ack { block: 0 }, now).unwrap();
            transfer.supply(&file, true);
        }
        while single.outcome().is_none() {
            let expected = flight(&mut single, &file, now);
            let mut packets = Vec::new();
            while let Some(run) = runs.transmit_run(now, 3) {
                assert!((1..=3).contains(&run.len()));
                let sizes = run.packets().map(|(header, payload)| header.len() + payload.len());
                assert!(sizes.take(run.len() - 1).all(|size| size == run.packet_size()));
                packets.extend(run.packets().map(|(header, payload)| [&header, payload].concat()));
            }
            assert_eq!(packets, expected);
            let Packet::Data { block, .. } = Packet::parse(&expected[expected.len() - 1]).unwrap()
            else {
                panic!("{expected:?}")
            };
            for transfer in [&mut single, &mut runs] {
                transfer.receive(&Packet::Ack { block }, now).unwrap();
            }
        }
        assert_eq!(runs.outcome(), Some(&Outcome::Complete));
        assert_eq!(runs.progress(), single.progress());
    }
}

#[test]
fn a_gap_in_a_window_is_filled_at_once_and_once() {
    let file = vec![7; 100_000];
    let (mut transfer, start) = begun(&file, probe());
    flight(&mut transfer, &file, start);
    let now = start + 10 * MS;
    transfer.receive(&Packet::Ack { block: 0 }, now).unwrap();
    flight(&mut transfer, &file, now);

    // Block 3 was lost; the fourth made the client say so, and the fifth is not sent yet.
    let now = now + 10 * MS;
    transfer.receive(&Packet::Ack { block: 2 }, now).unwrap();
    let again: Vec<_> = flight(&mut transfer, &file, now).iter().map(|p| p[3]).collect();
    assert_eq!(again, [3, 4, 5, 6]);
    assert_eq!(transfer.receive(&Packet::Ack { block: 2 }, now), Err(Ignored::Repeated));

    // All four were lost: the client repeats itself after a whole round trip.
    let now = now + 10 * MS;
    transfer.receive(&Packet::Ack { block: 6 }, now).unwrap();
    assert_eq!(flight(&mut transfer, &file, now).len(), 4);
    let soon = now + 5 * MS;
    assert_eq!(transfer.receive(&Packet::Ack { block: 6 }, soon), Err(Ignored::Repeated));
    let later = now + 10 * MS;
    transfer.receive(&Packet::Ack { block: 6 }, later).unwrap();
    let again: Vec<_> = flight(&mut transfer, &file, later).iter().map(|p| p[3]).collect();
    assert_eq!(again, [7, 8, 9, 10]);
}

#[test]
fn a_client_that_acknowledges_each_block_of_a_window_does_not_multiply_traffic() {
    let file = vec![7; 500_000];
    let options = Options { window_size: Some(32), ..probe() };
    let (mut transfer, start) = begun(&file, options);
    let mut now = start;
    let mut packets = flight(&mut transfer, &file, now);
    while transfer.outcome().is_none() {
        now += 10 * MS;
        for packet in std::mem::take(&mut packets) {
            let block = if packet[1] == 6 { 0 } else { u16::from_be_bytes([packet[2], packet[3]]) };
            let _ = transfer.receive(&Packet::Ack { block }, now);
            packets.extend(flight(&mut transfer, &file, now));
        }
    }
    let Progress { packets, .. } = transfer.progress();
    assert!(packets < 3 * 341, "{packets} packets for 341 blocks");
}

#[test]
fn firmware_that_jumps_before_it_says_so_has_the_whole_file() {
    let (mut transfer, now) = begun(b"short", Options::default());
    flight(&mut transfer, b"short", now);
    assert_eq!(sent_again(&mut transfer, b"short", now), (vec![400, 1200], 10_000));
    assert_eq!(transfer.outcome(), Some(&Outcome::Unconfirmed));

    // Once it has answered, what is missing is known sooner where it is the last block alone.
    let file = vec![7; 5 * 1468 + 1];
    for (window, last, within) in [(1, 5, 10_000), (4, 4, 35_000)] {
        let (mut transfer, now) = begun(&file, Options { window_size: Some(window), ..probe() });
        flight(&mut transfer, &file, now);
        for block in (0..=last).step_by(window.into()) {
            transfer.receive(&Packet::Ack { block }, now).unwrap();
            flight(&mut transfer, &file, now);
        }
        let (_, ended) = sent_again(&mut transfer, &file, now);
        assert!((1000..=within).contains(&ended), "{window}: {ended}");
        assert_eq!(transfer.outcome(), Some(&Outcome::Unconfirmed));
    }
}

#[test]
fn stray_packets_change_nothing() {
    let file = vec![7; 10_000];
    let (mut transfer, now) = begun(&file, Options::default());
    flight(&mut transfer, &file, now);
    let mut ignored = |packet: Packet<'_>| transfer.receive(&packet, now).unwrap_err();
    assert_eq!(ignored(Packet::Ack { block: 0 }), Ignored::Repeated);
    assert_eq!(ignored(Packet::Ack { block: 2 }), Ignored::Stray);
    assert_eq!(ignored(Packet::Ack { block: 65535 }), Ignored::Stray);
    assert_eq!(ignored(Packet::Data { block: 1, payload: b"x" }), Ignored::Unexpected);
    assert_eq!(transfer.progress().bytes, 0);
    transfer.receive(&Packet::Ack { block: 1 }, now).unwrap();
    assert_eq!(transfer.receive(&Packet::Ack { block: 0 }, now), Err(Ignored::Repeated));
}

#[test]
fn netascii_is_cut_into_blocks_after_it_is_translated() {
    let file = b"\n".repeat(256);
    let request = Request { file: "f", mode: Mode::Netascii, options: Options::default() };
    let limits = Limits::default();
    let mut transfer = Transfer::new(negotiate(&request, 256, &limits, 0), &limits);
    let now = Instant::now();
    assert!(!transfer.supply_whole(&file.clone().into()), "it has another length then");
    assert_eq!(flight(&mut transfer, &file, now)[0][4..], *b"\r\n".repeat(256));
    transfer.receive(&Packet::Ack { block: 1 }, now).unwrap();
    assert_eq!(flight(&mut transfer, &file, now), [b"\0\x03\0\x02"]);
    transfer.receive(&Packet::Ack { block: 2 }, now).unwrap();
    assert_eq!(transfer.outcome(), Some(&Outcome::Complete));
}

#[test]
fn a_file_that_cannot_be_read_on_ends_with_an_error_that_holds_no_path() {
    let (mut transfer, _) = begun(b"", Options::default());
    let mut packet = Vec::new();
    transfer.unreadable(&mut packet);
    assert_eq!(packet, b"\0\x05\0\0cannot read the file\0");
    assert_eq!(transfer.outcome(), Some(&Outcome::Unreadable));
}

proptest! {
    /// The address of a client that has not answered may be that of a victim.
    #[test]
    fn whatever_is_asked_for_a_forged_address_is_sent_three_short_packets(
        size in 0_usize..100_000,
        block_size in proptest::option::of(8_u16..=65464),
        window_size in proptest::option::of(1_u16..),
        timeout in proptest::option::of(1_u8..),
        tells_size: bool,
    ) {
        let file = vec![b'x'; size];
        let transfer_size = tells_size.then_some(0);
        let options = Options { block_size, window_size, timeout, transfer_size };
        let (mut transfer, start) = begun(&file, options);
        let mut packets = flight(&mut transfer, &file, start);
        let mut now = start;
        while let Some(deadline) = transfer.deadline() {
            now = deadline;
            transfer.expire(now);
            packets.extend(flight(&mut transfer, &file, now));
        }
        prop_assert_eq!(now - start, Duration::from_secs(10));
        prop_assert_eq!(packets.len(), 3);
        prop_assert!(packets.iter().all(|packet| packet.len() <= 516));
    }

    #[test]
    fn whatever_comes_no_flight_is_longer_than_agreed_and_the_wait_has_an_end(
        size in 0_usize..200_000,
        block_size in 8_u16..2000,
        window in 1_u16..100,
        steps in proptest::collection::vec((0_u64..3000, any::<u8>(), 0_u16..40), 0..120),
    ) {
        let file = vec![b'x'; size];
        let options = Options {
            block_size: Some(block_size),
            window_size: Some(window),
            ..Options::default()
        };
        let (mut transfer, mut now) = begun(&file, options);
        let mut read = 0;
        for (wait, kind, number) in steps {
            let allowed = if transfer.confirmed() { usize::from(window.min(64)) } else { 1 };
            while let Some(wanted) = transfer.wanted() {
                let end = file.len().min(read + wanted);
                transfer.supply(&file[read..end], end == file.len());
                read = end;
            }
            let sent = flight(&mut transfer, &file, now);
            prop_assert!(sent.len() <= allowed, "{} of {allowed}", sent.len());
            if transfer.outcome().is_some() {
                return Ok(());
            }
            let deadline = transfer.deadline().expect("a transfer that waits knows until when");
            prop_assert!(deadline - now <= 10_000 * MS);
            let silent = transfer.silent_since().expect("something is on its way");
            prop_assert!(now - silent <= 35_000 * MS);
            now += MS * u32::try_from(wait).unwrap();
            let packet = match kind {
                0..200 => Packet::Ack { block: number },
                200..240 => Packet::Data { block: number, payload: b"" },
                _ => Packet::OptionAck(options),
            };
            let _ = transfer.receive(&packet, now);
            transfer.expire(now);
        }
    }
}
