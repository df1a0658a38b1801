//! Edits copies of an image's hives, and has each edited hive checked and confirmed.

use std::iter::repeat;
use std::rc::Rc;
use std::time::SystemTime;

use winpe_hive::Hive;
use winpe_registry::{Change, Edit, KeyPath};
use winpe_wim::{Content, FileChange};

use super::control_set::ControlSets;
use super::open::{damage, refuse_damage};
use super::{
    ExpectedState, HiveError, HiveRoots, Location, Opened, Origin, SourcedEdit, file_time,
    open_hive, second_reader,
};
use crate::image::{ImagePath, Sha256, Tree};
use crate::report::{HiveReport, Warning};

/// What happens to the hives of an image.
#[derive(Debug, Default)]
pub(crate) struct HivePlan {
    pub(crate) reports: Vec<HiveReport>,
    pub(crate) changes: Vec<FileChange>,
    pub(crate) warnings: Vec<Warning>,
}

impl HivePlan {
    /// Adds a hive of which `edits` edits were applied.
    pub(crate) fn add(
        &mut self,
        file: &ImagePath,
        edits: usize,
        edited: EditedHive,
        roots: &HiveRoots,
    ) -> Result<(), HiveError> {
        self.warnings.extend(edited.warnings);
        if let Some(data) = edited.data {
            let (path, content) = (file.to_string(), Content::Bytes(data));
            self.changes.push(FileChange::Put { path, content });
        }
        let root = roots.root_of(file).cloned().unwrap_or_default();
        let report = HiveReport::new(file.clone(), root, edited.changes, edits, edited.digests)?;
        self.reports.push(report);
        Ok(())
    }
}

/// Applies edits to copies of the hives.
pub(crate) fn plan<'a>(
    image: Tree<'_>,
    edits: impl Iterator<Item = &'a SourcedEdit>,
    roots: &HiveRoots,
    time: Option<SystemTime>,
) -> Result<HivePlan, HiveError> {
    let mut plan = HivePlan::default();
    for group in group(edits, roots)? {
        let edited = edit_hive(image, &group, time)?;
        plan.add(&group.file, group.edits.len(), edited, roots)?;
    }
    Ok(plan)
}

/// The edits of one hive, in order.
struct HiveEdits<'a> {
    file: ImagePath,
    /// Consecutive edits of one key share its location.
    edits: Vec<(Rc<Location>, &'a SourcedEdit)>,
}

fn group<'a>(
    edits: impl Iterator<Item = &'a SourcedEdit>,
    roots: &HiveRoots,
) -> Result<Vec<HiveEdits<'a>>, HiveError> {
    let mut groups: Vec<HiveEdits> = Vec::new();
    let mut last: Option<(&KeyPath, Rc<Location>)> = None;
    for edit in edits {
        let key = &edit.edit.key;
        let location = match last.take_if(|(last, _)| last.is_spelled_as(key)) {
            Some((_, location)) => location,
            None => Rc::new(roots.locate(key).ok_or_else(|| {
                let (origin, key) = (edit.origin.clone(), key.clone());
                HiveError::NoRoot { origin, key, roots: roots.names() }
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

fn edit_hive(
    image: Tree<'_>,
    group: &HiveEdits,
    time: Option<SystemTime>,
) -> Result<EditedHive, HiveError> {
    let file = &group.file;
    let mut editor = HiveEditor::open(image, file, group.edits.len(), time)?.ok_or_else(|| {
        let origin = group.edits.first().map(|(_, edit)| edit.origin.clone());
        HiveError::Missing { hive: file.clone(), origin: origin.unwrap_or_default() }
    })?;
    let sets = ControlSets::of(editor.hive(), file)?;
    for (location, SourcedEdit { edit, origin }) in &group.edits {
        editor.apply(sets.resolve(location, origin)?, edit, origin)?;
    }
    let keys = group.edits.iter().map(|(location, _)| &location.key);
    sets.warning(keys).into_iter().for_each(|warning| editor.warn(warning));
    editor.finish()
}

/// A hive under edit, and what the edits say it must hold.
pub(crate) struct HiveEditor<'a> {
    file: &'a ImagePath,
    opened: Opened,
    expected: ExpectedState<'a>,
    /// Those that change something.
    changes: Vec<Change>,
    edits: usize,
}

/// An edited hive that passed all checks.
pub(crate) struct EditedHive {
    /// Its bytes; `None` if nothing changed.
    data: Option<Vec<u8>>,
    changes: Vec<Change>,
    /// How many edits were applied; 0 if the hive is unchanged.
    edits: usize,
    /// Before and after.
    digests: (Sha256, Sha256),
    warnings: Vec<Warning>,
}

impl EditedHive {
    /// How many edits were applied; 0 if the hive is unchanged.
    pub(crate) fn edits(&self) -> usize {
        self.edits
    }
}

impl<'a> HiveEditor<'a> {
    /// Opens an undamaged hive for `edits` edits; `None` if the image has no such file. `time` is what changed
    /// keys get as their time of last write, by default the present.
    pub(crate) fn open(
        image: Tree<'_>,
        file: &'a ImagePath,
        edits: usize,
        time: Option<SystemTime>,
    ) -> Result<Option<Self>, HiveError> {
        let Some(mut opened) = open_hive(image, file)? else { return Ok(None) };
        refuse_damage(&opened.hive, file)?;
        if let Some(time) = time {
            opened.hive.set_time(file_time(time));
        }
        let (expected, changes) = (ExpectedState::default(), Vec::with_capacity(edits));
        Ok(Some(Self { file, opened, expected, changes, edits: 0 }))
    }

    pub(crate) fn hive(&self) -> &Hive {
        &self.opened.hive
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        self.opened.warnings.push(warning);
    }

    /// Applies an edit to `key`, which is relative to the hive's root; the edit may name it by an alias.
    pub(crate) fn apply(
        &mut self,
        key: KeyPath,
        edit: &'a Edit,
        origin: &Origin,
    ) -> Result<(), HiveError> {
        self.expected.add(&key, &edit.op);
        let edit = Edit { key, ..edit.clone() };
        let change = self.opened.hive.apply(&edit).map_err(|source| HiveError::Edit {
            hive: self.file.clone(),
            origin: origin.clone(),
            source: Box::new(source),
        })?;
        self.edits += 1;
        self.changes.extend(Some(change).filter(|change| !change.is_noop()));
        Ok(())
    }

    /// Checks the hive, and has the second reader confirm it.
    pub(crate) fn finish(self) -> Result<EditedHive, HiveError> {
        let Self { file, opened: Opened { hive, old, warnings }, expected, changes, edits } = self;
        let before = Sha256::of(&old);
        if !hive.is_modified() || is_same(&old, &hive, &expected) {
            let digests = (before, before);
            return Ok(EditedHive { data: None, changes: vec![], edits: 0, digests, warnings });
        }
        let findings = damage(&hive);
        if !findings.is_empty() {
            return Err(HiveError::CheckFailed { hive: file.clone(), findings });
        }
        let data = hive.into_bytes();
        second_reader::confirm(&old, &data, &expected)
            .map_err(|source| HiveError::NotConfirmed { hive: file.clone(), source })?;
        let digests = (before, Sha256::of(&data));
        Ok(EditedHive { data: Some(data), changes, edits, digests, warnings })
    }
}

/// Whether edits that cancelled each other left everything as it was: a value set twice, a key deleted
/// and created again. Such a hive would have other bytes after each run, so it is not written.
fn is_same(old: &[u8], new: &Hive, expected: &ExpectedState<'_>) -> bool {
    Hive::open(old.to_vec()).is_ok_and(|old| !lacks_a_value(&old, expected) && !differ(&old, new))
}

/// Whether a hive lacks a value that is expected. It is found without a walk over the hive, and nearly all edits set one.
fn lacks_a_value(hive: &Hive, expected: &ExpectedState<'_>) -> bool {
    let found = expected.visit(&mut |key, expected| {
        let names = expected.values().map(|(name, _)| name);
        let found = match hive.key(key) {
            Ok(Some(key)) => key.values_named(names).unwrap_or_default(),
            _ => vec![],
        };
        let mut pairs = expected.values().zip(found.iter().map(Option::as_ref).chain(repeat(None)));
        match pairs.any(|((_, expected), found)| expected.is_some() && found != expected) {
            true => Err(()),
            false => Ok(()),
        }
    });
    found.is_err()
}

fn differ(one: &Hive, other: &Hive) -> bool {
    winpe_hive::diff(one.root(), other.root()).next().is_some()
}

/// Whether two hives have the same keys and values, whatever their times are.
pub(crate) fn have_same_content(one: &[u8], other: Vec<u8>) -> bool {
    let hives = Hive::open(one.to_vec()).and_then(|one| Ok((one, Hive::open(other)?)));
    hives.is_ok_and(|(one, other)| !differ(&one, &other))
}
