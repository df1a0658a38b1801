//! Firmware and processor of a machine, as option 93 says.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Firmware and processor: what a boot file must be made for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// PC BIOS.
    Bios,
    /// UEFI on 32-bit x86.
    UefiIa32,
    /// UEFI on x86-64.
    UefiX64,
    /// UEFI on 32-bit ARM.
    UefiArm32,
    /// UEFI on 64-bit ARM.
    UefiArm64,
    /// UEFI on 64-bit RISC-V.
    UefiRiscv64,
    /// UEFI on 64-bit `LoongArch`.
    UefiLoongarch64,
}

/// One of the numbers of option 93.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Architecture {
    /// What the machine is.
    pub(crate) platform: Platform,
    /// Whether the firmware wants a URL (UEFI HTTP Boot) rather than a TFTP file name.
    pub(crate) http: bool,
}

/// RFC 4578 with its erratum (7 is x86-64, and so is 9 in practice), and IANA's register.
const NUMBERS: &[(u16, Platform, bool)] = &[
    (0, Platform::Bios, false),
    (6, Platform::UefiIa32, false),
    (7, Platform::UefiX64, false),
    (9, Platform::UefiX64, false),
    (10, Platform::UefiArm32, false),
    (11, Platform::UefiArm64, false),
    (15, Platform::UefiIa32, true),
    (16, Platform::UefiX64, true),
    (17, Platform::UefiX64, true),
    (18, Platform::UefiArm32, true),
    (19, Platform::UefiArm64, true),
    (20, Platform::Bios, true),
    // U-Boot, which starts UEFI programs.
    (21, Platform::UefiArm32, false),
    (22, Platform::UefiArm64, false),
    (23, Platform::UefiArm32, true),
    (24, Platform::UefiArm64, true),
    (27, Platform::UefiRiscv64, false),
    (28, Platform::UefiRiscv64, true),
    (39, Platform::UefiLoongarch64, false),
    (40, Platform::UefiLoongarch64, true),
];

impl Architecture {
    /// The architecture of a number; none for one that no known firmware sends.
    #[must_use]
    pub(crate) fn from_number(number: u16) -> Option<Self> {
        let (_, platform, http) = *NUMBERS.iter().find(|row| row.0 == number)?;
        Some(Self { platform, http })
    }

    /// The first known number of option 93.
    #[must_use]
    pub(crate) fn from_list(value: &[u8]) -> Option<Self> {
        let (numbers, _) = value.as_chunks::<2>();
        numbers.iter().find_map(|number| Self::from_number(u16::from_be_bytes(*number)))
    }

    /// From a vendor class such as `PXEClient:Arch:00007:UNDI:003000`.
    #[must_use]
    pub(crate) fn from_vendor_class(class: &str) -> Option<Self> {
        if let Some(processor) = class.strip_prefix("U-Boot.") {
            let number = if processor.starts_with("armv8") { 22 } else { 21 };
            return Self::from_number(number).filter(|_| processor.starts_with("arm"));
        }
        let (_, after) = class.split_once(":Arch:")?;
        Self::from_number(after.split(':').next()?.parse().ok()?)
    }

    /// Every number known, for tables.
    pub(crate) fn all() -> impl Iterator<Item = (u16, Self)> {
        NUMBERS.iter().map(|&(number, platform, http)| (number, Self { platform, http }))
    }
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 7] = [
        Self::Bios,
        Self::UefiIa32,
        Self::UefiX64,
        Self::UefiArm32,
        Self::UefiArm64,
        Self::UefiRiscv64,
        Self::UefiLoongarch64,
    ];

    /// Whether its firmware is UEFI.
    #[must_use]
    pub fn is_uefi(self) -> bool {
        self != Self::Bios
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bios => "BIOS",
            Self::UefiIa32 => "UEFI IA32",
            Self::UefiX64 => "UEFI x64",
            Self::UefiArm32 => "UEFI ARM32",
            Self::UefiArm64 => "UEFI ARM64",
            Self::UefiRiscv64 => "UEFI RISC-V 64",
            Self::UefiLoongarch64 => "UEFI LoongArch64",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_number_of_the_list_counts() {
        let x64 = Architecture { platform: Platform::UefiX64, http: false };
        assert_eq!(Architecture::from_list(&[0, 7]), Some(x64));
        assert_eq!(Architecture::from_list(&[0, 9]), Some(x64));
        assert_eq!(Architecture::from_list(&[0xff, 0xfe, 0, 7, 0, 0]), Some(x64));
        assert_eq!(Architecture::from_list(&[0]), None);
        assert_eq!(Architecture::from_list(&[]), None);
    }

    #[test]
    fn the_vendor_class_tells_where_the_list_is_missing() {
        let http = Architecture { platform: Platform::UefiX64, http: true };
        let class = "HTTPClient:Arch:00016:UNDI:003000";
        assert_eq!(Architecture::from_vendor_class(class), Some(http));
        assert_eq!(Architecture::from_vendor_class("PXEClient"), None);
        let platform = |class| Architecture::from_vendor_class(class).map(|it| it.platform);
        assert_eq!(platform("U-Boot.armv8"), Some(Platform::UefiArm64));
        assert_eq!(platform("U-Boot.armv7"), Some(Platform::UefiArm32));
        assert_eq!(platform("U-Boot.arm"), Some(Platform::UefiArm32));
        assert_eq!(platform("U-Boot"), None);
        assert_eq!(platform("U-Boot.mips"), None);
        assert_eq!(Architecture::from_vendor_class("PXEClient:Arch:99999999:"), None);
    }
}
