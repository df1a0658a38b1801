//! Why the server does not start, or ends.

use std::io;

use thiserror::Error;

use super::{ConfineError, FilesError};
use crate::config::ConfigErrors;
use crate::dhcp::{LeaseLogError, Refusal};
use crate::http::TlsError;
use crate::net::{PortError, Service};
use crate::policy::LoginError;

/// Why nothing is served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration does not fit the addresses of this machine.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The files are not all there.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The logins of machines cannot be read.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// A port cannot be had.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A service ended that should not have.
    #[error("{service} ended: {source}")]
    Lost {
        /// Which.
        service: Service,
        /// Why.
        source: io::Error,
    },
    /// The interface has changed in a way that needs a new start.
    #[error(
        "interface {name} was removed or has changed, and the server cannot go on with it: {source}"
    )]
    Interface {
        /// The interface.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The system gives no thread to hash files on.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// Another server gives addresses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Rights cannot be given up.
    #[error(transparent)]
    Confine(#[from] ConfineError),
    /// The lease log cannot be kept.
    #[error(transparent)]
    LeaseLog(#[from] LeaseLogError),
}
