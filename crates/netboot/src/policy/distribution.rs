//! Boot programs that distributions package, and where they install them.

use std::path::{Path, PathBuf};

use super::bootfile::{
    GRUB_ARM64, GRUB_X64, IPXE_KERNEL, PXELINUX, SHIM_ARM64, SHIM_X64, SNPONLY, UNDIONLY,
};

/// What distributions have: file, Debian package, folders where it may be. The first that exists
/// counts.
pub(crate) const PROGRAMS: &[(&str, &str, &[&str])] = &[
    (UNDIONLY, "ipxe", IPXE),
    (SNPONLY, "ipxe", IPXE),
    ("ipxe.efi", "ipxe", IPXE),
    (IPXE_KERNEL, "ipxe", IPXE),
    (PXELINUX, "pxelinux", SYSLINUX),
    ("lpxelinux.0", "pxelinux", SYSLINUX),
    ("memdisk", "syslinux-common", SYSLINUX),
    ("ldlinux.c32", "syslinux-common", SYSLINUX),
    ("libcom32.c32", "syslinux-common", SYSLINUX),
    ("libutil.c32", "syslinux-common", SYSLINUX),
    ("libmenu.c32", "syslinux-common", SYSLINUX),
    ("menu.c32", "syslinux-common", SYSLINUX),
    ("vesamenu.c32", "syslinux-common", SYSLINUX),
    ("gpxecmd.c32", "syslinux-common", SYSLINUX),
];
const IPXE: &[&str] = &["/usr/lib/ipxe", "/usr/share/ipxe"];
const SYSLINUX: &[&str] = &[
    "/usr/lib/PXELINUX",
    "/usr/lib/syslinux",
    "/usr/lib/syslinux/modules/bios",
    "/usr/share/syslinux",
    "/usr/lib/syslinux/bios",
];

/// Signed programs of the distributions, which are called otherwise where they are installed: name,
/// Debian package, paths.
pub(crate) const SIGNED: &[(&str, &str, &[&str])] = &[
    (
        SHIM_X64,
        "shim-signed",
        &["/usr/lib/shim/shimx64.efi.signed", "/usr/lib/shim/shimx64.efi.signed.latest"],
    ),
    (GRUB_X64, "grub-efi-amd64-signed", &["/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed"]),
    (
        SHIM_ARM64,
        "shim-signed",
        &["/usr/lib/shim/shimaa64.efi.signed", "/usr/lib/shim/shimaa64.efi.signed.latest"],
    ),
    (
        GRUB_ARM64,
        "grub-efi-arm64-signed",
        &["/usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed"],
    ),
];

/// Where files of the distribution are looked for: folders, and the files themselves, since some are
/// links to other places.
pub(crate) fn distribution_paths() -> impl Iterator<Item = PathBuf> {
    let signed = SIGNED.iter().flat_map(|(_, _, paths)| paths.iter());
    let folders = IPXE.iter().chain(SYSLINUX).chain(signed).map(PathBuf::from);
    let files = PROGRAMS.iter().flat_map(|(file, _, folders)| {
        folders.iter().map(move |folder| Path::new(folder).join(file))
    });
    folders.chain(files)
}

/// The Debian package that has a file.
pub(crate) fn package_of(file: &str) -> Option<&'static str> {
    PROGRAMS.iter().chain(SIGNED).find(|row| row.0 == file).map(|row| row.1)
}
