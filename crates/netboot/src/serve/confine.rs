//! The rights that a server keeps once its ports are open: those of an unprivileged user, and access to the
//! files that it serves and writes.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, path_beneath_rules,
};
use nix::unistd::{User, geteuid, setgid, setgroups, setuid};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities};
use thiserror::Error;

use super::history::FILES as HISTORY_FILES;
use super::syscalls;
use crate::config::Config;
use crate::dhcp::{FILES, Recipient, StateError, StateFolder, state_folder};
use crate::policy::distribution::distribution_paths;

/// The newest kind of rules asked for; an older kernel enforces those that it knows.
const RULES: ABI = ABI::V5;
/// The folder of the kernel's ARP tables; each thread has its own.
const ARP_TABLES: &str = "/proc/self/task";

/// Why a server does not start: it would keep more rights than the configuration allows.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfineError {
    /// There is no such user.
    #[error("user {name:?} does not exist")]
    NoUser {
        /// The name in the configuration.
        name: String,
    },
    /// The system does not let the server become that user.
    #[error("cannot become user {name:?}: {source}")]
    Become {
        /// The name in the configuration.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The folder of the leases cannot be used or given to that user.
    #[error(transparent)]
    State(#[from] StateError),
    /// The kernel does not take the rules for files.
    #[error("the kernel refuses the rules for files: {0}")]
    Rules(#[from] RulesetError),
    /// The kernel does not take the filter of system calls.
    #[error("the kernel refuses the filter of system calls: {0}")]
    Calls(#[from] seccompiler::Error),
}

/// Gives up rights that are not needed; returns what was done, as texts for the log, and the folder of the
/// leases.
///
/// Both count for this thread and those that it makes from now on, so this comes before a runtime.
pub(super) fn confine(
    config: &Config,
    more: &[PathBuf],
) -> Result<(Vec<String>, Option<StateFolder>), ConfineError> {
    let mut done = Vec::new();
    let has_state = config.serve.gives_addresses();
    let state = has_state.then(|| StateFolder::open(state_folder(config)));
    let mut state = state.transpose()?;
    match &config.serve.user {
        Some(name) if geteuid().is_root() => {
            become_user(name, config.serve.tftp_single_port, state.as_mut())?;
            done.push(format!("runs as user {name} now"));
        }
        None if geteuid().is_root() => {
            done.push("runs as root; user in [serve] names a user with fewer rights".to_owned());
        }
        // The server was started without the rights of root.
        _ => {}
    }
    done.push(restrict_files(config, more, state.as_ref())?.to_owned());
    // Last, since what comes before needs calls that are refused from now on.
    done.push(syscalls::restrict()?.to_owned());
    Ok((done, state))
}

/// Whether the user of the configuration exists, if it names one. A server that does not run as root ignores
/// the name, but its configuration is wrong all the same.
///
/// # Errors
/// [`ConfineError::NoUser`], and [`ConfineError::Become`] if the list of users cannot be read.
pub fn check_user(config: &Config) -> Result<(), ConfineError> {
    config.serve.user.as_deref().map_or(Ok(()), |name| find_user(name).map(drop))
}

fn find_user(name: &str) -> Result<User, ConfineError> {
    let failed =
        |error: nix::Error| ConfineError::Become { name: name.to_owned(), source: error.into() };
    let user = User::from_name(name).map_err(failed)?;
    user.ok_or_else(|| ConfineError::NoUser { name: name.to_owned() })
}

/// `binds` where the user needs the right to bind low ports.
fn become_user(
    name: &str,
    binds: bool,
    state: Option<&mut StateFolder>,
) -> Result<(), ConfineError> {
    let lost = |source| ConfineError::Become { name: name.to_owned(), source };
    let failed = |error: nix::Error| lost(error.into());
    let user = find_user(name)?;
    if let Some(folder) = state {
        // With what an earlier run as root has left there.
        let to = Recipient { uid: user.uid.as_raw(), gid: user.gid.as_raw() };
        folder.give(to, &[&FILES[..], &HISTORY_FILES].concat())?;
    }
    // Groups first: a process that is no longer root cannot leave them. The capabilities go with the last
    // step.
    setgroups(&[]).map_err(failed)?;
    setgid(user.gid).map_err(failed)?;
    set_keep_capabilities(binds).map_err(|error| lost(error.into()))?;
    setuid(user.uid).map_err(failed)?;
    if binds {
        let right = CapabilitySet::NET_BIND_SERVICE;
        let none = CapabilitySet::empty();
        let rights = CapabilitySets { effective: right, permitted: right, inheritable: none };
        set_capabilities(None, rights).map_err(|error| lost(error.into()))?;
    }
    Ok(())
}

fn restrict_files(
    config: &Config,
    more: &[PathBuf],
    writes: Option<&StateFolder>,
) -> Result<&'static str, ConfineError> {
    let images = config.entries.iter().flat_map(|entry| entry.served_files());
    let images = images.map(|(_, path)| PathBuf::from(path));
    let reads = config.serve.folders.iter().cloned().chain(images).chain(more.iter().cloned());
    let own = distribution_paths().chain([PathBuf::from(ARP_TABLES)]);
    let writes = writes.map(|folder| PathBeneath::new(folder.as_fd(), AccessFs::from_all(RULES)));
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        // Every port that is needed is open.
        .handle_access(AccessNet::BindTcp)?
        .create()?
        .add_rules(path_beneath_rules(reads.chain(own), AccessFs::from_read(RULES)))?
        .add_rules(writes.map(Ok::<_, RulesetError>))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => "sees only the files that it serves (Landlock)",
        RulesetStatus::PartiallyEnforced => {
            "sees only the files that it serves, as far as this kernel's Landlock goes"
        }
        RulesetStatus::NotEnforced => {
            "sees all files of its user: this kernel has no Landlock, or it is not turned on"
        }
    })
}
