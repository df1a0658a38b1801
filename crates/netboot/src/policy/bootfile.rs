//! Which boot file a machine gets; no other module knows these names.

use crate::client::Platform;
use crate::config::{Chain, Overrides, SecureBoot};

pub(super) const UNDIONLY: &str = "undionly.kpxe";
pub(super) const SNPONLY: &str = "snponly.efi";
pub(super) const SHIM_X64: &str = "shimx64.efi";
pub(super) const SHIM_ARM64: &str = "shimaa64.efi";
pub(super) const GRUB_X64: &str = "grubx64.efi";
pub(super) const GRUB_ARM64: &str = "grubaa64.efi";

/// Platform, the shim that starts GRUB, and GRUB as that shim calls it.
const GRUB: &[(Platform, &str, &str)] =
    &[(Platform::UefiX64, SHIM_X64, GRUB_X64), (Platform::UefiArm64, SHIM_ARM64, GRUB_ARM64)];
/// iPXE's shim starts the file that has the shim's name without `-shim`, here `snponly.efi`.
pub(crate) const IPXE_SHIM: &str = "snponly-shim.efi";

/// Platform, first program of the iPXE chain, first program of the PXELINUX chains. PXELINUX is
/// BIOS's; elsewhere its chains are the iPXE one.
const TABLE: &[(Platform, &str, Option<&str>)] = &[
    (Platform::Bios, UNDIONLY, Some(PXELINUX)),
    (Platform::UefiIa32, "snponly-ia32.efi", None),
    (Platform::UefiX64, SNPONLY, None),
    (Platform::UefiArm32, "snponly-arm32.efi", None),
    (Platform::UefiArm64, "snponly-arm64.efi", None),
    (Platform::UefiRiscv64, "snponly-riscv64.efi", None),
    (Platform::UefiLoongarch64, "snponly-loong64.efi", None),
];

/// The script that every iPXE gets, by URL.
pub(crate) const SCRIPT: &str = "boot.ipxe";
/// iPXE as a Linux kernel, which PXELINUX starts in [`Chain::PxelinuxOverIpxe`].
pub(crate) const IPXE_KERNEL: &str = "ipxe.lkrn";
/// PXELINUX, which `boot.ipxe` starts over HTTP in [`Chain::PxelinuxOverIpxe`].
pub(super) const PXELINUX: &str = "pxelinux.0";

/// GRUB, as the shim that this platform's firmware loads calls it.
pub(crate) fn grub(platform: Platform) -> Option<&'static str> {
    GRUB.iter().find(|row| row.0 == platform).map(|row| row.2)
}

/// The shim that starts GRUB on this platform; an empty name where there is none.
pub(super) fn shim(platform: Platform) -> &'static str {
    GRUB.iter().find(|row| row.0 == platform).map_or("", |row| row.1)
}

/// The file that a machine's firmware loads.
#[must_use]
pub(super) fn boot_file(
    platform: Platform,
    chain: Chain,
    secure: Option<SecureBoot>,
    overrides: &Overrides,
) -> &str {
    if let Some(file) = overrides.get(&platform) {
        return file;
    }
    let signed = match secure {
        Some(SecureBoot::Grub) => GRUB.iter().find(|row| row.0 == platform).map(|row| row.1),
        Some(SecureBoot::Ipxe) => (platform == Platform::UefiX64).then_some(IPXE_SHIM),
        None => None,
    };
    if let Some(file) = signed {
        return file;
    }
    let (_, ipxe, pxelinux) =
        TABLE.iter().find(|row| row.0 == platform).expect("the table has a row for each platform");
    match (chain, pxelinux) {
        (Chain::Pxelinux | Chain::PxelinuxOverIpxe, Some(pxelinux)) => pxelinux,
        _ => ipxe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_has_a_file_in_each_chain() {
        let none = Overrides::new();
        for platform in Platform::ALL {
            let chains = [Chain::Ipxe, Chain::Pxelinux, Chain::PxelinuxOverIpxe];
            let ways = [None, Some(SecureBoot::Grub), Some(SecureBoot::Ipxe)];
            for (chain, secure) in chains.iter().flat_map(|&it| ways.map(|way| (it, way))) {
                let file = boot_file(platform, chain, secure, &none);
                assert_eq!(file.ends_with(".efi"), platform.is_uefi(), "{platform} {file}");
            }
        }
    }

    #[test]
    fn an_override_holds_in_every_chain() {
        let overrides = Overrides::from([(Platform::UefiX64, "shimx64.efi".to_owned())]);
        assert_eq!(
            boot_file(Platform::UefiX64, Chain::PxelinuxOverIpxe, None, &overrides),
            "shimx64.efi"
        );
        assert_eq!(
            boot_file(Platform::Bios, Chain::PxelinuxOverIpxe, None, &overrides),
            "pxelinux.0"
        );
        assert_eq!(boot_file(Platform::Bios, Chain::Ipxe, None, &overrides), "undionly.kpxe");
    }

    #[test]
    fn uefi_firmware_gets_what_is_signed_and_bios_what_it_always_got() {
        let none = Overrides::new();
        let file = |platform, secure| boot_file(platform, Chain::Ipxe, Some(secure), &none);
        assert_eq!(file(Platform::UefiX64, SecureBoot::Grub), "shimx64.efi");
        assert_eq!(file(Platform::UefiArm64, SecureBoot::Grub), "shimaa64.efi");
        assert_eq!(file(Platform::UefiX64, SecureBoot::Ipxe), "snponly-shim.efi");
        assert_eq!(file(Platform::UefiIa32, SecureBoot::Grub), "snponly-ia32.efi");
        assert_eq!(file(Platform::Bios, SecureBoot::Grub), "undionly.kpxe");
    }
}
