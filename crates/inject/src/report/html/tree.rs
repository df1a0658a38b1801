//! The changes of a hive as a tree of keys, with values as people write them.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use winpe_regfile::meaning;
use winpe_registry::{Before, Change, KeyName, KeyPath, KeyTree, Op, Value, ValueName};

use super::escape::Escaped;
use crate::report::HiveReport;

/// Bytes of a value that are shown.
const SHOWN: usize = 64;

#[derive(Default)]
struct Node<'r> {
    below: BTreeMap<&'r KeyName, Node<'r>>,
    /// `created` or `deleted`.
    state: Option<&'static str>,
    values: BTreeMap<&'r ValueName, Sides<'r>>,
}

/// A value before and afterwards.
struct Sides<'r> {
    old: Option<&'r Value>,
    new: Option<&'r Value>,
}

/// Writes the tree of what changes.
pub(super) fn write(hive: &HiveReport, page: &mut String) -> fmt::Result {
    let mut root = Node::default();
    hive.changes.iter().for_each(|change| root.add(change));
    if hive.changes.is_empty() {
        return Ok(());
    }
    writeln!(page, "<div class=\"tree\">")?;
    root.write(&mut hive.root.names().iter().collect(), page)?;
    writeln!(page, "</div>")
}

impl<'r> Node<'r> {
    fn add(&mut self, change: &'r Change) {
        let key = &change.edit.key;
        let missing = match change.before {
            Before::Key { missing } | Before::Value { missing, .. } => missing,
            Before::Tree(_) => 0,
        };
        let creates = !matches!(change.edit.op, Op::DeleteKey | Op::DeleteValue { .. });
        let mut node = self;
        for (depth, name) in (1..).zip(key.names()) {
            node = node.below.entry(name).or_default();
            if creates && depth + missing > key.depth() {
                node.state = Some("created");
            }
        }
        match (&change.edit.op, &change.before) {
            (Op::SetValue { name, value }, Before::Value { value: old, .. }) => {
                node.set(name, old.as_ref(), Some(value));
            }
            (Op::DeleteValue { name }, Before::Value { value: old, .. }) => {
                node.set(name, old.as_ref(), None);
            }
            (Op::DeleteKey, Before::Tree(Some(tree))) => node.delete(tree),
            _ => {}
        }
    }

    /// A value that changes twice was first what it was before the first change.
    fn set(&mut self, name: &'r ValueName, old: Option<&'r Value>, new: Option<&'r Value>) {
        self.values.entry(name).and_modify(|sides| sides.new = new).or_insert(Sides { old, new });
    }

    fn delete(&mut self, tree: &'r KeyTree) {
        self.state = Some("deleted");
        for (name, value) in &tree.values {
            self.set(name, Some(value), None);
        }
        for (name, subkey) in &tree.subkeys {
            self.below.entry(name).or_default().delete(subkey);
        }
    }

    /// Writes this key. `path` has the names since the last key that was written: keys in which nothing changes
    /// but one key below share its line.
    fn write(&self, path: &mut Vec<&'r KeyName>, page: &mut String) -> fmt::Result {
        if self.values.is_empty() && self.state.is_none() && self.below.len() == 1 {
            let (name, node) = self.below.iter().next().expect("it has one");
            path.push(name);
            return node.write(path, page);
        }
        let shown: KeyPath = path.drain(..).cloned().collect();
        let class = self.state.unwrap_or("kept");
        let remark = self.state.map(|state| format!(" <span class=\"state\">{state}</span>"));
        writeln!(
            page,
            "<details open class=\"{class}\"><summary>{}{}</summary>",
            Escaped(shown),
            remark.unwrap_or_default()
        )?;
        if !self.values.is_empty() {
            writeln!(page, "<table class=\"values\">")?;
            self.values.iter().try_for_each(|(name, sides)| value(name, sides, page))?;
            writeln!(page, "</table>")?;
        }
        for (name, node) in &self.below {
            path.push(name);
            node.write(path, page)?;
        }
        writeln!(page, "</details>")
    }
}

fn value(name: &ValueName, Sides { old, new }: &Sides<'_>, page: &mut String) -> fmt::Result {
    let name = if name.is_default() { "(default)".to_owned() } else { name.to_string() };
    write!(page, "<tr><th>{}</th><td>", Escaped(name))?;
    for (tag, value) in [("del", old), ("ins", new)] {
        if let Some(value) = value {
            write!(page, "<{tag}>{} {}</{tag}>", Escaped(value.ty), Escaped(data(value)))?;
        }
    }
    writeln!(page, "</td></tr>")
}

fn data(value: &Value) -> String {
    let hex =
        |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    meaning(value).unwrap_or_else(|| match value.data.len() {
        ..=SHOWN => hex(&value.data),
        len => format!("{}… ({len} bytes)", hex(&value.data[..SHOWN])),
    })
}
