//! `chain`, `secure-boot` and `boot-files`: how a machine gets to its menu.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::client::Platform;

/// How a machine gets from its ROM to the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Chain {
    /// ROM, iPXE, `boot.ipxe`, iPXE's menu.
    #[default]
    Ipxe,
    /// ROM, PXELINUX, PXELINUX's menu.
    Pxelinux,
    /// ROM, PXELINUX, `ipxe.lkrn`, `boot.ipxe`, PXELINUX over HTTP, PXELINUX's menu: for machines, such as
    /// some Dell Vostro notebooks, whose firmware fails with `undionly.kpxe`.
    #[serde(rename = "dell")]
    PxelinuxOverIpxe,
}

/// What UEFI firmware gets that starts signed programs only. No DHCP option says whether it does, so all UEFI
/// firmware gets the same; firmware without Secure Boot starts signed programs too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecureBoot {
    /// The distribution's shim, which starts the distribution's GRUB.
    Grub,
    /// iPXE's shim, which starts the iPXE that its project signed.
    Ipxe,
}

/// The boot file of each platform where it is not that of the table.
pub type Overrides = BTreeMap<Platform, String>;

/// Says in the schema of [`Overrides`] which keys they have.
pub(super) fn name_platforms(schema: &mut Schema) {
    schema.insert("propertyNames".to_owned(), serde_json::json!({ "enum": Platform::ALL }));
}
