//! Selects the logs to replay over a dirty hive, and their order.

use super::candidate::Candidate;
use super::dirt::DirtLog;
use super::error::{Dirt, RecoverError, Unfit};
use super::header::{self, BASE_BLOCK, Header, MAX_BINS, SECTOR};
use super::{LogFormat, Recovery, Replayed, entry};
use crate::file_bytes::FileBytes;

/// A dirty hive and the evidence about its last write.
pub(super) struct Job {
    pub(super) hive: FileBytes,
    pub(super) dirt: Dirt,
    pub(super) recovery: Recovery,
}

impl Job {
    /// Of logs in the old format only the newest is replayed: it repeats what an older one holds.
    pub(super) fn replay_old(
        mut self,
        logs: Vec<Candidate<'_>>,
    ) -> Result<(FileBytes, Recovery), RecoverError> {
        let time = self.time();
        let mut fitting: Option<(Candidate<'_>, DirtLog<'_>)> = None;
        for (place, log) in logs.into_iter().enumerate() {
            let written = log.header.timestamp();
            // Windows uses the second log after a failed write of the hive, so it may belong to a
            // later write that failed before it changed the hive's base block.
            let later = place > 0 && written > time;
            if written != time && !later {
                let why = Unfit::Timestamp { expected: time, actual: written };
                self.recovery.unfit.push((log.index, why));
                continue;
            }
            if let Some((best, _)) = &fitting
                && best.header.timestamp() >= written
            {
                self.recovery.unfit.push((log.index, Unfit::Superseded { by: best.index }));
                continue;
            }
            let limit = MAX_BINS.min(self.hive.len() - BASE_BLOCK + log.bytes.len());
            match DirtLog::parse(log.bytes, log.header, limit) {
                Ok(dirt) => {
                    if let Some((best, _)) = fitting.replace((log, dirt)) {
                        let why = Unfit::Superseded { by: log.index };
                        self.recovery.unfit.push((best.index, why));
                    }
                }
                Err(why) => self.recovery.unfit.push((log.index, why)),
            }
        }
        let Some((log, dirt)) = fitting else { return Err(self.no_log_fits()) };

        if self.recovery.sequence_before.is_some() {
            header::set_timestamp(&mut self.hive, log.header.timestamp());
        } else {
            self.restore_base_block(&log);
        }
        let end = BASE_BLOCK + dirt.bins_size() as usize;
        if self.hive.len() < end {
            self.hive.resize(end);
        }
        dirt.apply(&mut self.hive);
        self.recovery.replayed.push(Replayed {
            log: log.index,
            format: LogFormat::Old,
            entries: 1,
            pages: dirt.pages(),
            first_sequence: log.sequence(),
            last_sequence: log.sequence(),
            stop: None,
        });
        Ok(self.finish(log.sequence().wrapping_add(1), dirt.bins_size()))
    }

    /// When the hive was written, as a FILETIME: by its base block, or by its first bin where the base block is lost.
    fn time(&self) -> u64 {
        if self.recovery.sequence_before.is_some() {
            Header::of(&self.hive).expect("its length was checked").timestamp()
        } else {
            header::first_bin_timestamp(&self.hive).expect("its length was checked")
        }
    }

    /// Of logs in the new format the earliest one that the hive may lack is replayed first, then
    /// those that continue it; but only the latest one if the base block has to come from a log
    /// too.
    pub(super) fn replay_new(
        mut self,
        mut logs: Vec<Candidate<'_>>,
        old: Vec<Candidate<'_>>,
    ) -> Result<(FileBytes, Recovery), RecoverError> {
        let newest = logs.iter().copied().reduce(newer).expect("the caller has such a log");
        for log in old {
            self.recovery.unfit.push((log.index, Unfit::Superseded { by: newest.index }));
        }
        if let Some(before) = self.recovery.sequence_before {
            logs.sort_by_key(|log| distance(before, log.sequence()));
        } else {
            for log in logs.drain(..).filter(|log| log.index != newest.index) {
                self.recovery.unfit.push((log.index, Unfit::Superseded { by: newest.index }));
            }
            self.restore_base_block(&newest);
            logs.push(newest);
        }

        let mut next = None;
        let mut bins_size = None;
        for log in logs {
            let actual = log.sequence();
            let why = match (next, self.recovery.sequence_before) {
                (Some(expected), _) if actual != expected => {
                    Some(Unfit::NotNext { expected, actual })
                }
                (None, Some(expected)) if distance(expected, actual) < 0 => {
                    Some(Unfit::Past { expected, actual })
                }
                _ => None,
            };
            if let Some(why) = why {
                self.recovery.unfit.push((log.index, why));
                continue;
            }
            next = Some(actual);
            match entry::replay(&mut self.hive, log.bytes, actual) {
                Ok(done) => {
                    next = Some(done.last_sequence.wrapping_add(1));
                    bins_size = Some(done.bins_size);
                    self.recovery.replayed.push(Replayed {
                        log: log.index,
                        format: LogFormat::New,
                        entries: done.entries,
                        pages: done.pages,
                        first_sequence: actual,
                        last_sequence: done.last_sequence,
                        stop: Some(done.stop),
                    });
                }
                Err(stop) => self.recovery.unfit.push((log.index, Unfit::Entry(stop))),
            }
        }
        match (next, bins_size) {
            (Some(sequence), Some(bins_size)) => Ok(self.finish(sequence, bins_size)),
            _ => Err(self.no_log_fits()),
        }
    }

    fn restore_base_block(&mut self, log: &Candidate<'_>) {
        self.hive[..SECTOR].copy_from_slice(log.header.sector());
        self.recovery.base_block_from = Some(log.index);
    }

    fn no_log_fits(mut self) -> RecoverError {
        self.recovery.unfit.sort_by_key(|(log, _)| *log);
        RecoverError::NoLogFits { dirt: self.dirt, unfit: self.recovery.unfit }
    }

    fn finish(mut self, sequence: u32, bins_size: u32) -> (FileBytes, Recovery) {
        header::seal(&mut self.hive, sequence, bins_size);
        self.recovery.sequence_after = sequence;
        self.recovery.unfit.sort_by_key(|(log, _)| *log);
        (self.hive, self.recovery)
    }
}

/// How much later `sequence` is than `origin`; negative if it is earlier. Sequence numbers wrap
/// around.
fn distance(origin: u32, sequence: u32) -> i32 {
    sequence.wrapping_sub(origin).cast_signed()
}

fn newer<'a>(a: Candidate<'a>, b: Candidate<'a>) -> Candidate<'a> {
    if distance(a.sequence(), b.sequence()) > 0 { b } else { a }
}
