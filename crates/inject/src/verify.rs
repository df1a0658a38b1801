//! Whether an image holds what a profile promises, and what was put in.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_registry::{Edit, KeyPath};
use winpe_wim::{Arch, Archive};

use crate::catalogue;
use crate::error::InjectError;
use crate::fit;
use crate::hives::HiveRoots;
use crate::outcome::Outcome;
use crate::parts::{Hives, take_stock};
use crate::path::ImagePath;
use crate::pe::Program;
use crate::profile::Profile;
use crate::record::Record;
use crate::report::image_name;
use crate::tree::Tree;
use crate::windows::Windows;

/// Every point that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// The version of this structure.
    pub schema: u32,
    /// The WIM.
    pub wim: String,
    /// The image's number, from 1.
    pub image: u32,
    /// The image's name.
    pub image_name: String,
    /// The profile; where one stands for others, the one that is meant for this image.
    pub profile: String,
    /// Which Windows the image holds.
    pub windows: Windows,
    /// Whether the image has a record of what was put in, which is then held against it too.
    pub recorded: bool,
    /// The points, each once.
    pub points: Vec<Point>,
    /// The programs that were put in, that no catalogue of the image covers and that carry no signature of
    /// their own. That is no finding: WinPE runs most of them all the same.
    pub unsigned: Vec<ImagePath>,
    /// What could not be looked at.
    pub warnings: Vec<String>,
    /// The points that are not as they should be, in words.
    pub findings: Vec<String>,
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

/// The points so far, and where each is.
#[derive(Debug, Default)]
struct Points {
    list: Vec<Point>,
    places: HashMap<String, usize>,
}

impl Points {
    /// A point that was looked at before keeps what was found first.
    fn add(&mut self, what: String, finding: Option<String>) {
        match self.places.entry(what.clone()) {
            Entry::Occupied(place) => {
                let point = &mut self.list[*place.get()];
                point.finding = point.finding.take().or(finding);
            }
            Entry::Vacant(place) => {
                place.insert(self.list.len());
                self.list.push(Point { what, finding });
            }
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
    let record = Record::read(archive, image)?;
    let mut points = Points::default();
    let mut programs = Vec::new();
    let mut hives = Hives::new(tree, profile.roots());
    for file in profile.files() {
        let path = ImagePath::new(&file.path);
        let missing = (!tree.has_file(&path)?).then(|| "is missing".to_owned());
        programs.extend(missing.is_none().then(|| path.clone()));
        points.add(path.to_string(), missing);
    }
    let written_out = profile.reg().iter().flat_map(|part| &part.edits);
    check_outcome(&mut points, &mut hives, written_out.map(|sourced| &sourced.edit))?;
    for part in profile.parts() {
        let stock = take_stock(part, &mut hives, &windows.languages)?;
        let is_whole = stock.is_there;
        for file in &stock.files {
            points.add(file.to_string(), None);
        }
        if !part.optional {
            programs.extend(stock.files);
            points.add(format!("part {}", part.name), (!is_whole).then(|| "is not whole".into()));
        }
        for lack in stock.lacks.iter().filter(|_| !is_whole && !part.optional) {
            points.add(lack.to_string(), Some("is missing".into()));
        }
    }
    for path in programs.iter().filter(|path| Windows::is_program(path)) {
        check_program(&mut points, tree, windows.arch, path)?;
    }
    if let Some(record) = &record {
        check_record(&mut points, tree, record)?;
    }
    let mut warnings = Vec::new();
    let unsigned = match &record {
        Some(record) if !profile.catalogues().is_empty() => {
            let added = record.files.iter().map(|file| file.path.clone());
            let programs = added.filter(Windows::is_program);
            catalogue::unsigned(profile.catalogues(), tree, programs, &mut warnings)?
        }
        _ => vec![],
    };
    let findings = points.list.iter().filter(|point| point.finding.is_some());
    Ok(Verdict {
        schema: 1,
        wim: archive.path().display().to_string(),
        image,
        image_name: image_name(archive, image),
        profile: profile.name().to_owned(),
        windows,
        recorded: record.is_some(),
        unsigned,
        warnings,
        findings: findings.map(ToString::to_string).collect(),
        points: points.list,
    })
}

fn check_outcome<'a>(
    points: &mut Points,
    hives: &mut Hives<'_>,
    edits: impl Iterator<Item = &'a Edit>,
) -> Result<(), InjectError> {
    let outcome = Outcome::of(edits);
    for (key, &should_be) in &outcome.keys {
        let is = !hives.keys(key)?.is_empty();
        let finding = match (should_be, is) {
            (true, false) => Some("is missing"),
            (false, true) => Some("should not be there"),
            _ => None,
        };
        points.add(format!("key {key}"), finding.map(str::to_owned));
    }
    for (key, name, should_be) in outcome.values() {
        let finding = match (should_be, hives.value(key, name)?) {
            (should_be, is) if should_be == is.as_ref() => None,
            (Some(value), None) => Some(format!("is missing, expected {value:?}")),
            (Some(value), Some(is)) => Some(format!("is {is:?}, expected {value:?}")),
            (None, _) => Some("should not be there".to_owned()),
        };
        points.add(format!("key {key}: value {name:?}"), finding);
    }
    Ok(())
}

/// That it is a program for the image's processor, and finds what it imports.
fn check_program(
    points: &mut Points,
    tree: Tree<'_>,
    arch: Option<Arch>,
    path: &ImagePath,
) -> Result<(), InjectError> {
    let Some(data) = tree.read(path)? else { return Ok(()) };
    let program = match Program::parse(&data) {
        Ok(program) => program,
        Err(error) => {
            points.add(path.to_string(), Some(format!("is {error}")));
            return Ok(());
        }
    };
    if let Some(arch) = arch
        && program.has_code
        && program.arch != arch
    {
        let (found, expected) = (program.arch, arch);
        points.add(path.to_string(), Some(format!("is made for {found}, expected {expected}")));
    }
    for lack in fit::lacks(tree, path, &program)?.iter().filter(|lack| !lack.delayed) {
        points.add(
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
fn check_record(points: &mut Points, tree: Tree<'_>, record: &Record) -> Result<(), InjectError> {
    for file in &record.files {
        let finding = match tree.digest(&file.path)? {
            None => Some("is missing".to_owned()),
            Some(found) if found != file.sha256 => {
                Some("was changed since it was put in".to_owned())
            }
            Some(_) => None,
        };
        points.add(file.path.to_string(), finding);
    }
    let roots = HiveRoots::standard();
    let mut hives = Hives::new(tree, &roots);
    for hive in &record.hives {
        let root = roots.root_of(&hive.file).cloned().unwrap_or_default();
        let edits: Vec<Edit> = hive.done.iter().map(|edit| with_root(&root, edit)).collect();
        check_outcome(points, &mut hives, edits.iter())?;
    }
    Ok(())
}

fn with_root(root: &KeyPath, edit: &Edit) -> Edit {
    Edit { key: root.join(&edit.key), ..edit.clone() }
}
