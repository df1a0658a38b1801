//! Limits on the packets of a client, and on new clients.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::{Identity, Ignore};
use crate::logic::Time;

/// Packets of one client in a window; a boot through four stages takes about twelve.
const MAX_PACKETS: u32 = 40;
const WINDOW: Duration = Duration::from_secs(10);
/// Clients counted one by one; more than these in one window are a flood. It is what a fast server can
/// give addresses to in that time, and bounds memory to about 10 MB.
const MAX_CLIENTS: usize = 1 << 18;

/// How much each client sent lately.
#[derive(Debug, Default)]
pub(super) struct Rate {
    began: Time,
    /// By a randomly keyed hash, since identities may be long.
    counts: HashMap<u64, u32>,
    hasher: RandomState,
}

impl Rate {
    pub(super) fn count(
        &mut self,
        identity: &Identity,
        known: bool,
        now: Time,
    ) -> Result<(), Ignore> {
        if now.since(self.began) >= WINDOW || now < self.began {
            self.began = now;
            self.counts = HashMap::new();
        }
        let key = self.hasher.hash_one(identity);
        if let Some(count) = self.counts.get_mut(&key) {
            *count = count.saturating_add(1);
            return if *count > MAX_PACKETS { Err(Ignore::Rate(MAX_PACKETS)) } else { Ok(()) };
        }
        if self.counts.len() < MAX_CLIENTS {
            self.counts.insert(key, 1);
            return Ok(());
        }
        // A client with a lease is served through a flood.
        if known { Ok(()) } else { Err(Ignore::Flood) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dhcp::Hardware;

    fn identity(number: u32) -> Identity {
        let [a, b, c, d] = number.to_be_bytes();
        Identity::Hardware(Hardware::ethernet([2, 0, a, b, c, d]))
    }

    #[test]
    fn a_client_that_sends_too_much_waits_for_the_next_window() {
        let mut rate = Rate::default();
        let now = Time::from_secs(100);
        for _ in 0..MAX_PACKETS {
            assert_eq!(rate.count(&identity(1), true, now), Ok(()));
        }
        assert_eq!(rate.count(&identity(1), true, now), Err(Ignore::Rate(MAX_PACKETS)));
        assert_eq!(rate.count(&identity(2), true, now), Ok(()));
        assert_eq!(rate.count(&identity(1), true, now + WINDOW), Ok(()));
    }

    #[test]
    fn a_flood_is_bounded_and_known_clients_pass() {
        let mut rate = Rate::default();
        let now = Time::from_secs(100);
        for number in 0..MAX_CLIENTS + 1000 {
            let allowed = rate.count(&identity(number as u32), false, now);
            assert_eq!(allowed.is_ok(), number < MAX_CLIENTS);
        }
        assert_eq!(rate.counts.len(), MAX_CLIENTS);
        assert_eq!(rate.count(&identity(u32::MAX), true, now), Ok(()));
    }
}
