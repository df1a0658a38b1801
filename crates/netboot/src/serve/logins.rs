//! The logins of machines, given to the address that holds the lease of the machine, and to no other.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::dhcp::{Holder, HolderQuery, neighbour};
use crate::files::{File, FileRequest, FileSource, Layers, OpenError};
use crate::net::Interface;
use crate::policy::Logins;
use crate::policy::login::{BATCH, SCRIPT};
use crate::wire::dhcp::Hardware;

/// A source of [`SCRIPT`] and [`BATCH`], made for each client when it asks.
///
/// A client is the machine that the lease of its address names. Where it is on the link, its neighbour entry
/// must name the same machine: a machine configured with the address of another is refused. Without leases,
/// beside another DHCP server, the neighbour entry alone counts. A machine that forges ARP can pass for
/// another.
struct LoginFiles {
    logins: Logins,
    interface: Interface,
    leases: mpsc::Sender<HolderQuery>,
}

/// The files with the logins before them, so that no file of a folder replaces a login.
pub(super) fn with_logins(
    files: Arc<dyn FileSource>,
    logins: Logins,
    interface: &Interface,
    leases: mpsc::Sender<HolderQuery>,
) -> Arc<dyn FileSource> {
    if logins.is_empty() {
        return files;
    }
    let logins = LoginFiles { logins, interface: interface.clone(), leases };
    Arc::new(Layers::new([Arc::new(logins) as Arc<dyn FileSource>, files]))
}

impl LoginFiles {
    /// Which machine has an address. Blocks until the DHCP task has answered.
    fn machine(&self, address: Ipv4Addr) -> Result<Hardware, OpenError> {
        let (answer, answered) = oneshot::channel();
        let holder = match self.leases.blocking_send(HolderQuery { address, answer }) {
            Ok(()) => answered.blocking_recv().unwrap_or(Holder::None),
            // The DHCP task does not run before its role is known, nor when the server ends.
            Err(_) => Holder::None,
        };
        let on_link = self.interface.network.contains(&address);
        let neighbour = if on_link { neighbour(&self.interface, address)? } else { None };
        decide(holder, on_link, neighbour).map_err(OpenError::Refused)
    }
}

fn decide(
    holder: Holder,
    on_link: bool,
    neighbour: Option<Hardware>,
) -> Result<Hardware, &'static str> {
    match (holder, on_link, neighbour) {
        (Holder::Machine(machine), true, Some(seen)) if seen == machine => Ok(machine),
        (Holder::Machine(_), true, _) => Err("the address is the lease of another machine"),
        (Holder::Machine(machine), false, _) => Ok(machine),
        (Holder::None, ..) => Err("the address has no lease of this server"),
        (Holder::Unknown, true, Some(seen)) => Ok(seen),
        (Holder::Unknown, ..) => Err("the client is not on the link"),
    }
}

impl FileSource for LoginFiles {
    fn open(&self, request: &FileRequest<'_>) -> Result<File, OpenError> {
        let name = request.path.as_str();
        if name != SCRIPT && name != BATCH {
            return Err(OpenError::NotFound);
        }
        let IpAddr::V4(address) = request.client else {
            return Err(OpenError::Refused("logins are for clients by IPv4"));
        };
        let machine = self.machine(address)?;
        let login = self.logins.of(machine).unwrap_or_default();
        let bytes = match name {
            // A machine without a configured login logs in without name and secret.
            SCRIPT => login.script().into_bytes(),
            _ => login.batch().ok_or(OpenError::NotFound)?,
        };
        Ok(File::from_bytes(bytes).secret())
    }

    fn open_now(&self, request: &FileRequest<'_>) -> Option<Result<File, OpenError>> {
        let name = request.path.as_str();
        // A login is looked up by a thread that may wait for the leases.
        (name != SCRIPT && name != BATCH).then_some(Err(OpenError::NotFound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_goes_to_the_machine_whose_lease_it_is() {
        let [ours, theirs] = [1, 2].map(|last| Hardware::ethernet([2, 0, 0, 0, 0, last]));
        assert_eq!(decide(Holder::Machine(ours), true, Some(ours)), Ok(ours));
        // Beyond a relay there is no neighbour entry to compare with.
        assert_eq!(decide(Holder::Machine(ours), false, None), Ok(ours));
        assert_eq!(decide(Holder::Unknown, true, Some(ours)), Ok(ours));
        for (holder, on_link, neighbour) in [
            (Holder::Machine(ours), true, Some(theirs)),
            (Holder::Machine(ours), true, None),
            (Holder::None, true, Some(ours)),
            (Holder::None, false, None),
            (Holder::Unknown, true, None),
            (Holder::Unknown, false, None),
        ] {
            assert!(decide(holder, on_link, neighbour).is_err(), "{holder:?} {neighbour:?}");
        }
    }
}
