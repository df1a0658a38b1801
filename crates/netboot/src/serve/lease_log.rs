//! The leases on disk: a log that only grows, and is written anew now and then.
//!
//! ```text
//!   <state>/leases.log    a line for each change, see `record`
//!   <state>/leases.lock   held by the server that writes the log
//! ```
//!
//! A lease is on the disk before its client hears of it. After a crash at any moment the log holds
//! each lease that a client was told of; at most a torn line at the end, which no client was told of,
//! is lost. A new log is written beside the old one and takes its name when it is complete.
//!
//! Behind the last line stand spaces that the next lines take the place of: to write where a file has
//! its blocks already costs the disk one step, to make it longer several.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use thiserror::Error;

use super::record::{parse_record, write_record};
use crate::logic::dhcp::Lease;
use crate::policy::Config;

/// Where leases are kept where the configuration does not say.
const STATE: &str = "/var/lib/winpe-iscsi";
/// A line is shorter: the longest identity has 255 bytes.
const LINE: u64 = 1024;
/// Leases of a log at most; pools are not larger in all.
const LEASES: usize = 1 << 20;
/// Lines that are no leases and are named one by one.
const NAMED: usize = 20;
/// Bytes of spaces that are put behind the last line where there is no room left.
const ROOM: u64 = 256 * 1024;
/// So many lines that say nothing any more are worth writing the log anew.
const STALE: usize = 10_000;

/// The log, open for writing.
#[derive(Debug)]
pub struct LeaseLog {
    path: PathBuf,
    space: Space,
    /// What the log comes to.
    leases: BTreeMap<Ipv4Addr, Lease>,
    lines: usize,
    _lock: Flock<File>,
}

/// What a log held.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The leases, in the order of their addresses.
    pub leases: Vec<Lease>,
    /// Lines that are none, with their numbers and why; no more than the first few.
    pub damage: Vec<String>,
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
    /// The disk refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LeaseLog {
    /// Opens the log that the configuration names.
    ///
    /// # Errors
    /// Where it cannot be written, or another server does.
    pub fn open(config: &Config) -> Result<(Self, Restored), LeaseLogError> {
        Self::open_in(state_folder(config))
    }

    /// Opens the log in a folder, which is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be written, or another server does.
    pub fn open_in(folder: &Path) -> Result<(Self, Restored), LeaseLogError> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        let lock_path = folder.join("leases.lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = Flock::lock(lock.map_err(at(&lock_path))?, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| match error {
                nix::Error::EWOULDBLOCK => LeaseLogError::Locked { path: lock_path.clone() },
                error => at(&lock_path)(error.into()),
            })?;
        let path = folder.join("leases.log");
        let restored = read(&path).map_err(at(&path))?;
        let leases = restored.leases.iter().map(|lease| (lease.address, lease.clone())).collect();
        let space = write_anew(&path, &leases).map_err(at(&path))?;
        let lines = leases.len();
        Ok((Self { path, space, leases, lines, _lock: lock }, restored))
    }

    /// Adds leases and waits until they are on the disk.
    ///
    /// # Errors
    /// Where the disk refuses; then none of them may be told to a client.
    pub fn append(&mut self, leases: &[Lease]) -> Result<(), LeaseLogError> {
        let mut text = String::new();
        for (lease, line) in leases.iter().filter_map(|it| Some((it, write_record(it)?))) {
            text.push_str(&line);
            text.push('\n');
            self.lines += 1;
            self.leases.insert(lease.address, lease.clone());
        }
        self.space.append(text.as_bytes()).map_err(at(&self.path))?;
        if self.lines > self.leases.len() * 2 + STALE {
            self.space = write_anew(&self.path, &self.leases).map_err(at(&self.path))?;
            self.lines = self.leases.len();
        }
        Ok(())
    }
}

/// A file and the room in it.
#[derive(Debug)]
struct Space {
    file: File,
    /// Where the next line begins.
    next: u64,
    /// Where the spaces end.
    end: u64,
}

impl Space {
    /// Puts text behind the last line and waits until it is on the disk.
    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let next = self.next + text.len() as u64;
        self.file.write_all_at(text, self.next)?;
        if next > self.end {
            self.reserve(next)?;
        } else {
            self.file.sync_data()?;
        }
        self.next = next;
        Ok(())
    }

    /// Puts spaces behind `next`, and waits until they are on the disk.
    fn reserve(&mut self, next: u64) -> io::Result<()> {
        // Without room all goes on, only slower.
        let reserved = self.file.write_all_at(&[b' '; ROOM as usize], next);
        self.end = if reserved.is_ok() { next + ROOM } else { next };
        self.file.sync_all()
    }
}

/// Where a server of this configuration keeps its leases.
pub(super) fn state_folder(config: &Config) -> &Path {
    config.serve.state.as_deref().unwrap_or(Path::new(STATE))
}

/// Reads a log of any content in bounded memory.
fn read(path: &Path) -> io::Result<Restored> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Restored::default()),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::new(file);
    let mut leases = BTreeMap::new();
    let mut damage = Vec::new();
    let mut line = Vec::new();
    for number in 1_usize.. {
        line.clear();
        if reader.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let whole = line.pop_if(|last| *last == b'\n').is_some();
        if !whole && line.iter().all(|byte| *byte == b' ') {
            continue;
        }
        let reason = match std::str::from_utf8(&line).map(parse_record) {
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
    Ok(Restored { leases: leases.into_values().collect(), damage })
}

/// Writes the log beside itself and gives it its name when it is on the disk.
fn write_anew(path: &Path, leases: &BTreeMap<Ipv4Addr, Lease>) -> io::Result<Space> {
    let beside = path.with_extension("new");
    let mut writer = BufWriter::new(File::create(&beside)?);
    for line in leases.values().filter_map(write_record) {
        writeln!(writer, "{line}")?;
    }
    let mut file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    let next = file.stream_position()?;
    let mut space = Space { file, next, end: next };
    space.reserve(next)?;
    fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(space)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> LeaseLogError {
    let path = path.to_owned();
    move |source| LeaseLogError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::Time;
    use crate::logic::dhcp::{Identity, LeaseState};
    use crate::wire::dhcp::Hardware;

    fn lease(number: u8) -> Lease {
        Lease {
            address: [10, 0, 0, number].into(),
            identity: Identity::Hardware(Hardware::ethernet([2, 0, 0, 0, 0, number])),
            state: LeaseState::Bound,
            expires: Time::from_secs(1_800_000_000),
        }
    }

    #[test]
    fn a_crash_at_any_byte_loses_only_the_line_that_it_tore() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leases.log");
        let (mut log, _) = LeaseLog::open_in(folder.path()).unwrap();
        log.append(&[lease(1), lease(2)]).unwrap();
        log.append(&[lease(3)]).unwrap();
        drop(log);
        let mut whole = fs::read(&path).unwrap();
        whole.truncate(whole.trim_ascii_end().len() + 1);
        for (end, room) in (0..=whole.len()).flat_map(|end| [(end, 0), (end, 3000)]) {
            fs::write(&path, [&whole[..end], &vec![b' '; room]].concat()).unwrap();
            let complete = whole[..end].iter().filter(|byte| **byte == b'\n').count();
            let (mut log, restored) = LeaseLog::open_in(folder.path()).unwrap();
            let expected: Vec<_> = (1..=3).map(lease).take(complete).collect();
            assert_eq!(restored.leases, expected, "cut at {end}");
            log.append(&[lease(9)]).unwrap();
            drop(log);
            let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
            assert_eq!(restored.leases.len(), complete + 1, "what follows a torn line is whole");
            assert_eq!(restored.damage, Vec::<String>::new());
        }
    }

    #[test]
    fn the_log_goes_on_beyond_its_room() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = LeaseLog::open_in(folder.path()).unwrap();
        let renew = |secs| Lease { expires: Time::from_secs(secs), ..lease(1) };
        // Fewer than are written anew, and more than there is room for at first.
        for from in (0..STALE as u64).step_by(1000) {
            log.append(&(from..from + 1000).map(renew).collect::<Vec<_>>()).unwrap();
        }
        log.append(&[lease(2)]).unwrap();
        drop(log);
        let text = fs::read_to_string(folder.path().join("leases.log")).unwrap();
        assert!(text.trim_end().len() as u64 > ROOM && text.lines().count() == STALE + 2);
        let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
        assert_eq!(restored.leases, [renew(STALE as u64 - 1), lease(2)]);
        assert_eq!(restored.damage, Vec::<String>::new());
    }

    #[test]
    fn a_crash_while_writing_anew_leaves_the_old_log() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = LeaseLog::open_in(folder.path()).unwrap();
        log.append(&[lease(1)]).unwrap();
        drop(log);
        fs::write(folder.path().join("leases.new"), "torn").unwrap();
        let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
        assert_eq!(restored.leases, [lease(1)]);
    }

    #[test]
    fn damage_is_named_and_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leases.log");
        let good = write_record(&lease(1)).unwrap();
        let long = "x".repeat(5000);
        let mut bytes = format!("nonsense\n{long}\n{good}\n").into_bytes();
        bytes.extend([0xff, b'\n']);
        fs::write(&path, bytes).unwrap();
        let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
        assert_eq!(restored.leases, [lease(1)]);
        assert!(restored.damage[0].contains("line 1 is left out: expected five words, found 1"));
    }

    #[test]
    fn the_last_line_of_an_address_counts_and_the_log_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = LeaseLog::open_in(folder.path()).unwrap();
        let renewals = |from: u64| {
            let renew = |secs| Lease { expires: Time::from_secs(secs), ..lease(1) };
            (from..from + 6000).map(renew).collect::<Vec<_>>()
        };
        log.append(&renewals(0)).unwrap();
        log.append(&renewals(6000)).unwrap();
        log.append(&[lease(2)]).unwrap();
        let size = fs::metadata(folder.path().join("leases.log")).unwrap().len();
        assert!(size < 200 + ROOM, "{size} bytes");
        drop(log);
        let (_, restored) = LeaseLog::open_in(folder.path()).unwrap();
        assert_eq!(restored.leases[0].expires, Time::from_secs(11_999));
        assert_eq!(restored.leases.len(), 2);
    }

    #[test]
    fn one_log_has_one_server() {
        let folder = tempfile::tempdir().unwrap();
        let (_log, _) = LeaseLog::open_in(folder.path()).unwrap();
        let second = LeaseLog::open_in(folder.path());
        assert!(matches!(second, Err(LeaseLogError::Locked { .. })), "{second:?}");
    }
}
