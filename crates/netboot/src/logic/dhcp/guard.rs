//! Detects boot loops.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::{Identity, Ignore};
use crate::logic::Time;

/// How often a client may load the same file in a window.
const TIMES: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);
/// Most boots that are watched; further ones are not.
const WATCHED: usize = 8192;

/// Notices clients that load the same file again and again.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// For each client and file, the exchanges that named it.
    boots: HashMap<(Identity, String), Vec<(u32, Time)>>,
    /// The other server whose offer each client took last.
    others: HashMap<Identity, (Ipv4Addr, Time)>,
    swept: Time,
}

impl Guard {
    /// Whether the file may be named in this exchange. A repeated message of an exchange is not
    /// counted again.
    pub(super) fn check(
        &self,
        identity: &Identity,
        file: &str,
        xid: u32,
        now: Time,
    ) -> Result<(), Ignore> {
        let Some(seen) = self.boots.get(&(identity.clone(), file.to_owned())) else {
            return Ok(());
        };
        let lately = || seen.iter().filter(|(_, time)| now.since(*time) < WINDOW);
        let times = lately().count();
        if times >= TIMES && !lately().any(|(known, _)| *known == xid) {
            let other = self.others.get(identity).filter(|(_, time)| now.since(*time) < WINDOW);
            let (file, other) = (file.to_owned(), other.map(|(server, _)| *server));
            return Err(Ignore::Loop { file, times, other });
        }
        Ok(())
    }

    /// Counts that the file was named in this exchange.
    pub(super) fn count(&mut self, identity: &Identity, file: &str, xid: u32, now: Time) {
        self.sweep(now);
        let key = (identity.clone(), file.to_owned());
        if self.boots.len() >= WATCHED && !self.boots.contains_key(&key) {
            return;
        }
        let seen = self.boots.entry(key).or_default();
        seen.retain(|(_, time)| now.since(*time) < WINDOW);
        if !seen.iter().any(|(known, _)| *known == xid) && seen.len() < TIMES {
            seen.push((xid, now));
        }
    }

    /// Remembers that the client took the offer of another server.
    pub(super) fn took(&mut self, identity: &Identity, other: Ipv4Addr, now: Time) {
        self.sweep(now);
        if self.others.len() < WATCHED || self.others.contains_key(identity) {
            self.others.insert(identity.clone(), (other, now));
        }
    }

    fn sweep(&mut self, now: Time) {
        if now.since(self.swept) >= WINDOW || now < self.swept {
            self.swept = now;
            self.boots.retain(|_, seen| seen.iter().any(|(_, time)| now.since(*time) < WINDOW));
            self.others.retain(|_, (_, time)| now.since(*time) < WINDOW);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dhcp::Hardware;

    #[test]
    fn the_fourth_load_in_a_minute_is_refused() {
        let identity = Identity::Hardware(Hardware::ethernet([2; 6]));
        let mut guard = Guard::default();
        let start = Time::from_secs(1000);
        let mut load = |xid, after| {
            let now = start + Duration::from_secs(after);
            let allowed = guard.check(&identity, "undionly.kpxe", xid, now);
            if allowed.is_ok() {
                guard.count(&identity, "undionly.kpxe", xid, now);
            }
            allowed.is_ok()
        };
        assert!(load(1, 0) && load(1, 1) && load(1, 2) && load(1, 3), "repeats of one exchange");
        assert!(load(2, 10) && load(3, 20));
        assert!(!load(4, 30), "the fourth exchange");
        assert!(load(3, 31), "a repeat of the third");
        assert!(!load(4, 59));
        assert!(load(4, 61), "the first is over a minute ago");
        assert!(!load(5, 62));
    }

    #[test]
    fn memory_is_bounded() {
        let mut guard = Guard::default();
        let now = Time::from_secs(1000);
        for number in 0..20_000_u32 {
            let [a, b, c, d] = number.to_be_bytes();
            let identity = Identity::Hardware(Hardware::ethernet([2, 0, a, b, c, d]));
            guard.count(&identity, "a", 1, now);
            guard.took(&identity, Ipv4Addr::LOCALHOST, now);
        }
        assert_eq!((guard.boots.len(), guard.others.len()), (WATCHED, WATCHED));
        let later = now + WINDOW + WINDOW;
        guard.count(&Identity::Hardware(Hardware::ethernet([2; 6])), "a", 1, later);
        assert_eq!((guard.boots.len(), guard.others.len()), (1, 0));
    }
}
