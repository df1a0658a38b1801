//! Clients that are silent: what they are sent again, and when they are given up.

use super::super::transmit::WHOLE_WINDOWS;
use super::*;

/// The first packet goes out three times at most, and the transfer
/// ends within ten seconds.
#[test]
fn until_the_client_answers_the_first_packet_is_sent_again_twice_whatever_was_asked() {
    let file = vec![7; 10_000];
    let timeout = |timeout| Options { timeout: Some(timeout), ..probe() };
    for (options, expected) in [
        (probe(), vec![400, 1200]),
        (Options::default(), vec![400, 1200]),
        (timeout(1), vec![1000, 2000]),
        (timeout(2), vec![2000, 4000]),
        (timeout(255), vec![2000, 4000]),
    ] {
        let (mut transfer, start) = begun(&file, options);
        flight(&mut transfer, &file, start);
        let (sent, ended) = sent_again(&mut transfer, &file, start);
        assert_eq!((sent, ended), (expected, 10_000), "{options:?}");
        assert_eq!(transfer.outcome(), Some(&Outcome::Lost));
    }
}

#[test]
fn a_client_that_leaves_an_empty_file_unanswered_has_all_of_it() {
    let bare = Options { block_size: Some(1000), ..Options::default() };
    for options in [probe(), bare, Options::default()] {
        // PXELINUX and curl answer nothing, iPXE the OACK only.
        for answers in [false, true] {
            let (mut transfer, start) = begun(&[], options);
            flight(&mut transfer, &[], start);
            if answers && options != Options::default() {
                transfer.receive(&Packet::Ack { block: 0 }, start).unwrap();
                flight(&mut transfer, &[], start);
            }
            while let Some(deadline) = transfer.deadline() {
                transfer.expire(deadline);
                flight(&mut transfer, &[], deadline);
                assert_eq!(transfer.stall(), None, "{options:?}");
            }
            assert_eq!(transfer.outcome(), Some(&Outcome::Unconfirmed), "{options:?}");
        }
    }
    // GRUB closes it, whether it asked for the size or not.
    for options in [probe(), Options::default()] {
        let (mut transfer, start) = begun(&[], options);
        flight(&mut transfer, &[], start);
        let message = Cow::Borrowed("closed");
        transfer.receive(&Packet::Error { code: ErrorCode::UNDEFINED, message }, start).unwrap();
        assert_eq!(transfer.outcome(), Some(&Outcome::SizeProbe));
    }
    // One byte makes it a file like any other.
    let (mut transfer, start) = begun(b"1", probe());
    flight(&mut transfer, b"1", start);
    sent_again(&mut transfer, b"1", start);
    assert_eq!(transfer.outcome(), Some(&Outcome::Lost));
}

#[test]
fn a_client_that_has_answered_may_be_silent_for_half_a_minute() {
    let file = vec![7; 100_000];
    for timeout in [None, Some(1), Some(5), Some(255)] {
        let (mut transfer, start) = begun(&file, Options { timeout, ..probe() });
        flight(&mut transfer, &file, start);
        let mut now = start + MS;
        transfer.receive(&Packet::Ack { block: 0 }, now).unwrap();
        flight(&mut transfer, &file, now);
        now += MS;
        transfer.receive(&Packet::Ack { block: 4 }, now).unwrap();
        assert_eq!(transfer.silent_since(), None);
        // A switch passes nothing on for 30 s.
        flight(&mut transfer, &file, now);
        assert_eq!(transfer.silent_since(), Some(now));
        let back = now + Duration::from_secs(30);
        while let Some(deadline) = transfer.deadline().filter(|deadline| *deadline < back) {
            transfer.expire(deadline);
            flight(&mut transfer, &file, deadline);
        }
        assert_eq!(transfer.outcome(), None, "{timeout:?}");
        // Then its first block is sent once more, soon enough to be heard before the client is given up.
        let again = transfer.deadline().expect("it waits");
        assert!(again < back + Duration::from_secs(5), "{timeout:?}");
        transfer.expire(again);
        let tries = transfer.stall().expect("it is silent").1;
        let blocks = if tries > WHOLE_WINDOWS { 1 } else { 4 };
        assert_eq!(flight(&mut transfer, &file, again).len(), blocks, "{timeout:?}");
        transfer.receive(&Packet::Ack { block: 4 + blocks as u16 }, again + MS).unwrap();
        assert_eq!(flight(&mut transfer, &file, again + MS).len(), 4);
        let end = again + MS;
        let (_, ended) = sent_again(&mut transfer, &file, end);
        assert_eq!(ended, 35_000, "{timeout:?}: one that stays away is given up");
        assert_eq!(transfer.outcome(), Some(&Outcome::Lost));
    }
}

#[test]
fn a_client_that_stays_silent_is_not_sent_whole_windows_for_ever() {
    let file = vec![7; 500_000];
    let options = Options { window_size: Some(64), ..probe() };
    let (mut transfer, start) = begun(&file, options);
    flight(&mut transfer, &file, start);
    transfer.receive(&Packet::Ack { block: 0 }, start + MS).unwrap();
    let mut flights = vec![flight(&mut transfer, &file, start + MS).len()];
    while let Some(deadline) = transfer.deadline() {
        transfer.expire(deadline);
        flights.push(flight(&mut transfer, &file, deadline).len());
    }
    assert_eq!(flights[..7], [64; 7]);
    assert!(flights[7..].iter().all(|blocks| *blocks <= 1), "{flights:?}");
}

#[test]
fn a_client_that_only_repeats_itself_is_silent() {
    let file = vec![7; 100_000];
    let (mut transfer, start) = begun(&file, probe());
    flight(&mut transfer, &file, start);
    transfer.receive(&Packet::Ack { block: 0 }, start).unwrap();
    let mut now = start;
    while transfer.outcome().is_none() {
        flight(&mut transfer, &file, now);
        assert_eq!(transfer.silent_since(), Some(start));
        now += 300 * MS;
        let _ = transfer.receive(&Packet::Ack { block: 0 }, now);
        transfer.expire(now);
        assert!(now - start <= Duration::from_secs(36));
    }
    assert_eq!(transfer.outcome(), Some(&Outcome::Lost));
}
