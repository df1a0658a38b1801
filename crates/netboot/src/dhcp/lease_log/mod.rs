//! The leases on disk: a log that grows by a line for each change, and is rewritten now and then.
//!
//! ```text
//!   <state>/leases.log    a line for each change, see `lease_line`
//!   <state>/leases.lock   held by the server that writes the log
//! ```
//!
//! A lease is on the disk before its client gets an answer. After a crash at any moment the log holds each
//! lease that was answered; at most a torn line at the end, of an unanswered one, is lost. A new log is
//! written beside the old one and takes its name when it is complete.
//!
//! A disk that refuses loses nothing: what it did not take was promised to no client, and all that it took
//! before is read at the next start. A full disk often has room for a rewritten log, which is shorter.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use thiserror::Error;

use super::lease_file::{LOG, NEW, ROOM, Space, Storage};
use super::lease_line::{parse_line, write_line};
use super::state::{StateError, StateFolder};
use crate::config::Config;
use crate::logic::dhcp::Lease;

/// Where leases are kept where the configuration does not say.
const STATE: &str = "/var/lib/winpe-iscsi";
/// The file that a running server locks.
const LOCK: &str = "leases.lock";
/// The files that a server makes.
pub(crate) const FILES: [&str; 3] = [LOG, LOCK, NEW];
/// A line is shorter: the longest identity has 255 bytes.
const MAX_LINE: u64 = 1024;
/// Leases of a log at most; pools are not larger in all.
const LEASES: usize = 1 << 20;
/// Lines without a lease that are reported one by one.
const NAMED: usize = 20;
/// Bytes of a usual line, and what a file system needs for a file itself.
const USUAL: u64 = 96;
const MARGIN: u64 = 16 * 1024;
/// Lines that later ones have replaced, after which the log is rewritten.
const STALE: usize = 10_000;

type Leases = BTreeMap<Ipv4Addr, Lease>;

/// The log, open for writing.
#[derive(Debug)]
pub(crate) struct LeaseLog {
    storage: Box<dyn Storage>,
    /// The file; none where the disk has refused it so far.
    space: Option<Space>,
    /// The leases that the log holds.
    leases: Leases,
    lines: usize,
    /// Replaced lines after which it is rewritten.
    most: usize,
    /// Room that counts as too little, since the disk gave no more at twice as much.
    cramped: u64,
    /// The leases of a file that has its name, though perhaps not yet on the disk.
    unsynced: Option<Leases>,
    _locks: Locks,
}

/// The content of a log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Restored {
    /// The leases, in the order of their addresses.
    pub(crate) leases: Vec<Lease>,
    /// Lines that are no leases, with their numbers and why; no more than the first few.
    pub(crate) damage: Vec<String>,
    /// Why the disk takes no leases at present, where it takes none.
    pub(crate) problem: Option<String>,
}

/// Why leases cannot be kept.
#[derive(Debug, Error)]
pub enum LeaseLogError {
    /// Another server keeps its leases there.
    #[error("{}: another server keeps its leases here", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// The disk refuses, or a file is not what it should be.
    #[error(transparent)]
    State(#[from] StateError),
}

impl LeaseLog {
    /// Opens the log that the configuration names.
    ///
    /// # Errors
    /// Where it cannot be read, or another server writes it.
    pub(crate) fn open(config: &Config) -> Result<(Self, Restored), LeaseLogError> {
        Self::open_in(state_folder(config))
    }

    /// Opens the log in a folder, which is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be read, or another server writes it. A full disk is no error, but the
    /// [`problem`](Restored::problem).
    pub(crate) fn open_in(folder: &Path) -> Result<(Self, Restored), LeaseLogError> {
        Self::open_at(StateFolder::open(folder)?)
    }

    pub(crate) fn open_at(folder: StateFolder) -> Result<(Self, Restored), LeaseLogError> {
        let locks = Locks::take(&folder)?;
        let (mut restored, mut old) = (Restored::default(), None);
        match folder.file(LOG, OFlags::RDONLY) {
            Ok(file) => {
                let path = folder.join(LOG);
                let read = read(&path, file);
                let (found, end) = read.map_err(|source| StateError::Io { path, source })?;
                restored = found;
                let file = folder.file(LOG, OFlags::RDWR).ok();
                old = file.map(|file| Space::resume(Box::new(file), end));
            }
            Err(StateError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let leases = restored.leases.iter().map(|lease| (lease.address, lease.clone())).collect();
        let mut log = Self::new(Box::new(folder), old, leases, locks);
        match log.write_anew(log.leases.clone()).or_else(|_| log.make_room()) {
            Ok(()) => {}
            Err(error) if error.is_disk() => restored.problem = Some(error.to_string()),
            Err(error) => return Err(error.into()),
        }
        Ok((log, restored))
    }

    fn new(storage: Box<dyn Storage>, space: Option<Space>, leases: Leases, locks: Locks) -> Self {
        let lines = leases.len();
        Self {
            storage,
            space,
            leases,
            lines,
            most: STALE,
            cramped: u64::MAX,
            unsynced: None,
            _locks: locks,
        }
    }

    /// Adds leases and waits until they are on the disk.
    ///
    /// # Errors
    /// Where the disk refuses; then none of these leases may be given to a client, and all that were added
    /// before are still there.
    pub(super) fn append(&mut self, leases: &[Lease]) -> Result<(), LeaseLogError> {
        let lines: Vec<_> =
            leases.iter().filter_map(|lease| Some((lease, write_line(lease)?))).collect();
        let text: String = lines.iter().flat_map(|(_, line)| [line.as_str(), "\n"]).collect();
        let added = lines.iter().map(|(lease, _)| (lease.address, (*lease).clone()));
        if self.add(text.as_bytes()).is_err() {
            let mut all = self.leases.clone();
            all.extend(added);
            return Ok(self.write_shorter(all)?);
        }
        self.leases.extend(added);
        self.lines += lines.len();
        self.look_ahead();
        if self.lines > self.leases.len() * 2 + self.most {
            // All is on the disk already; without room for a second log the first one grows on.
            self.most = match self.write_anew(self.leases.clone()) {
                Ok(()) => STALE,
                Err(_) => self.lines,
            };
        }
        Ok(())
    }

    /// Keeps enough space after the last line that a full disk has room for a rewritten log. Where that
    /// becomes too little and the disk gives no more, the log is rewritten now.
    fn look_ahead(&mut self) {
        let needed = self.leases.len() as u64 * USUAL + MARGIN;
        let Some(space) = &mut self.space else { return };
        let room = space.room();
        if room >= needed.min(self.cramped) {
            return;
        }
        if space.extend(needed + ROOM).is_ok() {
            self.cramped = u64::MAX;
            return;
        }
        self.cramped = room / 2;
        if self.lines > self.leases.len() {
            // Even if this fails, the new lines are on the disk.
            let _ = self.write_shorter(self.leases.clone());
        }
    }

    /// Tries to write after the disk has refused.
    ///
    /// # Errors
    /// Where it still does.
    pub(super) fn make_room(&mut self) -> Result<(), StateError> {
        self.write_shorter(self.leases.clone())
    }

    /// The leases on the disk.
    pub(super) fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.leases.values()
    }

    fn add(&mut self, text: &[u8]) -> Result<(), StateError> {
        if let Some(leases) = self.unsynced.take() {
            if let Err(error) = self.storage.sync() {
                self.unsynced = Some(leases);
                return Err(error);
            }
            self.leases = leases;
        }
        let refused = || self.storage.failed(io::ErrorKind::StorageFull.into());
        let space = self.space.as_mut().ok_or_else(refused)?;
        space.append(text).map_err(|error| self.storage.failed(error))
    }

    /// Rewrites the log after giving up the reserve of the old one.
    fn write_shorter(&mut self, leases: Leases) -> Result<(), StateError> {
        if let Some(space) = &mut self.space {
            // Where the old file cannot be made shorter, there may still be room for a new one.
            let _ = space.cut();
        }
        self.write_anew(leases)
    }

    /// Writes the log beside itself and gives it its name when it is on the disk.
    fn write_anew(&mut self, leases: Leases) -> Result<(), StateError> {
        let file = self.storage.fresh()?;
        let begun = Space::begin(file, leases.values().filter_map(write_line));
        let begun = begun.map_err(|error| self.storage.failed(error));
        let space = begun.and_then(|space| self.storage.publish().map(|()| space));
        let space = space.inspect_err(|_| self.storage.discard())?;
        // From here on the old file has no name, and nothing that is added to it would be read again.
        self.space = Some(space);
        self.lines = leases.len();
        self.cramped = u64::MAX;
        if let Err(error) = self.storage.sync() {
            self.unsynced = Some(leases);
            return Err(error);
        }
        self.unsynced = None;
        self.leases = leases;
        Ok(())
    }
}

/// Locks against a second server. The lock of the folder itself needs no room on the disk; network file
/// systems know only that of the file.
#[derive(Debug)]
struct Locks {
    _folder: Option<std::os::fd::OwnedFd>,
    _file: Option<File>,
}

impl Locks {
    fn take(folder: &StateFolder) -> Result<Self, LeaseLogError> {
        let locked = || LeaseLogError::Locked { path: folder.join(LOCK) };
        let at = |source: io::Error| StateError::Io { path: folder.join(LOCK), source };
        let file = match folder.file(LOCK, OFlags::RDWR | OFlags::CREATE) {
            // It may exist on a disk that is read-only now.
            Err(error) if error.is_disk() => folder.file(LOCK, OFlags::RDONLY).ok(),
            file => Some(file?),
        };
        let lock =
            |file: &dyn AsFd| match flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Ok(true),
                Err(Errno::WOULDBLOCK) => Err(locked()),
                Err(_) => Ok(false),
            };
        let copy = folder.as_fd().try_clone_to_owned().map_err(at)?;
        let file = file.map(|file| lock(&file).map(|held| held.then_some(file))).transpose()?;
        let copy = lock(&copy)?.then_some(copy);
        if file.is_none() && copy.is_none() {
            return Err(at(io::ErrorKind::Unsupported.into()).into());
        }
        Ok(Self { _folder: copy, _file: file.flatten() })
    }
}

/// Where a server of this configuration keeps its leases.
pub(crate) fn state_folder(config: &Config) -> &Path {
    config.serve.state.as_deref().unwrap_or(Path::new(STATE))
}

/// Reads a log of any content in bounded memory, and returns where its last line ends.
fn read(path: &Path, file: File) -> io::Result<(Restored, u64)> {
    let mut reader = BufReader::new(file);
    let mut leases = BTreeMap::new();
    let mut damage = Vec::new();
    let mut line = Vec::new();
    let (mut place, mut end) = (0, 0);
    for number in 1_usize.. {
        line.clear();
        let length = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        place += length as u64;
        let whole = line.pop_if(|last| *last == b'\n').is_some();
        if whole {
            end = place;
        }
        if !whole && line.iter().all(|byte| *byte == b' ') {
            continue;
        }
        let reason = match std::str::from_utf8(&line).map(parse_line) {
            _ if !whole => "it has no end".to_owned(),
            Ok(Ok(lease)) if leases.len() < LEASES || leases.contains_key(&lease.address) => {
                leases.insert(lease.address, lease);
                continue;
            }
            Ok(Ok(_)) => format!("there are more than {LEASES} leases"),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        if damage.len() < NAMED {
            damage.push(format!("{}: line {number} is left out: {reason}", path.display()));
        }
    }
    Ok((Restored { leases: leases.into_values().collect(), damage, problem: None }, end))
}

#[cfg(test)]
pub(super) mod faulty;
#[cfg(test)]
mod tests;
