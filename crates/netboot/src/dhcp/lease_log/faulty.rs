//! A disk that refuses, for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::dhcp::lease_file::Medium;

/// A disk with a limited room, which a test fills.
#[derive(Debug, Clone)]
pub(in crate::dhcp) struct Disk {
    room: Arc<AtomicU64>,
    /// Bytes that are written before the disk breaks.
    breaks: Arc<AtomicU64>,
    /// How often a log was begun.
    tries: Arc<AtomicU64>,
    /// Whether names do not reach the disk.
    loses_names: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Faulty {
    folder: StateFolder,
    disk: Disk,
}

#[derive(Debug)]
struct FaultyFile(File, Disk);

impl Disk {
    pub(in crate::dhcp) fn new() -> Self {
        let room = Arc::new(u64::MAX.into());
        let breaks = Arc::new(u64::MAX.into());
        Self { room, breaks, tries: Arc::default(), loses_names: Arc::default() }
    }

    /// Sets how many bytes are free from now on.
    pub(in crate::dhcp) fn leave(&self, bytes: u64) {
        self.room.store(bytes, Ordering::Relaxed);
    }

    /// After this many bytes every write fails; `u64::MAX` repairs it.
    pub(in crate::dhcp) fn break_after(&self, bytes: u64) {
        self.breaks.store(bytes, Ordering::Relaxed);
    }

    pub(in crate::dhcp) fn lose_names(&self, loses: bool) {
        self.loses_names.store(loses, Ordering::Relaxed);
    }

    pub(in crate::dhcp) fn tries(&self) -> u64 {
        self.tries.load(Ordering::Relaxed)
    }

    /// The log of a folder on this disk.
    pub(in crate::dhcp) fn open(&self, folder: &Path) -> LeaseLog {
        let folder = StateFolder::open(folder).unwrap();
        let locks = Locks::take(&folder).unwrap();
        let file = folder.file(LOG, OFlags::RDWR | OFlags::CREATE).unwrap();
        let (restored, end) = read(Path::new(LOG), file.try_clone().unwrap()).unwrap();
        let leases = restored.leases.into_iter().map(|lease| (lease.address, lease)).collect();
        let space = Space::resume(Box::new(FaultyFile(file, self.clone())), end);
        LeaseLog::new(Box::new(Faulty { folder, disk: self.clone() }), Some(space), leases, locks)
    }
}

impl Faulty {
    /// A file that goes leaves its room.
    fn free(&self, name: &str) {
        if let Ok(file) = std::fs::metadata(self.folder.join(name)) {
            let room = self.disk.room.load(Ordering::Relaxed);
            self.disk.leave(room.saturating_add(file.len()));
        }
    }
}

impl Storage for Faulty {
    fn fresh(&self) -> Result<Box<dyn Medium>, StateError> {
        self.free(NEW);
        self.disk.tries.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(FaultyFile(self.folder.fresh(NEW)?, self.disk.clone())))
    }

    fn discard(&self) {
        self.free(NEW);
        Storage::discard(&self.folder);
    }

    fn publish(&self) -> Result<(), StateError> {
        self.free(LOG);
        self.folder.publish()
    }

    fn sync(&self) -> Result<(), StateError> {
        if self.disk.loses_names.load(Ordering::Relaxed) {
            return Err(self.failed(Errno::IO.into()));
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> StateError {
        self.folder.failed(source)
    }
}

impl Medium for FaultyFile {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        // Only what makes the file longer takes room.
        let end = offset + bytes.len() as u64;
        let longer = end.saturating_sub(self.0.metadata()?.len());
        let left = self.1.breaks.load(Ordering::Relaxed);
        if left < bytes.len() as u64 {
            self.1.break_after(0);
            Medium::write_all_at(&self.0, &bytes[..left as usize], offset)?;
            return Err(Errno::IO.into());
        } else if left != u64::MAX {
            self.1.break_after(left - bytes.len() as u64);
        }
        let room = self.1.room.load(Ordering::Relaxed);
        let missing = longer.saturating_sub(room);
        Medium::write_all_at(&self.0, &bytes[..bytes.len() - missing as usize], offset)?;
        self.1.room.store(room.saturating_sub(longer), Ordering::Relaxed);
        if missing > 0 { Err(Errno::NOSPC.into()) } else { Ok(()) }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let freed = self.0.metadata()?.len().saturating_sub(length);
        let room = self.1.room.load(Ordering::Relaxed);
        self.1.room.store(room.saturating_add(freed), Ordering::Relaxed);
        Medium::set_len(&self.0, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }
}
