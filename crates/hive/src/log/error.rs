use thiserror::Error;

/// Why a hive was not recovered. Logs are named by their place in the list that was given.
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
    /// The hive needs its logs, and none was given.
    #[error("the hive is dirty ({0}) and there is no transaction log")]
    NoLogs(Dirt),
    /// The hive needs its logs, and none of those given can be replayed on it.
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

/// What shows that a hive was not written to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Dirt {
    /// Bytes 0..4 are not `regf`.
    #[error("signature at 0x0 is {:?}, expected \"regf\"", actual.escape_ascii().to_string())]
    Signature {
        /// What stands there.
        actual: [u8; 4],
    },
    /// The base block was written only in part.
    #[error("checksum at 0x1fc is 0x{actual:08x}, expected 0x{expected:08x}")]
    Checksum {
        /// Computed from the bytes before it.
        expected: u32,
        /// What stands there.
        actual: u32,
    },
    /// Writing began and did not end.
    #[error("sequence numbers at 0x4 and 0x8 are {primary} and {secondary}, expected equal ones")]
    Sequences {
        /// Counts the writes that began.
        primary: u32,
        /// Counts the writes that ended.
        secondary: u32,
    },
}

/// Why a log was not replayed. Offsets are those of the log's file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unfit {
    /// It has no content: no byte at all, or a first sector of zeros.
    #[error("it is empty")]
    Empty,
    /// It ends too early.
    #[error("it ends at 0x{actual:x}, expected at least 0x{expected:x} bytes")]
    Truncated {
        /// Where it must reach at least.
        expected: usize,
        /// Its length.
        actual: usize,
    },
    /// Something else than a signature stands where one must.
    #[error(
        "signature at 0x{offset:x} is {:?}, expected {expected:?}",
        actual.escape_ascii().to_string()
    )]
    Signature {
        /// Where.
        offset: usize,
        /// The signature.
        expected: &'static str,
        /// What stands there.
        actual: [u8; 4],
    },
    /// Its base block is damaged.
    #[error("checksum at 0x1fc is 0x{actual:08x}, expected 0x{expected:08x}")]
    Checksum {
        /// Computed from the bytes before it.
        expected: u32,
        /// What stands there.
        actual: u32,
    },
    /// It was not written to its end.
    #[error("sequence numbers at 0x4 and 0x8 are {primary} and {secondary}, expected equal ones")]
    Sequences {
        /// Counts the writes that began.
        primary: u32,
        /// Counts the writes that ended.
        secondary: u32,
    },
    /// It is no log.
    #[error("file type at 0x1c is {actual}, expected 1, 2 or 6")]
    FileType {
        /// What stands there.
        actual: u32,
    },
    /// It speaks of bins that no hive can have, or that hive and log together do not hold.
    #[error(
        "hive bins size at 0x{offset:x} is 0x{actual:x}, expected whole bins, at most 0x{limit:x}"
    )]
    BinsSize {
        /// Where.
        offset: usize,
        /// The claim.
        actual: u32,
        /// The most that could be true.
        limit: usize,
    },
    /// It belongs to another write than the one that was cut short (old format).
    #[error("timestamp at 0xc is {actual}, expected the hive's {expected}")]
    Timestamp {
        /// The hive's, in FILETIME.
        expected: u64,
        /// The log's, in FILETIME.
        actual: u64,
    },
    /// The hive holds all that it says (new format).
    #[error("its first sequence number is {actual}, expected {expected} or later")]
    Past {
        /// The first one that the hive may lack.
        expected: u32,
        /// The log's.
        actual: u32,
    },
    /// It does not continue the log replayed before it (new format).
    #[error("its first sequence number is {actual}, expected {expected}")]
    NotNext {
        /// The one behind the last that was replayed.
        expected: u32,
        /// The log's.
        actual: u32,
    },
    /// Another log is the one to use.
    #[error("log {} is the one to use", by + 1)]
    Superseded {
        /// The place of that log in the list.
        by: usize,
    },
    /// Its first entry cannot be replayed (new format).
    #[error("{0}")]
    Entry(Stop),
}

/// Why replay of a log in the new format went no further. Offsets are those of the log's file.
///
/// A log ends somewhere in entries of an earlier round, or in zeros; so every replay has a stop.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Stop {
    /// The file has no further sector.
    #[error("the log ends at 0x{offset:x}")]
    End {
        /// Where the entry would stand.
        offset: usize,
    },
    /// No entry stands here.
    #[error(
        "signature at 0x{offset:x} is {:?}, expected \"HvLE\"", actual.escape_ascii().to_string()
    )]
    Signature {
        /// Where the entry would stand.
        offset: usize,
        /// What stands there.
        actual: [u8; 4],
    },
    /// The entry is not the next one: it is left from an earlier round of the log.
    #[error("entry at 0x{offset:x} has sequence number {actual}, expected {expected}")]
    Sequence {
        /// The entry.
        offset: usize,
        /// The next one.
        expected: u32,
        /// The entry's.
        actual: u32,
    },
    /// The entry's size is not one of whole sectors inside the file that hold its pages.
    #[error(
        "entry at 0x{offset:x} has size 0x{actual:x}, expected whole sectors, \
         0x{least:x} to 0x{most:x} bytes"
    )]
    Size {
        /// The entry.
        offset: usize,
        /// Its size.
        actual: usize,
        /// What its header and pages need.
        least: usize,
        /// What the file has.
        most: usize,
    },
    /// The entry was not written to its end, or damaged later.
    #[error("entry at 0x{offset:x} has hash {which} 0x{actual:016x}, expected 0x{expected:016x}")]
    Hash {
        /// The entry.
        offset: usize,
        /// 1: of its pages; 2: of its header.
        which: u8,
        /// Computed from its bytes.
        expected: u64,
        /// What stands there.
        actual: u64,
    },
    /// The entry wants a hive of a size that no hive can have, or that hive and log do not hold.
    #[error(
        "entry at 0x{offset:x} has hive bins size 0x{actual:x}, expected whole bins, \
         at most 0x{limit:x}"
    )]
    BinsSize {
        /// The entry.
        offset: usize,
        /// The claim.
        actual: u32,
        /// The most that could be true.
        limit: usize,
    },
    /// A page lies outside the hive.
    #[error(
        "entry at 0x{offset:x} has a page of 0x{size:x} bytes at 0x{page:x}, \
         outside bins of 0x{bins_size:x} bytes"
    )]
    Page {
        /// The entry.
        offset: usize,
        /// Where the page belongs, counted from the first bin.
        page: u32,
        /// Its length.
        size: u32,
        /// The size of the bins according to the entry.
        bins_size: u32,
    },
}

impl Stop {
    /// Whether an entry that was next in turn had to be left out: power failed while it was written,
    /// or it was damaged later. What it says is lost, as it is for Windows.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        !matches!(self, Self::End { .. } | Self::Signature { .. } | Self::Sequence { .. })
    }
}
