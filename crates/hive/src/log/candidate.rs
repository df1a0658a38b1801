//! Sorts the given files: which are logs, and in which format.

use super::LogFormat;
use super::error::Unfit;
use super::header::{Header, SECTOR};

/// A log with a sound base block.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) index: usize,
    pub(super) bytes: &'a [u8],
    pub(super) header: Header<'a>,
}

impl Candidate<'_> {
    pub(super) fn sequence(&self) -> u32 {
        self.header.primary_sequence()
    }
}

/// The logs by format.
#[derive(Default)]
pub(super) struct Candidates<'a> {
    pub(super) old: Vec<Candidate<'a>>,
    pub(super) new: Vec<Candidate<'a>>,
    pub(super) unfit: Vec<(usize, Unfit)>,
}

impl<'a> Candidates<'a> {
    pub(super) fn of(logs: &[&'a [u8]]) -> Self {
        let mut sorted = Self::default();
        for (index, &bytes) in logs.iter().enumerate() {
            match sound_header(bytes) {
                Ok((header, format)) => {
                    let candidate = Candidate { index, bytes, header };
                    match format {
                        LogFormat::Old => sorted.old.push(candidate),
                        LogFormat::New => sorted.new.push(candidate),
                    }
                }
                Err(why) => sorted.unfit.push((index, why)),
            }
        }
        sorted
    }
}

fn sound_header(log: &[u8]) -> Result<(Header<'_>, LogFormat), Unfit> {
    let header = match Header::of(log) {
        _ if log.is_empty() => return Err(Unfit::Empty),
        None => return Err(Unfit::Truncated { expected: SECTOR, actual: log.len() }),
        Some(header) if header.sector().iter().all(|&byte| byte == 0) => return Err(Unfit::Empty),
        Some(header) => header,
    };
    if header.signature() != *b"regf" {
        let actual = header.signature();
        return Err(Unfit::Signature { offset: 0, expected: "regf", actual });
    }
    let (expected, actual) = (header.checksum(), header.stored_checksum());
    if expected != actual {
        return Err(Unfit::Checksum { expected, actual });
    }
    let (primary, secondary) = (header.primary_sequence(), header.secondary_sequence());
    if primary != secondary {
        return Err(Unfit::Sequences { primary, secondary });
    }
    match header.file_type() {
        1 | 2 => Ok((header, LogFormat::Old)),
        6 => Ok((header, LogFormat::New)),
        actual => Err(Unfit::FileType { actual }),
    }
}
