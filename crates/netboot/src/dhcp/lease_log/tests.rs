//! Logs that are torn, full, bent and shared.

use std::fs;

use proptest::prelude::*;

use super::faulty::Disk;
use super::*;
use crate::logic::Time;
use crate::logic::dhcp::{Identity, LeaseState};
use crate::wire::dhcp::Hardware;

fn lease(number: u8) -> Lease {
    Lease {
        address: [10, 0, 0, number].into(),
        identity: Identity::Hardware(Hardware::ethernet([2, 0, 0, 0, 0, number])),
        state: LeaseState::Bound,
        expires: Time::from_secs(1_800_000_000),
    }
}

#[test]
fn a_crash_at_any_byte_loses_only_the_line_that_it_tore() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leases.log");
    let (mut log, _) = LeaseLog::open_in(folder.path()).unwrap();
    log.append(&[lease(1), lease(2)]).unwrap();
    log.append(&[lease(3)]).unwrap();
    drop(log);
    let mut whole = fs::read(&path).unwrap();
    whole.truncate(whole.trim_ascii_end().len() + 1);
    for (end, room) in (0..=whole.len()).flat_map(|end| [(end, 0), (end, 3000)]) {
        fs::write(&path, [&whole[..end], &vec![b' '; room]].concat()).unwrap();
        let complete = whole[..end].iter().filter(|byte| **byte == b'\n').count();
        let (mut log, restored) = LeaseLog::open_in(folder.path()).unwrap();
        let expected: Vec<_> = (1..=3).map(lease).take(complete).collect();
        assert_eq!(restored.leases, expected, "cut at {end}");
        log.append(&[lease(9)]).unwrap();
        drop(log);
        let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
        assert_eq!(restored.leases.len(), complete + 1, "what follows a torn line is whole");
        assert_eq!(restored.damage, Vec::<String>::new());
    }
}

#[test]
fn the_log_goes_on_beyond_its_room() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = LeaseLog::open_in(folder.path()).unwrap();
    let renew = |secs| Lease { expires: Time::from_secs(secs), ..lease(1) };
    // Fewer than are rewritten, and more than there is room for at first.
    for from in (0..STALE as u64).step_by(1000) {
        log.append(&(from..from + 1000).map(renew).collect::<Vec<_>>()).unwrap();
    }
    log.append(&[lease(2)]).unwrap();
    drop(log);
    let text = fs::read_to_string(folder.path().join("leases.log")).unwrap();
    assert!(text.trim_end().len() as u64 > ROOM && text.lines().count() == STALE + 2);
    let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
    assert_eq!(restored.leases, [renew(STALE as u64 - 1), lease(2)]);
    assert_eq!(restored.damage, Vec::<String>::new());
}

#[test]
fn a_crash_while_writing_anew_leaves_the_old_log() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = LeaseLog::open_in(folder.path()).unwrap();
    log.append(&[lease(1)]).unwrap();
    drop(log);
    fs::write(folder.path().join("leases.new"), "torn").unwrap();
    let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
    assert_eq!(restored.leases, [lease(1)]);
}

#[test]
fn damage_is_named_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leases.log");
    let good = write_line(&lease(1)).unwrap();
    let long = "x".repeat(5000);
    let mut bytes = format!("nonsense\n{long}\n{good}\n").into_bytes();
    bytes.extend([0xff, b'\n']);
    fs::write(&path, bytes).unwrap();
    let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
    assert_eq!(restored.leases, [lease(1)]);
    assert!(restored.damage[0].contains("line 1 is left out: expected five words, found 1"));
}

#[test]
fn the_last_line_of_an_address_counts_and_the_log_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = LeaseLog::open_in(folder.path()).unwrap();
    let renewals = |from: u64| {
        let renew = |secs| Lease { expires: Time::from_secs(secs), ..lease(1) };
        (from..from + 6000).map(renew).collect::<Vec<_>>()
    };
    log.append(&renewals(0)).unwrap();
    log.append(&renewals(6000)).unwrap();
    log.append(&[lease(2)]).unwrap();
    let size = fs::metadata(folder.path().join("leases.log")).unwrap().len();
    assert!(size < 200 + ROOM, "{size} bytes");
    drop(log);
    let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
    assert_eq!(restored.leases[0].expires, Time::from_secs(11_999));
    assert_eq!(restored.leases.len(), 2);
}

#[test]
fn one_log_has_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let (_log, _) = LeaseLog::open_in(folder.path()).unwrap();
    let second = LeaseLog::open_in(folder.path());
    assert!(matches!(second, Err(LeaseLogError::Locked { .. })), "{second:?}");
}

#[test]
fn a_full_disk_takes_a_log_that_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let mut log = disk.open(folder.path());
    let renew = |secs| Lease { expires: Time::from_secs(secs), ..lease(1) };
    log.append(&(0..100).map(renew).collect::<Vec<_>>()).unwrap();
    // No room at all: what the log itself has in reserve is enough.
    disk.leave(0);
    for secs in 100..20_000 {
        log.append(&[renew(secs)]).unwrap();
    }
    drop(log);
    let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
    assert_eq!(restored.leases, [renew(19_999)]);
}

#[test]
fn a_disk_that_refuses_loses_nothing_and_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let mut log = disk.open(folder.path());
    log.append(&[lease(1), lease(2)]).unwrap();
    disk.leave(0);
    log.space.as_mut().unwrap().cut().unwrap();
    // Others fill the room that the log gave up.
    disk.leave(100);
    let error = log.append(&[lease(3), lease(4)]).unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
    assert_eq!(log.leases().cloned().collect::<Vec<_>>(), [lease(1), lease(2)]);
    assert!(!folder.path().join(NEW).exists(), "it would take room");
    disk.leave(50);
    assert!(log.make_room().is_err());
    disk.leave(1 << 20);
    log.make_room().unwrap();
    log.append(&[lease(5)]).unwrap();
    drop(log);
    let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
    assert_eq!(restored.leases, [lease(1), lease(2), lease(5)]);
}

#[test]
fn what_a_broken_write_left_is_not_read_after_what_came_later() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let mut log = disk.open(folder.path());
    log.append(&[lease(9)]).unwrap();
    let later = Lease { expires: Time::from_secs(1_800_000_001), ..lease(2) };
    let line = write_line(&later).unwrap().len() as u64 + 1;
    disk.break_after(2 * line);
    // The lines of the first two are on the disk, as long as each other.
    assert!(log.append(&[lease(1), lease(2), lease(3)]).is_err());
    disk.break_after(u64::MAX);
    log.append(std::slice::from_ref(&later)).unwrap();
    let (restored, _) = read(Path::new(LOG), File::open(folder.path().join(LOG)).unwrap()).unwrap();
    assert_eq!(restored.leases, [later, lease(9)]);
    assert_eq!(restored.damage, Vec::<String>::new());
}

#[test]
fn what_has_no_name_on_the_disk_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let mut log = disk.open(folder.path());
    log.append(&[lease(1)]).unwrap();
    disk.lose_names(true);
    log.space = None;
    assert!(log.append(&[lease(2)]).is_err());
    assert!(log.append(&[lease(3)]).is_err());
    assert_eq!(log.leases().cloned().collect::<Vec<_>>(), [lease(1)]);
    disk.lose_names(false);
    log.append(&[lease(4)]).unwrap();
    drop(log);
    let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
    assert!(restored.leases.contains(&lease(1)) && restored.leases.contains(&lease(4)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whenever the disk refuses, and whenever the server ends: what it said is on the disk is, and no
    /// write that failed comes after one that did not.
    #[test]
    fn what_was_said_to_be_on_the_disk_is(
        steps in proptest::collection::vec((0..8_u8, 1..4_usize, 0..250_u64), 1..40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new();
        let mut log = disk.open(folder.path());
        let mut promised: BTreeMap<Ipv4Addr, Lease> = BTreeMap::new();
        let mut tried: BTreeMap<Ipv4Addr, Vec<Lease>> = BTreeMap::new();
        for (time, (what, count, room)) in steps.into_iter().enumerate() {
            match what {
                0 => disk.leave(room),
                1 => {
                    disk.leave(1 << 30);
                    disk.break_after(u64::MAX);
                }
                2 => disk.break_after(room),
                3 => {
                    drop(log);
                    log = disk.open(folder.path());
                }
                _ => {
                    let group: Vec<_> = (0..count)
                        .map(|number| Lease {
                            expires: Time::from_secs(1_800_000_000 + time as u64),
                            ..lease(((time * 2 + number) % 3) as u8)
                        })
                        .collect();
                    let written = log.append(&group).is_ok();
                    for lease in group {
                        let tried = tried.entry(lease.address).or_default();
                        if written {
                            tried.clear();
                            promised.insert(lease.address, lease);
                        } else {
                            tried.push(lease);
                        }
                    }
                }
            }
            let file = File::open(folder.path().join(LOG)).unwrap();
            let (restored, _) = read(Path::new(LOG), file).unwrap();
            for (address, lease) in &promised {
                let found = restored.leases.iter().find(|it| it.address == *address);
                let found = found.unwrap_or_else(|| panic!("{lease:?} is lost"));
                let later = tried.get(address).is_some_and(|tried| tried.contains(found));
                prop_assert!(found == lease || later, "{found:?} in place of {lease:?}");
            }
        }
    }
}
