//! The name and secrets with which each machine logs in to its iSCSI targets.
//!
//! They are handed out as the machine boots, by hardware address, so that no image and no menu holds them:
//! iPXE fetches [`SCRIPT`] before it connects to a disk, and a booted WinPE finds [`BATCH`] in its
//! `System32`.

mod chaps;

use std::path::{Path, PathBuf};

use thiserror::Error;
use winpe_san::{CHAP_AT_BOOT, Chap, ChapError, chap_script};

use crate::config::{ClientConfig, Config, LoginConfig, MAC};
use crate::wire::dhcp::Hardware;
use chaps::Chaps;

/// What iPXE fetches before it connects to a disk.
pub const SCRIPT: &str = "login.ipxe";
/// What wimboot adds to a WinPE whose login script was made by `inject --chap-at-boot`.
pub const BATCH: &str = CHAP_AT_BOOT;

/// Why the logins cannot be served. No variant holds a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoginError {
    /// A file of secrets cannot be used.
    #[error(transparent)]
    Chap(#[from] ChapError),
    /// A file of secrets, or the key of the certificate, is in a folder that is served.
    #[error("{}: expected it outside of the folder {} that is served", path.display(), folder.display())]
    Served {
        /// The file.
        path: PathBuf,
        /// The folder, as configured.
        folder: PathBuf,
    },
    /// A line of such a file is not as it must be.
    #[error("{}, line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What was expected, without anything of the line.
        reason: String,
    },
}

impl LoginError {
    /// Whether the server may not read a file.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Chap(ChapError::Read { source, .. })
            if source.kind() == std::io::ErrorKind::PermissionDenied)
    }
}

impl Config {
    /// Whether any machine is given a login.
    #[must_use]
    pub fn has_logins(&self) -> bool {
        !self.serve.login.is_empty() || self.clients.iter().any(|client| !client.login.is_empty())
    }

    /// Whether another configuration names the same logins for the same machines.
    #[must_use]
    pub fn has_same_logins(&self, other: &Self) -> bool {
        let tables = |config: &Self| -> Vec<_> {
            let clients = config.clients.iter().filter(|client| !client.login.is_empty());
            clients.map(|it| (it.login.clone(), it.mac.clone(), it.oui.clone())).collect()
        };
        self.serve.login == other.serve.login && tables(self) == tables(other)
    }

    /// The files that no client may read: secrets of logins, and the key of a certificate.
    fn private_files(&self) -> impl Iterator<Item = &Path> {
        let logins = self.clients.iter().map(|client| &client.login).chain([&self.serve.login]);
        let secrets = logins.flat_map(|it| [&it.chap_secret_file, &it.mutual_chap_secret_file]);
        let key = self.serve.tls.as_ref().map(|tls| tls.key.as_path());
        secrets.flatten().map(PathBuf::as_path).chain(key)
    }
}

/// The logins of all machines, with their secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Logins {
    /// Those of `[[client]]` tables, in their order, each with the table that selects its machines.
    clients: Vec<(ClientConfig, Keys)>,
    others: Keys,
}

/// The keys of a table, their files read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Keys {
    initiator: Option<String>,
    chap: Option<Chaps>,
    mutual: Option<Chaps>,
}

/// The login of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Login {
    /// The initiator's name.
    pub initiator: Option<String>,
    /// The name and secret that the machine proves.
    pub chap: Option<Chap>,
    /// The name and secret that the target proves.
    pub mutual: Option<Chap>,
}

impl Logins {
    /// Reads all files of secrets.
    ///
    /// # Errors
    /// Where one cannot be read, can be read by every user, or is not as it must be.
    pub fn read(config: &Config) -> Result<Self, LoginError> {
        for file in config.private_files() {
            check_unserved(file, &config.serve.folders)?;
        }
        let clients = config.clients.iter().filter(|client| !client.login.is_empty());
        let clients = clients.map(|client| Ok((client.clone(), Keys::read(&client.login)?)));
        let others = Keys::read(&config.serve.login)?;
        Ok(Self { clients: clients.collect::<Result<_, LoginError>>()?, others })
    }

    /// Whether no machine has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.others.is_empty()
    }

    /// What each table gives, without any secret: those of `[[client]]`, then that of `[serve.login]`.
    #[must_use]
    pub fn rows(&self) -> Vec<LoginRow> {
        let row = |table: Option<&ClientConfig>, keys: &Keys| LoginRow {
            table: table.map(|client| client.name.clone()),
            initiator: keys.initiator.clone(),
            chap: keys.chap.as_ref().map(Chaps::to_string),
            mutual: keys.mutual.as_ref().map(Chaps::to_string),
        };
        let clients = self.clients.iter().map(|(client, keys)| row(Some(client), keys));
        let others = (!self.others.is_empty()).then(|| row(None, &self.others));
        clients.chain(others).collect()
    }

    /// The login of the machine of this hardware address; none where nothing is configured for it.
    #[must_use]
    pub fn of(&self, machine: Hardware) -> Option<Login> {
        let own = self.clients.iter().find(|(client, _)| client.has_hardware(machine));
        let tables = || own.map(|(_, keys)| keys).into_iter().chain([&self.others]);
        let hyphenated = machine.to_string().replace(':', "-");
        let login = Login {
            initiator: tables()
                .find_map(|keys| keys.initiator.as_ref())
                .map(|name| name.replace(MAC, &hyphenated)),
            chap: tables().find_map(|keys| keys.chap.as_ref()?.of(machine)),
            mutual: tables().find_map(|keys| keys.mutual.as_ref()?.of(machine)),
        };
        (login != Login::default()).then_some(login)
    }
}

/// Checks that no client can ask for a private file by name.
fn check_unserved(file: &Path, folders: &[PathBuf]) -> Result<(), LoginError> {
    // A missing file is reported when it is read.
    let Ok(whole) = file.canonicalize() else { return Ok(()) };
    let within = |folder: &&PathBuf| folder.canonicalize().is_ok_and(|it| whole.starts_with(it));
    match folders.iter().find(within) {
        Some(folder) => Err(LoginError::Served { path: file.into(), folder: folder.clone() }),
        None => Ok(()),
    }
}

impl Keys {
    fn is_empty(&self) -> bool {
        self.initiator.is_none() && self.chap.is_none() && self.mutual.is_none()
    }

    fn read(config: &LoginConfig) -> Result<Self, LoginError> {
        let read = |path: &Option<PathBuf>| path.as_deref().map(Chaps::read).transpose();
        Ok(Self {
            initiator: config.initiator_name.clone(),
            chap: read(&config.chap_secret_file)?,
            mutual: read(&config.mutual_chap_secret_file)?,
        })
    }
}

/// The login that a table gives its machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRow {
    /// The `[[client]]` table; none for all machines.
    pub table: Option<String>,
    /// The initiator's name, with `{mac}` as it was written.
    pub initiator: Option<String>,
    /// The CHAP name with stars for the secret, or for how many machines there are some.
    pub chap: Option<String>,
    /// The same of what the target has to prove.
    pub mutual: Option<String>,
}

impl Login {
    /// [`SCRIPT`] for the machine. Texts are written as hex digits, which iPXE takes for any setting, so that
    /// no character of a secret is special to its command line.
    #[must_use]
    pub fn script(&self) -> String {
        let hex = |text: &str| {
            let bytes: Vec<_> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            bytes.join(":")
        };
        let mut script = "#!ipxe\n".to_owned();
        if let Some(name) = &self.initiator {
            script.push_str(&format!("set initiator-iqn {name}\n"));
        }
        for (chap, prefix) in [(&self.chap, ""), (&self.mutual, "reverse-")] {
            if let Some(chap) = chap {
                let (user, secret) = (hex(chap.user()), hex(chap.secret().expose()));
                script.push_str(&format!(
                    "set {prefix}username:hex {user}\nset {prefix}password:hex {secret}\n"
                ));
            }
        }
        script
    }

    /// [`BATCH`] for the machine; none without CHAP.
    #[must_use]
    pub fn batch(&self) -> Option<Vec<u8>> {
        self.chap.as_ref().map(chap_script)
    }
}

#[cfg(test)]
mod tests;
