//! Files of an image, written to a folder of this machine.

use std::collections::HashMap;
use std::fs::{self, File, FileTimes};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use winpe_wim::Entry;

use super::place::Found;
use crate::failure::Failure;
use crate::printer::Printer;

/// What was written, and what of it has no place in a file system of Linux, as warnings.
#[derive(Default)]
pub(super) struct Extracted {
    pub(super) files: u64,
    pub(super) lost: Vec<String>,
}

/// Writes the file or folder to `target`.
pub(super) fn extract(
    found: &Found,
    target: &Path,
    force: bool,
    printer: &mut Printer,
) -> Result<Extracted, Failure> {
    let mut entries = Vec::new();
    found.archive.walk(found.image, &found.path, &mut |entry| {
        entries.push(entry.clone());
        ControlFlow::Continue(())
    })?;
    let total = entries.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
    let bar = printer.progress("extracting");
    let above = entries.first().map_or(0, |first| names(first).count());
    let mut work =
        Extraction { found, force, links: HashMap::new(), lost: Vec::new(), untimed: None };
    let (mut files, mut done) = (0, 0);
    for entry in &entries {
        let path = place(target, entry, above)?;
        files += u64::from(!entry.is_dir);
        work.write(entry, &path)?;
        done += entry.size;
        bar.set(done, total);
    }
    // Last, and from the leaves up: what is written into a folder changes its time.
    for entry in entries.iter().rev().filter(|entry| entry.is_dir) {
        work.set_times(&place(target, entry, above)?, entry);
    }
    let Extraction { mut lost, untimed, .. } = work;
    lost.extend(untimed.map(|Untimed { count, first, error }| {
        let what = if count == 1 { "file or folder" } else { "files and folders" };
        format!("the time of {count} {what} cannot be set, {}: {error}", first.display())
    }));
    Ok(Extracted { files, lost })
}

struct Extraction<'a> {
    found: &'a Found,
    force: bool,
    /// Link group → the name that was written first.
    links: HashMap<u64, PathBuf>,
    lost: Vec<String>,
    untimed: Option<Untimed>,
}

/// Files and folders whose times could not be set.
struct Untimed {
    count: u64,
    first: PathBuf,
    error: io::Error,
}

impl Extraction<'_> {
    fn write(&mut self, entry: &Entry, path: &Path) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::new(format!("{}: {error}", path.display()));
        for stream in &entry.streams {
            let place = self.found.shown(&entry.path);
            self.lost.push(format!("{place}: the alternate stream {:?} is left out", stream.name));
        }
        if let Some(target) = self.found.archive.link_target(entry)? {
            self.make_room(path)?;
            return symlink(target, path).map_err(failed);
        }
        if entry.is_dir {
            return match fs::create_dir(path) {
                Err(error) if !(error.kind() == io::ErrorKind::AlreadyExists && path.is_dir()) => {
                    Err(failed(error))
                }
                _ => Ok(()),
            };
        }
        self.make_room(path)?;
        let first = entry.link_group.and_then(|group| self.links.get(&group));
        if let Some(first) = first
            && fs::hard_link(first, path).is_ok()
        {
            return Ok(());
        }
        if let Some(group) = entry.link_group {
            self.links.insert(group, path.to_path_buf());
        }
        let mut file = BufWriter::new(File::create_new(path).map_err(failed)?);
        if let Some(sha1) = entry.sha1 {
            self.found.archive.blob_reader(&sha1)?.copy_to(&mut file)?.map_err(failed)?;
        }
        file.flush().map_err(failed)?;
        self.set_times(path, entry);
        Ok(())
    }

    /// A time that cannot be set is no reason to fail.
    fn set_times(&mut self, path: &Path, entry: &Entry) {
        let mut times = FileTimes::new();
        if let Some(written) = entry.written {
            times = times.set_modified(written);
        }
        if let Some(accessed) = entry.accessed {
            times = times.set_accessed(accessed);
        }
        if let Err(error) = File::open(path).and_then(|file| file.set_times(times)) {
            let first = || Untimed { count: 0, first: path.to_path_buf(), error };
            self.untimed.get_or_insert_with(first).count += 1;
        }
    }

    /// Removes what is in the way, if that is allowed.
    fn make_room(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::new(format!("{}: {error}", path.display()));
        match path.symlink_metadata() {
            Err(_) => Ok(()),
            Ok(_) if self.force => fs::remove_file(path).map_err(failed),
            Ok(_) => {
                let failure = Failure::new(format!("{} exists already", path.display()));
                Err(failure.hint("--force overwrites it"))
            }
        }
    }
}

/// Where an entry goes: what is below the `above` first names of its path, below `target`. The names
/// come from the image and must not lead elsewhere.
fn place(target: &Path, entry: &Entry, above: usize) -> Result<PathBuf, Failure> {
    let mut path = target.to_path_buf();
    for name in names(entry).skip(above) {
        if name.contains(['/', '\0']) || name == "." || name == ".." {
            return Err(Failure::new(format!("{:?} is no name for a file here", entry.path)));
        }
        path.push(name);
    }
    Ok(path)
}

fn names(entry: &Entry) -> impl Iterator<Item = &str> {
    entry.path.split('\\').filter(|name| !name.is_empty())
}
