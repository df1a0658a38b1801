//! The leases that machines got, to be compared with each other.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Every lease that a machine got.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Book>);

#[derive(Default)]
struct Book {
    leases: HashMap<Ipv4Addr, (u32, Instant)>,
    /// A machine keeps its address during its lease, through every restart.
    addresses: HashMap<u32, Ipv4Addr>,
    violations: Vec<String>,
}

impl Ledger {
    /// Records that a machine got an address for this time.
    pub(crate) fn given(&self, machine: u32, address: Ipv4Addr, lease: Duration) {
        let mut book = self.0.lock().unwrap();
        let now = Instant::now();
        if let Some((owner, until)) = book.leases.insert(address, (machine, now + lease))
            && owner != machine
            && until > now
        {
            book.violations.push(format!("{address} of machine {owner} was given to {machine}"));
        }
        if let Some(before) = book.addresses.insert(machine, address)
            && before != address
        {
            book.violations.push(format!("machine {machine} had {before} and was given {address}"));
        }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.0.lock().unwrap().violations.clone()
    }
}
