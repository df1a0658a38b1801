//! The part of `serve --check` about addresses.

use std::net::Ipv4Addr;

use serde::Serialize;
use winpe_netboot::config::{Config, Mode};
use winpe_netboot::net::Interface;
use winpe_netboot::policy::{HOW_TO_GIVE, SubnetRow, no_subnet_here, subnet_table};

use crate::failure::Failure;
use crate::printer::Printer;

/// Whether addresses are given, and which.
#[derive(Serialize)]
pub(super) struct Addresses<'a> {
    mode: Mode,
    /// Whether any are given, at least where no other server does.
    given: bool,
    subnets: Vec<PoolRow<'a>>,
}

#[derive(Serialize)]
struct PoolRow<'a> {
    network: String,
    first: Option<Ipv4Addr>,
    last: Option<Ipv4Addr>,
    lease: u32,
    router: &'a [Ipv4Addr],
    dns: &'a [Ipv4Addr],
    domain: Option<&'a str>,
    options: &'a [String],
    reservations: Vec<ReservationRow<'a>>,
}

#[derive(Serialize)]
struct ReservationRow<'a> {
    address: Ipv4Addr,
    machine: &'a str,
}

/// The subnets of a server that gives addresses.
pub(super) fn table(config: &Config, interface: &Interface) -> Vec<SubnetRow> {
    if config.serve.gives_addresses() {
        subnet_table(config, interface.network, interface.address)
    } else {
        Vec::new()
    }
}

/// That machines on the link get no address, where that may not be meant.
pub(super) fn warning(config: &Config, interface: &Interface) -> Option<String> {
    let far = no_subnet_here(config, interface.network, interface.address);
    far.filter(|_| config.serve.gives_addresses())
}

/// Which addresses are given, and by whom.
pub(super) fn print(
    config: &Config,
    subnets: &[SubnetRow],
    printer: &mut Printer,
) -> Result<(), Failure> {
    printer.line("")?;
    printer.heading("addresses")?;
    match config.serve.mode {
        Mode::Proxy => printer.line("  none: another DHCP server gives them")?,
        Mode::Auto if subnets.is_empty() => {
            printer.line(format_args!("  none: {HOW_TO_GIVE}"))?;
        }
        Mode::Auto => printer.line("  unless another DHCP server answers:")?,
        Mode::Dhcp => {}
    }
    for subnet in subnets {
        printer.line(format_args!("  {subnet}"))?;
        for (address, machine) in &subnet.reservations {
            printer.line(format_args!("    {address} for {machine}"))?;
        }
    }
    Ok(())
}

impl<'a> Addresses<'a> {
    pub(super) fn of(config: &Config, subnets: &'a [SubnetRow]) -> Self {
        let row = |subnet: &'a SubnetRow| PoolRow {
            network: subnet.network.to_string(),
            first: subnet.pool.map(|pool| pool.0),
            last: subnet.pool.map(|pool| pool.1),
            lease: subnet.lease,
            router: &subnet.router,
            dns: &subnet.dns,
            domain: subnet.domain.as_deref(),
            options: &subnet.options,
            reservations: subnet
                .reservations
                .iter()
                .map(|(address, machine)| ReservationRow { address: *address, machine })
                .collect(),
        };
        let (mode, given) = (config.serve.mode, config.serve.gives_addresses());
        Self { mode, given, subnets: subnets.iter().map(row).collect() }
    }
}
