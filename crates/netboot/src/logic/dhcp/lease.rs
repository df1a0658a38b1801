//! The table of leases.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;

use super::Identity;
use crate::logic::Time;

/// An address and its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// Its owner, or last owner.
    pub identity: Identity,
    /// Its state.
    pub state: LeaseState,
    /// Until when; afterwards the address may go to another.
    pub expires: Time,
}

/// The state of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseState {
    /// Offered and not yet taken; never recorded.
    Offered,
    /// Taken.
    Bound,
    /// Given back; kept so that its last owner gets it again.
    Released,
    /// Another machine uses the address.
    Declined,
}

/// Addresses that one client can have in quarantine: further DECLINEs of it free the oldest, so that no
/// client empties a pool by finding fault with each address.
const DECLINED: usize = 4;

/// The leases. Each address has at most one, and in each subnet each client has at most one that is in
/// force, and one offer.
#[derive(Debug, Default)]
pub(super) struct Leases {
    by_address: BTreeMap<Ipv4Addr, Lease>,
    /// The addresses of each client, the oldest first.
    by_identity: HashMap<Identity, Vec<Claim>>,
    by_expiry: BTreeSet<(Time, Ipv4Addr)>,
    /// The entries of `by_expiry` that are offers.
    offers: BTreeSet<(Time, Ipv4Addr)>,
}

/// An address of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim {
    subnet: usize,
    address: Ipv4Addr,
    kind: Kind,
}

/// The relation of a client to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Offered,
    /// Bound, or bound last.
    Own,
    Declined,
}

impl Kind {
    fn of(state: LeaseState) -> Self {
        match state {
            LeaseState::Offered => Self::Offered,
            LeaseState::Bound | LeaseState::Released => Self::Own,
            LeaseState::Declined => Self::Declined,
        }
    }

    /// Addresses that a client can have as this in one subnet.
    fn most(self) -> usize {
        if self == Self::Declined { DECLINED } else { 1 }
    }
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

    /// The address that a client has or had last in a subnet, then the one that it was offered last.
    pub(super) fn of(
        &self,
        identity: &Identity,
        subnet: usize,
    ) -> impl Iterator<Item = &Lease> + use<'_> {
        let find = |kind| self.claims(identity).find(|it| it.subnet == subnet && it.kind == kind);
        let found = [find(Kind::Own), find(Kind::Offered)];
        found.into_iter().flatten().filter_map(|claim| self.at(claim.address))
    }

    /// The lease that a client has in a subnet.
    pub(super) fn bound(&self, identity: &Identity, subnet: usize, now: Time) -> Option<&Lease> {
        self.of(identity, subnet).find(|it| it.state == LeaseState::Bound && it.expires > now)
    }

    /// Whether an address is this client's: offered to it, bound, or bound last.
    pub(super) fn is_own(&self, identity: &Identity, address: Ipv4Addr) -> bool {
        let claims = |kind| {
            let mut claims = self.claims(identity);
            claims.any(|claim| claim.address == address && claim.kind == kind)
        };
        claims(Kind::Own) || claims(Kind::Offered)
    }

    /// Whether a client had an address before, or is being offered one.
    pub(super) fn knows(&self, identity: &Identity, now: Time) -> bool {
        self.claims(identity).any(|claim| match claim.kind {
            Kind::Own => true,
            Kind::Offered => self.at(claim.address).is_some_and(|it| it.expires > now),
            Kind::Declined => false,
        })
    }

    /// Whether a client has an address now.
    pub(super) fn holds(&self, identity: &Identity, now: Time) -> bool {
        self.claims(identity).any(|claim| {
            let lease = self.at(claim.address);
            lease.is_some_and(|it| it.state == LeaseState::Bound && it.expires > now)
        })
    }

    /// Whether another client holds the address now.
    pub(super) fn is_taken(&self, address: Ipv4Addr, identity: &Identity, now: Time) -> bool {
        self.at(address).is_some_and(|lease| {
            lease.expires > now
                && (lease.identity != *identity || lease.state == LeaseState::Declined)
        })
    }

    /// Replaces the lease of an address, and ends the client's lease of another address in this subnet;
    /// returns that one as it is now, where it was in force and outlives the process.
    pub(super) fn put(&mut self, lease: Lease, subnet: usize, now: Time) -> Option<Lease> {
        self.remove(lease.address);
        let claim = Claim { subnet, address: lease.address, kind: Kind::of(lease.state) };
        let mut ended = None;
        if self.counts(&lease, claim, now) {
            ended = self.displace(&lease.identity, claim, now);
            if lease.state == LeaseState::Bound {
                self.withdraw(&lease.identity, Some(subnet), now);
            }
            self.by_identity.entry(lease.identity.clone()).or_default().push(claim);
        }
        self.insert(lease);
        ended
    }

    /// Replaces the lease of an address, whatever other leases its owner has.
    pub(super) fn block(&mut self, lease: Lease) {
        self.remove(lease.address);
        self.insert(lease);
    }

    /// Frees what a client was offered and has not taken, in one subnet or in all.
    pub(super) fn withdraw(&mut self, identity: &Identity, subnet: Option<usize>, now: Time) {
        let offered = |claim: &&Claim| {
            claim.kind == Kind::Offered && subnet.is_none_or(|subnet| subnet == claim.subnet)
        };
        let addresses: Vec<_> =
            self.claims(identity).filter(offered).map(|it| it.address).collect();
        for address in addresses {
            self.end(address, now);
        }
    }

    pub(super) fn remove(&mut self, address: Ipv4Addr) {
        let Some(old) = self.by_address.remove(&address) else { return };
        self.by_expiry.remove(&(old.expires, address));
        self.offers.remove(&(old.expires, address));
        self.forget(&old.identity, address);
    }

    /// Addresses that no client holds any more, the longest free ones first.
    pub(super) fn expired(&self, now: Time) -> impl Iterator<Item = Ipv4Addr> {
        self.by_expiry.iter().take_while(move |(expires, _)| *expires <= now).map(|entry| entry.1)
    }

    /// Offers in force that are not taken yet.
    pub(super) fn open_offers(&mut self, now: Time) -> usize {
        while self.offers.first().is_some_and(|(expires, _)| *expires <= now) {
            self.offers.pop_first();
        }
        self.offers.len()
    }

    fn claims(&self, identity: &Identity) -> impl Iterator<Item = &Claim> + use<'_> {
        self.by_identity.get(identity).into_iter().flatten()
    }

    /// Whether this is the lease that counts for its client: one that has ended does not replace one that
    /// ends later.
    fn counts(&self, lease: &Lease, claim: Claim, now: Time) -> bool {
        let other = self.claims(&lease.identity).find(|other| {
            other.subnet == claim.subnet && other.kind == claim.kind && claim.kind != Kind::Declined
        });
        let other = other.and_then(|other| self.at(other.address));
        lease.expires > now || other.is_none_or(|other| other.expires <= lease.expires)
    }

    /// Ends the client's oldest lease of this kind in the subnet, where it has as many as it can.
    fn displace(&mut self, identity: &Identity, claim: Claim, now: Time) -> Option<Lease> {
        let same = |it: &&Claim| it.subnet == claim.subnet && it.kind == claim.kind;
        let full = self.claims(identity).filter(same).count() >= claim.kind.most();
        let oldest = self.claims(identity).find(same).filter(|_| full)?.address;
        let ended = self.end(oldest, now);
        self.forget(identity, oldest);
        ended.filter(|lease| lease.state != LeaseState::Offered)
    }

    /// Ends a lease that is in force and returns it as it is now.
    fn end(&mut self, address: Ipv4Addr, now: Time) -> Option<Lease> {
        let mut lease = self.at(address).filter(|lease| lease.expires > now)?.clone();
        self.by_expiry.remove(&(lease.expires, address));
        self.offers.remove(&(lease.expires, address));
        lease.expires = now;
        if lease.state == LeaseState::Bound {
            lease.state = LeaseState::Released;
        }
        self.insert(lease.clone());
        Some(lease)
    }

    fn insert(&mut self, lease: Lease) {
        self.by_expiry.insert((lease.expires, lease.address));
        if lease.state == LeaseState::Offered {
            self.offers.insert((lease.expires, lease.address));
        }
        self.by_address.insert(lease.address, lease);
    }

    fn forget(&mut self, identity: &Identity, address: Ipv4Addr) {
        if let Some(claims) = self.by_identity.get_mut(identity) {
            claims.retain(|claim| claim.address != address);
            if claims.is_empty() {
                self.by_identity.remove(identity);
            }
        }
    }
}
