//! Which boot file a machine gets. This table is the only place that knows.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::platform::Platform;

/// How a machine gets from its ROM to the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chain {
    /// ROM, iPXE, `boot.ipxe`, iPXE's menu.
    #[default]
    Ipxe,
    /// ROM, PXELINUX, PXELINUX's menu.
    Pxelinux,
    /// ROM, PXELINUX, `ipxe.lkrn`, `boot.ipxe`, PXELINUX over HTTP, PXELINUX's menu: for machines,
    /// such as some Dell Vostro notebooks, whose firmware does not get on with `undionly.kpxe`.
    Dell,
}

/// Platform, first program of the iPXE chain, first program of the PXELINUX chains. PXELINUX is
/// BIOS's; elsewhere its chains are the iPXE one.
const TABLE: &[(Platform, &str, Option<&str>)] = &[
    (Platform::Bios, "undionly.kpxe", Some("pxelinux.0")),
    (Platform::UefiIa32, "snponly-ia32.efi", None),
    (Platform::UefiX64, "snponly.efi", None),
    (Platform::UefiArm32, "snponly-arm32.efi", None),
    (Platform::UefiArm64, "snponly-arm64.efi", None),
    (Platform::UefiRiscv64, "snponly-riscv64.efi", None),
    (Platform::UefiLoongarch64, "snponly-loong64.efi", None),
];

/// The script that every iPXE gets, by URL.
pub const SCRIPT: &str = "boot.ipxe";
/// iPXE as a Linux kernel, which PXELINUX starts in [`Chain::Dell`].
pub const IPXE_KERNEL: &str = "ipxe.lkrn";
/// PXELINUX, which `boot.ipxe` starts over HTTP in [`Chain::Dell`].
pub const PXELINUX: &str = "pxelinux.0";

/// The boot file of each platform where it is not that of the table.
pub type Overrides = BTreeMap<Platform, String>;

/// The file that a machine's firmware is told to load.
#[must_use]
pub fn boot_file(platform: Platform, chain: Chain, overrides: &Overrides) -> &str {
    if let Some(file) = overrides.get(&platform) {
        return file;
    }
    let (_, ipxe, pxelinux) =
        TABLE.iter().find(|row| row.0 == platform).expect("the table has a row for each platform");
    match (chain, pxelinux) {
        (Chain::Pxelinux | Chain::Dell, Some(pxelinux)) => pxelinux,
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
            for chain in [Chain::Ipxe, Chain::Pxelinux, Chain::Dell] {
                let file = boot_file(platform, chain, &none);
                assert_eq!(file.ends_with(".efi"), platform.is_uefi(), "{platform} {file}");
            }
        }
    }

    #[test]
    fn an_override_holds_in_every_chain() {
        let overrides = Overrides::from([(Platform::UefiX64, "shimx64.efi".to_owned())]);
        assert_eq!(boot_file(Platform::UefiX64, Chain::Dell, &overrides), "shimx64.efi");
        assert_eq!(boot_file(Platform::Bios, Chain::Dell, &overrides), "pxelinux.0");
        assert_eq!(boot_file(Platform::Bios, Chain::Ipxe, &overrides), "undionly.kpxe");
    }
}
