//! Every port, opened before anything else: a server that cannot start fails early, and the rest needs no
//! privileges.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use super::ServeError;
use crate::config::{Config, Listen};
use crate::dhcp::{Sockets, question_socket};
use crate::http::Tls;
use crate::ipv6::Ipv6Socket;
use crate::net::{At, BoundSockets, Interface, PortError, Service, tcp, udp};

/// UDP, RFC 5426.
const SYSLOG: u16 = 514;

/// The ports of a server.
pub(super) struct Ports {
    pub(super) dhcp: Sockets,
    /// Receives the offers of other servers; none where no addresses are given and the port is taken.
    pub(super) question: Option<UdpSocket>,
    pub(super) tftp: UdpSocket,
    pub(super) http: TcpListener,
    pub(super) https: Option<(TcpListener, Tls)>,
    pub(super) watch: Option<TcpListener>,
    pub(super) syslog: Option<UdpSocket>,
    /// Answers router solicitations; none where the configuration, or this machine, does not allow it.
    pub(super) ipv6: Option<Ipv6Socket>,
    /// What could not be opened and is not needed, as texts for the log.
    pub(super) without: Vec<String>,
}

impl Ports {
    pub(super) fn open(config: &Config, interface: &Interface) -> Result<Self, ServeError> {
        let mut without = Vec::new();
        // A server that gives no addresses asks only in order to say so.
        let gives = config.serve.gives_addresses();
        let shared = if config.serve.tftp_single_port { At::AllShared } else { At::All };
        Ok(Self {
            dhcp: Sockets::open(interface)?,
            question: if gives {
                Some(question_socket(interface)?)
            } else {
                question_socket(interface).ok()
            },
            tftp: udp(interface, shared, Service::Tftp, 69)?.into(),
            http: tcp(interface, config.serve.http_port)?.into(),
            https: https(config, interface)?,
            watch: watch(config, &mut without)?,
            syslog: syslog(config, interface, &mut without)?,
            ipv6: ipv6(config, interface, &mut without),
            without,
        })
    }
}

impl Ports {
    /// All sockets that are bound to the interface.
    pub(super) fn bound(&self) -> io::Result<BoundSockets> {
        let mut bound = BoundSockets::default();
        self.dhcp.add_to(&mut bound)?;
        bound.add(&self.tftp)?;
        bound.add(&self.http)?;
        self.https.iter().try_for_each(|(listener, _)| bound.add(listener))?;
        self.question.iter().chain(&self.syslog).try_for_each(|socket| bound.add(socket))?;
        Ok(bound)
    }
}

fn https(config: &Config, interface: &Interface) -> Result<Option<(TcpListener, Tls)>, ServeError> {
    let Some(tls) = &config.serve.tls else { return Ok(None) };
    let certificate = Tls::read(&tls.certificate, &tls.key)?;
    Ok(Some((tcp(interface, tls.port)?.into(), certificate)))
}

fn watch(config: &Config, without: &mut Vec<String>) -> Result<Option<TcpListener>, ServeError> {
    let Some(address) = config.watch.listen.address() else { return Ok(None) };
    let port = address.port();
    match TcpListener::bind(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(source) if matches!(config.watch.listen, Listen::At(_)) => {
            Err(PortError { service: Service::Watch, port, source }.into())
        }
        Err(error) => {
            without.push(format!(
                "no page of boots: {address}: {error}; listen in [watch] names another address"
            ));
            Ok(None)
        }
    }
}

fn syslog(
    config: &Config,
    interface: &Interface,
    without: &mut Vec<String>,
) -> Result<Option<UdpSocket>, ServeError> {
    if config.watch.syslog == Some(false) {
        return Ok(None);
    }
    match udp(interface, At::All, Service::Syslog, SYSLOG) {
        Ok(socket) => Ok(Some(socket.into())),
        Err(error) if config.watch.syslog.is_some() => Err(error.into()),
        Err(error) => {
            without.push(format!("the console of iPXE is not received: {error}"));
            Ok(None)
        }
    }
}

fn ipv6(config: &Config, interface: &Interface, without: &mut Vec<String>) -> Option<Ipv6Socket> {
    if !config.serve.answer_router_solicitations {
        return None;
    }
    let opened = Ipv6Socket::open(interface);
    opened
        .map_err(|error| without.push(format!("router solicitations are not answered: {error}")))
        .ok()
}

/// The address of the page.
pub(super) fn page_address(listener: &TcpListener) -> Option<SocketAddr> {
    listener.local_addr().ok()
}
