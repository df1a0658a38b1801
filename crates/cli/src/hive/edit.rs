//! `hive new`, `set`, `delete`, `copy`, `rename`: single edits of a hive, each with the diff of what it changes.

use std::path::PathBuf;

use clap::ValueEnum;
use winpe_hive::{Difference, FileTime, Hive, diff};
use winpe_registry::{Edit, KeyName, KeyPath, Value, ValueName, ValueType};

use super::import;
use super::input::{Place, find_key, open};
use super::output::{fixed_time, set_time};
use super::roots::{ControlSetArg, ControlSets, KeyArg, Roots};
use crate::detail::DetailArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Make a hive, empty or from .reg files
///
/// Examples:
///   winpe-iscsi hive new NTUSER.DAT
///   winpe-iscsi hive new SOFTWARE software.reg
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct New {
    /// The file to make
    hive: PathBuf,
    /// .reg files whose keys go into it
    reg: Vec<PathBuf>,
    /// The root key of the hive is called so in the .reg files [default: by the hive's name]
    #[arg(long, value_name = "KEY")]
    root: Option<KeyArg>,
    /// The minor version of the format: 3 (NT 4, and every Windows since reads it), 5 or 6
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(3..=6))]
    minor: u32,
    /// Overwrite the file
    #[arg(long)]
    force: bool,
}

/// Set a value, or make a key
///
/// Examples:
///   winpe-iscsi hive set winpe.wim:SYSTEM Setup SetupType 2 --type dword
///   winpe-iscsi hive set SYSTEM Setup CmdLine winpeshl.exe --dry-run
///   winpe-iscsi hive set SYSTEM 'ControlSet001\Services\Lab'
///
/// The key is made where it is missing. The name @ is the key's default value.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Set {
    /// The hive: a file, or WIM:HIVE
    hive: Place,
    /// The key
    key: KeyArg,
    /// The name of the value; without it, only the key is made
    name: Option<String>,
    /// The data: a text, several for multi-sz, a number, or bytes in hex; what begins with - after --
    data: Vec<String>,
    /// The type of the value
    #[arg(short, long, default_value = "sz")]
    r#type: TypeArg,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    detail: DetailArgs,
}

/// Delete a key with all that is below it, or a value
///
/// Examples:
///   winpe-iscsi hive delete SYSTEM 'ControlSet001\Services\Lab'
///   winpe-iscsi hive delete winpe.wim:SYSTEM Setup CmdLine --dry-run
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Delete {
    /// The hive: a file, or WIM:HIVE
    hive: Place,
    /// The key
    key: KeyArg,
    /// The value to delete, @ for the default value; without it, the key
    name: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    detail: DetailArgs,
}

/// Copy a key with all that is below it
///
/// Examples:
///   winpe-iscsi hive copy SYSTEM ControlSet001 ControlSet002
///   winpe-iscsi hive copy winpe.wim:SYSTEM --from install.wim:SYSTEM \
///       'CurrentControlSet\Services\MSiSCSI'
///
/// Classes and security are copied with the keys.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Copy {
    /// The hive to change: a file, or WIM:HIVE
    hive: Place,
    /// The key to copy
    key: KeyArg,
    /// The key to make [default: of the same path, with --from]
    to: Option<KeyArg>,
    /// The hive that has the key [default: the hive to change]
    #[arg(long, value_name = "HIVE")]
    from: Option<Place>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    detail: DetailArgs,
}

/// Give a key another name
///
/// Examples:
///   winpe-iscsi hive rename SYSTEM 'ControlSet001\Services\Lab' Laboratory
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Rename {
    /// The hive: a file, or WIM:HIVE
    hive: Place,
    /// The key
    key: KeyArg,
    /// Its new name, without a path
    name: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    detail: DetailArgs,
}

/// A type of values, as `reg add` names them without `REG_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TypeArg {
    Sz,
    ExpandSz,
    MultiSz,
    Dword,
    Qword,
    Binary,
    None,
}

/// A hive that is being edited, and as it was.
struct Editing<'a> {
    place: &'a Place,
    output: &'a Output,
    detail: DetailArgs,
    before: Hive,
    hive: Hive,
    roots: Roots,
}

impl<'a> Editing<'a> {
    fn open(
        place: &'a Place,
        output: &'a Output,
        detail: DetailArgs,
        printer: &mut Printer,
    ) -> Result<Self, Failure> {
        output.allows(place)?;
        let before = open(place, false, printer)?;
        import::sound(&before, place)?;
        let (mut hive, ..) = place.load()?.recover()?;
        set_time(&mut hive)?;
        let roots = Roots::of(place, &hive);
        Ok(Self { place, output, detail, before, hive, roots })
    }

    /// The key that is meant, which need not exist.
    fn resolve(&self, KeyArg(named): &KeyArg) -> Result<KeyPath, Failure> {
        let inside = self.roots.strip(named).unwrap_or_else(|| named.clone());
        let failed = |error| Failure::new(format!("{}: {error}", self.place));
        let sets = ControlSets::of(&self.roots, &self.hive, ControlSetArg::Current);
        let no_set = || {
            let hint = "name the set, such as ControlSet001";
            Failure::new(format!("{}: Select\\Current names no control set", self.place)).hint(hint)
        };
        sets.map_err(failed)?.resolve(inside).pop().ok_or_else(no_set)
    }

    fn apply(&mut self, edit: &Edit) -> Result<(), Failure> {
        let applied = self.hive.apply(edit);
        applied.map(drop).map_err(|error| Failure::new(format!("{}: {error}", self.place)))
    }

    /// Shows what differs, and writes it.
    fn finish(self, printer: &mut Printer) -> Outcome {
        import::unharmed(&self.hive, self.place)?;
        self.output.admits(self.place, &self.hive)?;
        show(&self, printer)?;
        if self.hive.is_modified() || self.output.is_new_file() {
            self.output.write(self.place, &self.hive.into_file_bytes(), printer)?;
        } else {
            printer.file(self.place.file(), false);
            printer.status("nothing to do");
        }
        Ok(Exit::Done)
    }
}

fn show(editing: &Editing<'_>, printer: &mut Printer) -> Result<(), Failure> {
    let mut changes = Vec::new();
    for difference in diff(editing.before.root(), editing.hive.root()) {
        if let Difference::Change(change) = difference.map_err(Failure::new)? {
            changes.push(change);
        }
    }
    let root = &editing.roots.shown;
    import::show_changes(editing.place, root, &changes, editing.detail, printer)
}

pub(crate) fn new(args: &New, printer: &mut Printer) -> Outcome {
    let place = Place::File(args.hive.clone());
    let name = KeyName::new("ROOT").map_err(Failure::new)?;
    let time = fixed_time()?.unwrap_or_else(FileTime::now);
    let mut hive = Hive::create(args.minor, &name, time).map_err(Failure::new)?;
    set_time(&mut hive)?;
    let roots = Roots::of(&place, &hive).renamed(args.root.as_ref());
    let documents = import::documents(&args.reg, false)?;
    import::each_edit(&documents, &roots, |edit| {
        hive.apply(&edit).map(drop).map_err(Failure::new)
    })?;
    import::unharmed(&hive, &place)?;
    let output = Output { output: Some(args.hive.clone()), force: args.force, dry_run: false };
    output.allows(&place)?;
    output.write(&place, &hive.into_file_bytes(), printer)?;
    Ok(Exit::Done)
}

pub(crate) fn set(args: &Set, printer: &mut Printer) -> Outcome {
    let mut editing = Editing::open(&args.hive, &args.output, args.detail, printer)?;
    let key = editing.resolve(&args.key)?;
    let edit = match &args.name {
        None => Edit::create_key(key),
        Some(name) => Edit::set_value(key, value_name(name)?, value(args)?),
    };
    editing.apply(&edit)?;
    editing.finish(printer)
}

pub(crate) fn delete(args: &Delete, printer: &mut Printer) -> Outcome {
    let mut editing = Editing::open(&args.hive, &args.output, args.detail, printer)?;
    // What is not there is an error: a misspelt key would stay.
    let (key, found) = find_key(&editing.before, &args.hive, Some(&args.key), &editing.roots)?;
    let edit = match &args.name {
        None => Edit::delete_key(key),
        Some(name) => {
            let name = value_name(name)?;
            if found.entry(&name).map_err(Failure::new)?.is_none() {
                let name = name.to_string();
                return Err(Failure::new(format!("{key} in {} has no value {name:?}", args.hive)));
            }
            Edit::delete_value(key, name)
        }
    };
    editing.apply(&edit)?;
    editing.finish(printer)
}

pub(crate) fn copy(args: &Copy, printer: &mut Printer) -> Outcome {
    let from = args.from.as_ref().unwrap_or(&args.hive);
    let source = open(from, false, printer)?;
    let (path, key) = find_key(&source, from, Some(&args.key), &Roots::of(from, &source))?;
    let mut editing = Editing::open(&args.hive, &args.output, args.detail, printer)?;
    let to = match (&args.to, &args.from) {
        (Some(to), _) => editing.resolve(to)?,
        // Another hive can select another control set.
        (None, Some(_)) => editing.resolve(&args.key)?,
        (None, None) => return Err(Failure::new(format!("{path} cannot be copied onto itself"))),
    };
    if editing.hive.key(&to).map_err(Failure::new)?.is_some() {
        let failure = Failure::new(format!("{} has the key {to} already", args.hive));
        return Err(failure.hint("winpe-iscsi hive delete deletes it"));
    }
    editing.hive.copy_tree(&key, &to).map_err(Failure::new)?;
    editing.finish(printer)
}

pub(crate) fn rename(args: &Rename, printer: &mut Printer) -> Outcome {
    let mut editing = Editing::open(&args.hive, &args.output, args.detail, printer)?;
    let (key, _) = find_key(&editing.before, &args.hive, Some(&args.key), &editing.roots)?;
    let name = KeyName::new(args.name.as_str()).map_err(Failure::new)?;
    editing.hive.rename(&key, &name).map_err(Failure::new)?;
    editing.finish(printer)
}

fn value_name(name: &str) -> Result<ValueName, Failure> {
    ValueName::new(if name == "@" { "" } else { name }).map_err(Failure::new)
}

fn value(args: &Set) -> Result<Value, Failure> {
    let one = || match &args.data[..] {
        [data] => Ok(data.as_str()),
        found => Err(Failure::new(format!(
            "expected one data, found {}; several are for --type multi-sz",
            found.len()
        ))),
    };
    Ok(match args.r#type {
        TypeArg::Sz => Value::sz(one()?),
        TypeArg::ExpandSz => Value::expand_sz(one()?),
        TypeArg::MultiSz => Value::multi_sz(args.data.iter().map(String::as_str)),
        TypeArg::Dword => Value::dword(number(one()?, u32::MAX.into())? as u32),
        TypeArg::Qword => Value::qword(number(one()?, u64::MAX)?),
        TypeArg::Binary => Value::binary(hex(one()?)?),
        TypeArg::None if args.data.is_empty() => Value::new(ValueType::NONE, Vec::new()),
        TypeArg::None => Value::new(ValueType::NONE, hex(one()?)?),
    })
}

/// Decimal, or hex after 0x.
fn number(text: &str, most: u64) -> Result<u64, Failure> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let number = hex.map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16));
    number.ok().filter(|number| *number <= most).ok_or_else(|| {
        Failure::new(format!("expected a number from 0 to {most}, or 0x and hex, found {text:?}"))
    })
}

/// Two digits a byte; blanks and commas between bytes do not matter.
fn hex(text: &str) -> Result<Vec<u8>, Failure> {
    let digits: Vec<char> = text.chars().filter(|it| !matches!(it, ' ' | ',')).collect();
    let byte = |pair: &[char]| match pair {
        [high, low] => Some((high.to_digit(16)? << 4 | low.to_digit(16)?) as u8),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    bytes.ok_or_else(|| Failure::new(format!("expected bytes of two hex digits, found {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bytes_are_as_people_write_them() {
        assert_eq!(number("4294967295", u32::MAX.into()).ok(), Some(0xffff_ffff));
        assert_eq!(number("0xff", u32::MAX.into()).ok(), Some(255));
        for wrong in ["4294967296", "-1", "0x", "ff", ""] {
            assert!(number(wrong, u32::MAX.into()).is_err(), "{wrong}");
        }
        assert_eq!(hex("01,02 fF").ok(), Some(vec![1, 2, 255]));
        assert_eq!(hex("").ok(), Some(vec![]));
        for wrong in ["1", "0g", "0x01"] {
            assert!(hex(wrong).is_err(), "{wrong}");
        }
    }
}
