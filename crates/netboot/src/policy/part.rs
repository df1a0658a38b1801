//! Files that belong to an entry of the menu.
//!
//! Nothing here knows a format of images. Whoever reads one hands over what is in it, and the server
//! serves that as `images/<entry>/<name>`, gives it to wimboot, and puts it where Windows' own boot
//! loaders look.

use std::path::PathBuf;

use bytes::Bytes;

use super::config::Config;
use super::menu::{Entry, Target};

/// A file that belongs to an entry, such as the BCD of a Windows disc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How boot loaders call it: `BCD`, `boot.sdi`.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it holds.
    pub content: Content,
}

/// Where a part comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The image of Windows PE, where wimboot finds it by itself.
    Image,
    /// The disc that the image is on.
    Disc,
    /// Nobody: it was made.
    Made,
}

/// What a part holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Bytes),
    /// A stretch of a file, which is opened anew each time.
    Disk {
        /// The file.
        path: PathBuf,
        /// Where the stretch begins.
        start: u64,
        /// Its bytes.
        length: u64,
    },
}

/// The image of Windows PE.
pub(super) const BOOT_WIM: &str = "boot.wim";
/// What loads Windows by TFTP where there is no wimboot; BIOS only.
pub(super) const PXEBOOT: &str = "pxeboot.n12";

/// Where Windows' own boot loaders look for a part when they came by TFTP.
pub(super) const LOADER_PATHS: &[(&str, &str)] = &[
    (PXEBOOT, PXEBOOT),
    ("pxeboot.com", "pxeboot.com"),
    // PXELINUX starts only what is called so.
    ("pxeboot.com", "pxeboot.0"),
    ("bootmgr.exe", "bootmgr.exe"),
    ("BCD", "Boot/BCD"),
    ("boot.sdi", "Boot/boot.sdi"),
    ("wgl4_boot.ttf", "Boot/Fonts/wgl4_boot.ttf"),
    (BOOT_WIM, "sources/boot.wim"),
];

/// What wimboot cannot do without, apart from a boot manager.
const NEEDED: &[&str] = &["BCD", "boot.sdi"];
/// Any of them is a boot manager.
const MANAGERS: &[&str] = &["bootmgr.exe", "bootmgr", "bootmgfw.efi", "bootx64.efi"];

impl Config {
    /// The entry that Windows' network loaders boot, since they ask for fixed names: the first that
    /// they can.
    pub(super) fn loader_entry(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.has_loaders())
    }
}

impl Entry {
    /// The name under which a part of it is served.
    pub(super) fn part_path(&self, name: &str) -> String {
        format!("images/{}/{name}", self.name)
    }

    pub(super) fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// Parts that wimboot must be given since it does not find them by itself, and whether they are
    /// there. Nothing is known of an image that nobody looked into.
    pub(super) fn given(&self) -> Vec<(&str, bool)> {
        if self.parts.is_empty() {
            return Vec::new();
        }
        let known = self.parts.iter().filter(|part| {
            // The image itself comes last, and Windows' network loaders have no place in it.
            part.origin != Origin::Image && part.name != BOOT_WIM
        });
        let known = known.map(|part| (part.name.as_str(), true));
        known.chain(self.lacking().into_iter().map(|name| (name, false))).collect()
    }

    /// Parts without which Windows does not boot, and which nobody has found.
    pub(super) fn lacking(&self) -> Vec<&'static str> {
        if self.parts.is_empty() {
            return Vec::new();
        }
        let absent = |name: &&&str| self.part(name).is_none();
        let mut lacking: Vec<_> = NEEDED.iter().filter(absent).copied().collect();
        if MANAGERS.iter().all(|name| self.part(name).is_none()) {
            lacking.push(MANAGERS[0]);
        }
        lacking
    }

    /// Whether Windows' own network loader can boot it, from the paths of [`LOADER_PATHS`].
    pub(super) fn has_loaders(&self) -> bool {
        let image = matches!(self.target(), Some(Target::Wim { .. })) && self.file().is_some();
        let mut needed = [PXEBOOT, "bootmgr.exe", "BCD", "boot.sdi"].into_iter();
        (image || self.part(BOOT_WIM).is_some()) && needed.all(|name| self.part(name).is_some())
    }
}
