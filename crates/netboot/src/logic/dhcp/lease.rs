use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;

use super::Identity;
use crate::logic::Time;

/// An address and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// Whose it is, or was last.
    pub identity: Identity,
    /// What it is.
    pub state: LeaseState,
    /// Until when; afterwards the address may go to another.
    pub expires: Time,
}

/// What a lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseState {
    /// Offered and not yet taken; never recorded.
    Offered,
    /// Taken.
    Bound,
    /// Given back; kept so that its last owner gets it again.
    Released,
    /// Somebody else uses the address.
    Declined,
}

/// The leases: one for each address, at most one that counts for each client.
#[derive(Debug, Default)]
pub(super) struct Leases {
    by_address: BTreeMap<Ipv4Addr, Lease>,
    by_identity: HashMap<Identity, Ipv4Addr>,
    by_expiry: BTreeSet<(Time, Ipv4Addr)>,
    /// Those of `by_expiry` that are offers.
    offers: BTreeSet<(Time, Ipv4Addr)>,
}

impl Leases {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.by_address.values()
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Lease> {
        self.by_address.into_values()
    }

    /// The lease of an address.
    pub(super) fn at(&self, address: Ipv4Addr) -> Option<&Lease> {
        self.by_address.get(&address)
    }

    /// The lease of a client, in force or not.
    pub(super) fn of(&self, identity: &Identity) -> Option<&Lease> {
        self.at(*self.by_identity.get(identity)?)
    }

    /// Whether somebody other than this client holds the address now.
    pub(super) fn is_taken(&self, address: Ipv4Addr, identity: &Identity, now: Time) -> bool {
        self.at(address).is_some_and(|lease| {
            lease.expires > now
                && (lease.identity != *identity || lease.state == LeaseState::Declined)
        })
    }

    /// Puts a lease in place of what the address had.
    pub(super) fn put(&mut self, lease: Lease) {
        self.remove(lease.address);
        if lease.state != LeaseState::Declined {
            self.by_identity.insert(lease.identity.clone(), lease.address);
        }
        self.by_expiry.insert((lease.expires, lease.address));
        if lease.state == LeaseState::Offered {
            self.offers.insert((lease.expires, lease.address));
        }
        self.by_address.insert(lease.address, lease);
    }

    pub(super) fn remove(&mut self, address: Ipv4Addr) {
        let Some(old) = self.by_address.remove(&address) else { return };
        self.by_expiry.remove(&(old.expires, address));
        self.offers.remove(&(old.expires, address));
        if self.by_identity.get(&old.identity) == Some(&address) {
            self.by_identity.remove(&old.identity);
        }
    }

    /// Addresses that nobody holds any more, the longest free ones first.
    pub(super) fn expired(&self, now: Time) -> impl Iterator<Item = Ipv4Addr> {
        self.by_expiry.iter().take_while(move |(expires, _)| *expires <= now).map(|entry| entry.1)
    }

    /// Offers in force that nobody has taken yet.
    pub(super) fn open_offers(&mut self, now: Time) -> usize {
        while self.offers.first().is_some_and(|(expires, _)| *expires <= now) {
            self.offers.pop_first();
        }
        self.offers.len()
    }
}
