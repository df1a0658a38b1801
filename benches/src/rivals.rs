//! The same tasks with other tools.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};

use notatin::parser::ParserIterator;
use notatin::parser_builder::ParserBuilder;
use nt_hive::{KeyNode, KeyValueData};

/// A walk with nt-hive over all names, and the data of all values.
pub(crate) fn nt_hive_walk(bytes: &[u8]) -> Result<usize, nt_hive::NtHiveError> {
    let hive = nt_hive::Hive::new(bytes)?;
    visit(&hive.root_key_node()?)
}

fn visit(key: &KeyNode<&[u8]>) -> Result<usize, nt_hive::NtHiveError> {
    let mut sum = 1;
    key.name()?;
    if let Some(values) = key.values() {
        for value in values? {
            let value = value?;
            value.name()?;
            sum += match value.data() {
                Ok(KeyValueData::Small(data)) => data.len(),
                Ok(KeyValueData::Big(parts)) => parts.map(|part| part.map_or(0, <[u8]>::len)).sum(),
                Err(_) => 0,
            };
        }
    }
    if let Some(subkeys) = key.subkeys() {
        for subkey in subkeys? {
            sum += visit(&subkey?)?;
        }
    }
    Ok(sum)
}

/// A walk with notatin, which can only open files.
pub(crate) fn notatin_walk(file: &Path) -> usize {
    let parser =
        ParserBuilder::from_path(file.to_owned()).build().expect("notatin opens a sound hive");
    let keys = ParserIterator::new(&parser).iter();
    keys.map(|key| 1 + key.value_iter().map(|value| drop(black_box(value.get_content()))).count())
        .sum()
}

/// Imports a `.reg` file with hivexregedit.
pub(crate) fn hivex_merge(file: &Path, reg: &Path, prefix: &str) {
    let reg = std::fs::File::open(reg).expect("the profile was written before");
    let mut command = Command::new("hivexregedit");
    command.args(["--merge", "--prefix", prefix]).arg(file).stdin(reg);
    run(&mut command);
}

/// Exports everything with hivexregedit.
pub(crate) fn hivex_export(file: &Path) {
    run(Command::new("hivexregedit").arg("--export").arg(file).arg("\\"));
}

/// Walks everything with hivex, which prints XML here: no other way visits every value.
pub(crate) fn hivex_walk(file: &Path) {
    run(Command::new("hivexml").arg(file));
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::inherit()).status();
    let status = status.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
