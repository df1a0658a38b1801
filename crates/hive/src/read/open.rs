//! Checks of the base block and the bin headers when a hive is opened.

use winpe_registry::NtString;
use zerocopy::FromBytes;

use super::{FileTime, Image, Key, OpenError};
use crate::format::{BASE_BLOCK_LEN, BaseBlock, BinHeader, CellOffset, PAGE};

/// The fields of the base block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Major version; 1.
    pub major: u32,
    /// Minor version; 3 to 6 in current hives.
    pub minor: u32,
    /// Primary sequence number.
    pub primary_sequence: u32,
    /// Secondary sequence number; the same in a clean hive.
    pub secondary_sequence: u32,
    /// Time of the last write of the file; often 0 or never updated.
    pub timestamp: FileTime,
    /// The end of the path that the hive was loaded from.
    pub file_name: NtString,
    /// The root key.
    pub root: CellOffset,
    /// Bytes of bins.
    pub bins_len: u32,
    /// Bytes of the file after the bins, which have no meaning.
    pub trailing_len: u64,
}

/// Damage of the file as a whole that [`Hive::open`](crate::Hive::open) refuses and
/// [`Hive::open_lenient`](crate::Hive::open_lenient) ignores.
pub type Damage = OpenError;

/// A file that was recognised as a hive.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) minor: u32,
    /// Bytes of bins that exist.
    pub(crate) bins_len: u32,
    pub(crate) root: CellOffset,
    pub(crate) damage: Vec<Damage>,
}

/// Refuses any damage.
pub(crate) fn open(file: &[u8]) -> Result<Opened, OpenError> {
    let opened = inspect(file, Err)?;
    Ok(opened)
}

/// Refuses only damage that leaves no hive to read.
pub(crate) fn open_lenient(file: &[u8]) -> Result<Opened, OpenError> {
    let mut found = Vec::new();
    let mut opened = inspect(file, |damage| {
        // Bins without a header come in runs; the first ones suffice.
        if found.len() < 64 {
            found.push(damage);
        }
        Ok(())
    })?;
    opened.damage = found;
    Ok(opened)
}

/// Reads the base block and the header of each bin; `damaged` decides whether to continue after
/// damage.
fn inspect(
    file: &[u8],
    mut damaged: impl FnMut(Damage) -> Result<(), OpenError>,
) -> Result<Opened, OpenError> {
    let block = base_block(file)?;
    let file_type = block.file_type.get();
    if file_type != 0 {
        let field = "the file type";
        return Err(OpenError::Field { field, offset: 0x1c, expected: 0, actual: file_type });
    }
    let least = BASE_BLOCK_LEN + PAGE as usize;
    if file.len() < least {
        damaged(OpenError::TooShort { expected: least as u64, actual: file.len() as u64 })?;
    }
    let (major, minor) = (block.major.get(), block.minor.get());
    if major != 1 || !(1..=6).contains(&minor) {
        damaged(OpenError::Version { major, minor })?;
    }
    let format = block.file_format.get();
    if format != 1 {
        let field = "the file format";
        damaged(OpenError::Field { field, offset: 0x20, expected: 1, actual: format })?;
    }
    let (stored, computed) = (block.checksum.get(), block.computed_checksum());
    if stored != computed {
        damaged(OpenError::Checksum { stored, computed })?;
    }
    let (primary, secondary) = (block.primary_sequence.get(), block.secondary_sequence.get());
    if primary != secondary {
        damaged(OpenError::Dirty { primary, secondary })?;
    }
    let bins_len = bins_len(file, block, &mut damaged)?;
    let mut at = 0;
    while at < bins_len {
        at = match bin_len(file, at, bins_len) {
            Some(len) => at + len,
            None => {
                damaged(OpenError::Bin { at: CellOffset::new(at) })?;
                at + PAGE
            }
        };
    }
    let root = CellOffset::new(block.root_cell.get());
    Key::new(Image::new(file, bins_len, minor), root)?;
    Ok(Opened { minor, bins_len, root, damage: Vec::new() })
}

fn base_block(file: &[u8]) -> Result<&BaseBlock, OpenError> {
    if !file.starts_with(&BaseBlock::SIGNATURE) {
        return Err(OpenError::NotAHive { actual: file[..file.len().min(4)].to_vec() });
    }
    match BaseBlock::ref_from_prefix(file) {
        Ok((block, _)) if file.len() > BASE_BLOCK_LEN => Ok(block),
        _ => {
            let expected = (BASE_BLOCK_LEN + PAGE as usize) as u64;
            Err(OpenError::TooShort { expected, actual: file.len() as u64 })
        }
    }
}

/// The bytes of bins that exist; all of the file after the base block if the base block states an
/// impossible length.
fn bins_len(
    file: &[u8],
    block: &BaseBlock,
    damaged: &mut impl FnMut(Damage) -> Result<(), OpenError>,
) -> Result<u32, OpenError> {
    let actual = block.bins_len.get();
    let limit = (file.len() - BASE_BLOCK_LEN) as u64;
    let there = limit.min(u64::from(MAX_BINS_LEN)) as u32;
    if actual == 0 || !actual.is_multiple_of(PAGE) || actual > there {
        damaged(OpenError::BinsLength { actual, limit })?;
        return Ok(there);
    }
    Ok(actual)
}

/// Offsets from 2 GiB up denote volatile cells.
pub(crate) const MAX_BINS_LEN: u32 = 0x7fff_f000;

/// The length of the bin at `at`, if its header is sound.
fn bin_len(file: &[u8], at: u32, bins_len: u32) -> Option<u32> {
    let bytes = file.get(BASE_BLOCK_LEN + at as usize..)?;
    let (head, _) = BinHeader::ref_from_prefix(bytes).ok()?;
    let len = head.size.get();
    let sound = head.signature == BinHeader::SIGNATURE
        && head.offset.get() == at
        && len != 0
        && len % PAGE == 0
        && len <= bins_len - at;
    sound.then_some(len)
}

impl Header {
    /// `file` was opened, so it has a base block.
    pub(crate) fn of(file: &[u8]) -> Self {
        let (block, _) = BaseBlock::ref_from_prefix(file).expect("an open hive has a base block");
        let name = NtString::from_utf16le(&block.file_name);
        let bins_end = BASE_BLOCK_LEN as u64 + u64::from(block.bins_len.get());
        Self {
            major: block.major.get(),
            minor: block.minor.get(),
            primary_sequence: block.primary_sequence.get(),
            secondary_sequence: block.secondary_sequence.get(),
            timestamp: FileTime(block.timestamp.get()),
            file_name: name.units().iter().copied().take_while(|&unit| unit != 0).collect(),
            root: CellOffset::new(block.root_cell.get()),
            bins_len: block.bins_len.get(),
            trailing_len: (file.len() as u64).saturating_sub(bins_end),
        }
    }

    /// The version, as `1.5`.
    #[must_use]
    pub fn version(&self) -> String {
        format!("{}.{}", self.major, self.minor)
    }
}
