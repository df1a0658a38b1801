//! Groups of leases on disks that take them, and on one that does not.

use super::*;
use crate::dhcp::lease_log::faulty::Disk;
use crate::event::Event;
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

fn report(text: &str) -> Effect {
    Effect::Report(Event::Note { text: text.to_owned() })
}

fn with_lease(number: u8, text: &str) -> Decided {
    Decided { leases: vec![lease(number)], effects: vec![report(text)] }
}

async fn written(commits: &mut Commits) -> Vec<Effect> {
    match commits.written().await.unwrap() {
        WriteResult::Written(effects) => effects,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_follows_a_lease_waits_for_the_disk_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = LeaseLog::open_in(folder.path()).unwrap();
    let mut commits = Commits::new(Some(log), false);
    assert_eq!(commits.pass(vec![report("offer")].into()), [report("offer")]);
    assert_eq!(commits.pass(with_lease(1, "ack 1")), []);
    commits.begin();
    // These come while the first is being written, and go together.
    for number in 2..5 {
        assert_eq!(commits.pass(with_lease(number, "later")), []);
        commits.begin();
    }
    assert_eq!(written(&mut commits).await, [report("ack 1")]);
    commits.begin();
    assert_eq!(written(&mut commits).await, [report("later"), report("later"), report("later")]);
    assert!(commits.is_idle());
    let idle = tokio::time::timeout(Duration::from_millis(10), commits.written()).await;
    assert!(idle.is_err(), "nothing is being written");
    drop(commits);
    let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
    assert_eq!(restored.leases, [lease(1), lease(2), lease(3), lease(4)]);
}

#[tokio::test]
async fn what_waits_for_a_disk_that_refuses_is_left_out_and_it_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let mut log = disk.open(folder.path());
    log.append(&[lease(1)]).unwrap();
    disk.break_after(0);
    let mut commits = Commits::new(Some(log), false);
    assert_eq!(commits.pass(with_lease(2, "ack 2")), []);
    commits.begin();
    assert_eq!(commits.pass(with_lease(3, "ack 3")), []);
    let WriteResult::Refused { reason, recorded } = commits.written().await.unwrap() else {
        panic!()
    };
    assert!(reason.contains("Input/output error"), "{reason}");
    assert_eq!(recorded, [lease(1)]);
    assert!(commits.is_refused() && commits.is_idle());
    // Nothing is promised meanwhile, and what needs no disk goes on.
    assert_eq!(commits.pass(with_lease(4, "ack 4")), []);
    assert_eq!(commits.pass(vec![report("offer")].into()), [report("offer")]);
    let before = disk.tries();
    let waits = tokio::time::timeout(Duration::from_secs(4), commits.written()).await;
    assert!(waits.is_err(), "it refuses again");
    assert!((1..=2).contains(&(disk.tries() - before)), "it is tried after 1 s and after 3 s");
    disk.break_after(u64::MAX);
    assert!(matches!(commits.written().await.unwrap(), WriteResult::Recovered));
    assert_eq!(commits.pass(with_lease(5, "ack 5")), []);
    commits.begin();
    assert_eq!(written(&mut commits).await, [report("ack 5")]);
    drop(commits);
    let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
    assert_eq!(restored.leases, [lease(1), lease(5)]);
}
