//! Checks that an image holds what a profile promises, and what was put in.

use winpe_registry::{Edit, KeyPath};
use winpe_wim::{Arch, Archive};

use crate::error::InspectError;
use crate::files::Record;
use crate::hives::{ExpectedState, HiveError, HiveRoots, Hives};
use crate::identify::identify;
use crate::image::{ImagePath, ImageView, Tree, TreeError, Windows};
use crate::parts::inspect;
use crate::profile::Profile;
use crate::program::{Program, catalogue, imports};
use crate::report::Warning;
use crate::running_from::other_folders;
use crate::startup;
use crate::verdict::{Finding, Points, Verdict};

/// Checks every point.
pub(crate) fn verify(
    archive: &Archive,
    image: u32,
    profile: &Profile,
) -> Result<Verdict, InspectError> {
    let image = ImageView { archive, image };
    let tree = image.tree();
    let windows = identify(tree)?;
    let profile = &*profile.choose(&windows, None)?;
    let record = Record::read(image)?;
    let mut points = Points::default();
    let programs = check_profile(&mut points, tree, profile, &windows)?;
    for path in programs.iter().filter(|path| Windows::is_program(path)) {
        check_program(&mut points, tree, windows.arch, path)?;
    }
    if let Some(record) = &record {
        check_record(&mut points, tree, record)?;
        check_hooks(&mut points, image, record)?;
    }
    check_boot(&mut points, image)?;
    let mut warnings = Vec::new();
    let unsigned = match &record {
        Some(record) => unsigned(record, tree, profile, &mut warnings)?,
        None => vec![],
    };
    let findings = points.list.iter().filter(|point| point.finding.is_some());
    Ok(Verdict {
        schema: 1,
        wim: image.wim(),
        image: image.image,
        image_name: image.name(),
        profile: profile.name().to_owned(),
        windows,
        recorded: record.is_some(),
        unsigned,
        warnings,
        findings: findings.cloned().collect(),
        points: points.list,
    })
}

/// Checks what keeps an image from starting when it is booted by itself.
fn check_boot(points: &mut Points, image: ImageView<'_>) -> Result<(), HiveError> {
    for why in image.archive.header().boot_obstacles() {
        points.add(format!("the WIM, since {why},"), Some(Finding::NotBootable(why)));
    }
    for other in other_folders(image.tree())? {
        let (found, expected) = (other.found, other.expected);
        let finding = Finding::OtherFolder { found, expected };
        points.add(format!("key {}: value {:?}", other.key, other.value), Some(finding));
    }
    Ok(())
}

/// Checks what the profile promises. Returns the files that should be programs.
fn check_profile(
    points: &mut Points,
    tree: Tree<'_>,
    profile: &Profile,
    windows: &Windows,
) -> Result<Vec<ImagePath>, InspectError> {
    let mut hives = Hives::new(tree, profile.roots());
    let mut programs = Vec::new();
    for file in profile.files() {
        let path = ImagePath::new(&file.path);
        let missing = (!tree.has_file(&path)?).then_some(Finding::Missing);
        programs.extend(missing.is_none().then(|| path.clone()));
        points.add(path.to_string(), missing);
    }
    let edits = profile.reg().iter().flat_map(|part| &part.edits);
    check_edits(points, &mut hives, edits.map(|sourced| &sourced.edit))?;
    for part in profile.parts() {
        let state = inspect(part, &mut hives, &windows.languages)?;
        for file in &state.files {
            points.add(file.to_string(), None);
        }
        if part.optional {
            continue;
        }
        programs.extend(state.files);
        let finding = (!state.is_present).then_some(Finding::NotWhole);
        points.add(format!("part {}", part.name), finding);
        for missing in state.missing.iter().filter(|_| !state.is_present) {
            points.add(missing.to_string(), Some(Finding::Missing));
        }
    }
    Ok(programs)
}

/// Checks that keys and values are as the edits leave them.
fn check_edits<'a>(
    points: &mut Points,
    hives: &mut Hives<'_>,
    edits: impl Iterator<Item = &'a Edit>,
) -> Result<(), HiveError> {
    let expected = ExpectedState::of(edits);
    expected.visit(&mut |key, expected| {
        let Some(should_exist) = expected.named_key() else { return Ok(()) };
        let finding = match (should_exist, !hives.keys(key)?.is_empty()) {
            (true, false) => Some(Finding::Missing),
            (false, true) => Some(Finding::Unexpected),
            _ => None,
        };
        points.add(format!("key {key}"), finding);
        Ok::<_, HiveError>(())
    })?;
    expected.visit(&mut |key, expected| {
        let found = hives.values(key, expected.values().map(|(name, _)| name))?;
        for ((name, expected), found) in expected.values().zip(found) {
            let finding = match (expected, found) {
                (expected, found) if expected == found.as_ref() => None,
                (Some(expected), None) => Some(Finding::MissingValue(expected.clone())),
                (Some(expected), Some(found)) => {
                    Some(Finding::OtherValue { found, expected: expected.clone() })
                }
                (None, _) => Some(Finding::Unexpected),
            };
            points.add(format!("key {key}: value {name:?}"), finding);
        }
        Ok(())
    })
}

/// Checks that a file is a program for the image's processor, and that its imports exist.
fn check_program(
    points: &mut Points,
    tree: Tree<'_>,
    arch: Option<Arch>,
    path: &ImagePath,
) -> Result<(), TreeError> {
    let Some(data) = tree.read(path)? else { return Ok(()) };
    let program = match Program::parse(&data) {
        Ok(program) => program,
        Err(error) => {
            points.add(path.to_string(), Some(Finding::NotAProgram(error)));
            return Ok(());
        }
    };
    if let Some(expected) = arch
        && program.has_code
        && program.arch != expected
    {
        let finding = Finding::OtherArchitecture { found: program.arch, expected };
        points.add(path.to_string(), Some(finding));
    }
    let missing = imports::missing_imports(tree, path, &program)?;
    for missing in missing.into_iter().filter(|missing| !missing.delayed) {
        let finding = match missing.symbols.is_empty() {
            true => Finding::NoLibrary,
            false => Finding::MissingSymbols(missing.symbols),
        };
        points.add(format!("what {path} imports of {}", missing.library), Some(finding));
    }
    Ok(())
}

/// Checks that what was put in is unchanged.
fn check_record(points: &mut Points, tree: Tree<'_>, record: &Record) -> Result<(), HiveError> {
    for file in &record.files {
        let finding = match tree.digest(&file.path)? {
            None => Some(Finding::Missing),
            Some(found) if found != file.sha256 => Some(Finding::Changed),
            Some(_) => None,
        };
        points.add(file.path.to_string(), finding);
    }
    let roots = HiveRoots::standard();
    let mut hives = Hives::new(tree, &roots);
    for hive in &record.hives {
        let root = roots.root_of(&hive.file).cloned().unwrap_or_default();
        let edits: Vec<Edit> = hive.done.iter().map(|edit| with_root(&root, edit)).collect();
        check_edits(points, &mut hives, edits.iter())?;
    }
    Ok(())
}

/// Checks that WinPE still starts what was put in.
fn check_hooks(
    points: &mut Points,
    image: ImageView<'_>,
    record: &Record,
) -> Result<(), InspectError> {
    for hook in startup::hooks(image, record)? {
        points.add(hook.what, (!hook.holds).then_some(Finding::Missing));
    }
    if let Some(command) = startup::check_shell(image, record)? {
        let what = "the start of winpeshl.exe".to_owned();
        points.add(what, Some(Finding::OtherShell(command)));
    }
    Ok(())
}

fn with_root(root: &KeyPath, edit: &Edit) -> Edit {
    Edit { key: root.join(&edit.key), ..edit.clone() }
}

/// The programs of the record without a signature, if the profile has rules for catalogues.
fn unsigned(
    record: &Record,
    tree: Tree<'_>,
    profile: &Profile,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<ImagePath>, TreeError> {
    if profile.catalogues().is_empty() {
        return Ok(vec![]);
    }
    let added = record.files.iter().map(|file| file.path.clone());
    let programs = added.filter(Windows::is_program);
    catalogue::unsigned(profile.catalogues(), tree, programs, warnings)
}
