//! regipy, a reader of hives in Python.

use std::env;
use std::path::Path;

use winpe_registry::{KeyTree, ValueType};

use crate::{run, skip, tool};

/// Whether a hive of that size is read in this run: a large one takes regipy half a minute.
#[must_use]
pub fn is_quick(size: usize) -> bool {
    size < 1 << 20 || env::var_os("WINPE_SLOW").is_some()
}

/// regipy walks the whole hive and counts the same.
///
/// regipy takes inline data for 2 GiB and uselessly reads the rest of the file for each; the script
/// limits that, since a large hive would take an hour. It skips values of type 0x200000.
///
/// # Panics
/// If it counts otherwise, or fails.
pub fn counts(file: &Path, tree: &KeyTree) {
    const PASSED_OVER: ValueType = ValueType(0x0020_0000);
    const SCRIPT: &str = "\
import logging, sys
logging.disable(logging.CRITICAL)
from regipy.registry import NKRecord, RegistryHive
read = NKRecord.read_value
def bounded(vk, stream):
    if vk.data_size & 0x80000000:
        vk = type(vk)(vk, data_size=8, data_offset=0)
    return read(vk, stream)
NKRecord.read_value = staticmethod(bounded)
keys = values = 0
todo = [RegistryHive(sys.argv[1]).root]
while todo:
    key = todo.pop()
    keys += 1
    values += sum(1 for _ in key.iter_values(as_json=False))
    todo.extend(key.iter_subkeys())
print(keys, values)
";
    let Some(python) = tool("python3", "python3") else { return };
    if !run(&python, ["-c", "import regipy"]).status.success() {
        return skip("regipy is not installed (PyPI package regipy)");
    }
    let output = run(&python, ["-c".as_ref(), SCRIPT.as_ref(), file.as_os_str()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (keys, values) = tree.count();
    let values = values - of_type(tree, PASSED_OVER);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("{keys} {values}"));
}

fn of_type(tree: &KeyTree, ty: ValueType) -> usize {
    let here = tree.values.iter().filter(|(_, value)| value.ty == ty).count();
    here + tree.subkeys.iter().map(|(_, below)| of_type(below, ty)).sum::<usize>()
}
