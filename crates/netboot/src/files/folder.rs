//! The files below a folder.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;
use rustix::fs::ResolveFlags;

use super::{File, FilePath, FileRequest, FileSource, OpenError};

/// Names read from one folder in search of another spelling, at most.
const MAX_NAMES: usize = 10_000;

/// The files below a folder, read-only.
///
/// The kernel resolves each name beneath the folder (`openat2` with `RESOLVE_BENEATH`): neither `..`
/// nor a symbolic link leads out of it, not even while links are being changed. Where the kernel has
/// no `openat2`, no symbolic link is followed at all. Only regular files are served.
///
/// A name that is not there is looked for again without regard to ASCII case, part by part, since
/// Windows boot loaders ask for `\Boot\bcd` where the disk has `boot/BCD`. Of several such names the
/// first in byte order is taken.
#[derive(Debug)]
pub struct Folder {
    root: OwnedFd,
}

impl Folder {
    /// Opens a folder. Moving or deleting it later does not matter to this.
    ///
    /// # Errors
    /// Where there is no such folder, or it may not be read.
    pub fn new(root: impl AsRef<Path>) -> io::Result<Self> {
        let file = fs::File::open(root)?;
        if !file.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { root: file.into() })
    }

    fn open_exact(&self, path: &FilePath) -> Result<File, OpenError> {
        // Opening a pipe would otherwise wait for its writer.
        let file = beneath(&self.root, path.as_str(), OFlag::O_NONBLOCK).map_err(refusal)?;
        File::regular(file.into())
    }

    /// The name as the disk spells it.
    fn respell(&self, path: &FilePath) -> Result<FilePath, OpenError> {
        let mut found = String::new();
        for part in path.parts() {
            let folder = if found.is_empty() { "." } else { &found };
            let name = self.spelling(folder, part)?;
            if !found.is_empty() {
                found.push('/');
            }
            found.push_str(&name);
        }
        found.parse().map_err(|_| OpenError::NotFound)
    }

    /// The entry of `folder` that is `part`, or else is spelt most like it.
    fn spelling(&self, folder: &str, part: &str) -> Result<String, OpenError> {
        let folder = beneath(&self.root, folder, OFlag::O_DIRECTORY).map_err(refusal)?;
        let mut folder = Dir::from_fd(folder).map_err(refusal)?;
        let mut best: Option<String> = None;
        for entry in folder.iter().take(MAX_NAMES) {
            let entry = entry.map_err(refusal)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == part {
                return Ok(name.to_owned());
            }
            if name.eq_ignore_ascii_case(part) && best.as_deref().is_none_or(|best| name < best) {
                best = Some(name.to_owned());
            }
        }
        best.ok_or(OpenError::NotFound)
    }
}

impl FileSource for Folder {
    fn open(&self, request: &FileRequest<'_>) -> Result<File, OpenError> {
        match self.open_exact(request.path) {
            Err(OpenError::NotFound) => self.open_exact(&self.respell(request.path)?),
            found => found,
        }
    }

    /// Only what the kernel knows under this very name.
    fn open_now(&self, request: &FileRequest<'_>) -> Option<Result<File, OpenError>> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        File::open_cached(&self.root, request.path.as_str(), resolve)
    }
}

/// Opens a file beneath `root`.
fn beneath(root: &OwnedFd, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
    let flags = flags | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    match openat2(root, path, OpenHow::new().flags(flags).resolve(resolve)) {
        // Kernels before 5.6 lack the call; some sandboxes refuse it.
        Err(Errno::ENOSYS | Errno::EPERM) => part_by_part(root, path, flags),
        // A rename anywhere on the system may interrupt the walk; the kernel says to try again.
        Err(Errno::EAGAIN) => openat2(root, path, OpenHow::new().flags(flags).resolve(resolve)),
        result => result,
    }
}

/// Opens one part after the other and follows no link.
fn part_by_part(root: &OwnedFd, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
    let (folders, last) = path.rsplit_once('/').unwrap_or(("", path));
    let mut folder: Option<OwnedFd> = None;
    let through = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    for part in folders.split('/').filter(|part| !part.is_empty()) {
        let at = folder.as_ref().unwrap_or(root).as_fd();
        folder = Some(openat(at, part, through, Mode::empty())?);
    }
    let at = folder.as_ref().unwrap_or(root).as_fd();
    openat(at, last, flags | OFlag::O_NOFOLLOW, Mode::empty())
}

fn refusal(error: Errno) -> OpenError {
    match error {
        Errno::ENOENT | Errno::ENOTDIR => OpenError::NotFound,
        Errno::EXDEV | Errno::ELOOP => OpenError::Outside,
        Errno::ENXIO => OpenError::NotRegular,
        error => OpenError::Io(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::unistd::mkfifo;

    use super::*;

    struct Ground {
        outer: tempfile::TempDir,
        folder: Folder,
    }

    /// `outer/secret` is beside the root `outer/root`.
    fn ground() -> Ground {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("Boot/Fonts")).unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        fs::write(root.join("Boot/BCD"), "bcd").unwrap();
        fs::write(root.join("pxelinux.0"), "loader").unwrap();
        let folder = Folder::new(&root).unwrap();
        Ground { outer, folder }
    }

    impl Ground {
        fn root(&self) -> std::path::PathBuf {
            self.outer.path().join("root")
        }

        fn open(&self, path: &str) -> Result<u64, OpenError> {
            let path = path.parse().unwrap();
            let (client, local) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
            Ok(self.folder.open(&FileRequest { path: &path, query: None, client, local })?.len())
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        let ground = ground();
        assert_eq!(ground.open("Boot/BCD").unwrap(), 3);
        assert_eq!(ground.open(r"\boot\bcd").unwrap(), 3);
        assert_eq!(ground.open("PXELINUX.0").unwrap(), 6);
        fs::write(ground.root().join("Boot/bcd"), "other one").unwrap();
        assert_eq!(ground.open("boot/BCD").unwrap(), 3);
        assert_eq!(ground.open("boot/bcd").unwrap(), 9);
        assert_eq!(ground.open("boot/bCd").unwrap(), 3);
        assert!(matches!(ground.open("boot/none"), Err(OpenError::NotFound)));
        assert!(matches!(ground.open("pxelinux.0/x"), Err(OpenError::NotFound)));
    }

    #[test]
    fn links_within_the_folder_are_followed_and_no_others() {
        let ground = ground();
        let root = ground.root();
        symlink("Boot/BCD", root.join("within")).unwrap();
        symlink("../secret", root.join("upwards")).unwrap();
        symlink(ground.outer.path().join("secret"), root.join("absolute")).unwrap();
        symlink("..", root.join("parent")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        assert_eq!(ground.open("within").unwrap(), 3);
        for name in ["upwards", "absolute", "ABSOLUTE", "parent/secret", "Parent/secret", "loop"] {
            let result = ground.open(name);
            assert!(matches!(result, Err(OpenError::Outside)), "{name}: {result:?}");
        }
    }

    #[test]
    fn what_is_opened_at_once_is_what_is_opened_else() {
        let ground = ground();
        let root = ground.root();
        symlink("../secret", root.join("upwards")).unwrap();
        mkfifo(&root.join("pipe"), Mode::S_IRWXU).unwrap();
        let now = |path: &str| {
            let path = path.parse().unwrap();
            let (client, local) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
            let request = FileRequest { path: &path, query: None, client, local };
            Some(ground.folder.open_now(&request)?.map(|file| file.len()))
        };
        // An old kernel leaves them all to a thread.
        assert!(matches!(now("Boot/BCD"), Some(Ok(3)) | None));
        assert!(matches!(now("pipe"), Some(Err(OpenError::NotRegular)) | None));
        for name in ["boot/bcd", "upwards", "none", "pxelinux.0/x"] {
            let opened = now(name);
            assert!(opened.is_none(), "{name}: {opened:?}");
        }
    }

    #[test]
    fn only_regular_files_are_served() {
        let ground = ground();
        mkfifo(&ground.root().join("pipe"), Mode::S_IRWXU).unwrap();
        assert!(matches!(ground.open("pipe"), Err(OpenError::NotRegular)));
        assert!(matches!(ground.open("Boot"), Err(OpenError::NotRegular)));
    }

    #[test]
    fn an_old_kernel_follows_no_link_at_all() {
        let ground = ground();
        let root = ground.root();
        symlink("Boot/BCD", root.join("within")).unwrap();
        symlink("Boot", root.join("folder")).unwrap();
        symlink("..", root.join("parent")).unwrap();
        let open = |path| part_by_part(&ground.folder.root, path, OFlag::O_RDONLY);
        assert!(open("Boot/BCD").is_ok());
        assert!(open(".").is_ok());
        for path in ["within", "folder/BCD", "parent/secret"] {
            assert!(open(path).is_err(), "{path}");
        }
    }

    #[test]
    fn errors_hold_no_path() {
        let ground = ground();
        symlink("../secret", ground.root().join("upwards")).unwrap();
        for name in ["upwards", "none", "Boot"] {
            let error = ground.open(name).unwrap_err().to_string();
            assert!(!error.contains('/'), "{error}");
        }
    }
}
