//! `RecoverError`, `Unfit` and `Stop`: why a hive was not recovered, a log not used, or a replay
//! ended.

use thiserror::Error;

/// Why a hive was not recovered. Logs are named by their index in the given list.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The file is too short to be a hive, with or without logs.
    #[error("{actual} bytes are too few for a hive, at least {expected} are needed")]
    TooShort {
        /// Length of a base block and one bin.
        expected: usize,
        /// Length of the file.
        actual: usize,
    },
    /// The hive needs its logs, but none was given.
    #[error("the hive is dirty ({0}) and there is no transaction log")]
    NoLogs(Dirt),
    /// The hive needs its logs, but none of those given can be replayed on it.
    #[error(
        "the hive is dirty ({dirt}) and no transaction log fits: {}",
        unfit.iter().map(|(log, why)| format!("log {}: {why}", log + 1)).collect::<Vec<_>>().join("; ")
    )]
    NoLogFits {
        /// Why the hive needs a log.
        dirt: Dirt,
        /// Each log and why it was not taken.
        unfit: Vec<(usize, Unfit)>,
    },
}

/// The evidence that the last write of a hive was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Dirt {
    /// Bytes 0..4 are not `regf`.
    #[error("signature at 0x0 is {:?}, expected \"regf\"", actual.escape_ascii().to_string())]
    Signature {
        /// The bytes found.
        actual: [u8; 4],
    },
    /// The base block was only partly written.
    #[error("checksum at 0x1fc is 0x{actual:08x}, expected 0x{expected:08x}")]
    Checksum {
        /// Computed from the bytes before it.
        expected: u32,
        /// The checksum found.
        actual: u32,
    },
    /// A write began and did not end.
    #[error("sequence numbers at 0x4 and 0x8 are {primary} and {secondary}, expected equal ones")]
    Sequences {
        /// The number of writes that began.
        primary: u32,
        /// The number of writes that ended.
        secondary: u32,
    },
}

/// Why a log was not replayed. Offsets are relative to the log file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unfit {
    /// It is empty: it has no byte at all, or its first sector is zero.
    #[error("it is empty")]
    Empty,
    /// It is too short.
    #[error("it ends at 0x{actual:x}, expected at least 0x{expected:x} bytes")]
    Truncated {
        /// The length that it needs at least.
        expected: usize,
        /// Its length.
        actual: usize,
    },
    /// A signature is wrong.
    #[error(
        "signature at 0x{offset:x} is {:?}, expected {expected:?}",
        actual.escape_ascii().to_string()
    )]
    Signature {
        /// The offset.
        offset: usize,
        /// The signature.
        expected: &'static str,
        /// The bytes found.
        actual: [u8; 4],
    },
    /// Its base block is damaged.
    #[error("checksum at 0x1fc is 0x{actual:08x}, expected 0x{expected:08x}")]
    Checksum {
        /// Computed from the bytes before it.
        expected: u32,
        /// The checksum found.
        actual: u32,
    },
    /// Its last write was interrupted.
    #[error("sequence numbers at 0x4 and 0x8 are {primary} and {secondary}, expected equal ones")]
    Sequences {
        /// The number of writes that began.
        primary: u32,
        /// The number of writes that ended.
        secondary: u32,
    },
    /// It is not a log.
    #[error("file type at 0x1c is {actual}, expected 1, 2 or 6")]
    FileType {
        /// The file type found.
        actual: u32,
    },
    /// It states a size of bins that no hive can have, or that hive and log together do not hold.
    #[error(
        "hive bins size at 0x{offset:x} is 0x{actual:x}, expected whole bins, at most 0x{limit:x}"
    )]
    BinsSize {
        /// The offset.
        offset: usize,
        /// The stated size.
        actual: u32,
        /// The largest possible size.
        limit: usize,
    },
    /// It belongs to another write than the interrupted one (old format).
    #[error("timestamp at 0xc is {actual}, expected the hive's {expected}")]
    Timestamp {
        /// The hive's, in FILETIME.
        expected: u64,
        /// The log's, in FILETIME.
        actual: u64,
    },
    /// All its writes are already in the hive (new format).
    #[error("its first sequence number is {actual}, expected {expected} or later")]
    Past {
        /// The first sequence number that the hive may lack.
        expected: u32,
        /// The log's first sequence number.
        actual: u32,
    },
    /// It does not continue the log replayed before it (new format).
    #[error("its first sequence number is {actual}, expected {expected}")]
    NotNext {
        /// The number after the last replayed one.
        expected: u32,
        /// The log's first sequence number.
        actual: u32,
    },
    /// Another log has to be used instead.
    #[error("log {} is the one to use", by + 1)]
    Superseded {
        /// The index of that log in the list.
        by: usize,
    },
    /// Its first entry cannot be replayed (new format).
    #[error("{0}")]
    Entry(Stop),
}

/// Why the replay of a log in the new format ended. Offsets are relative to the log file.
///
/// After its last entry a log holds entries of an earlier round, or zeros; so every replay ends
/// with a stop.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Stop {
    /// The file has no further sector.
    #[error("the log ends at 0x{offset:x}")]
    End {
        /// The offset where the next entry was expected.
        offset: usize,
    },
    /// There is no entry here.
    #[error(
        "signature at 0x{offset:x} is {:?}, expected \"HvLE\"", actual.escape_ascii().to_string()
    )]
    Signature {
        /// The offset where the entry was expected.
        offset: usize,
        /// The bytes found.
        actual: [u8; 4],
    },
    /// The entry is not the next one: it remains from an earlier round of the log.
    #[error("entry at 0x{offset:x} has sequence number {actual}, expected {expected}")]
    Sequence {
        /// The offset of the entry.
        offset: usize,
        /// The sequence number expected.
        expected: u32,
        /// The sequence number found.
        actual: u32,
    },
    /// The entry's size is not a multiple of the sector size, exceeds the file, or is too small for
    /// its pages.
    #[error(
        "entry at 0x{offset:x} has size 0x{actual:x}, expected whole sectors, \
         0x{least:x} to 0x{most:x} bytes"
    )]
    Size {
        /// The offset of the entry.
        offset: usize,
        /// Its size.
        actual: usize,
        /// The size that its header and pages need.
        least: usize,
        /// The bytes left in the file.
        most: usize,
    },
    /// The write of the entry was interrupted, or the entry was damaged later.
    #[error("entry at 0x{offset:x} has hash {which} 0x{actual:016x}, expected 0x{expected:016x}")]
    Hash {
        /// The offset of the entry.
        offset: usize,
        /// 1 for the hash of its pages, 2 for the hash of its header.
        which: u8,
        /// Computed from its bytes.
        expected: u64,
        /// The hash found.
        actual: u64,
    },
    /// The entry states a size of the hive that no hive can have, or that hive and log do not hold.
    #[error(
        "entry at 0x{offset:x} has hive bins size 0x{actual:x}, expected whole bins, \
         at most 0x{limit:x}"
    )]
    BinsSize {
        /// The offset of the entry.
        offset: usize,
        /// The stated size.
        actual: u32,
        /// The largest possible size.
        limit: usize,
    },
    /// A page is outside the hive.
    #[error(
        "entry at 0x{offset:x} has a page of 0x{size:x} bytes at 0x{page:x}, \
         outside bins of 0x{bins_size:x} bytes"
    )]
    Page {
        /// The offset of the entry.
        offset: usize,
        /// The offset of the page, counted from the first bin.
        page: u32,
        /// Its length.
        size: u32,
        /// The size of the bins according to the entry.
        bins_size: u32,
    },
}

impl Stop {
    /// Whether an entry in sequence was skipped because a power cut interrupted its write or
    /// because it was damaged later. Its content is lost, in Windows too.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        !matches!(self, Self::End { .. } | Self::Signature { .. } | Self::Sequence { .. })
    }
}
