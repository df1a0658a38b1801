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
    /// Addresses that no pool gives: reserved ones, the server's own, routers, DNS servers.
    kept: BTreeSet<Ipv4Addr>,
}

#[derive(Debug)]
struct Subnet {
    config: SubnetConfig,
    /// All addresses before this one were used at some time; none where all were.
    unused: Option<Ipv4Addr>,
}

/// The address found for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) address: Ipv4Addr,
    /// Whether the client has not had it before, so that another machine may be using it.
    pub(super) fresh: bool,
}

impl Pools {
    pub(super) fn new(config: &Config, link: Link) -> Self {
        let mut subnets = config.serve.subnets.clone();
        if !subnets.iter().any(|subnet| subnet.network.contains(&link.address)) {
            let mut here = SubnetConfig::for_link(link.network);
            if !subnets.is_empty() {
                // The configuration says which addresses are given, and this link is not among them.
                (here.first, here.last) = (None, None);
            }
            subnets.push(here);
        }
        let mut kept = BTreeSet::from([link.address]);
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
                .filter(|reservation| reservation.address != link.address)
                .map(|reservation| (Identity::Hardware(reservation.mac), reservation.address))
                .collect(),
            kept,
        }
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

    /// Whether this client may have this address.
    pub(super) fn may_have(
        &self,
        subnet: usize,
        identity: &Identity,
        address: Ipv4Addr,
        leases: &Leases,
        now: Time,
    ) -> bool {
        let reserved = self.reserved.get(identity) == Some(&address)
            && is_host(self.config(subnet).network, address);
        (reserved || self.pool_holds(subnet, address)) && !leases.is_taken(address, identity, now)
    }

    /// The address that is kept for a client in a subnet, where it may have it now.
    pub(super) fn reservation(
        &self,
        subnet: usize,
        identity: &Identity,
        leases: &Leases,
        now: Time,
    ) -> Option<Ipv4Addr> {
        let reserved = self.reserved.get(identity).copied();
        reserved.filter(|it| self.may_have(subnet, identity, *it, leases, now))
    }

    /// An address for a client: its reservation, the one it has or had, the one it asks for, one
    /// that was never used, the one that was free for the longest time.
    pub(super) fn choose(
        &mut self,
        subnet: usize,
        identity: &Identity,
        wanted: Option<Ipv4Addr>,
        leases: &Leases,
        now: Time,
    ) -> Option<Choice> {
        let may_have =
            |pools: &Self, address| pools.may_have(subnet, identity, address, leases, now);
        let reserved = self.reservation(subnet, identity, leases, now);
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
