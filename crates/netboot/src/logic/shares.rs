//! How many places of something bounded each address holds, and which place is given up when none is left.
//!
//! A flood comes from few addresses, or from many that are forged. So a place is taken from the address that
//! holds most, and among equals from the oldest: an honest client holds one or two, and needs them for
//! milliseconds. Where one network holds more than half of all places, only its own addresses are looked at.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Places, each of an address. How many there may be is the owner's decision.
///
/// ```
/// use winpe_netboot::logic::Shares;
/// let mut shares = Shares::default();
/// let [flood, honest] = ["10.0.0.66", "10.0.0.1"].map(|it| it.parse().unwrap());
/// shares.insert(honest, "an honest request");
/// let first = shares.insert(flood, "first");
/// shares.insert(flood, "second");
/// assert_eq!(shares.victim(), Some(first), "of the address that holds most, the oldest");
/// assert_eq!(shares.remove(first), Some("first"));
/// assert_eq!((shares.len(), shares.len_of(flood)), (2, 1));
/// ```
#[derive(Debug)]
pub struct Shares<T> {
    networks: HashMap<IpAddr, Network<T>>,
    len: usize,
    next: u64,
}

#[derive(Debug)]
struct Network<T> {
    len: usize,
    /// The places of each address, oldest first.
    addresses: HashMap<IpAddr, VecDeque<(u64, T)>>,
}

/// A place that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    address: IpAddr,
    number: u64,
}

/// The network that an address is counted with: /24 in IPv4, /64 in IPv6.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

impl<T> Shares<T> {
    /// An address takes a place.
    pub fn insert(&mut self, address: IpAddr, holder: T) -> Place {
        let place = Place { address, number: self.next };
        self.next += 1;
        self.len += 1;
        let network = self.networks.entry(network_of(address)).or_default();
        network.len += 1;
        network.addresses.entry(address).or_default().push_back((place.number, holder));
        place
    }

    /// Gives a place back; none where it was given back before.
    pub fn remove(&mut self, place: Place) -> Option<T> {
        let key = network_of(place.address);
        let network = self.networks.get_mut(&key)?;
        let places = network.addresses.get_mut(&place.address)?;
        let at = places.binary_search_by_key(&place.number, |(number, _)| *number).ok()?;
        let (_, holder) = places.remove(at)?;
        if places.is_empty() {
            network.addresses.remove(&place.address);
        }
        network.len -= 1;
        if network.len == 0 {
            self.networks.remove(&key);
        }
        self.len -= 1;
        Some(holder)
    }

    /// Takes back all places; none of them can be mistaken for one that is given later.
    pub fn clear(&mut self) {
        self.networks.clear();
        self.len = 0;
    }

    /// The holder of a place.
    pub fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        let network = self.networks.get_mut(&network_of(place.address))?;
        let places = network.addresses.get_mut(&place.address)?;
        let at = places.binary_search_by_key(&place.number, |(number, _)| *number).ok()?;
        Some(&mut places.get_mut(at)?.1)
    }

    /// Places that are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Places of an address.
    #[must_use]
    pub fn len_of(&self, address: IpAddr) -> usize {
        self.of(address).map_or(0, VecDeque::len)
    }

    /// Places of the network of an address.
    #[must_use]
    pub fn len_of_network(&self, address: IpAddr) -> usize {
        self.networks.get(&network_of(address)).map_or(0, |network| network.len)
    }

    /// The oldest place of an address.
    #[must_use]
    pub fn oldest_of(&self, address: IpAddr) -> Option<(Place, &T)> {
        let (number, holder) = self.of(address)?.front()?;
        Some((Place { address, number: *number }, holder))
    }

    /// The place that gives way to another: of the address that holds most, the oldest.
    #[must_use]
    pub fn victim(&self) -> Option<Place> {
        let hog = self.networks.values().find(|network| 2 * network.len > self.len);
        let of_all = self.networks.values().filter(|_| hog.is_none());
        let addresses = hog.into_iter().chain(of_all).flat_map(|network| &network.addresses);
        let oldest = addresses.filter_map(|(address, places)| {
            let (number, _) = places.front()?;
            Some((places.len(), *number, *address))
        });
        let (_, number, address) =
            oldest.max_by_key(|(len, number, _)| (*len, std::cmp::Reverse(*number)))?;
        Some(Place { address, number })
    }

    /// Each place, with its address, how many that address has, and what holds it.
    pub fn iter(&self) -> impl Iterator<Item = (Place, IpAddr, usize, &T)> {
        let addresses = self.networks.values().flat_map(|network| &network.addresses);
        addresses.flat_map(|(address, places)| {
            let each = places.iter();
            each.map(|(number, holder)| {
                (Place { address: *address, number: *number }, *address, places.len(), holder)
            })
        })
    }

    /// The holder of each place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let addresses = self.networks.values_mut().flat_map(|it| it.addresses.values_mut());
        addresses.flatten().map(|(_, holder)| holder)
    }

    /// How many places the address has that holds most.
    #[must_use]
    pub fn most_of_an_address(&self) -> usize {
        let addresses = self.networks.values().flat_map(|network| network.addresses.values());
        addresses.map(VecDeque::len).max().unwrap_or(0)
    }

    /// How many places the network has that holds most.
    #[must_use]
    pub fn most_of_a_network(&self) -> usize {
        self.networks.values().map(|network| network.len).max().unwrap_or(0)
    }

    fn of(&self, address: IpAddr) -> Option<&VecDeque<(u64, T)>> {
        self.networks.get(&network_of(address))?.addresses.get(&address)
    }
}

impl<T> Default for Shares<T> {
    fn default() -> Self {
        Self { networks: HashMap::new(), len: 0, next: 0 }
    }
}

impl<T> Default for Network<T> {
    fn default() -> Self {
        Self { len: 0, addresses: HashMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(network: u8, host: u8) -> IpAddr {
        IpAddr::from([10, 0, network, host])
    }

    proptest! {
        /// Against a plain list of what was inserted.
        #[test]
        fn counts_and_victims_are_those_of_a_list(
            steps in proptest::collection::vec((0_u8..3, 0_u8..4, any::<bool>(), any::<prop::sample::Index>()), 0..60),
        ) {
            let mut shares = Shares::default();
            let mut list: Vec<(Place, IpAddr)> = Vec::new();
            for (network, host, gives_back, index) in steps {
                if gives_back && !list.is_empty() {
                    let (place, address) = list.remove(index.index(list.len()));
                    prop_assert_eq!(shares.remove(place), Some(address));
                    prop_assert_eq!(shares.remove(place), None);
                } else {
                    let address = address(network, host);
                    list.push((shares.insert(address, address), address));
                }
                let of = |wanted: IpAddr| list.iter().filter(|(_, it)| *it == wanted).count();
                let of_network = |wanted: IpAddr| {
                    let wanted = network_of(wanted);
                    list.iter().filter(|(_, it)| network_of(*it) == wanted).count()
                };
                prop_assert_eq!(shares.len(), list.len());
                prop_assert_eq!(shares.iter().count(), list.len());
                for (_, address) in &list {
                    prop_assert_eq!(shares.len_of(*address), of(*address));
                    prop_assert_eq!(shares.len_of_network(*address), of_network(*address));
                }
                let hogs = list.iter().any(|(_, it)| 2 * of_network(*it) > list.len());
                let open = |it: IpAddr| !hogs || 2 * of_network(it) > list.len();
                let most = list.iter().filter(|(_, it)| open(*it)).map(|(_, it)| of(*it)).max();
                let expected =
                    list.iter().find(|(_, it)| open(*it) && Some(of(*it)) == most).map(|it| it.0);
                prop_assert_eq!(shares.victim(), expected);
                prop_assert_eq!(shares.most_of_an_address(),
                    list.iter().map(|(_, it)| of(*it)).max().unwrap_or(0));
                prop_assert_eq!(shares.most_of_a_network(),
                    list.iter().map(|(_, it)| of_network(*it)).max().unwrap_or(0));
            }
        }
    }

    #[test]
    fn networks_are_those_of_clients() {
        for (address, network) in [
            ("192.168.7.200", "192.168.7.0"),
            ("::ffff:192.168.7.200", "192.168.7.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            assert_eq!(network_of(address.parse().unwrap()), network.parse::<IpAddr>().unwrap());
        }
    }

    #[test]
    fn a_flood_of_one_network_evicts_its_own() {
        let mut shares = Shares::default();
        let early = shares.insert(address(1, 1), ());
        shares.clear();
        // Each forged address of the flood holds one place, as many as an honest client.
        let honest = shares.insert(address(1, 1), ());
        let flood: Vec<_> = (0..200).map(|host| shares.insert(address(2, host), ())).collect();
        assert_eq!(shares.victim(), Some(flood[0]));
        assert_eq!((shares.remove(early), shares.len()), (None, 201));
        assert_eq!(shares.remove(honest), Some(()));
        // In the network of the flood, a client that came last is not the first to go.
        shares.insert(address(2, 201), ());
        assert_eq!(shares.victim(), Some(flood[0]));
    }
}
