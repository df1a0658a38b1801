//! Subnets, and the choice of an address for a client.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::lease::Leases;
use super::{Identity, Link};
use crate::config::{Config, SubnetConfig, is_host};
use crate::logic::Time;

/// The subnets, and which of their addresses can be given.
#[derive(Debug)]
pub(super) struct Pools {
    subnets: Vec<Subnet>,
    /// By client and by address.
    reserved: BTreeMap<Identity, Ipv4Addr>,
    /// The host names of reserved addresses.
    names: BTreeMap<Ipv4Addr, String>,
    /// Addresses that no pool gives: reserved ones, all of this machine, routers, DNS servers.
    kept: BTreeSet<Ipv4Addr>,
}

#[derive(Debug)]
struct Subnet {
    config: SubnetConfig,
    /// All addresses before this one were used at some time; none where all were.
    unused: Option<Ipv4Addr>,
}

/// A client that needs an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    /// Its subnet.
    pub(super) subnet: usize,
    pub(super) identity: &'a Identity,
    /// The address that is kept for it.
    pub(super) reserved: Option<Ipv4Addr>,
    pub(super) now: Time,
}

/// The address found for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) address: Ipv4Addr,
    /// Whether the client has not had it before, so that another machine may be using it.
    pub(super) fresh: bool,
}

impl Pools {
    pub(super) fn new(config: &Config, link: &Link) -> Self {
        let subnets = config.subnets_on(link.network, link.address);
        let mut kept: BTreeSet<_> = link.others.iter().copied().chain([link.address]).collect();
        for subnet in &subnets {
            kept.extend(subnet.router.iter().chain(&subnet.dns));
        }
        let reservations = &config.serve.reservations;
        kept.extend(reservations.iter().map(|reservation| reservation.address));
        Self {
            subnets: subnets
                .into_iter()
                .map(|config| Subnet { unused: config.first, config })
                .collect(),
            reserved: reservations
                .iter()
                // The server needs its own.
                .filter(|reservation| !link.is_own(reservation.address))
                .flat_map(|reservation| {
                    let macs = reservation.mac.iter().copied().map(Identity::Hardware);
                    let ids = reservation.client_id.iter();
                    let ids = ids.map(|id| Identity::ClientId(id.bytes().to_vec()));
                    macs.chain(ids).map(|it| (it, reservation.address))
                })
                .collect(),
            names: reservations
                .iter()
                .filter_map(|it| Some((it.address, it.name.clone()?)))
                .collect(),
            kept,
        }
    }

    /// The address that is kept for a machine: by its identity, or by its client identifier.
    pub(super) fn reserved(
        &self,
        identity: &Identity,
        client_id: Option<&[u8]>,
    ) -> Option<Ipv4Addr> {
        let by_id = || self.reserved.get(&Identity::ClientId(client_id?.to_vec()));
        self.reserved.get(identity).or_else(by_id).copied()
    }

    /// The host name that belongs to a reserved address.
    pub(super) fn name(&self, address: Ipv4Addr) -> Option<&str> {
        self.names.get(&address).map(String::as_str)
    }

    /// The subnet that an address is in.
    pub(super) fn find(&self, address: Ipv4Addr) -> Option<usize> {
        self.subnets.iter().position(|subnet| subnet.config.network.contains(&address))
    }

    pub(super) fn config(&self, subnet: usize) -> &SubnetConfig {
        &self.subnets[subnet].config
    }

    /// Whether this address may be given at all.
    pub(super) fn holds(&self, address: Ipv4Addr) -> bool {
        self.reserved.values().any(|reserved| *reserved == address)
            || (0..self.subnets.len()).any(|subnet| self.pool_holds(subnet, address))
    }

    /// Whether a client may have this address.
    pub(super) fn may_have(&self, asker: Asker<'_>, address: Ipv4Addr, leases: &Leases) -> bool {
        let Asker { subnet, identity, now, .. } = asker;
        let reserved =
            asker.reserved == Some(address) && is_host(self.config(subnet).network, address);
        (reserved || self.pool_holds(subnet, address)) && !leases.is_taken(address, identity, now)
    }

    /// The address that is kept for a client in its subnet, where it may have it now.
    pub(super) fn reservation(&self, asker: Asker<'_>, leases: &Leases) -> Option<Ipv4Addr> {
        asker.reserved.filter(|it| self.may_have(asker, *it, leases))
    }

    /// An address for a client: its reservation, the one it has or had, the one it asks for, one
    /// that was never used, the one that was free for the longest time.
    pub(super) fn choose(
        &mut self,
        asker: Asker<'_>,
        wanted: Option<Ipv4Addr>,
        leases: &Leases,
    ) -> Option<Choice> {
        let Asker { subnet, identity, now, .. } = asker;
        let may_have = |pools: &Self, address| pools.may_have(asker, address, leases);
        let reserved = self.reservation(asker, leases);
        let own = leases.of(identity, subnet).map(|lease| lease.address);
        if let Some(address) = reserved.into_iter().chain(own).find(|it| may_have(self, *it)) {
            return Some(Choice { address, fresh: false });
        }
        let address = wanted
            .filter(|address| may_have(self, *address))
            .or_else(|| self.next_unused(subnet, leases))
            .or_else(|| leases.expired(now).find(|address| may_have(self, *address)))?;
        Some(Choice { address, fresh: true })
    }

    /// Addresses that the pool has.
    pub(super) fn size(&self, subnet: usize) -> usize {
        let range = self.config(subnet).pool();
        range.map_or(0, |(first, last)| (u32::from(last) - u32::from(first)) as usize + 1)
    }

    fn pool_holds(&self, subnet: usize, address: Ipv4Addr) -> bool {
        let range = self.config(subnet).pool();
        range.is_some_and(|(first, last)| first <= address && address <= last)
            && !self.kept.contains(&address)
    }

    /// Walks each pool once in the life of the server, so that a full one costs nothing to search.
    fn next_unused(&mut self, subnet: usize, leases: &Leases) -> Option<Ipv4Addr> {
        let (_, last) = self.config(subnet).pool()?;
        while let Some(address) = self.subnets[subnet].unused {
            self.subnets[subnet].unused =
                (address < last).then(|| Ipv4Addr::from(u32::from(address) + 1));
            if leases.at(address).is_none() && !self.kept.contains(&address) {
                return Some(address);
            }
        }
        None
    }
}
