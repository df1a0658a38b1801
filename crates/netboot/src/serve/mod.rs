//! The sockets, which only receive and send, and the one process that owns them.
//!
//! ```no_run
//! use std::sync::Arc;
//! use winpe_netboot::event::Event;
//! use winpe_netboot::policy::Config;
//! use winpe_netboot::serve;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config: Config = std::fs::read_to_string("winpe-iscsi.toml")?.parse()?;
//! let interface = serve::Interface::find(config.serve.interface.as_deref())?;
//! let log = Arc::new(|event: Event| eprintln!("{event}"));
//! let stop = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
//! serve::run(Arc::new(config), &interface, log, stop).await?;
//! # Ok(())
//! # }
//! ```

mod detect;
mod dhcp;
mod interface;
mod lease_log;
mod probe;
mod record;
mod role;
mod socket;

pub use detect::find_servers;
pub use interface::{Interface, InterfaceError};
pub use lease_log::{LeaseLog, LeaseLogError, Restored};
pub use record::{RecordError, parse_record, write_record};
pub use role::{Refusal, decide_role};
pub use socket::{ServeError, Service};

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::event::{Event, Sink};
use crate::logic::dhcp::Role;
use crate::policy::{Config, Files, Mode};
use crate::tftp::TftpServer;
use crate::{http, tftp};

/// How long other DHCP servers have for an answer. Some look for three seconds whether an address is
/// in use before they offer it.
const DETECTION: Duration = Duration::from_secs(4);

/// Serves DHCP, TFTP and HTTP until `shutdown` is ready.
///
/// # Errors
/// Where the configuration cannot be served, a port cannot be had, or another DHCP server answers
/// and the configuration insists on giving addresses.
pub async fn run(
    config: Arc<Config>,
    interface: &Interface,
    events: Arc<dyn Sink>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let note = |text: String| events.event(Event::Note { text });
    let files = Files::prepare(&config, interface.address)?;
    for missing in &files.missing {
        events.event(Event::Warning { text: missing.to_string() });
    }
    // All ports before anything else: what cannot start is told at once.
    let dhcp_sockets = dhcp::Sockets::open(interface)?;
    let tftp_socket = socket::udp(interface, Some(interface.address), Service::Tftp, 69)?;
    let http_socket = http_socket(&config, interface)?;
    let role = find_role(&config, interface, &note).await?;
    let log = (role == Role::Full).then(|| LeaseLog::open(&config)).transpose()?;
    let (address, network) = (interface.address, interface.network);
    note(format!(
        "{} on {} ({address}, {network})",
        match role {
            Role::Full => "giving addresses and boot files",
            Role::Proxy => "giving boot files beside another DHCP server",
        },
        interface.name,
    ));

    let (stop, stopped) = watch::channel(());
    let wait = || {
        let mut stopped = stopped.clone();
        async move {
            // An error means that the sender is gone, which ends the wait as well.
            let _ = stopped.changed().await;
        }
    };
    let tftp_server =
        TftpServer::new(Arc::clone(&files.source), tftp::Limits::default(), Arc::clone(&events));
    let http_limits = http::Limits::default();
    let services = async {
        tokio::try_join!(
            async {
                let dhcp = dhcp::Driver::new(config, interface, role, dhcp_sockets, log, &events);
                dhcp.run(wait()).await
            },
            async {
                let failed = |source| ServeError::Lost { service: Service::Tftp, source };
                tftp_server.serve(tftp_socket.into(), wait()).await.map_err(failed)
            },
            async {
                let failed = |source| ServeError::Lost { service: Service::Http, source };
                let events = Arc::clone(&events);
                http::serve(http_socket, files.source, http_limits, events, wait())
                    .await
                    .map_err(failed)
            },
        )
    };
    tokio::pin!(services, shutdown);
    tokio::select! {
        ended = &mut services => ended.map(|_| ()),
        () = &mut shutdown => {
            drop(stop);
            services.await.map(|_| ())
        }
    }
}

async fn find_role(
    config: &Config,
    interface: &Interface,
    note: &impl Fn(String),
) -> Result<Role, ServeError> {
    let mode = config.serve.mode;
    let others = if mode == Mode::Proxy {
        Vec::new()
    } else {
        note(format!("looking for other DHCP servers on {}", interface.name));
        find_servers(interface, DETECTION).await?
    };
    for other in &others {
        note(format!("another DHCP server answers: {other}"));
    }
    Ok(decide_role(mode, config.serve.force, &others)?)
}

fn http_socket(config: &Config, interface: &Interface) -> Result<TcpListener, ServeError> {
    let port = config.serve.http_port;
    socket::tcp(interface, port).map(TcpListener::from)
}
