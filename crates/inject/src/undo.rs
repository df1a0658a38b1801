//! Undoes what a record says was done to the hives of an image.

use std::time::SystemTime;

use winpe_registry::{Edit, Op};

use crate::files::{HiveRecord, Record};
use crate::hives::{ExpectedState, HiveEditor, HiveError, HivePlan, HiveRoots, Origin};
use crate::image::{ImagePath, Tree};
use crate::report::Warning;

/// Undoes the recorded edits in copies of the hives.
pub(crate) fn undo(
    image: Tree<'_>,
    records: &[HiveRecord],
    time: Option<SystemTime>,
) -> Result<HivePlan, HiveError> {
    let roots = HiveRoots::standard();
    let mut plan = HivePlan::default();
    for record in records {
        let file = &record.file;
        let Some(mut editor) = HiveEditor::open(image, file, record.undo.len(), time)? else {
            plan.warnings.push(Warning::Gone { path: file.clone() });
            continue;
        };
        warn_of_changes(&mut editor, file, &record.done)?;
        let origin = Origin { line: 1, ..Origin::whole(Record::place().as_str()) };
        for edit in &record.undo {
            if edit.op == Op::DeleteKey && !is_empty(&editor, file, edit)? {
                let (hive, key) = (file.clone(), edit.key.clone());
                editor.warn(Warning::KeyStays { hive, key });
                continue;
            }
            editor.apply(edit.key.clone(), edit, &origin)?;
        }
        let edited = editor.finish()?;
        plan.add(file, edited.edits(), edited, &roots)?;
    }
    Ok(plan)
}

/// Warns of values that are not as the recorded edits left them.
fn warn_of_changes(
    editor: &mut HiveEditor<'_>,
    file: &ImagePath,
    done: &[Edit],
) -> Result<(), HiveError> {
    let unreadable = |source| HiveError::Read { hive: file.clone(), source };
    ExpectedState::of(done).visit(&mut |key, expected| {
        let names = expected.values().map(|(name, _)| name);
        let found = match editor.hive().key(key).map_err(unreadable)? {
            Some(key) => key.values_named(names).map_err(unreadable)?,
            None => vec![None; names.count()],
        };
        for ((name, value), found) in expected.values().zip(found) {
            if found.as_ref() != value {
                let (hive, key, value) = (file.clone(), key.clone(), name.clone());
                editor.warn(Warning::ValueChanged { hive, key, value });
            }
        }
        Ok(())
    })
}

/// Whether the key to be deleted has no values and no subkeys, or does not exist.
fn is_empty(editor: &HiveEditor<'_>, file: &ImagePath, edit: &Edit) -> Result<bool, HiveError> {
    let found = editor.hive().key(&edit.key);
    let found = found.map_err(|source| HiveError::Read { hive: file.clone(), source })?;
    Ok(found.is_none_or(|key| key.subkey_count() == 0 && key.value_count() == 0))
}
