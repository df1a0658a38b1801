//! Edits on every clean hive: exactly the requested changes are made, and every reader can read the
//! result.

use std::collections::HashMap;
use std::fs;
use std::sync::LazyLock;

use winpe_hive::{Hive, Severity};
use winpe_registry::KeyPath;

use crate::corpus::samples;
use crate::edited::Edited;
use crate::{model, oracles, scenario};

/// The hives that open without errors, after edits.
fn edited() -> &'static [Edited] {
    static EDITED: LazyLock<Vec<Edited>> = LazyLock::new(|| {
        samples().iter().filter_map(|sample| Edited::new(sample, scenario::edits)).collect()
    });
    &EDITED
}

#[test]
fn an_edit_makes_its_change_and_no_other() {
    for edited in edited() {
        let mut hive = Hive::open(edited.after.clone()).unwrap();
        assert_eq!(hive.root().tree().unwrap(), edited.tree, "{}", edited.name);

        let before = findings(&Hive::open(edited.before.clone()).unwrap());
        let after = findings(&hive);
        assert_eq!(after.0, 0, "errors in {}: {:?}", edited.name, hive.check());
        assert!(after.1 <= before.1, "{}: warnings {before:?} {after:?}", edited.name);

        let mut tree = edited.tree.clone();
        for edit in scenario::unpaired_names() {
            hive.apply(&edit).unwrap();
            model::apply(&mut tree, &edit);
        }
        assert_eq!(hive.root().tree().unwrap(), tree, "{}", edited.name);
    }
}

fn findings(hive: &Hive) -> (usize, usize) {
    let findings = hive.check();
    (findings.count(Severity::Error), findings.count(Severity::Warning))
}

#[test]
fn cells_of_keys_not_concerned_keep_their_bytes() {
    edited().iter().for_each(cells_are_kept);
}

/// The cells of keys that no edit concerns keep their offsets and contents.
pub(crate) fn cells_are_kept(edited: &Edited) {
    let after = own_cells(&edited.after);
    for (path, cells) in own_cells(&edited.before) {
        if edited.touched.contains(&path) {
            continue;
        }
        // There is nothing to compare below a deleted key.
        let Some(kept) = after.get(&path) else {
            assert!(
                edited.touched.iter().any(|touched| path.starts_with(touched)),
                "{}: {path} is gone",
                edited.name
            );
            continue;
        };
        assert_eq!(&cells, kept, "{}: the cells of {path} moved", edited.name);
        for cell in cells {
            assert_eq!(
                cell_bytes(&edited.before, cell),
                cell_bytes(&edited.after, cell),
                "{}: a cell of {path} at {cell:#x} changed",
                edited.name
            );
        }
    }
}

/// For each key the file offsets of the cells that only it has: node, class, value list, values and data. Subkey
/// lists are left out, since they change with any subkey.
fn own_cells(bytes: &[u8]) -> HashMap<KeyPath, Vec<usize>> {
    let hive = Hive::open(bytes.to_vec()).unwrap();
    let mut keys = HashMap::new();
    let mut path = KeyPath::root();
    let mut walk = hive.root().walk();
    while let Some(visit) = walk.next() {
        let visit = visit.unwrap();
        while path.depth() + 1 > visit.depth && !path.is_root() {
            path.pop();
        }
        if visit.depth > 0 {
            path.push(winpe_registry::KeyName::from_stored(visit.key.name()));
        }
        let node = file_offset(visit.key.offset().get());
        let mut cells = vec![node];
        if visit.key.value_count() > 0 {
            cells.push(named_cell(bytes, node, VALUE_LIST));
        }
        if !visit.key.class().unwrap().is_empty() {
            cells.push(named_cell(bytes, node, CLASS));
        }
        for entry in walk.values(&visit.key) {
            let value = file_offset(entry.unwrap().offset().get());
            cells.push(value);
            let inline = word(bytes, value + 4 + DATA_SIZE) >> 31 == 1;
            if !inline {
                cells.push(named_cell(bytes, value, DATA));
            }
        }
        keys.insert(path.clone(), cells);
    }
    keys
}

// Fields of key nodes and of values, from the signature on.
const VALUE_LIST: usize = 40;
const CLASS: usize = 48;
const DATA_SIZE: usize = 4;
const DATA: usize = 8;

/// The cell that a field of a record names.
fn named_cell(bytes: &[u8], record: usize, field: usize) -> usize {
    file_offset(word(bytes, record + 4 + field))
}

fn cell_bytes(bytes: &[u8], cell: usize) -> &[u8] {
    let size = word(bytes, cell).cast_signed().unsigned_abs() as usize;
    &bytes[cell..cell + size]
}

fn file_offset(cell: u32) -> usize {
    4096 + cell as usize
}

fn word(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

#[test]
fn nt_hive_reads_every_edited_hive() {
    edited().iter().for_each(nt_hive_agrees);
}

/// nt-hive sees the content of the model. Hives that it refuses or misreads without any edit are
/// skipped.
pub(crate) fn nt_hive_agrees(edited: &Edited) {
    let tree = Hive::open(edited.before.clone()).unwrap().root().tree().unwrap();
    if oracles::nt_hive_sees(&edited.before, &tree).is_ok() {
        let seen = oracles::nt_hive_sees(&edited.after, &edited.tree);
        seen.unwrap_or_else(|error| panic!("{}: {error}", edited.name));
    }
}

#[test]
fn hivex_reads_every_edited_hive() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hive");
    for edited in edited() {
        fs::write(&file, &edited.after).unwrap();
        oracles::hivexregedit_sees(&file, &edited.tree);
        oracles::hivexsh_finds(&file, "\\WinPE iSCSI test", "dword");
    }
}

#[test]
fn reged_reads_the_edited_system_hives() {
    for edited in edited().iter().filter(|edited| edited.name.ends_with("SYSTEM")) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &edited.after).unwrap();
        oracles::reged_reads(file.path(), &edited.tree);
    }
}

/// regipy takes half a minute for a large hive, so it only reads the small ones here.
#[test]
fn regipy_reads_edited_hives() {
    for edited in edited().iter().filter(|edited| edited.name.starts_with("aiowinreg/")) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &edited.after).unwrap();
        winpe_tests::regipy::counts(file.path(), &edited.tree);
    }
}
