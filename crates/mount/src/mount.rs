//! Starts a mount: `Request` mounts, `Mounted` serves.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use fuser::{Config, MountOption, Session, SessionACL};
use winpe_wim::{Archive, ImageSelector};

use crate::error::MountError;
use crate::fs::ImageFs;
use crate::kernel::Kernel;
use crate::record::{Mount, Record, SUBTYPE, absolute, is_mounted};
use crate::staging::Staging;

/// What to mount, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// The WIM.
    pub wim: PathBuf,
    /// The image in the WIM.
    pub image: ImageSelector,
    /// The folder to mount it on.
    pub dir: PathBuf,
    /// Whether it is writable.
    pub write: bool,
    /// An existing folder in which the mount creates its staging folder; without it, the folder of
    /// the WIM.
    pub staging: Option<PathBuf>,
    /// Whether other users may use it. If the caller is not root, the system must allow that.
    pub allow_other: bool,
}

/// A mounted image that is not served yet.
pub struct Mounted {
    session: Session<Kernel>,
    fs: Arc<Mutex<ImageFs>>,
    record: Record,
    mount: Mount,
}

impl Request {
    /// Mounts the image. Requests are answered only while [`Mounted::run`] runs.
    ///
    /// # Errors
    /// [`MountError::Wim`]: the WIM cannot be read, or for a writable mount cannot be written, or
    /// another mount or program writes to it. [`MountError::NotAFolder`], [`MountError::Busy`],
    /// [`MountError::Fuse`], [`MountError::Io`].
    pub fn mount(self) -> Result<Mounted, MountError> {
        let archive = Archive::open(&self.wim)?;
        let image = archive.select(&self.image)?;
        let dir = absolute(&self.dir);
        if is_mounted(&dir) {
            return Err(MountError::Busy { dir });
        }
        if !dir.is_dir() {
            return Err(MountError::NotAFolder { dir });
        }
        if self.write {
            archive.check_writable()?;
            archive.lock()?;
        }
        let wim = self.wim.canonicalize();
        let wim = wim.map_err(|error| MountError::io(&self.wim, "find", error))?;
        let fingerprint = archive.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
        let staging = self.write.then(|| self.make_staging(&wim)).transpose()?;
        let folder = staging.as_ref().map(|staging| staging.folder().to_path_buf());
        let mount = Mount {
            schema: 1,
            wim,
            image,
            dir: dir.clone(),
            staging: folder,
            pid: process::id(),
            fingerprint,
        };
        let mounted = self.start(archive, staging, mount.clone());
        if mounted.is_err()
            && let Some(folder) = &mount.staging
        {
            // It is still empty.
            let _ = fs::remove_dir_all(folder);
        }
        mounted
    }

    fn start(
        &self,
        archive: Archive,
        staging: Option<Staging>,
        mount: Mount,
    ) -> Result<Mounted, MountError> {
        let fs = Arc::new(Mutex::new(ImageFs::new(archive, mount.image, staging)?));
        let record = Record::write(&mount)?;
        let session = Session::new(Kernel::new(Arc::clone(&fs)), &mount.dir, &self.config(&mount));
        match session {
            Ok(session) => Ok(Mounted { session, fs, record, mount }),
            Err(source) => {
                record.remove();
                Err(MountError::Fuse { dir: mount.dir, source })
            }
        }
    }

    fn config(&self, mount: &Mount) -> Config {
        let mut config = Config::default();
        // A comma would end the mount option.
        let name = mount.wim.display().to_string().replace(',', "_");
        config.mount_options = vec![
            MountOption::FSName(name),
            MountOption::Subtype(SUBTYPE.to_owned()),
            MountOption::DefaultPermissions,
            MountOption::NoDev,
            MountOption::NoSuid,
            if self.write { MountOption::RW } else { MountOption::RO },
        ];
        config.acl = if self.allow_other { SessionACL::All } else { SessionACL::Owner };
        config
    }

    /// Creates a staging folder that only its owner can read, since it gets content of the image.
    fn make_staging(&self, wim: &Path) -> Result<Staging, MountError> {
        let beside = wim.parent().unwrap_or(Path::new("/"));
        let at = self.staging.as_deref().unwrap_or(beside);
        let failed = |error| MountError::io(at, "make a staging folder in", error);
        let at = at.canonicalize().map_err(failed)?;
        let name = wim.file_name().unwrap_or_default().to_string_lossy();
        let folder = tempfile::Builder::new()
            .prefix(&format!(".{name}.mount-"))
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&at)
            .map_err(failed)?
            .keep();
        Staging::create(&folder).map_err(failed)
    }
}

impl Mounted {
    /// The mount: WIM, image and folder.
    #[must_use]
    pub fn mount(&self) -> &Mount {
        &self.mount
    }

    /// Answers requests until the image is unmounted. Changes stay in the staging folder; without
    /// changes the folder is removed.
    ///
    /// # Errors
    /// [`MountError::Fuse`].
    pub fn run(self) -> Result<(), MountError> {
        let Self { session, fs, record, mount } = self;
        let ended = session.run();
        // Files of the staging folder and the lock of the WIM are closed before the removal of the
        // record announces the end.
        let fs = Arc::try_unwrap(fs).ok();
        drop(fs.map(|fs| fs.into_inner().unwrap_or_else(PoisonError::into_inner)));
        if mount.changes() == 0 {
            if let Some(staging) = &mount.staging {
                let _ = fs::remove_dir_all(staging);
            }
            record.remove();
        }
        ended.map_err(|source| MountError::Fuse { dir: mount.dir, source })
    }
}
