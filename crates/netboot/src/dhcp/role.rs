//! Whether the server gives addresses beside those that answer already.

use std::net::Ipv4Addr;

use thiserror::Error;

use crate::config::Mode;
use crate::logic::dhcp::Role;

/// Another DHCP server answers, and the configuration insists on giving addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("another DHCP server gives addresses here: {other}")]
pub struct Refusal {
    /// The other server.
    pub other: Ipv4Addr,
}

/// Whether to give addresses where these servers answer already.
///
/// # Errors
/// Two servers that give addresses on one link break each other's clients, so it takes force.
pub(crate) fn decide_role(mode: Mode, force: bool, others: &[Ipv4Addr]) -> Result<Role, Refusal> {
    match (mode, others.first()) {
        (Mode::Proxy, _) => Ok(Role::Proxy),
        (Mode::Auto, Some(_)) if !force => Ok(Role::Proxy),
        (Mode::Dhcp, Some(&other)) if !force => Err(Refusal { other }),
        (Mode::Auto | Mode::Dhcp, _) => Ok(Role::Full),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_given_beside_another_server_by_force_only() {
        let other = [Ipv4Addr::new(192, 168, 0, 1)];
        assert_eq!(decide_role(Mode::Auto, false, &[]), Ok(Role::Full));
        assert_eq!(decide_role(Mode::Auto, false, &other), Ok(Role::Proxy));
        assert_eq!(decide_role(Mode::Auto, true, &other), Ok(Role::Full));
        assert_eq!(decide_role(Mode::Dhcp, false, &[]), Ok(Role::Full));
        assert_eq!(decide_role(Mode::Dhcp, false, &other), Err(Refusal { other: other[0] }));
        assert_eq!(decide_role(Mode::Dhcp, true, &other), Ok(Role::Full));
        assert_eq!(decide_role(Mode::Proxy, true, &[]), Ok(Role::Proxy));
    }
}
