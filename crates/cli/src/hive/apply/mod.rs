//! `reg apply`: `.reg` files applied to all hives of an image or of a folder.

mod hives;

use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;
use winpe_inject::{ControlSet, HiveRoots, ImagePath};
use winpe_regfile::DiffWriter;
use winpe_registry::{Change, Edit, KeyPath};

use self::hives::{Hives, Opened, Where};
use super::import;
use super::input::in_image;
use super::roots::{KeyArg, ReadingArgs};
use super::show::write_changes;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Change all hives of an image or a folder as .reg files say
///
/// Examples:
///   winpe-iscsi reg apply winpe.wim tweaks.reg --dry-run
///   winpe-iscsi reg apply winpe.wim:2 tweaks.reg more.reg
///   winpe-iscsi reg apply hives tweaks.reg --root 'WIM_SOFTWARE=SOFTWARE'
///   winpe-iscsi reg apply winpe.wim user.reg \
///       --root 'HKCU=Users/Default/NTUSER.DAT'
///
/// A key is changed in the hive that has it when this Windows runs: HKEY_LOCAL_MACHINE\SYSTEM,
/// SOFTWARE, SAM, SECURITY, COMPONENTS and DRIVERS, HKEY_CLASSES_ROOT, HKEY_CURRENT_CONFIG,
/// HKEY_USERS\.DEFAULT and S-1-5-18, and HKEY_CURRENT_USER, which in WinPE is the user SYSTEM. A folder
/// holds a Windows, or the hives themselves. All hives are changed, or none.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The image, WIM or WIM:IMAGE; or a folder
    #[arg(value_name = "IMAGE|DIR")]
    target: Where,
    /// The .reg files, in order
    #[arg(required = true, value_name = "FILE")]
    reg: Vec<PathBuf>,
    /// Another root key, and the hive that it names: SOFTWARE, or a path such as
    /// Users/Default/NTUSER.DAT. A name that is not below HKEY_… is one below HKEY_LOCAL_MACHINE
    #[arg(long, value_name = "NAME=HIVE")]
    root: Vec<OwnRoot>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// A root key that the files name, and the hive that it is.
#[derive(Debug, Clone)]
struct OwnRoot {
    key: KeyPath,
    hive: ImagePath,
}

impl FromStr for OwnRoot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, hive) = text
            .split_once('=')
            .filter(|(name, hive)| !name.is_empty() && !hive.is_empty())
            .ok_or("expected NAME=HIVE, such as HKLM\\WIM_SOFTWARE=SOFTWARE")?;
        let KeyArg(key) = name.parse().map_err(|error| format!("{error}"))?;
        let first = key.names().first().map(ToString::to_string).unwrap_or_default();
        let is_full = first.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("HKEY_"));
        let machine = || "HKEY_LOCAL_MACHINE".parse::<KeyPath>().expect("a name");
        let key = if is_full { key } else { machine().join(&key) };
        let hive = in_image(hive);
        if hive.names().any(|name| name == "..") {
            return Err("expected the path of a hive in the image, found ..".into());
        }
        Ok(Self { key, hive })
    }
}

#[derive(Serialize)]
struct Report<'a> {
    target: String,
    hives: Vec<ChangedHive<'a>>,
}

#[derive(Serialize)]
struct ChangedHive<'a> {
    hive: String,
    changes: Vec<&'a Change>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let documents = import::documents(&args.reg, args.reading.lenient)?;
    let mut hives = Hives::of(&args.target, args.reading.control_set)?;
    for (path, document) in &documents {
        for (edit, span) in document.edits() {
            let at = || format!("{}:{}:{}", path.display(), span.line, span.column);
            let (file, key) = locate(&args.root, &edit.key).ok_or_else(|| no_root(&at(), &edit))?;
            let hive = hives.open(&file, &root_of(&args.root, &file), printer)?;
            let keys = hive.sets.resolve(key);
            if keys.is_empty() {
                let current = ControlSet::CURRENT;
                let failure = format!(
                    "{}: {} has no control set that {current} would name",
                    at(),
                    hive.place
                );
                return Err(Failure::new(failure).hint("--control-set 1 names the set"));
            }
            for key in keys {
                let edit = Edit { key, ..edit.clone() };
                let change = hive.hive.apply(&edit);
                let change = change.map_err(|e| Failure::new(format!("{}: {e}", hive.place)))?;
                hive.changes.push(change);
            }
        }
    }
    drop(documents);
    hives.check()?;
    show(&args.target, hives.opened(), printer)?;
    if args.dry_run {
        return Ok(Exit::Done);
    }
    // A diff that cannot be printed is an error before anything is changed.
    printer.finish()?;
    hives.write(printer)?;
    Ok(Exit::Done)
}

/// The hive that has a key, and the key in it. Of the roots that are given the longest counts, and any of them
/// before a standard one.
fn locate(own: &[OwnRoot], key: &KeyPath) -> Option<(ImagePath, KeyPath)> {
    let covering = own.iter().filter(|root| key.starts_with(&root.key));
    if let Some(root) = covering.max_by_key(|root| root.key.depth()) {
        return Some((root.hive.clone(), key.strip_prefix(&root.key)?));
    }
    let found = HiveRoots::standard().locate(key)?;
    Some((found.file, found.key))
}

/// The root under which the keys of a hive are shown: that of Windows, unless it was given to another hive. So the
/// lines of the diff can be applied with the same arguments.
fn root_of(own: &[OwnRoot], file: &ImagePath) -> KeyPath {
    let standard = HiveRoots::standard().root_of(file).cloned();
    let standard =
        standard.filter(|root| locate(own, root).is_some_and(|(found, _)| found == *file));
    let given = || own.iter().find(|root| root.hive == *file).map(|root| root.key.clone());
    standard.or_else(given).unwrap_or_default()
}

fn no_root(at: &str, edit: &Edit) -> Failure {
    let names = edit.key.names();
    // A user's hive is named below HKEY_USERS, any other directly below its root.
    let root: KeyPath = names.iter().take(2).cloned().collect();
    Failure::new(format!("{at}: no hive is known for {}", edit.key))
        .hint(format!("--root '{root}=HIVE' names the hive that it is in"))
}

fn show(target: &Where, hives: &[Opened], printer: &mut Printer) -> Result<(), Failure> {
    if printer.is_json() {
        let hives = hives.iter().map(|hive| ChangedHive {
            hive: hive.place.to_string(),
            changes: hive.changes.iter().filter(|change| !change.is_noop()).collect(),
        });
        return printer.json(&Report { target: target.to_string(), hives: hives.collect() });
    }
    let mut diff = DiffWriter::new(Vec::new());
    let mut unsaid = Vec::new();
    for hive in hives {
        unsaid.extend(write_changes(&mut diff, &hive.changes, &hive.shown)?);
    }
    let text = diff.finish().map_err(Failure::new)?;
    printer.diff(&String::from_utf8_lossy(&text))?;
    for line in unsaid {
        printer.diff(&format!(" ; {line}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_names_a_hive_by_name_or_path() {
        let config = |hive: &str| format!(r"Windows\System32\config\{hive}");
        for (text, key, hive) in [
            (r"HKLM\WIM_SOFT=software", r"HKEY_LOCAL_MACHINE\WIM_SOFT", config("software")),
            ("Tmp_System=SYSTEM", r"HKEY_LOCAL_MACHINE\Tmp_System", config("SYSTEM")),
            (
                "HKCU=Users/Default/NTUSER.DAT",
                "HKEY_CURRENT_USER",
                r"Users\Default\NTUSER.DAT".into(),
            ),
            (r"hkey_users\x=DEFAULT", r"hkey_users\x", config("DEFAULT")),
        ] {
            let root: OwnRoot = text.parse().unwrap();
            assert_eq!((root.key.to_string(), root.hive.to_string()), (key.into(), hive), "{text}");
        }
        for wrong in ["SYSTEM", "=SYSTEM", "A=", r"a\\b=SYSTEM", "A=../SYSTEM", r"A=a\..\b"] {
            assert!(wrong.parse::<OwnRoot>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn given_roots_come_first_and_the_longest_wins() {
        let own: Vec<OwnRoot> = [r"HKLM\SOFTWARE\Lab=Lab.dat", r"HKLM\SOFTWARE=Other.dat"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let found = |key: &str| {
            let (file, key) = locate(&own, &key.parse().unwrap())?;
            Some((file.file_name().to_owned(), key.to_string()))
        };
        let some = |file: &str, key: &str| Some((file.to_owned(), key.to_owned()));
        assert_eq!(found(r"HKEY_LOCAL_MACHINE\SOFTWARE\Lab\a"), some("Lab.dat", "a"));
        assert_eq!(found(r"HKEY_LOCAL_MACHINE\SOFTWARE\Other"), some("Other.dat", "Other"));
        assert_eq!(found(r"HKEY_CLASSES_ROOT\.wim"), some("SOFTWARE", r"Classes\.wim"));
        assert_eq!(found(r"HKEY_USERS\S-1-5-21-1\a"), None);
    }
}
