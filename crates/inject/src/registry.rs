//! Which keys and values the image gets: the edits, hive by hive.

use std::rc::Rc;
use std::time::SystemTime;

use winpe_hive::{FileTime, Finding, Hive, OpenError, Severity};
use winpe_registry::{Change, Edit, KeyPath, Op, ValueName};
use winpe_wim::{Content, FileChange};

use crate::control_set::ControlSet;
use crate::digest::Sha256;
use crate::error::InjectError;
use crate::hives::{HiveRoots, Location};
use crate::outcome::Outcome;
use crate::path::ImagePath;
use crate::record::{self, HiveRecord};
use crate::reg::{Origin, SourcedEdit};
use crate::report::HiveReport;
use crate::second_reader::{self, Promise};
use crate::tree::Tree;

/// The outcome for every hive of the job.
#[derive(Debug, Default)]
pub(crate) struct RegistryPlan {
    pub(crate) reports: Vec<HiveReport>,
    pub(crate) changes: Vec<FileChange>,
    pub(crate) warnings: Vec<String>,
}

/// Edits copies of the hives, and has each checked and confirmed.
pub(crate) fn plan<'a>(
    image: Tree<'_>,
    edits: impl Iterator<Item = &'a SourcedEdit>,
    roots: &HiveRoots,
    time: Option<SystemTime>,
) -> Result<RegistryPlan, InjectError> {
    let mut plan = RegistryPlan::default();
    for group in group(edits, roots)? {
        let edited = edit_hive(image, &group, time)?;
        let root = roots.root_of(&group.file).cloned().unwrap_or_default();
        plan.warnings.extend(edited.warnings);
        if let Some(data) = edited.data {
            let path = group.file.to_string();
            plan.changes.push(FileChange::Put { path, content: Content::Bytes(data) });
        }
        let count = group.edits.len();
        let report = HiveReport::new(group.file, root, edited.changes, count, edited.digests)?;
        plan.reports.push(report);
    }
    Ok(plan)
}

/// The edits of one hive, in order.
struct HiveEdits<'a> {
    file: ImagePath,
    /// Edits of one key share where it is.
    edits: Vec<(Rc<Location>, &'a SourcedEdit)>,
}

fn group<'a>(
    edits: impl Iterator<Item = &'a SourcedEdit>,
    roots: &HiveRoots,
) -> Result<Vec<HiveEdits<'a>>, InjectError> {
    let mut groups: Vec<HiveEdits> = Vec::new();
    let mut last: Option<(&KeyPath, Rc<Location>)> = None;
    for edit in edits {
        let key = &edit.edit.key;
        let location = match last.take_if(|(last, _)| last.is_spelled_as(key)) {
            Some((_, location)) => location,
            None => Rc::new(roots.locate(key).ok_or_else(|| {
                let (origin, key) = (edit.origin.clone(), key.clone());
                InjectError::NoHive { origin, key, roots: roots.names() }
            })?),
        };
        last = Some((key, Rc::clone(&location)));
        match groups.iter_mut().find(|group| group.file == location.file) {
            Some(group) => group.edits.push((location, edit)),
            None => groups
                .push(HiveEdits { file: location.file.clone(), edits: vec![(location, edit)] }),
        }
    }
    Ok(groups)
}

struct EditedHive {
    /// `None` if nothing changed.
    data: Option<Vec<u8>>,
    changes: Vec<Change>,
    /// Before and after.
    digests: (Sha256, Sha256),
    warnings: Vec<String>,
}

fn edit_hive(
    image: Tree<'_>,
    group: &HiveEdits,
    time: Option<SystemTime>,
) -> Result<EditedHive, InjectError> {
    let file = &group.file;
    let Opened { mut hive, old, mut warnings } = open_hive(image, file)?.ok_or_else(|| {
        let origin = group.edits.first().map(|(_, edit)| edit.origin.clone());
        InjectError::MissingHive { hive: file.clone(), origin: origin.unwrap_or_default() }
    })?;
    refuse_damage(&hive, file)?;
    if let Some(time) = time {
        hive.set_time(file_time(time));
    }
    let sets = ControlSets::of(&hive, file)?;
    let mut promise = Promise::default();
    let mut changes = Vec::new();
    for (location, sourced) in &group.edits {
        let edit = Edit { key: sets.resolve(location, &sourced.origin)?, ..sourced.edit.clone() };
        let change = hive.apply(&edit).map_err(|source| InjectError::Edit {
            hive: file.clone(),
            origin: sourced.origin.clone(),
            source: Box::new(source),
        })?;
        promise.add(&edit);
        changes.push(change);
    }
    warnings.extend(sets.warning(group.edits.iter().map(|(location, _)| &location.key)));
    finish(file, Opened { hive, old, warnings }, &promise, changes)
}

/// Has an edited hive checked and confirmed.
fn finish(
    file: &ImagePath,
    Opened { hive, old, warnings }: Opened,
    promise: &Promise,
    changes: Vec<Change>,
) -> Result<EditedHive, InjectError> {
    let before = Sha256::of(&old);
    if !hive.is_modified() || is_same(&old, &hive) {
        let digests = (before, before);
        return Ok(EditedHive { data: None, changes: vec![], digests, warnings });
    }
    let findings = damage(&hive);
    if !findings.is_empty() {
        return Err(InjectError::CheckFailed { hive: file.clone(), findings });
    }
    let data = hive.into_bytes();
    second_reader::confirm(&old, &data, promise)
        .map_err(|source| InjectError::NotConfirmed { hive: file.clone(), source })?;
    let digests = (before, Sha256::of(&data));
    Ok(EditedHive { data: Some(data), changes, digests, warnings })
}

/// Takes out of the hives of an image again what a record says was done to them.
pub(crate) fn undo(
    image: Tree<'_>,
    records: &[HiveRecord],
    time: Option<SystemTime>,
) -> Result<RegistryPlan, InjectError> {
    let roots = HiveRoots::standard();
    let mut plan = RegistryPlan::default();
    for record in records {
        let file = &record.file;
        let Some(opened) = open_hive(image, file)? else {
            plan.warnings.push(format!("{file} is not there any more"));
            continue;
        };
        let edited = undo_hive(record, opened, time)?;
        plan.warnings.extend(edited.warnings);
        if let Some(data) = edited.data {
            let (path, content) = (file.to_string(), Content::Bytes(data));
            plan.changes.push(FileChange::Put { path, content });
        }
        let root = roots.root_of(file).cloned().unwrap_or_default();
        let count = edited.changes.len();
        let report = HiveReport::new(file.clone(), root, edited.changes, count, edited.digests)?;
        plan.reports.push(report);
    }
    Ok(plan)
}

fn undo_hive(
    record: &HiveRecord,
    mut opened: Opened,
    time: Option<SystemTime>,
) -> Result<EditedHive, InjectError> {
    let file = &record.file;
    refuse_damage(&opened.hive, file)?;
    if let Some(time) = time {
        opened.hive.set_time(file_time(time));
    }
    let unreadable = |source| InjectError::ReadHive { hive: file.clone(), source };
    for (key, name, value) in Outcome::of(&record.done).values() {
        let found = opened.hive.key(key).map_err(unreadable)?;
        let found = found.map(|key| key.value(name)).transpose().map_err(unreadable)?.flatten();
        if found.as_ref() != value {
            let text = format!("{file}: {key}: value {name:?} was changed since; it is undone too");
            opened.warnings.push(text);
        }
    }
    let (mut promise, mut changes) = (Promise::default(), Vec::new());
    for edit in &record.undo {
        if edit.op == Op::DeleteKey {
            let found = opened.hive.key(&edit.key).map_err(unreadable)?;
            if found.is_some_and(|key| key.subkey_count() > 0 || key.value_count() > 0) {
                let text = format!("{file}: {} stays: something else is in it", edit.key);
                opened.warnings.push(text);
                continue;
            }
        }
        let change = opened.hive.apply(edit).map_err(|source| InjectError::Edit {
            hive: file.clone(),
            origin: Origin { file: record::place().to_string().into(), line: 1 },
            source: Box::new(source),
        })?;
        promise.add(edit);
        changes.push(change);
    }
    finish(file, opened, &promise, changes)
}

/// Whether edits that undid each other have left everything as it was: a value set twice, a key deleted
/// and made again. Written anew, such a hive would differ from itself at every run.
fn is_same(old: &[u8], new: &Hive) -> bool {
    Hive::open(old.to_vec())
        .is_ok_and(|old| winpe_hive::diff(old.root(), new.root()).next().is_none())
}

/// A hive, ready to be read or edited.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) hive: Hive,
    /// Its bytes before any edit, after recovery.
    pub(crate) old: Vec<u8>,
    pub(crate) warnings: Vec<String>,
}

/// Opens a hive, with its logs if it needs them; `None` if there is no such file.
pub(crate) fn open_hive(tree: Tree<'_>, file: &ImagePath) -> Result<Option<Opened>, InjectError> {
    let Some(old) = tree.read(file)? else { return Ok(None) };
    let failed = |source| InjectError::OpenHive { hive: file.clone(), source };
    let opened = match Hive::open(old.clone()) {
        Ok(hive) => Opened { hive, old, warnings: vec![] },
        Err(error @ (OpenError::Dirty { .. } | OpenError::Checksum { .. })) => {
            recover(tree, file, old, error)?
        }
        Err(error) => return Err(failed(error)),
    };
    Ok(Some(opened))
}

/// Windows keeps the logs of a hive beside it.
const LOGS: [&str; 3] = [".LOG1", ".LOG2", ".LOG"];

fn recover(
    tree: Tree<'_>,
    file: &ImagePath,
    dirty: Vec<u8>,
    why: OpenError,
) -> Result<Opened, InjectError> {
    let failed = |source| InjectError::OpenHive { hive: file.clone(), source };
    let mut logs = Vec::new();
    for suffix in LOGS {
        logs.extend(tree.read(&file.with_suffix(suffix))?);
    }
    logs.retain(|log| !log.is_empty());
    if logs.is_empty() {
        return Err(failed(why));
    }
    let logs: Vec<&[u8]> = logs.iter().map(Vec::as_slice).collect();
    let (old, recovery) = winpe_hive::log::recover(dirty, &logs)
        .map_err(|source| InjectError::RecoverHive { hive: file.clone(), source })?;
    let old = old.into_vec();
    let hive = Hive::open(old.clone()).map_err(failed)?;
    let pages: usize = recovery.replayed.iter().map(|replayed| replayed.pages).sum();
    let warning = format!("{file} was not written to its end; {pages} pages come from its logs");
    Ok(Opened { hive, old, warnings: vec![warning] })
}

/// A hive that Windows would refuse or mend is not built upon.
pub(crate) fn refuse_damage(hive: &Hive, file: &ImagePath) -> Result<(), InjectError> {
    let findings = damage(hive);
    if findings.is_empty() {
        return Ok(());
    }
    Err(InjectError::DamagedHive { hive: file.clone(), findings })
}

/// What would make Windows refuse or mend the hive.
fn damage(hive: &Hive) -> Vec<Finding> {
    let findings = hive.check();
    findings.iter().filter(|finding| finding.severity() == Severity::Error).cloned().collect()
}

pub(crate) fn file_time(time: SystemTime) -> FileTime {
    let seconds = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    };
    FileTime::from_unix(seconds)
}

/// The control set of a hive, which errors and warnings name.
pub(crate) struct ControlSets {
    file: ImagePath,
    current: ControlSet,
}

impl ControlSets {
    pub(crate) fn of(hive: &Hive, file: &ImagePath) -> Result<Self, InjectError> {
        let failed = |source| InjectError::ReadHive { hive: file.clone(), source };
        Ok(Self { file: file.clone(), current: ControlSet::of(hive).map_err(failed)? })
    }

    /// The key with `CurrentControlSet` replaced by the set that is meant.
    pub(crate) fn resolve(
        &self,
        location: &Location,
        origin: &Origin,
    ) -> Result<KeyPath, InjectError> {
        if !location.control_sets {
            return Ok(location.key.clone());
        }
        let unknown =
            || InjectError::NoControlSet { hive: self.file.clone(), origin: origin.clone() };
        self.current.resolve(&location.key).ok_or_else(unknown)
    }

    /// Says so where edits go to a set that Windows will not use.
    fn warning<'k>(&self, keys: impl IntoIterator<Item = &'k KeyPath>) -> Option<String> {
        let current = self.current.name()?;
        let other = keys.into_iter().filter_map(|key| key.names().first()).find(|first| {
            let text = first.to_string().to_ascii_lowercase();
            text.starts_with("controlset") && *first != current
        })?;
        let file = &self.file;
        Some(format!(
            "{file} uses {current}, but keys of {other} are changed; write {} to follow the hive",
            ControlSet::CURRENT
        ))
    }
}

pub(crate) fn value_name(text: &str) -> ValueName {
    ValueName::new(text).expect("short")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use winpe_registry::KeyName;

    use super::*;
    use crate::reg::parse_reg;

    fn hive(current: Option<u32>) -> Hive {
        let name = KeyName::new("ROOT").unwrap();
        let mut hive = Hive::create(5, &name, FileTime::from_unix(0)).unwrap();
        if let Some(current) = current {
            let value = winpe_registry::Value::dword(current);
            let key = "Select".parse().unwrap();
            hive.apply(&Edit::set_value(key, value_name("Current"), value)).unwrap();
        }
        hive
    }

    fn sets(current: Option<u32>) -> ControlSets {
        ControlSets::of(&hive(current), &ImagePath::new("SYSTEM")).unwrap()
    }

    fn resolve(sets: &ControlSets, hive: &str, key: &str) -> Result<String, InjectError> {
        let text = format!("REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\{hive}\\{key}]\n");
        let edits = parse_reg(Path::new("a.reg"), text.as_bytes()).unwrap();
        let location = HiveRoots::standard().locate(&edits[0].edit.key).unwrap();
        sets.resolve(&location, &edits[0].origin).map(|key| key.to_string())
    }

    #[test]
    fn the_current_control_set_is_the_one_that_the_hive_selects() {
        let sets = sets(Some(2));
        let resolve = |hive, key| resolve(&sets, hive, key).unwrap();
        assert_eq!(resolve("SYSTEM", r"currentcontrolset\Services"), r"ControlSet002\Services");
        assert_eq!(resolve("SYSTEM", r"ControlSet001\Services"), r"ControlSet001\Services");
        assert_eq!(resolve("SYSTEM", r"Setup\CurrentControlSet"), r"Setup\CurrentControlSet");
        assert_eq!(resolve("SOFTWARE", "CurrentControlSet"), "CurrentControlSet");
    }

    #[test]
    fn without_a_selection_the_current_control_set_is_an_error() {
        for current in [None, Some(0), Some(1000)] {
            let error = resolve(&sets(current), "SYSTEM", r"CurrentControlSet\A").unwrap_err();
            assert!(matches!(error, InjectError::NoControlSet { .. }), "{error}");
            assert!(resolve(&sets(current), "SYSTEM", r"ControlSet001\A").is_ok());
        }
    }

    #[test]
    fn edits_of_a_set_that_is_not_used_are_worth_a_warning() {
        let key = |key: &str| [key.parse::<KeyPath>().unwrap()];
        let warning = sets(Some(2)).warning(&key(r"ControlSet001\Services")).unwrap();
        assert!(
            warning.contains("ControlSet002") && warning.contains("ControlSet001"),
            "{warning}"
        );
        assert_eq!(sets(Some(1)).warning(&key(r"controlset001\Services")), None);
        assert_eq!(sets(Some(2)).warning(&key("Setup")), None);
    }
}
