//! Whether an image holds what a profile promises, and what was put in.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_registry::{Edit, KeyPath};
use winpe_wim::Archive;

use crate::digest::Sha256;
use crate::error::InjectError;
use crate::fit;
use crate::hives::HiveRoots;
use crate::parts::{Hives, take_stock};
use crate::path::ImagePath;
use crate::pe::Program;
use crate::profile::Profile;
use crate::record::{Outcome, Record};
use crate::tree::Tree;
use crate::windows::Windows;

/// Every point that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// The profile; where one stands for others, the one that is meant for this image.
    pub profile: String,
    /// Which Windows the image holds.
    pub windows: Windows,
    /// Whether the image has a record of what was put in, which is then held against it too.
    pub recorded: bool,
    /// The points, each once.
    pub points: Vec<Point>,
}

/// Something that should be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Point {
    /// A file, a key or a value.
    pub what: String,
    /// Why it is not so; nothing where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
}

impl Verdict {
    /// The points that are not as they should be.
    pub fn findings(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| point.finding.is_some())
    }

    fn add(&mut self, what: String, finding: Option<String>) {
        let known = self.points.iter_mut().find(|point| point.what == what);
        match known {
            Some(point) => point.finding = point.finding.take().or(finding),
            None => self.points.push(Point { what, finding }),
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.finding {
            Some(finding) => write!(f, "{} {finding}", self.what),
            None => write!(f, "{} is as it should be", self.what),
        }
    }
}

/// Looks at every point.
pub(crate) fn verify(
    archive: &Archive,
    image: u32,
    profile: &Profile,
) -> Result<Verdict, InjectError> {
    let tree = Tree::Image(archive, image);
    let windows = Windows::of(tree)?;
    let profile = profile.choose(&windows, None)?;
    let record = Record::read(tree)?;
    let mut verdict = Verdict {
        profile: profile.name().to_owned(),
        windows,
        recorded: record.is_some(),
        points: vec![],
    };
    let mut programs = Vec::new();
    let mut hives = Hives::new(tree, profile.roots());
    for file in profile.files() {
        let path = ImagePath::new(&file.path);
        let missing = (!tree.has_file(&path)?).then(|| "is missing".to_owned());
        programs.extend(missing.is_none().then(|| path.clone()));
        verdict.add(path.to_string(), missing);
    }
    let written_out = profile.reg().iter().flat_map(|part| &part.edits);
    check_outcome(&mut verdict, &mut hives, written_out.map(|sourced| &sourced.edit))?;
    for part in profile.parts() {
        let stock = take_stock(part, &mut hives, &verdict.windows.languages)?;
        let is_whole = stock.is_there;
        for file in &stock.files {
            verdict.add(file.to_string(), None);
        }
        if !part.optional {
            programs.extend(stock.files);
            verdict.add(format!("part {}", part.name), (!is_whole).then(|| "is not whole".into()));
        }
        for lack in stock.lacks.iter().filter(|_| !is_whole && !part.optional) {
            verdict.add(lack.to_string(), Some("is missing".into()));
        }
    }
    for path in programs.iter().filter(|path| Windows::is_program(path)) {
        check_program(&mut verdict, tree, path)?;
    }
    if let Some(record) = record {
        check_record(&mut verdict, tree, &record)?;
    }
    Ok(verdict)
}

fn check_outcome<'a>(
    verdict: &mut Verdict,
    hives: &mut Hives<'_>,
    edits: impl Iterator<Item = &'a Edit>,
) -> Result<(), InjectError> {
    let Outcome { keys, values } = Outcome::of(edits);
    for (key, should_be) in keys {
        let is = !hives.keys(&key)?.is_empty();
        let finding = match (should_be, is) {
            (true, false) => Some("is missing"),
            (false, true) => Some("should not be there"),
            _ => None,
        };
        verdict.add(format!("key {key}"), finding.map(str::to_owned));
    }
    for (key, name, should_be) in values {
        let finding = match (should_be, hives.value(&key, &name)?) {
            (should_be, is) if should_be == is => None,
            (Some(value), None) => Some(format!("is missing, expected {value:?}")),
            (Some(value), Some(is)) => Some(format!("is {is:?}, expected {value:?}")),
            (None, _) => Some("should not be there".to_owned()),
        };
        verdict.add(format!("key {key}: value {name:?}"), finding);
    }
    Ok(())
}

/// That it is a program for the image's processor, and finds what it imports.
fn check_program(
    verdict: &mut Verdict,
    tree: Tree<'_>,
    path: &ImagePath,
) -> Result<(), InjectError> {
    let Some(data) = tree.read(path)? else { return Ok(()) };
    let program = match Program::parse(&data) {
        Ok(program) => program,
        Err(error) => {
            verdict.add(path.to_string(), Some(format!("is {error}")));
            return Ok(());
        }
    };
    if let Some(arch) = verdict.windows.arch
        && program.has_code
        && program.arch != arch
    {
        let (found, expected) = (program.arch, arch);
        verdict.add(path.to_string(), Some(format!("is made for {found}, expected {expected}")));
    }
    for lack in fit::lacks(tree, path, &program)?.iter().filter(|lack| !lack.delayed) {
        verdict.add(
            format!("what {path} imports of {}", lack.library),
            Some(match &*lack.symbols {
                [] => "is missing: there is no such library".to_owned(),
                symbols => format!("is missing: {}", symbols.join(", ")),
            }),
        );
    }
    Ok(())
}

/// What was put in is still so.
fn check_record(verdict: &mut Verdict, tree: Tree<'_>, record: &Record) -> Result<(), InjectError> {
    for file in &record.files {
        let finding = match tree.read(&file.path)? {
            None => Some("is missing".to_owned()),
            Some(data) if Sha256::of(&data) != file.sha256 => {
                Some("was changed since it was put in".to_owned())
            }
            Some(_) => None,
        };
        verdict.add(file.path.to_string(), finding);
    }
    let roots = HiveRoots::standard();
    let mut hives = Hives::new(tree, &roots);
    for hive in &record.hives {
        let root = roots.root_of(&hive.file).cloned().unwrap_or_default();
        let edits: Vec<Edit> = hive.done.iter().map(|edit| with_root(&root, edit)).collect();
        check_outcome(verdict, &mut hives, edits.iter())?;
    }
    Ok(())
}

fn with_root(root: &KeyPath, edit: &Edit) -> Edit {
    Edit { key: root.join(&edit.key), ..edit.clone() }
}
