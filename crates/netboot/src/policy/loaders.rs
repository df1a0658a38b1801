//! What loads Windows PE: the files that wimboot needs, and the paths at which Windows' own loaders look.

use crate::config::{BootFile, Config, Entry, Origin, Target};

/// The image of Windows PE.
pub(crate) const BOOT_WIM: &str = "boot.wim";
/// What loads Windows by TFTP where there is no wimboot; BIOS only.
pub(crate) const PXEBOOT: &str = "pxeboot.n12";

/// Where Windows' own boot loaders look for a boot file when they came by TFTP.
pub(crate) const LOADER_PATHS: &[(&str, &str)] = &[
    (PXEBOOT, PXEBOOT),
    ("pxeboot.com", "pxeboot.com"),
    // PXELINUX starts only files of this name.
    ("pxeboot.com", "pxeboot.0"),
    ("bootmgr.exe", "bootmgr.exe"),
    ("BCD", "Boot/BCD"),
    ("boot.sdi", "Boot/boot.sdi"),
    ("wgl4_boot.ttf", "Boot/Fonts/wgl4_boot.ttf"),
    (BOOT_WIM, "sources/boot.wim"),
];

/// What wimboot needs besides a boot manager.
const NEEDED: &[&str] = &["BCD", "boot.sdi"];
/// Any of them is a boot manager.
const MANAGERS: &[&str] = &["bootmgr.exe", "bootmgr", "bootmgfw.efi", "bootx64.efi"];

impl Config {
    /// The entry that Windows' network loaders boot, since they ask for fixed names: the first that
    /// they can.
    pub(crate) fn loader_entry(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.has_loaders())
    }
}

impl Entry {
    /// The name that the image it boots is served under; none where it is elsewhere.
    pub(crate) fn image_path(&self) -> Option<String> {
        match self.target()? {
            Target::Windows { .. } => Some(self.boot_file_path(BOOT_WIM)),
            _ => self.served_image().map(|(name, _)| name),
        }
    }

    /// The name under which a boot file of it is served.
    pub(crate) fn boot_file_path(&self, name: &str) -> String {
        format!("images/{}/{name}", self.name)
    }

    pub(crate) fn boot_file(&self, name: &str) -> Option<&BootFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Files to pass to wimboot explicitly, and whether each was found. Empty for an image that was not
    /// inspected.
    pub(crate) fn wimboot_files(&self) -> Vec<(&str, bool)> {
        if self.files.is_empty() {
            return Vec::new();
        }
        let known = self.files.iter().filter(|file| {
            // The image itself comes last, and Windows' network loaders have no place in it.
            file.origin != Origin::Image && file.name != BOOT_WIM
        });
        let known = known.map(|file| (file.name.as_str(), true));
        known.chain(self.missing_boot_files().into_iter().map(|name| (name, false))).collect()
    }

    /// Files without which Windows does not boot and that were not found. Empty for an image that was not
    /// inspected.
    pub(crate) fn missing_boot_files(&self) -> Vec<&'static str> {
        if self.files.is_empty() {
            return Vec::new();
        }
        let absent = |name: &&&str| self.boot_file(name).is_none();
        let mut missing: Vec<_> = NEEDED.iter().filter(absent).copied().collect();
        if MANAGERS.iter().all(|name| self.boot_file(name).is_none()) {
            missing.push(MANAGERS[0]);
        }
        missing
    }

    /// Whether Windows' own network loader can boot it, from the paths of [`LOADER_PATHS`].
    pub(crate) fn has_loaders(&self) -> bool {
        let image =
            matches!(self.target(), Some(Target::Wim { .. })) && self.served_image().is_some();
        let mut needed = [PXEBOOT, "bootmgr.exe", "BCD", "boot.sdi"].into_iter();
        (image || self.boot_file(BOOT_WIM).is_some())
            && needed.all(|name| self.boot_file(name).is_some())
    }
}
