//! The names of all unfinished files of this process, so that a signal that ends it leaves none.
//!
//! Files that have no name need no care: the kernel removes them with the process. The others are listed
//! under the lock under which they are created and finished, so [`remove_all`] finds each of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, unlinkat};

static NAMES: Mutex<Names> = Mutex::new(Names { next: 0, all: BTreeMap::new() });

struct Names {
    next: u64,
    all: BTreeMap<u64, Name>,
}

/// Where an unfinished file is.
pub(crate) enum Name {
    Path(PathBuf),
    /// In an open folder, whose path may have become that of another one.
    Within(Arc<File>, OsString),
}

impl Name {
    fn remove(&self) -> bool {
        match self {
            Self::Path(path) => fs::remove_file(path).is_ok(),
            Self::Within(folder, name) => unlinkat(folder, name, AtFlags::empty()).is_ok(),
        }
    }
}

/// Removes all files of this process that have a name and are not finished. Returns their number.
///
/// From then on, every thread that would create or finish a file waits, so this is for a process that ends
/// next, for example on `SIGINT`. It must not be called by a signal handler, but by a thread that waits for
/// signals.
pub fn remove_all() -> usize {
    let names = names();
    let removed = names.all.values().filter(|name| name.remove()).count();
    // The lock is kept until the process ends.
    mem::forget(names);
    removed
}

fn names() -> MutexGuard<'static, Names> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An unfinished file, in the list until this is dropped.
#[derive(Debug)]
pub(crate) struct Listed(u64);

/// Creates a file and lists it.
pub(crate) fn listed<T, E>(make: impl FnOnce() -> Result<(T, Name), E>) -> Result<(T, Listed), E> {
    let mut names = names();
    let (made, name) = make()?;
    let id = names.next;
    names.next += 1;
    names.all.insert(id, name);
    Ok((made, Listed(id)))
}

/// Gives a file its final name, during which [`remove_all`] waits.
pub(crate) fn finish<T>(listed: Option<Listed>, finish: impl FnOnce() -> T) -> T {
    let mut names = names();
    let finished = finish();
    if let Some(listed) = listed {
        names.all.remove(&listed.0);
        mem::forget(listed);
    }
    finished
}

impl Drop for Listed {
    fn drop(&mut self) {
        names().all.remove(&self.0);
    }
}
