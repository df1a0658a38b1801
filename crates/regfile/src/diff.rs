//! `DiffWriter`: applied changes shown as `.reg` text with `-` and `+`.

use std::collections::{BTreeMap, HashMap};
use std::io;

use winpe_registry::{Before, Change, KeyPath, KeyTree, Op, Value, ValueName};

use crate::compare::remove_tree;
use crate::explain::add_comment;
use crate::render::{self, UTF8_LF};
use crate::{Version, WriteError};

/// Shows changes as `.reg` text with `-` and `+`, in UTF-8 with LF.
///
/// Lines that start with `-` show the state before, lines that start with `+` the state after. The
/// `+` lines alone (`sed -n 's/^+//p'`) are a whole `.reg` file that turns the old registry into
/// the new one. Lines that start with a space are for people.
///
/// ```
/// use winpe_regfile::DiffWriter;
/// use winpe_registry::{Before, Change, Edit, KeyPath, Value, ValueName};
///
/// let change = Change {
///     edit: Edit::set_value("Setup".parse()?, ValueName::new("SetupType")?, Value::dword(2)),
///     before: Before::Value { missing: 0, value: Some(Value::dword(0)) },
/// };
/// let mut diff = DiffWriter::new(Vec::new());
/// diff.changes(&[change], &r"HKEY_LOCAL_MACHINE\PE_Sys".parse()?)?;
/// assert_eq!(String::from_utf8(diff.finish()?)?, r#"+Windows Registry Editor Version 5.00
/// +
///  ; existing key
/// +[HKEY_LOCAL_MACHINE\PE_Sys\Setup]
/// -"SetupType"=dword:00000000
/// +"SetupType"=dword:00000002
/// +
/// "#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DiffWriter<W> {
    writer: W,
    text: Vec<u8>,
    is_empty: bool,
    explained: bool,
}

impl<W: io::Write> DiffWriter<W> {
    /// Starts a diff; without changes it stays empty.
    pub fn new(writer: W) -> Self {
        Self { writer, text: vec![], is_empty: true, explained: false }
    }

    /// With a comment below each value that is written as bytes: its text or number (see
    /// [`explain`](crate::explain)).
    #[must_use]
    pub fn explained(mut self, explained: bool) -> Self {
        self.explained = explained;
        self
    }

    /// Shows the changes of one hive, in order. Consecutive changes of one key share its line,
    /// changes without effect are left out, and a value that changed twice is shown once, from the
    /// first state to the last. `root` is the key to which the paths of the edits are relative,
    /// such as `HKEY_LOCAL_MACHINE\PE_Sys`.
    ///
    /// # Errors
    /// As for [`Writer`](crate::Writer), on the names of what is to be there afterwards. A name that
    /// cannot be written is no error where it only was there before. After an error about a name nothing of
    /// these changes is written.
    pub fn changes(&mut self, changes: &[Change], root: &KeyPath) -> Result<(), WriteError> {
        let was_empty = self.is_empty;
        let written = blocks(changes).iter().try_for_each(|block| self.block(block, root));
        if written.is_err() {
            self.is_empty = was_empty;
        } else {
            self.writer.write_all(&self.text)?;
        }
        self.text.clear();
        written
    }

    /// Whether nothing has changed so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Ends the diff and hands the writer back.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn block(&mut self, block: &Block<'_>, root: &KeyPath) -> Result<(), WriteError> {
        let mut lines = vec![];
        match block {
            Block::Tree { key, tree } => {
                let key = root.join(key);
                self.start();
                self.old_tree(&key, tree);
                render::key_line(&mut lines, &key, true, UTF8_LF)?;
            }
            Block::Key { key, is_new, values } => {
                let mut values = values.iter().filter(|value| value.old != value.new).peekable();
                if !is_new && values.peek().is_none() {
                    return Ok(());
                }
                self.start();
                if !is_new {
                    self.text.extend_from_slice(b" ; existing key\n");
                }
                render::key_line(&mut lines, &root.join(key), false, UTF8_LF)?;
                for value in values {
                    self.flush_lines(&mut lines, b'+');
                    if let Some(old) = value.old {
                        self.old_value(value.name, old);
                    }
                    match value.new {
                        Some(new) => {
                            render::value_lines(
                                &mut lines, value.name, new.ty, &new.data, UTF8_LF,
                            )?;
                            if self.explained {
                                add_comment(&mut lines, new);
                            }
                        }
                        None => render::deletion_line(&mut lines, value.name, UTF8_LF)?,
                    }
                }
            }
        }
        lines.push(b'\n');
        self.flush_lines(&mut lines, b'+');
        Ok(())
    }

    fn start(&mut self) {
        if self.is_empty {
            self.text.extend_from_slice(format!("+{}\n+\n", Version::V5.header()).as_bytes());
            self.is_empty = false;
        }
    }

    fn old_tree(&mut self, key: &KeyPath, tree: &KeyTree) {
        let mut lines = vec![];
        if render::key_line(&mut lines, key, false, UTF8_LF).is_err() {
            lines = unwritable("key", &key.to_string());
        }
        if !tree.class.is_empty() {
            lines.extend_from_slice(format!("; class {:?}\n", tree.class).as_bytes());
        }
        self.flush_lines(&mut lines, b'-');
        for (name, value) in &tree.values {
            self.old_value(name, value);
        }
        self.text.extend_from_slice(b"-\n");
        for (name, subkey) in &tree.subkeys {
            self.old_tree(&key.child(name.clone()), subkey);
        }
    }

    fn old_value(&mut self, name: &ValueName, value: &Value) {
        let mut lines = vec![];
        if render::value_lines(&mut lines, name, value.ty, &value.data, UTF8_LF).is_err() {
            lines = unwritable("value", &name.to_string());
        } else if self.explained {
            add_comment(&mut lines, value);
        }
        self.flush_lines(&mut lines, b'-');
    }

    fn flush_lines(&mut self, lines: &mut Vec<u8>, sign: u8) {
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            self.text.push(sign);
            self.text.extend_from_slice(line);
        }
        lines.clear();
    }
}

fn unwritable(what: &str, name: &str) -> Vec<u8> {
    format!("; a {what} that .reg text cannot name: {name:?}\n").into_bytes()
}

/// Changes that are shown together.
enum Block<'a> {
    Key { key: &'a KeyPath, is_new: bool, values: Vec<ChangedValue<'a>> },
    Tree { key: &'a KeyPath, tree: &'a KeyTree },
}

struct ChangedValue<'a> {
    name: &'a ValueName,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
}

fn blocks(changes: &[Change]) -> Vec<Block<'_>> {
    let mut blocks = Blocks::default();
    for change in changes {
        blocks.add(change);
    }
    blocks.list
}

#[derive(Default)]
struct Blocks<'a> {
    list: Vec<Block<'a>>,
    /// The position of each value in the list, except of values in trees that were deleted later.
    shown: BTreeMap<&'a KeyPath, HashMap<&'a ValueName, (usize, usize)>>,
    /// The keys that the changes created.
    new_keys: BTreeMap<KeyPath, ()>,
}

impl<'a> Blocks<'a> {
    fn add(&mut self, change: &'a Change) {
        let key = &change.edit.key;
        let (old, missing) = match &change.before {
            Before::Key { missing } => (None, *missing),
            Before::Value { missing, value } => (value.as_ref(), *missing),
            Before::Tree(Some(tree)) => {
                remove_tree(&mut self.shown, key);
                remove_tree(&mut self.new_keys, key);
                self.list.push(Block::Tree { key, tree });
                return;
            }
            Before::Tree(None) => return,
        };
        let (name, new) = match &change.edit.op {
            Op::SetValue { name, value } => (Some(name), Some(value)),
            Op::DeleteValue { name } => (Some(name), None),
            Op::CreateKey | Op::DeleteKey => (None, None),
        };
        let creates = missing > 0 && !matches!(change.edit.op, Op::DeleteValue { .. });
        // From the bottom up: if a key is known to be new, its parents were recorded with it.
        let missing = key.depth() + 1 - missing.min(key.depth())..=key.depth();
        for depth in missing.rev().take_while(|_| creates) {
            if self.new_keys.insert(key.prefix(depth), ()).is_some() {
                break;
            }
        }
        let Some(name) = name else {
            if creates {
                self.block_of(key);
            }
            return;
        };
        if let Some(&(block, value)) = self.shown.get(key).and_then(|values| values.get(name)) {
            if let Block::Key { values, .. } = &mut self.list[block] {
                values[value].new = new;
            }
            return;
        }
        if old.is_none() && new.is_none() {
            return;
        }
        let block = self.block_of(key);
        if let Block::Key { values, .. } = &mut self.list[block] {
            self.shown.entry(key).or_default().insert(name, (block, values.len()));
            values.push(ChangedValue { name, old, new });
        }
    }

    /// The last block if it is the key's, or a new one.
    fn block_of(&mut self, key: &'a KeyPath) -> usize {
        if !matches!(self.list.last(), Some(Block::Key { key: last, .. }) if *last == key) {
            let is_new = self.new_keys.contains_key(key);
            self.list.push(Block::Key { key, is_new, values: vec![] });
        }
        self.list.len() - 1
    }
}
