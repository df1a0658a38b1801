//! Files that are written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use tempfile::NamedTempFile;

/// Puts a file in its place: a crash leaves the old one or the new one. A file that was there keeps its
/// owner and mode; of a link, what it leads to is replaced.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let new = beside(&target, bytes)?;
    if let Ok(old) = fs::metadata(&target) {
        // Only root may keep another's ownership; the content matters more.
        let _ = fchown(new.as_file(), Some(old.uid()), Some(old.gid()));
        new.as_file().set_permissions(old.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(&target)?;
    sync_folder(&target);
    Ok(())
}

/// Writes a file that is not to exist yet.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`]: it does.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = beside(path, bytes)?;
    new.as_file().sync_all()?;
    new.persist_noclobber(path)?;
    sync_folder(path);
    Ok(())
}

fn beside(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".winpe-iscsi-")
        // Less what the umask takes, as for any new file.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder(path))?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Some file systems cannot sync folders; the file itself is safe.
fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(folder(path)) {
        let _ = folder.sync_all();
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_as_other_new_files_are() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        fs::write(&plain, "").unwrap();
        create(&ours, b"one").unwrap();
        assert_eq!(mode(&ours), mode(&plain));
        assert_eq!(create(&ours, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&ours).unwrap(), b"one");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_is_replaced_keeps_mode_owner_and_links_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        // Only root may give a file away; for others the owner is who it was.
        let _ = std::os::unix::fs::chown(&file, Some(65534), Some(65534));
        let before = fs::metadata(&file).unwrap();
        symlink("file", &link).unwrap();
        replace(&link, b"new").unwrap();
        let after = fs::metadata(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(mode(&file), 0o640);
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        replace(&folder.path().join("made"), b"x").unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
    }
}
