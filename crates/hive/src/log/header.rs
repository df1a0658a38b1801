//! The base block for recovery: the 512 bytes that a hive and its logs have in common.

/// Length of the part of a base block that a log repeats; also the sector size of log entries and
/// dirty pages.
pub(super) const SECTOR: usize = 512;

/// Length of a hive's base block; the bins follow it.
pub(super) const BASE_BLOCK: usize = 4096;

/// Length of the smallest bin.
pub(super) const BIN: usize = 4096;

/// Bins beyond this size cannot be addressed: the top bit of a cell offset marks volatile storage.
pub(super) const MAX_BINS: usize = 0x8000_0000 - BASE_BLOCK;

const PRIMARY_SEQUENCE: usize = 4;
const SECONDARY_SEQUENCE: usize = 8;
const TIMESTAMP: usize = 12;
const FILE_TYPE: usize = 28;
pub(super) const BINS_SIZE: usize = 40;
const FLAGS: usize = 144;
pub(super) const CHECKSUM: usize = 508;

/// Offset of the timestamp in the header of the first bin, a copy of the base block's.
const FIRST_BIN_TIMESTAMP: usize = BASE_BLOCK + 20;

/// The one bit of [`FLAGS`] that log entries carry: the transaction manager has locked the hive.
const LOCKED: u32 = 1;

/// The first sector of a hive or of a log.
#[derive(Clone, Copy)]
pub(super) struct Header<'a>(&'a [u8]);

impl<'a> Header<'a> {
    /// `None` if the file is shorter than a sector.
    pub(super) fn of(file: &'a [u8]) -> Option<Self> {
        file.get(..SECTOR).map(Self)
    }

    pub(super) fn sector(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn signature(self) -> [u8; 4] {
        u32_at(self.0, 0).to_le_bytes()
    }

    pub(super) fn primary_sequence(self) -> u32 {
        u32_at(self.0, PRIMARY_SEQUENCE)
    }

    pub(super) fn secondary_sequence(self) -> u32 {
        u32_at(self.0, SECONDARY_SEQUENCE)
    }

    pub(super) fn timestamp(self) -> u64 {
        u64_at(self.0, TIMESTAMP)
    }

    pub(super) fn file_type(self) -> u32 {
        u32_at(self.0, FILE_TYPE)
    }

    pub(super) fn bins_size(self) -> u32 {
        u32_at(self.0, BINS_SIZE)
    }

    pub(super) fn stored_checksum(self) -> u32 {
        u32_at(self.0, CHECKSUM)
    }

    /// XOR of the words before the checksum, which is never 0 and never all ones.
    pub(super) fn checksum(self) -> u32 {
        let words = self.0[..CHECKSUM].chunks_exact(4);
        match words.fold(0, |sum, word| sum ^ u32_at(word, 0)) {
            0 => 1,
            u32::MAX => u32::MAX - 1,
            sum => sum,
        }
    }

    /// Whether signature and checksum are right.
    pub(super) fn is_valid(self) -> bool {
        self.signature() == *b"regf" && self.stored_checksum() == self.checksum()
    }
}

/// The timestamp used instead of the base block's if that is damaged.
pub(super) fn first_bin_timestamp(hive: &[u8]) -> Option<u64> {
    hive.get(FIRST_BIN_TIMESTAMP..FIRST_BIN_TIMESTAMP + 8).map(|field| u64_at(field, 0))
}

/// Copies the timestamp of a log to a hive's base block.
pub(super) fn set_timestamp(hive: &mut [u8], timestamp: u64) {
    hive[TIMESTAMP..][..8].copy_from_slice(&timestamp.to_le_bytes());
}

/// Copies the one flag that a log entry carries.
pub(super) fn set_locked(hive: &mut [u8], entry_flags: u32) {
    put_u32(hive, FLAGS, u32_at(hive, FLAGS) & !LOCKED | entry_flags & LOCKED);
}

/// Makes the base block that of a clean hive: equal sequence numbers, correct checksum.
pub(super) fn seal(hive: &mut [u8], sequence: u32, bins_size: u32) {
    put_u32(hive, PRIMARY_SEQUENCE, sequence);
    put_u32(hive, SECONDARY_SEQUENCE, sequence);
    put_u32(hive, FILE_TYPE, 0);
    put_u32(hive, BINS_SIZE, bins_size);
    let checksum = Header(&hive[..SECTOR]).checksum();
    put_u32(hive, CHECKSUM, checksum);
}

/// The little-endian word at `offset`, which the caller has checked to be in range.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..][..4].try_into().expect("a slice of four bytes"))
}

/// The little-endian double word at `offset`, which the caller has checked to be in range.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..][..8].try_into().expect("a slice of eight bytes"))
}

fn put_u32(bytes: &mut [u8], offset: usize, value: u32) {
    bytes[offset..][..4].copy_from_slice(&value.to_le_bytes());
}
