//! Recovery of a hive from its transaction logs, as the kernel does it when it loads a dirty hive.
//!
//! Windows writes a hive in place. Before it changes the hive it writes the same pages to a log
//! beside it, so that after a power cut either the hive or the log is complete:
//!
//! ```text
//!            LOG, LOG1, LOG2                 the hive
//!            ───────────────                 ────────
//!  at rest                                   seq1 = seq2 = n, checksum right     Hive::open
//!  write     dirty pages, then  ──┐
//!                                 └───────►  seq1 = n + 1                        ┐
//!                                            dirty pages                         │ dirty:
//!                                            seq2 = n + 1                        ┘ recover
//!  at rest                                   seq1 = seq2 = n + 1                 Hive::open
//! ```
//!
//! There are two formats. The old one (file type 1, or 2 up to Windows 2000) holds one write: a
//! bitmap with one bit for each 512 bytes, and those pages. The new one (file type 6, since Windows
//! 8.1) holds any number of writes, each with a sequence number and two hashes; the sequence may
//! continue from one log to the other, and the hive may grow with each write.
//!
//! Specification: <https://github.com/msuhanov/regf>, "Format of transaction log files".

mod candidate;
mod dirt;
mod entry;
mod error;
mod header;
mod marvin;
mod replay;
#[cfg(test)]
mod tests;

use candidate::Candidates;
pub use error::{Dirt, RecoverError, Stop, Unfit};
use header::{BASE_BLOCK, BIN, Header};
use replay::Job;

use crate::file_bytes::FileBytes;

/// The result of a recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Why the hive had to be recovered; `None` if it was clean and nothing was done.
    pub dirt: Option<Dirt>,
    /// The sequence number of the last write that the hive holds completely, if its base block is
    /// readable.
    pub sequence_before: Option<u32>,
    /// Both sequence numbers after recovery: one more than the last write that was replayed, so that
    /// no log can be replayed a second time.
    pub sequence_after: u32,
    /// The log from which the base block was restored, if the hive's own was damaged.
    pub base_block_from: Option<usize>,
    /// The replayed logs, in order. Logs are named by their index in the given list.
    pub replayed: Vec<Replayed>,
    /// The logs that were not replayed, and why.
    pub unfit: Vec<(usize, Unfit)>,
}

impl Recovery {
    /// The writes that neither the hive nor a log holds, as first and last sequence number. Windows
    /// replays the later ones nevertheless.
    #[must_use]
    pub fn gap(&self) -> Option<(u32, u32)> {
        let missing = self.sequence_before?;
        let first = self.replayed.first().filter(|log| log.format == LogFormat::New)?;
        (first.first_sequence != missing).then(|| (missing, first.first_sequence.wrapping_sub(1)))
    }
}

/// The result of replaying one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The log's index in the given list.
    pub log: usize,
    /// Its format.
    pub format: LogFormat,
    /// The number of writes replayed; 1 for a log in the old format.
    pub entries: usize,
    /// The number of pages written: of 512 bytes each in the old format, of any length in the new.
    pub pages: usize,
    /// The sequence number of the first write.
    pub first_sequence: u32,
    /// The sequence number of the last write.
    pub last_sequence: u32,
    /// Why the replay ended; `None` for a log in the old format, which is replayed whole.
    pub stop: Option<Stop>,
}

/// The two formats of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One write: a bitmap of 512-byte pages, and the pages.
    Old,
    /// A sequence of writes with hashes, since Windows 8.1.
    New,
}

/// The suffixes that logs add to the name of their hive, in the order in which [`recover`] takes
/// them.
pub const LOG_SUFFIXES: [&str; 3] = [".LOG", ".LOG1", ".LOG2"];

/// Replays `logs` (the content of the files with [`LOG_SUFFIXES`], in this order, as far as they
/// exist) over a hive. A clean hive is returned unchanged, whatever the logs contain.
///
/// The result has equal sequence numbers and a correct checksum. Its bins are not checked: open it
/// for that. It is at most as long as the hive and the logs together.
///
/// # Errors
/// [`RecoverError`]: the hive is dirty, and there is no log or none that fits.
///
/// ```
/// use winpe_hive::log::{RecoverError, recover};
/// let mut hive = vec![0; 8192];
/// hive[..4].copy_from_slice(b"regf");
/// let error = recover(hive, &[]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the hive is dirty (checksum at 0x1fc is 0x00000000, expected 0x66676572) \
///      and there is no transaction log",
/// );
/// ```
pub fn recover(
    hive: impl Into<FileBytes>,
    logs: &[&[u8]],
) -> Result<(FileBytes, Recovery), RecoverError> {
    let hive = hive.into();
    let header = match Header::of(&hive) {
        Some(header) if hive.len() >= BASE_BLOCK + BIN => header,
        _ => {
            let expected = BASE_BLOCK + BIN;
            return Err(RecoverError::TooShort { expected, actual: hive.len() });
        }
    };
    let sequence = header.secondary_sequence();
    let dirt = dirt_of(header);
    let mut recovery = Recovery {
        dirt,
        sequence_before: header.is_valid().then_some(sequence),
        sequence_after: sequence,
        base_block_from: None,
        replayed: vec![],
        unfit: vec![],
    };
    let Some(dirt) = dirt else { return Ok((hive, recovery)) };
    if logs.is_empty() {
        return Err(RecoverError::NoLogs(dirt));
    }
    let candidates = Candidates::of(logs);
    recovery.unfit = candidates.unfit;
    let job = Job { hive, recovery, dirt };
    if candidates.new.is_empty() {
        job.replay_old(candidates.old)
    } else {
        job.replay_new(candidates.new, candidates.old)
    }
}

/// Why the hive is dirty, or `None` if it is clean.
fn dirt_of(header: Header<'_>) -> Option<Dirt> {
    let (primary, secondary) = (header.primary_sequence(), header.secondary_sequence());
    let (expected, actual) = (header.checksum(), header.stored_checksum());
    if header.signature() != *b"regf" {
        Some(Dirt::Signature { actual: header.signature() })
    } else if expected != actual {
        Some(Dirt::Checksum { expected, actual })
    } else if primary != secondary {
        Some(Dirt::Sequences { primary, secondary })
    } else {
        None
    }
}
