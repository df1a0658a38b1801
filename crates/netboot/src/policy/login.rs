//! The name and secrets with which each machine logs in to its iSCSI targets.
//!
//! They are handed out as the machine boots, by hardware address, so that no image and no menu holds them:
//! iPXE fetches [`SCRIPT`] before it connects to a disk, and a booted WinPE finds [`BATCH`] in its
//! `System32`.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;
use winpe_san::{CHAP_AT_BOOT, Chap, ChapError, Secret, chap_script, read_private};

use crate::config::{ClientConfig, Config, LoginConfig, MAC, parse_mac};
use crate::wire::dhcp::Hardware;

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
    /// A file of secrets, or the key of the certificate, lies in a folder that is served to everybody.
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

    /// The files that nobody else may have: secrets of logins, and the key of a certificate.
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
    /// Those of `[[client]]` tables, in their order, and how a machine is told to be meant.
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

/// What a file of secrets holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Chaps {
    One(Chap),
    Each(HashMap<Hardware, Chap>),
}

/// With what a machine logs in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Login {
    /// The initiator's name.
    pub initiator: Option<String>,
    /// What the machine has to prove.
    pub chap: Option<Chap>,
    /// What the target has to prove.
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

    /// With what the machine of this hardware address logs in; none where nothing is configured for it.
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

/// That no client can ask for a private file by name.
fn check_unserved(file: &Path, folders: &[PathBuf]) -> Result<(), LoginError> {
    // What is not there is reported by whoever reads it.
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

/// What a table gives the machines that it means.
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

impl fmt::Display for Chaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(chap) => write!(f, "{} ***", chap.user()),
            Self::Each(machines) => write!(f, "{} machines, each with its own", machines.len()),
        }
    }
}

impl Chaps {
    fn read(path: &Path) -> Result<Self, LoginError> {
        let text = read_private(path)?;
        let words = |line: &str| line.split_whitespace().next().map(str::to_owned);
        let mut lines = text.lines().filter(|line| !is_comment(line));
        let first = lines.next().and_then(words);
        if first.is_none_or(|word| parse_mac(&word).is_none()) {
            return Ok(Self::One(Chap::read(path)?));
        }
        let mut machines = HashMap::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !is_comment(line)) {
            let at = |reason: String| LoginError::Line { path: path.into(), line: number, reason };
            let (machine, chap) = parse_line(line).map_err(at)?;
            if machines.insert(machine, chap).is_some() {
                return Err(at(format!("{machine} has a line already")));
            }
        }
        Ok(Self::Each(machines))
    }

    fn of(&self, machine: Hardware) -> Option<Chap> {
        match self {
            Self::One(chap) => Some(chap.clone()),
            Self::Each(machines) => machines.get(&machine).cloned(),
        }
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// `MAC NAME SECRET`; the secret is the rest of the line and may hold spaces.
fn parse_line(line: &str) -> Result<(Hardware, Chap), String> {
    let expected = || "expected MAC, CHAP name and secret, with a space between".to_owned();
    let (machine, rest) = line.trim_start().split_once([' ', '\t']).ok_or_else(expected)?;
    let (user, secret) = rest.trim_start().split_once([' ', '\t']).ok_or_else(expected)?;
    let machine = parse_mac(machine)
        .ok_or_else(|| "expected a MAC address such as 00:14:22:01:23:45".to_owned())?;
    let chap = Chap::new(user, Secret::new(secret)).map_err(|error| error.to_string())?;
    Ok((machine, chap))
}

impl Login {
    /// [`SCRIPT`] for the machine. Texts are written as hex digits, which iPXE takes for any setting, so that
    /// no character of a secret means something to its command line.
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

    /// [`BATCH`] for the machine; none where it proves nothing.
    #[must_use]
    pub fn batch(&self) -> Option<Vec<u8>> {
        self.chap.as_ref().map(chap_script)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::super::{Files, ipxe};
    use super::*;

    fn machine(number: u8) -> Hardware {
        Hardware::ethernet([0x52, 0x54, 0, 0, 0, number])
    }

    struct Ground(tempfile::TempDir);

    impl Ground {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn secret(&self, name: &str, text: &str, mode: u32) {
            let path = self.0.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }

        fn read(&self, config: &str) -> Result<Logins, LoginError> {
            let mut config: Config = config.parse().unwrap();
            config.read_paths_from(self.0.path());
            Logins::read(&config)
        }
    }

    #[test]
    fn each_machine_has_its_own_and_what_it_has_not_is_that_of_all() {
        let ground = Ground::new();
        ground.secret("all", "lab\nsecret-of-lab\n", 0o600);
        ground.secret("pc1", "pc1\nsecret-of-pc1\n", 0o600);
        ground.secret("back", "target\nsecret-of-nas\n", 0o640);
        let logins = ground.read(
            "[serve.login]\ninitiator-name = 'iqn.2026-11.com.example:{mac}'\n\
             chap-secret-file = 'all'\n[[client]]\nname = 'pc1'\nmac = '52-54-00-00-00-01'\n\
             vendor-class = 'PXEClient'\n\
             login = { chap-secret-file = 'pc1', mutual-chap-secret-file = 'back' }\n",
        );
        let logins = logins.unwrap();
        let (pc1, pc2) = (logins.of(machine(1)).unwrap(), logins.of(machine(2)).unwrap());
        assert_eq!(pc1.initiator.as_deref(), Some("iqn.2026-11.com.example:52-54-00-00-00-01"));
        assert_eq!(pc2.initiator.as_deref(), Some("iqn.2026-11.com.example:52-54-00-00-00-02"));
        let user = |chap: &Option<Chap>| chap.as_ref().map(|it| it.user().to_owned());
        assert_eq!([user(&pc1.chap), user(&pc2.chap)], [Some("pc1".into()), Some("lab".into())]);
        assert_eq!([user(&pc1.mutual), user(&pc2.mutual)], [Some("target".into()), None]);
        let rows = logins.rows();
        assert_eq!(rows[0].table.as_deref(), Some("pc1"));
        assert_eq!(
            [&rows[0].chap, &rows[1].chap],
            [&Some("pc1 ***".into()), &Some("lab ***".into())]
        );
        assert!(!format!("{logins:?} {pc1:?} {rows:?}").contains("secret-of"));
    }

    #[test]
    fn scripts_fetch_a_login_and_no_other_server_has_it() {
        let text = "[serve]\nhttp-base = 'http://files.example.org/'\nhttp-base-holds = ['scripts']\n\
                    [serve.login]\ninitiator-name = 'iqn.2026-11.com.example:{mac}'\n\
                    [[entry]]\nname = 'disk'\nsan = 'iscsi:h::::iqn.a:b'\n\
                    [[entry]]\nname = 'pe'\nwim = 'http://h/winpe.wim'\n";
        let config: Config = text.parse().unwrap();
        let server = [192, 168, 0, 10].into();
        let menu = ipxe::boot_script(&config, &config.views().next().unwrap(), server);
        let login = "chain http://192.168.0.10/login.ipxe || goto failed\nsanboot iscsi:h";
        assert!(menu.contains(login), "{menu}");
        let batch = "initrd --name winpe-iscsi-chap.cmd http://192.168.0.10/winpe-iscsi-chap.cmd \
                     winpe-iscsi-chap.cmd ||\ninitrd --name boot.wim";
        assert!(menu.contains(batch), "{menu}");
        let entry = ipxe::entry_script(&config, &config.entries[0], server);
        assert!(entry.contains("chain http://192.168.0.10/login.ipxe\nsanboot"), "{entry}");
        let files = Files::prepare(&config, server).unwrap();
        assert!(!files.by_http.iter().any(|name| name == SCRIPT || name == BATCH));
    }

    #[test]
    fn one_file_may_have_a_line_for_each_machine() {
        let ground = Ground::new();
        let lines = "# the lab\n52:54:00:00:00:01 pc1 secret of pc1\n\n52-54-00-00-00-02\tpc2 secret-of-pc2\n";
        ground.secret("all", lines, 0o600);
        let logins = ground.read("[serve.login]\nchap-secret-file = 'all'").unwrap();
        let secret =
            |number| logins.of(machine(number))?.chap.map(|it| it.secret().expose().to_owned());
        assert_eq!(secret(1).as_deref(), Some("secret of pc1"));
        assert_eq!(secret(2).as_deref(), Some("secret-of-pc2"));
        assert_eq!(logins.of(machine(3)), None);
    }

    #[test]
    fn an_error_says_where_and_quotes_no_secret() {
        let ground = Ground::new();
        let config = "[serve.login]\nchap-secret-file = 'all'";
        for (text, mode, says) in [
            ("lab\nsecret-of-lab\n", 0o604, "every user"),
            ("52:54:00:00:00:01 secret-of-pc1\n", 0o600, "line 1: expected MAC"),
            ("52:54:00:00:00:01 pc1 secret-of-pc1\nsecret-of pc2 secret-of-pc2", 0o600, "line 2"),
            ("52:54:00:00:00:01 pc1 secret-of\n", 0o600, "line 1: the CHAP secret"),
            (
                "52:54:00:00:00:01 a secret-of-pc1\n52-54-00-00-00-01 b secret-of-pc1",
                0o600,
                "line 2: 52:54:00:00:00:01 has a line already",
            ),
            ("lab\n", 0o600, "two lines"),
        ] {
            ground.secret("all", text, mode);
            let error = ground.read(config).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret-of"), "{error:?}");
        }
    }

    #[test]
    fn no_secret_lies_where_clients_may_ask_for_it() {
        let ground = Ground::new();
        fs::create_dir(ground.0.path().join("served")).unwrap();
        ground.secret("served/chap", "lab\nsecret-of-lab\n", 0o600);
        let login = "[serve.login]\nchap-secret-file = 'served/chap'\n";
        let tls = "[serve.tls]\ncertificate = 'a'\nkey = 'served/chap'\n";
        for table in [login, tls] {
            assert!(ground.read(table).is_ok());
            // Under another name too.
            for folder in ["served", "served/../served", "."] {
                let error = ground.read(&format!("[serve]\nfolders = ['{folder}']\n{table}"));
                let error = error.unwrap_err().to_string();
                assert!(error.contains("outside of the folder"), "{error}");
            }
        }
    }

    #[test]
    fn a_login_goes_by_hardware_address_and_has_a_valid_name() {
        let error = |text: &str| text.parse::<Config>().unwrap_err().to_string();
        let by_uuid = "[[client]]\nname = 'a'\nvendor-class = 'PXE'\nlogin = { initiator-name = 'iqn.2026-11.a.b:c' }";
        assert!(error(by_uuid).contains("needs mac or oui"), "{}", error(by_uuid));
        for name in ["{mac}", "iqn.2026-11.com.example:{name}", "iqn.2026-11.com.example:a b"] {
            let error = error(&format!("[serve.login]\ninitiator-name = '{name}'"));
            assert!(error.contains("initiator-name of [serve]"), "{error}");
        }
    }

    #[test]
    fn no_character_of_a_secret_reaches_the_command_line_of_ipxe() {
        let chap = Chap::new("lab", Secret::new("a ${x} && #'\"")).unwrap();
        let login = Login { initiator: None, chap: Some(chap), mutual: None };
        let script = login.script();
        let expected = "#!ipxe\nset username:hex 6c:61:62\n\
                        set password:hex 61:20:24:7b:78:7d:20:26:26:20:23:27:22\n";
        assert_eq!(script, expected);
    }
}
