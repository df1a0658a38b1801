//! The files that are served: the administrator's, those made from the configuration, and those of the
//! distribution. Opens folders and images, and checks what is missing.

mod tree;

pub use tree::search_own_menus;

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::client::Platform;
use crate::config::Config;
use crate::config::Matcher;
use crate::config::MirroredKind;
use crate::config::{BootFile, Content};
use crate::config::{Chain, SecureBoot};
use crate::config::{Entry, Target};
use crate::files::{Catalog, File, FilePath, FileRequest, FileSource, Folder, Layers, PathError};
use crate::policy::View;
use crate::policy::bootfile::{IPXE_KERNEL, IPXE_SHIM, SCRIPT, grub};
use crate::policy::distribution::{PROGRAMS, SIGNED, package_of};
use crate::policy::loaders::{BOOT_WIM, LOADER_PATHS};
use crate::policy::pxelinux::Below;
use crate::policy::{grub as grub_menu, ipxe, pxelinux};

/// The files that are served, and those that are missing.
#[derive(Clone)]
pub struct Files {
    /// The files. The administrator's folders come first, so that a file there replaces one that would be
    /// made or taken from the distribution.
    pub source: Arc<dyn FileSource>,
    /// Files that clients will ask for and not find.
    pub missing: Vec<Missing>,
    /// Boot files of platforms that few machines have, which clients of these would not find.
    pub missing_for_others: Vec<Missing>,
    /// The names of boot programs and images that clients will ask for and find.
    pub served: Vec<String>,
    /// The names of all files that clients load by HTTP, for another web server to hold.
    pub by_http: Vec<String>,
}

/// A file that clients will ask for and not find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its name.
    pub file: String,
    /// The Debian package that has it.
    pub package: Option<&'static str>,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is missing", self.file)?;
        match self.package {
            Some(package) => write!(f, "; Debian's package {package} has it"),
            None => f.write_str("; put it into one of the folders that are served"),
        }
    }
}

/// Why the files cannot be served.
#[derive(Debug, Error)]
pub enum FilesError {
    /// A folder cannot be opened.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An entry's image is not there.
    #[error("entry {entry:?}: {}: {source}", path.display())]
    Image {
        /// The entry.
        entry: String,
        /// The image.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file's name cannot be asked for.
    #[error(transparent)]
    Name(#[from] PathError),
}

/// Where menus that people bring along often look for the modules of their boot loader.
const MODULES: &str = "syslinux/";

impl Files {
    /// Finds and makes everything that a server of this address serves.
    ///
    /// # Errors
    /// Where a folder or an image that the configuration names is not there.
    pub fn prepare(config: &Config, server: Ipv4Addr) -> Result<Self, FilesError> {
        let mut layers: Vec<Arc<dyn FileSource>> = Vec::new();
        for path in &config.serve.folders {
            let folder = Folder::new(path)
                .map_err(|source| FilesError::Folder { path: path.clone(), source })?;
            layers.push(Arc::new(folder));
        }
        let (made, distribution) = (made(config, server)?, distribution()?);
        let made_choices: Vec<_> = config.choices().map(|choice| choice.to_string()).collect();
        let mut by_http: Vec<String> = made.names().map(str::to_owned).collect();
        by_http.extend(distribution.names().map(str::to_owned));
        layers.push(Arc::new(made));
        layers.push(Arc::new(distribution));
        let source: Arc<dyn FileSource> = Arc::new(Layers::new(layers));
        let (mut served, missing): (Vec<_>, Vec<_>) =
            needed(config).into_iter().partition(|file| has(source.as_ref(), file, server));
        by_http
            .extend(wanted(config).into_iter().filter(|file| has(source.as_ref(), file, server)));
        served.extend(config.entries.iter().flat_map(images));
        by_http.extend(served.iter().cloned());
        by_http.retain(|name| !is_by_tftp_only(name) && !made_choices.contains(name));
        by_http.sort_unstable();
        by_http.dedup();
        let missing =
            missing.into_iter().map(|file| Missing { package: package_of(&file), file }).collect();
        let missing_for_others = others(config)
            .into_iter()
            .filter(|file| !has(source.as_ref(), file, server))
            .map(|file| Missing { package: package_of(&file), file })
            .collect();
        Ok(Self { source, missing, missing_for_others, served, by_http })
    }
}

/// Scripts, menus, and the images of entries.
fn made(config: &Config, server: Ipv4Addr) -> Result<Catalog, FilesError> {
    let mut files = Catalog::new();
    for view in config.views() {
        let rom = pxelinux::menu(config, &view, server, Below::Rom);
        let over_ipxe = pxelinux::menu(config, &view, server, Below::Ipxe);
        files = files
            .with(&view.path(SCRIPT), text(ipxe::boot_script(config, &view, server)))?
            .with(&view.path("pxelinux.cfg/ipxe"), text(pxelinux::start_ipxe()))?
            .with(&view.path("pxelinux.cfg/boot"), text(over_ipxe))?
            .with(&view.path("pxelinux.cfg/default"), text(rom.clone()))?;
        for name in searched(config, &view) {
            files = files.with(&format!("pxelinux.cfg/{name}"), text(rom.clone()))?;
        }
    }
    if let Some(view) = config.views().next() {
        files = files.with(grub_menu::MENU, text(grub_menu::menu(config, &view)))?;
    }
    for choice in config.choices() {
        // No cache may answer a report.
        files = files.with(&choice.to_string(), text("noted\n".to_owned()).secret())?;
    }
    files = files.with("autoexec.ipxe", text(ipxe::autoexec_script(config, server)))?;
    for entry in &config.entries {
        let script = ipxe::entry_script(config, entry, server);
        files = files.with(&format!("entries/{}.ipxe", entry.name), text(script))?;
        for (name, path) in entry.served_files() {
            let readable = std::fs::File::open(path);
            readable.map_err(|source| FilesError::Image {
                entry: entry.name.clone(),
                path: path.into(),
                source,
            })?;
            files = files.with_disk(&name, path)?;
        }
        for part in &entry.files {
            files = with_part(files, &entry.boot_file_path(&part.name), part)?;
        }
    }
    if let Some(entry) = config.loader_entry() {
        for (name, path) in LOADER_PATHS {
            files = match (entry.boot_file(name), entry.served_image()) {
                (Some(part), _) => with_part(files, path, part)?,
                (None, Some((_, image))) if *name == BOOT_WIM => files.with_disk(path, image)?,
                _ => files,
            };
        }
    }
    Ok(files)
}

fn with_part(files: Catalog, name: &str, part: &BootFile) -> Result<Catalog, PathError> {
    match &part.content {
        Content::Bytes(bytes) => files.with(name, File::from_bytes(bytes.clone())),
        Content::Disk { path, start, length } => {
            files.with_part_of_disk(name, path, *start, *length)
        }
    }
}

/// The names under which PXELINUX searches for the clients of a table: their MAC addresses and both
/// spellings of their UUIDs.
fn searched(config: &Config, view: &View<'_>) -> Vec<String> {
    let table = config.clients.iter().find(|client| Some(client.name.as_str()) == view.name());
    let Some(table) = table else { return Vec::new() };
    let macs = table.mac.iter().flat_map(Matcher::values);
    let uuids = table.uuid.iter().flat_map(Matcher::values);
    macs.map(|mac| format!("01-{}", mac.replace(':', "-").to_ascii_lowercase()))
        .chain(uuids.flat_map(|uuid| {
            let uuid = uuid.to_ascii_lowercase();
            [crate::client::other_spelling(&uuid), Some(uuid)].into_iter().flatten()
        }))
        .collect()
}

fn distribution() -> Result<Catalog, PathError> {
    let mut files = Catalog::new();
    for (file, _, folders) in PROGRAMS {
        let path = folders.iter().map(|folder| Path::new(folder).join(file));
        if let Some(path) = path.into_iter().find(|path| path.is_file()) {
            files = files.with_disk(file, &path)?.with_disk(&format!("{MODULES}{file}"), path)?;
        }
    }
    for (name, _, paths) in SIGNED {
        if let Some(path) = paths.iter().find(|path| Path::new(path).is_file()) {
            files = files.with_disk(name, path)?;
        }
    }
    Ok(files)
}

/// What clients will ask this server for: what they want, without programs that another server has.
fn needed(config: &Config) -> Vec<String> {
    let mut files = wanted(config);
    if config.holds(MirroredKind::Programs) {
        // PXELINUX on a ROM has TFTP alone.
        let memdisk = config.views().any(|view| view.chain() != Chain::Ipxe);
        files.retain(|file| file != "wimboot" && (memdisk || file != "memdisk"));
    }
    files
}

/// What clients want: the boot files of BIOS and UEFI x64, and the files that menus name.
fn wanted(config: &Config) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    let mut need = |names: &[&str]| files.extend(names.iter().map(|&name| name.to_owned()));
    let pxelinux = config.views().any(|view| view.chain() != Chain::Ipxe);
    for view in config.views() {
        let usual = [Platform::Bios, Platform::UefiX64].into_iter();
        usual.filter(|it| view.has_platform(*it)).for_each(|it| need(&[view.boot_file(it)]));
        let script = view.script();
        // The usual one is made here.
        if script != view.path(SCRIPT) && !crate::config::is_url(&script) {
            need(&[&script]);
        }
        if view.chain() == Chain::PxelinuxOverIpxe {
            need(&[IPXE_KERNEL]);
        }
        match view.secure_boot() {
            Some(SecureBoot::Grub) => need(grub(Platform::UefiX64).as_slice()),
            // The shim starts the file with its name without `-shim`.
            Some(SecureBoot::Ipxe) => need(&[&IPXE_SHIM.replace("-shim", "")]),
            None => {}
        }
    }
    if pxelinux {
        need(&["ldlinux.c32", "libutil.c32", "menu.c32"]);
    }
    for entry in &config.entries {
        match entry.target() {
            Some(Target::San(_)) if pxelinux => need(&["gpxecmd.c32", "libcom32.c32"]),
            Some(Target::Wim { .. } | Target::Windows { .. }) => {
                need(&["wimboot"]);
                entry
                    .missing_boot_files()
                    .iter()
                    .for_each(|name| need(&[&entry.boot_file_path(name)]));
            }
            Some(Target::Iso(_)) => need(&["memdisk"]),
            Some(Target::Pxe(program)) if !crate::config::is_url(program) => need(&[program]),
            _ => {}
        }
    }
    files.sort_unstable();
    files.dedup();
    files
}

/// The boot files of IA32 and ARM64, which no distribution has as iPXE.
fn others(config: &Config) -> BTreeSet<String> {
    if config.holds(MirroredKind::Programs) {
        return BTreeSet::new();
    }
    let mut files = BTreeSet::new();
    for view in config.views() {
        let platforms = [Platform::UefiIa32, Platform::UefiArm64].into_iter();
        for platform in platforms.filter(|it| view.has_platform(*it)) {
            files.insert(view.boot_file(platform).to_owned());
            if view.secure_boot() == Some(SecureBoot::Grub) {
                files.extend(grub(platform).map(str::to_owned));
            }
        }
    }
    files
}

/// Files that Windows' loaders, GRUB and menus of other tools look for by TFTP only.
fn is_by_tftp_only(name: &str) -> bool {
    let windows = LOADER_PATHS.iter().any(|(_, path)| *path == name);
    windows || name == grub_menu::MENU || name.starts_with(MODULES)
}

/// The image of an entry, and what is taken out of it.
fn images(entry: &Entry) -> impl Iterator<Item = String> {
    let parts = entry.files.iter().map(|part| entry.boot_file_path(&part.name));
    parts.chain(entry.served_files().into_iter().map(|(name, _)| name))
}

fn has(source: &dyn FileSource, file: &str, server: Ipv4Addr) -> bool {
    let Ok(path) = file.parse::<FilePath>() else { return false };
    let (client, local) = (server.into(), server.into());
    source.open(&FileRequest { path: &path, query: None, client, local }).is_ok()
}

fn text(text: String) -> File {
    File::from_bytes(text)
}

#[cfg(test)]
mod tests;
