//! What is wrong with a configuration: each error with its key, and its line and column in the file.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use thiserror::Error;

use super::network::MAX_POOL;
use super::read::set_places;
use super::text::{MAC, is_name};

/// All errors of a configuration, in the order of the file; never empty.
///
/// ```
/// use winpe_netboot::config::Config;
/// let file = "[serve]\nhttp-port = 0\ntimeout = 'a'\n\n[[entry]]\nname = 'a b'\nlocal = true\n";
/// let errors = file.parse::<Config>().unwrap_err();
/// let lines: Vec<_> = errors.iter().map(|error| error.place.unwrap().line).collect();
/// assert_eq!(lines, [2, 3, 6]);
/// assert_eq!(errors.iter().next().unwrap().to_string(), "line 2, column 13: http-port must not be 0");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

/// What is wrong with one key of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it is in the file; none once the command line has changed the configuration.
    pub place: Option<Place>,
    /// What is wrong.
    pub reason: Reason,
    pub(super) key: KeyPath,
}

/// A place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

/// What is wrong with a key: what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// It is not TOML, or a key is unknown, missing or of another type. The text is the parser's.
    #[error("{0}")]
    Toml(String),
    /// A name that scripts and URLs cannot have.
    #[error(
        "the name of {table} {name:?} must be of 1 to 32 letters, digits, hyphens and underscores"
    )]
    Name {
        /// `entry` or `client`.
        table: &'static str,
        /// The name.
        name: String,
    },
    /// Two tables of one kind have the same name.
    #[error("there are two {tables} of the name {name:?}")]
    NameTwice {
        /// `entries` or `clients`.
        tables: &'static str,
        /// The name.
        name: String,
    },
    /// No entry has the name of the default one.
    #[error("the default entry {0:?} is not in the menu")]
    Default(String),
    /// An entry boots nothing, or several things.
    #[error("entry {0:?} needs exactly one of local, san, wim, windows, iso, kernel, efi and pxe")]
    Targets(String),
    /// An entry has the number of an image and no image.
    #[error("entry {0:?}: index belongs to wim and windows")]
    Index(String),
    /// An entry has what belongs to a Linux kernel, and none.
    #[error("entry {entry:?}: {key} belongs to kernel")]
    WithoutKernel {
        /// The entry.
        entry: String,
        /// The key.
        key: &'static str,
    },
    /// A line of a script has a control character, such as a line end.
    #[error("entry {entry:?}: {found:?} is not one line of a script")]
    Line {
        /// The entry.
        entry: String,
        /// What it has.
        found: String,
    },
    /// What iPXE gets is no name or URL that scripts and packets take.
    #[error("{0:?} is not the name of a file that is served, and no URL")]
    Script(String),
    /// A title is empty, or has a character that would end it.
    #[error("entry {0:?}: the title has characters that scripts do not take")]
    Title(String),
    /// A Windows disc is not a path.
    #[error("entry {0:?}: expected the path of an ISO image")]
    Disc(String),
    /// An iSCSI disk is not a URI of `iscsi:`.
    #[error("entry {entry:?}: {why}")]
    San {
        /// The entry.
        entry: String,
        /// Where it is wrong, and what was expected there.
        why: String,
    },
    /// The path of an image is empty.
    #[error("entry {0:?}: no path")]
    Path(String),
    /// A URL or file name would be several words of a script, or none.
    #[error("entry {entry:?}: {found:?} has characters that scripts do not take")]
    Word {
        /// The entry.
        entry: String,
        /// What it has.
        found: String,
    },
    /// A value by which a `[[client]]` is recognised is not one.
    #[error("client {client:?}: expected {expected}, found {found:?}")]
    Matcher {
        /// The client.
        client: String,
        /// What the key holds, with an example.
        expected: &'static str,
        /// What it has.
        found: String,
    },
    /// A `[[client]]` has no key that selects clients.
    #[error("client {0:?} needs one of mac, oui, uuid and vendor-class")]
    NoMatcher(String),
    /// A `[[client]]` with a login is not recognised by hardware address.
    #[error("client {0:?}: a login needs mac or oui, since it is given by hardware address")]
    LoginWithoutHardware(String),
    /// The name of an initiator is not one.
    #[error("initiator-name of {table}: {why}; {MAC} in it is the hardware address")]
    InitiatorName {
        /// `[serve]`, or the client.
        table: String,
        /// What a name must be.
        why: String,
    },
    /// Port 0.
    #[error("http-port must not be 0")]
    HttpPort,
    /// `http-base` is not a URL below which files are.
    #[error(
        "http-base {0:?} must be a URL such as http://files.example.org/boot/, with a slash at its end"
    )]
    HttpBase(String),
    /// `http-base-holds` without `http-base`.
    #[error("http-base-holds says what is at http-base, which is missing")]
    HeldNowhere,
    /// `http-base` without any kind of file.
    #[error("http-base-holds is empty, so that nothing would be at http-base")]
    HeldNothing,
    /// Option 210 without a slash at its end.
    #[error("pxelinux.path-prefix {0:?} must end in a slash")]
    PathPrefix(String),
    /// A text of `[serve.pxelinux]` would be several words of a script.
    #[error("pxelinux.{key} {found:?} has characters that scripts do not take")]
    Pxelinux {
        /// The key.
        key: &'static str,
        /// What it has.
        found: String,
    },
    /// A lease that is too short to be renewed in time.
    #[error("subnet {network}: a lease of {seconds} s is below 60 s")]
    Lease {
        /// The network.
        network: Ipv4Net,
        /// The lease.
        seconds: u32,
    },
    /// A domain that does not fit into option 15.
    #[error("subnet {network}: expected a domain of 1 to 253 ASCII characters, found {found:?}")]
    Domain {
        /// The network.
        network: Ipv4Net,
        /// What it has.
        found: String,
    },
    /// More addresses than the options of an answer hold.
    #[error("subnet {0}: more than 16 routers or DNS servers")]
    Servers(Ipv4Net),
    /// A pool with one end.
    #[error("subnet {0}: first and last go together")]
    HalfPool(Ipv4Net),
    /// A pool that is not within its network.
    #[error("subnet {network}: {first} to {last} is not within it")]
    Pool {
        /// The network.
        network: Ipv4Net,
        /// The first address.
        first: Ipv4Addr,
        /// The last address.
        last: Ipv4Addr,
    },
    /// A pool that would take too much memory.
    #[error("subnet {0}: a pool has at most {MAX_POOL} addresses")]
    PoolSize(Ipv4Net),
    /// An address would be in two networks.
    #[error("subnet {0} overlaps with subnet {1}")]
    Overlap(Ipv4Net, Ipv4Net),
    /// Two addresses for one machine.
    #[error("{0} has two reservations")]
    ReservedMachine(String),
    /// An address that is kept for no machine.
    #[error("the reservation of {0} needs mac or client-id")]
    ReservedForNone(Ipv4Addr),
    /// An address that no subnet has for a machine.
    #[error("{0} is reserved, but no [[serve.subnet]] has it for a machine")]
    ReservedOutside(Ipv4Addr),
    /// An address that the link does not have, where there is no other subnet.
    #[error("{address} is reserved, but is not in {link}, the network of this server")]
    ReservedElsewhere {
        /// The address.
        address: Ipv4Addr,
        /// The network.
        link: Ipv4Net,
    },
    /// The server's own address.
    #[error("{0} is reserved, but is this server's own address")]
    ReservedOwn(Ipv4Addr),
    /// A name that is none of a host.
    #[error("expected a host name of letters, digits, hyphens and dots, found {0:?}")]
    HostName(String),
    /// One address for two machines.
    #[error("{0} is reserved twice")]
    ReservedAddress(Ipv4Addr),
}

/// What is missing where an error reports a missing thing.
pub(super) enum Missing {
    /// Nothing: something is there that is wrong.
    Nothing,
    /// Another key of the same table.
    Key,
    /// An entry of the menu.
    Entry,
    /// A subnet.
    Subnet,
}

impl Reason {
    /// What is missing, so that this is an error.
    pub(super) fn missing(&self) -> Missing {
        match self {
            Self::Default(_) => Missing::Entry,
            Self::ReservedOutside(_) => Missing::Subnet,
            Self::Targets(_)
            | Self::ReservedForNone(_)
            | Self::Index(_)
            | Self::NoMatcher(_)
            | Self::LoginWithoutHardware(_)
            | Self::HeldNowhere
            | Self::HalfPool(_) => Missing::Key,
            Self::Name { name, .. } | Self::NameTwice { name, .. } if name.is_empty() => {
                Missing::Key
            }
            _ => Missing::Nothing,
        }
    }
}

impl ConfigErrors {
    /// The errors in the order of their places.
    pub(super) fn new(mut errors: Vec<ConfigError>) -> Result<(), Self> {
        errors.sort_by_key(|error| error.place);
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// The same errors with their places in this text of a file, in its order.
    #[must_use]
    pub fn locate(self, text: &str) -> Self {
        let mut errors = self.0;
        set_places(&mut errors, text);
        errors.sort_by_key(|error| error.place);
        Self(errors)
    }

    /// Each error.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, column }) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        self.reason.fmt(f)
    }
}

/// One step from a table or a list to what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Key(&'static str),
    Index(usize),
}

/// The way from the root of the file to a value, such as `serve`, `subnet`, 1, `first`.
pub(super) type KeyPath = Vec<Step>;

/// A value that is being checked, and the errors found so far.
pub(super) struct Checked<'a> {
    key: KeyPath,
    errors: &'a mut Vec<ConfigError>,
}

impl<'a> Checked<'a> {
    pub(super) fn root(errors: &'a mut Vec<ConfigError>) -> Self {
        Self { key: KeyPath::new(), errors }
    }

    /// The value of a key of this table.
    pub(super) fn key(&mut self, key: &'static str) -> Checked<'_> {
        self.step(Step::Key(key))
    }

    /// An element of this list, counted from 0.
    pub(super) fn index(&mut self, index: usize) -> Checked<'_> {
        self.step(Step::Index(index))
    }

    fn step(&mut self, step: Step) -> Checked<'_> {
        let key = self.key.iter().copied().chain([step]).collect();
        Checked { key, errors: self.errors }
    }

    /// Checks the `name` of this table.
    pub(super) fn check_name(&mut self, table: &'static str, name: &str) {
        if !is_name(name) {
            self.key("name").report(Reason::Name { table, name: name.to_owned() });
        }
    }

    /// Records that this value is wrong.
    pub(super) fn report(&mut self, reason: Reason) {
        self.errors.push(ConfigError { place: None, reason, key: self.key.clone() });
    }
}
