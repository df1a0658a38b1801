//! Creates an empty hive: base block, one bin, root key and default security descriptor.

use thiserror::Error;
use winpe_registry::KeyName;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

use super::{Refusal, Store};
use crate::format::{
    BASE_BLOCK_LEN, BIN_HEADER_LEN, BaseBlock, BinHeader, CellOffset, KeyFlags, KeyNode, PAGE,
};
use crate::read::FileTime;

/// Why a hive could not be created.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The minor version is not one that Windows loads.
    #[error("expected a minor version from 3 to 6, found {0}")]
    Version(u32),
    /// The root key could not be stored.
    #[error(transparent)]
    Root(#[from] Refusal),
}

impl Store {
    /// A hive with only a root key and its security descriptor.
    pub(crate) fn create(minor: u32, name: &KeyName, now: FileTime) -> Result<Self, CreateError> {
        if !(3..=6).contains(&minor) {
            return Err(CreateError::Version(minor));
        }
        let mut bytes = base_block(minor).as_bytes().to_vec();
        bytes.resize(BASE_BLOCK_LEN, 0);
        let mut bin = BinHeader::new(0, PAGE);
        bin.timestamp = U64::new(now.0);
        bytes.extend_from_slice(bin.as_bytes());
        bytes.extend_from_slice(&(PAGE - BIN_HEADER_LEN).to_le_bytes());
        bytes.resize(BASE_BLOCK_LEN + PAGE as usize, 0);

        let mut store = Self::new(bytes.into(), PAGE, minor, CellOffset::new(BIN_HEADER_LEN));
        store.transaction(now, |store| {
            let mut node = KeyNode::empty(CellOffset::NIL, CellOffset::NIL);
            node.flags.set(KeyFlags::ROOT.0 | KeyFlags::NO_DELETE.0);
            node.last_written.set(now.0);
            // All of the bin is free, so this is its first cell.
            let root = store.allocate_key(node, name.text())?;
            let security = store.allocate_security(&default_descriptor(), None)?;
            store.add_reference(security)?;
            let mut node = store.node(root)?;
            node.security.set(security.get());
            store.put(root, &node);
            Ok(())
        })?;
        Ok(store)
    }
}

fn base_block(minor: u32) -> BaseBlock {
    BaseBlock {
        signature: BaseBlock::SIGNATURE,
        primary_sequence: U32::new(0),
        secondary_sequence: U32::new(0),
        timestamp: U64::new(0),
        major: U32::new(1),
        minor: U32::new(minor),
        file_type: U32::new(0),
        file_format: U32::new(1),
        root_cell: U32::new(BIN_HEADER_LEN),
        bins_len: U32::new(PAGE),
        cluster: U32::new(1),
        file_name: [0; 64],
        reserved: [0; 396],
        checksum: U32::new(0),
    }
}

/// The default descriptor of the root of a machine hive in Windows: SYSTEM and administrators have
/// full access, users and app containers may read; subkeys inherit it. The owner is Administrators.
///
/// Layout: Microsoft, [MS-DTYP] 2.4.6 `SECURITY_DESCRIPTOR`, 2.4.5 `ACL`, 2.4.2 `SID`.
pub(super) fn default_descriptor() -> Vec<u8> {
    const KEY_ALL_ACCESS: u32 = 0x000f_003f;
    const KEY_READ: u32 = 0x0002_0019;
    /// `SE_SELF_RELATIVE | SE_DACL_PRESENT`
    const CONTROL: u16 = 0x8004;
    const CONTAINER_INHERIT: u8 = 0x02;
    let system = sid(5, &[18]);
    let administrators = sid(5, &[32, 544]);
    let users = sid(5, &[32, 545]);
    let app_packages = sid(15, &[2, 1]);

    let mut entries = Vec::new();
    let rights = [
        (KEY_ALL_ACCESS, &system),
        (KEY_ALL_ACCESS, &administrators),
        (KEY_READ, &users),
        (KEY_READ, &app_packages),
    ];
    for (access, sid) in rights {
        entries.extend([0, CONTAINER_INHERIT]);
        entries.extend(((8 + sid.len()) as u16).to_le_bytes());
        entries.extend(access.to_le_bytes());
        entries.extend(sid);
    }
    let mut dacl = vec![2, 0];
    dacl.extend(((8 + entries.len()) as u16).to_le_bytes());
    dacl.extend((rights.len() as u32).to_le_bytes());
    dacl.extend(entries);

    let owner_at = 20 + dacl.len() as u32;
    let group_at = owner_at + administrators.len() as u32;
    let mut descriptor = vec![1, 0];
    descriptor.extend(CONTROL.to_le_bytes());
    for offset in [owner_at, group_at, 0, 20] {
        descriptor.extend(offset.to_le_bytes());
    }
    descriptor.extend(dacl);
    descriptor.extend(administrators);
    descriptor.extend(system);
    descriptor
}

fn sid(authority: u8, sub_authorities: &[u32]) -> Vec<u8> {
    let mut sid = vec![1, sub_authorities.len() as u8, 0, 0, 0, 0, 0, authority];
    sid.extend(sub_authorities.iter().flat_map(|number| number.to_le_bytes()));
    sid
}
