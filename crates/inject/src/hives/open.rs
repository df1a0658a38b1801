//! Opening a hive of an image or folder, with its transaction logs if it needs them.

use std::time::SystemTime;

use winpe_hive::log::LOG_SUFFIXES;
use winpe_hive::{FileTime, Finding, Hive, OpenError, Severity};

use super::HiveError;
use crate::image::{ImagePath, Tree};
use crate::report::Warning;

/// A hive, ready to be read or edited.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) hive: Hive,
    /// Its bytes before any edit, after recovery.
    pub(crate) old: Vec<u8>,
    pub(crate) warnings: Vec<Warning>,
}

/// Opens a hive and recovers it from its logs if necessary; `None` if there is no such file.
pub(crate) fn open_hive(tree: Tree<'_>, file: &ImagePath) -> Result<Option<Opened>, HiveError> {
    let Some(old) = tree.read(file)? else { return Ok(None) };
    let opened = match Hive::open(old.clone()) {
        Ok(hive) => Opened { hive, old, warnings: vec![] },
        Err(error @ (OpenError::Dirty { .. } | OpenError::Checksum { .. })) => {
            recover(tree, file, old, error)?
        }
        Err(source) => return Err(HiveError::Open { hive: file.clone(), source }),
    };
    Ok(Some(opened))
}

/// Recovers a hive from its logs, which Windows keeps beside it.
fn recover(
    tree: Tree<'_>,
    file: &ImagePath,
    dirty: Vec<u8>,
    why: OpenError,
) -> Result<Opened, HiveError> {
    let failed = |source| HiveError::Open { hive: file.clone(), source };
    let mut logs = Vec::new();
    for suffix in LOG_SUFFIXES {
        logs.extend(tree.read(&file.with_suffix(suffix))?);
    }
    logs.retain(|log| !log.is_empty());
    if logs.is_empty() {
        return Err(failed(why));
    }
    let logs: Vec<&[u8]> = logs.iter().map(Vec::as_slice).collect();
    let (old, recovery) = winpe_hive::log::recover(dirty, &logs)
        .map_err(|source| HiveError::Recover { hive: file.clone(), source })?;
    let old = old.into_vec();
    let hive = Hive::open(old.clone()).map_err(failed)?;
    let pages = recovery.replayed.iter().map(|replayed| replayed.pages).sum();
    Ok(Opened { hive, old, warnings: vec![Warning::HiveRecovered { hive: file.clone(), pages }] })
}

/// Refuses to edit a hive that Windows would refuse to load or repair.
pub(super) fn refuse_damage(hive: &Hive, file: &ImagePath) -> Result<(), HiveError> {
    let findings = damage(hive);
    if findings.is_empty() {
        return Ok(());
    }
    Err(HiveError::Damaged { hive: file.clone(), findings })
}

/// The findings for which Windows would refuse to load the hive, or repair it.
pub(super) fn damage(hive: &Hive) -> Vec<Finding> {
    let findings = hive.check();
    findings.iter().filter(|finding| finding.severity() == Severity::Error).cloned().collect()
}

/// A time as a hive stores it, in whole seconds.
pub(crate) fn file_time(time: SystemTime) -> FileTime {
    let seconds = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    };
    FileTime::from_unix(seconds)
}
