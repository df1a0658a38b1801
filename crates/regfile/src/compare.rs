//! Comparison of two `.reg` files by their effect, shown as `.reg` text with `-` and `+`.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::io;

use winpe_registry::{Edit, KeyPath, Op, Value, ValueName};

use crate::Document;
use crate::explain::add_comment;
use crate::render::{self, UTF8_LF};

/// The differences between the effects of two files, whatever their order, layout and encoding.
///
/// ```
/// use winpe_regfile::{Comparison, Document, ParseOptions};
/// let parse = |text: &str| Document::parse(text.as_bytes(), &ParseOptions::default());
/// let old = parse("REGEDIT4\n[HKEY_USERS\\x]\n\"a\"=dword:1\n\"b\"=dword:2\n")?;
/// let new = parse("REGEDIT4\n[HKEY_USERS\\X]\n\"B\" = hex(4):02,00,00,00\n\"a\"=-\n")?;
/// let mut text = Vec::new();
/// Comparison::new(&old, &new).write(&mut text, false).unwrap();
/// assert_eq!(String::from_utf8(text).unwrap(), r#" [HKEY_USERS\X]
/// -"a"=dword:00000001
/// +"a"=-
/// "#);
/// # Ok::<(), winpe_regfile::ParseError>(())
/// ```
#[derive(Debug)]
pub struct Comparison {
    /// Keys on which the effects of the files differ.
    keys: BTreeMap<KeyPath, Sides<KeyState>>,
}

impl Comparison {
    /// Compares two documents.
    #[must_use]
    pub fn new(old: &Document, new: &Document) -> Self {
        let mut keys: BTreeMap<KeyPath, Sides<KeyState>> = BTreeMap::new();
        for (key, state) in states(old.edits().map(|(edit, _)| edit)) {
            keys.entry(key).or_default().old = Some(state);
        }
        for (key, state) in states(new.edits().map(|(edit, _)| edit)) {
            // The new file's spelling is shown.
            let old = keys.remove(&key).and_then(|sides| sides.old);
            keys.insert(key, Sides { old, new: Some(state) });
        }
        keys.retain(|_, sides| sides.old != sides.new);
        Self { keys }
    }

    /// Whether the files have the same effect.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.keys.is_empty()
    }

    /// Writes the differences: `-` before what only the old file sets or deletes, `+` before what
    /// only the new file does, and a space before keys that both name. With `explained`, a comment
    /// with the text follows each text value that is written as bytes.
    ///
    /// # Errors
    /// Errors of `writer`.
    pub fn write(&self, mut writer: impl io::Write, explained: bool) -> io::Result<()> {
        for (index, (key, sides)) in self.keys.iter().enumerate() {
            if index > 0 {
                writeln!(writer)?;
            }
            write_key(&mut writer, key, sides, explained)?;
        }
        Ok(())
    }
}

fn write_key(
    writer: &mut impl io::Write,
    key: &KeyPath,
    sides: &Sides<KeyState>,
    explained: bool,
) -> io::Result<()> {
    let has = |what: fn(&KeyState) -> bool| {
        (sides.old.as_ref().is_some_and(what), sides.new.as_ref().is_some_and(what))
    };
    for (delete, sides) in [(true, has(|key| key.deleted)), (false, has(|key| key.named))] {
        let sign = match sides {
            (true, true) => " ",
            (true, false) => "-",
            (false, true) => "+",
            (false, false) => continue,
        };
        let mut line = vec![];
        if render::key_line(&mut line, key, delete, UTF8_LF).is_err() {
            line = format!("; {}key {:?}\n", if delete { "deleted " } else { "" }, key.to_string())
                .into_bytes();
        }
        write_lines(writer, sign, &line)?;
    }
    let mut names: BTreeMap<&ValueName, Sides<&ValueState>> = BTreeMap::new();
    for (name, value) in sides.old.iter().flat_map(|state| &state.values) {
        names.entry(name).or_default().old = Some(value);
    }
    for (name, value) in sides.new.iter().flat_map(|state| &state.values) {
        names.entry(name).or_default().new = Some(value);
    }
    for (name, values) in names {
        if values.old != values.new {
            for (sign, value) in [("-", values.old), ("+", values.new)] {
                if let Some(value) = value {
                    write_value(writer, sign, name, value, explained)?;
                }
            }
        }
    }
    Ok(())
}

fn write_value(
    writer: &mut impl io::Write,
    sign: &str,
    name: &ValueName,
    value: &ValueState,
    explained: bool,
) -> io::Result<()> {
    let mut lines = vec![];
    let written = match value {
        Some(value) => render::value_lines(&mut lines, name, value.ty, &value.data, UTF8_LF),
        None => render::deletion_line(&mut lines, name, UTF8_LF),
    };
    if written.is_err() {
        let value =
            value.as_ref().map_or_else(|| "deleted".to_owned(), |value| format!("{value:?}"));
        lines = format!("; value {:?}: {value}\n", name.to_string()).into_bytes();
    }
    if let Some(value) = value.as_ref().filter(|_| explained && written.is_ok()) {
        add_comment(&mut lines, value);
    }
    write_lines(writer, sign, &lines)
}

fn write_lines(writer: &mut impl io::Write, sign: &str, lines: &[u8]) -> io::Result<()> {
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        writer.write_all(sign.as_bytes())?;
        writer.write_all(line)?;
    }
    Ok(())
}

#[derive(Debug)]
struct Sides<T> {
    old: Option<T>,
    new: Option<T>,
}

impl<T> Default for Sides<T> {
    fn default() -> Self {
        Self { old: None, new: None }
    }
}

/// The final effect of a file on one key.
#[derive(Debug, Default, PartialEq, Eq)]
struct KeyState {
    /// Whether the file deletes the key, before the rest of its effect.
    deleted: bool,
    /// Whether the file creates the key, after the deletion.
    named: bool,
    values: BTreeMap<ValueName, ValueState>,
}

/// The value that is set, or `None` if it is deleted.
type ValueState = Option<Value>;

/// Removes a key and everything below it from a map: these keys are adjacent in path order.
pub(crate) fn remove_tree<K: Borrow<KeyPath> + Ord + Clone, V>(
    map: &mut BTreeMap<K, V>,
    key: &KeyPath,
) {
    let below = map.range::<KeyPath, _>(key..).map(|(other, _)| other);
    let tree: Vec<K> =
        below.take_while(|other| (*other).borrow().starts_with(key)).cloned().collect();
    for key in tree {
        map.remove(key.borrow());
    }
}

fn states(edits: impl Iterator<Item = Edit>) -> BTreeMap<KeyPath, KeyState> {
    let mut states: BTreeMap<KeyPath, KeyState> = BTreeMap::new();
    for edit in edits {
        let key = edit.key;
        if let Op::DeleteKey = edit.op {
            remove_tree(&mut states, &key);
            states.insert(key, KeyState { deleted: true, ..KeyState::default() });
            continue;
        }
        let is_emptied = |depth| states.get(&key.prefix(depth)).is_some_and(|state| state.deleted);
        let deletes = matches!(edit.op, Op::DeleteValue { .. });
        let is_emptied = deletes && (1..=key.depth()).any(is_emptied);
        let state = states.entry(key).or_default();
        state.named = true;
        match edit.op {
            Op::SetValue { name, value } => {
                state.values.insert(name, Some(value));
            }
            // The file deleted the whole key earlier, so there is no value left to delete.
            Op::DeleteValue { name } if is_emptied => {
                state.values.remove(&name);
            }
            Op::DeleteValue { name } => {
                state.values.insert(name, None);
            }
            Op::CreateKey | Op::DeleteKey => {}
        }
    }
    states
}
