//! `Key`: name, class, security, subkeys and values of a key node.

use std::borrow::Cow;
use std::fmt;

use winpe_registry::{KeyName, KeyPath, KeyTree, NtString, Value, ValueName};

use super::{
    FileTime, Image, NameIndex, ReadError, Security, StoredName, Subkeys, ValueEntry, Values,
    Visit, Walk, find_subkey,
};
use crate::format::{CellOffset, KeyFlags, KeyNode, Named, Record};

/// A key of an open hive. Nothing is copied until it is requested.
///
/// ```
/// use winpe_hive::{FileTime, Hive};
/// use winpe_registry::KeyName;
///
/// let hive = Hive::create(5, &KeyName::new("ROOT")?, FileTime::from_unix(0))?;
/// let root = hive.root();
/// assert_eq!(root.name(), "ROOT");
/// assert_eq!(root.subkeys().count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Key<'h> {
    image: Image<'h>,
    at: CellOffset,
    node: &'h KeyNode,
    name: &'h [u8],
}

impl<'h> Key<'h> {
    #[inline]
    pub(crate) fn new(image: Image<'h>, at: CellOffset) -> Result<Self, ReadError> {
        let (node, name) = image.named::<KeyNode>(at)?;
        Ok(Self { image, at, node, name })
    }

    /// The name; that of the root key has no meaning.
    #[must_use]
    pub fn name(&self) -> NtString {
        self.stored_name().to_nt_string()
    }

    /// The name, without a copy.
    #[must_use]
    pub fn stored_name(&self) -> StoredName<'h> {
        StoredName::new(self.name, self.node.has_latin1_name())
    }

    /// The offset of the key node.
    #[must_use]
    pub fn offset(&self) -> CellOffset {
        self.at
    }

    /// The flags.
    #[must_use]
    pub fn flags(&self) -> KeyFlags {
        self.node.flags()
    }

    /// The time of the last write to the key.
    #[must_use]
    pub fn last_written(&self) -> FileTime {
        FileTime(self.node.last_written.get())
    }

    /// Whether the key, in a hive of version 1.6, only hides the key of a lower layer.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.image.minor() >= 6 && self.node.layer & 0b11 == 1
    }

    /// The class name; empty for nearly every key.
    ///
    /// # Errors
    /// The cell of the class name cannot be read.
    pub fn class(&self) -> Result<NtString, ReadError> {
        Ok(NtString::from_utf16le(self.class_bytes()?))
    }

    pub(crate) fn class_bytes(&self) -> Result<&'h [u8], ReadError> {
        let len = self.node.class_len.get();
        let at = CellOffset::new(self.node.class.get());
        if len == 0 || at.is_nil() {
            return Ok(&[]);
        }
        self.image.prefix(at, Record::Class, len.into())
    }

    /// The security descriptor; `None` if the key names none.
    ///
    /// # Errors
    /// The security cell cannot be read.
    pub fn security(&self) -> Result<Option<Security<'h>>, ReadError> {
        let at = CellOffset::new(self.node.security.get());
        if at.is_nil() { Ok(None) } else { Security::new(self.image, at).map(Some) }
    }

    /// The number of subkeys stated in the key.
    #[must_use]
    pub fn subkey_count(&self) -> u32 {
        self.node.subkey_count.get()
    }

    /// The number of values stated in the key.
    #[must_use]
    pub fn value_count(&self) -> u32 {
        self.node.values()
    }

    /// The subkeys in the order of the hive, which is that of their names. An error concerns one
    /// subkey or one list; iteration continues with the next readable subkey.
    #[must_use]
    pub fn subkeys(&self) -> Subkeys<'h> {
        Subkeys::new(self.image, self.at, self.node)
    }

    /// The subkey of that name, by binary search.
    ///
    /// # Errors
    /// A list or a key on the way cannot be read.
    pub fn subkey(&self, name: &KeyName) -> Result<Option<Key<'h>>, ReadError> {
        find_subkey(self.image, self.node, name.units())
    }

    /// The subkey with that name, by linear search: in a damaged hive, lists may be out of order or
    /// partly unreadable.
    #[must_use]
    pub fn subkey_anywhere(&self, name: &KeyName) -> Option<Key<'h>> {
        let mut readable = self.subkeys().filter_map(Result::ok);
        readable.find(|key| key.stored_name().eq_ignore_case(name.units()))
    }

    /// The key at a path below this one.
    ///
    /// # Errors
    /// As [`Key::subkey`].
    pub fn descend(&self, path: &KeyPath) -> Result<Option<Key<'h>>, ReadError> {
        let mut key = *self;
        for name in path.names() {
            match key.subkey(name)? {
                Some(subkey) => key = subkey,
                None => return Ok(None),
            }
        }
        Ok(Some(key))
    }

    /// The values in the order of the hive, which is that of their creation. An error concerns one
    /// value, or the whole list.
    #[must_use]
    pub fn values(&self) -> Values<'h> {
        Values::new(self.image, self.node)
    }

    /// The entry of a value of that name.
    ///
    /// # Errors
    /// The list or a value before it cannot be read.
    pub fn entry(&self, name: &ValueName) -> Result<Option<ValueEntry<'h>>, ReadError> {
        for entry in self.values() {
            let entry = entry?;
            if entry.stored_name().eq_ignore_case(name.units()) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The value of that name.
    ///
    /// # Errors
    /// As [`Key::entry`], or the data cannot be read.
    pub fn value(&self, name: &ValueName) -> Result<Option<Value>, ReadError> {
        self.entry(name)?.map(|entry| entry.value()).transpose()
    }

    /// The values of these names, in their order. However many there are, the values of the key are read once.
    ///
    /// # Errors
    /// As [`Key::value`].
    ///
    /// ```
    /// # use winpe_hive::{FileTime, Hive};
    /// # use winpe_registry::{Edit, KeyName, KeyPath, Value, ValueName};
    /// # let mut hive = Hive::create(5, &KeyName::new("ROOT")?, FileTime::from_unix(0))?;
    /// # let edit = |name: &str| ValueName::new(name)
    /// #     .map(|name| Edit::set_value(KeyPath::root(), name, Value::dword(2)));
    /// # hive.apply(&edit("Start")?)?;
    /// let names = ["type", "START"].map(ValueName::new);
    /// let [kind, start] = names;
    /// let found = hive.root().values_named([&kind?, &start?])?;
    /// assert_eq!(found, [None, Some(Value::dword(2))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn values_named<'n>(
        &self,
        names: impl IntoIterator<Item = &'n ValueName>,
    ) -> Result<Vec<Option<Value>>, ReadError> {
        let values = self.values().collect::<Result<Vec<_>, _>>()?;
        let index = NameIndex::of(&values);
        let find = |name: &ValueName| {
            let order =
                |stored: StoredName<'_>| stored.cmp_ignore_case(name.units().iter().copied());
            let entry = index.find(&values, order);
            entry.map(|entry| entry.value()).transpose()
        };
        names.into_iter().map(find).collect()
    }

    /// This key and all keys below it, parents first.
    #[must_use]
    pub fn walk(&self) -> Walk<'h> {
        Walk::new(self.image, *self)
    }

    /// Reads the key with everything below it.
    ///
    /// # Errors
    /// The first part that cannot be read.
    pub fn tree(&self) -> Result<KeyTree, ReadError> {
        let mut walk = self.walk();
        // A walk starts with its own key.
        match walk.next() {
            Some(visit) => subtree(&mut walk, visit?, &mut None),
            None => Ok(KeyTree::default()),
        }
    }

    pub(crate) fn node(&self) -> &'h KeyNode {
        self.node
    }
}

/// Reads everything below a visited key. The visit after it, if any, is left in `next`.
pub(crate) fn subtree<'h>(
    walk: &mut Walk<'h>,
    top: Visit<'h>,
    next: &mut Option<Visit<'h>>,
) -> Result<KeyTree, ReadError> {
    let mut open = vec![(NtString::default(), one_key(walk, &top.key)?)];
    while let Some(visit) = walk.next() {
        let visit = visit?;
        if visit.depth <= top.depth {
            *next = Some(visit);
            break;
        }
        close(&mut open, visit.depth - top.depth);
        open.push((visit.key.name(), one_key(walk, &visit.key)?));
    }
    close(&mut open, 1);
    Ok(open.pop().map(|(_, tree)| tree).unwrap_or_default())
}

/// A key without its subkeys.
fn one_key<'h>(walk: &mut Walk<'h>, key: &Key<'h>) -> Result<KeyTree, ReadError> {
    let mut tree = KeyTree { class: key.class()?, ..KeyTree::default() };
    for entry in walk.values(key) {
        let entry = entry?;
        tree.values.push((ValueName::from_stored(entry.name()), entry.value()?));
    }
    Ok(tree)
}

/// Moves finished trees into their parents until `depth` trees are open.
fn close(open: &mut Vec<(NtString, KeyTree)>, depth: usize) {
    while open.len() > depth {
        let Some((name, tree)) = open.pop() else { return };
        if let Some((_, parent)) = open.last_mut() {
            parent.subkeys.push((KeyName::from_stored(name), tree));
        }
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.stored_name())
            .field("at", &self.at.to_string())
            .finish()
    }
}

impl ValueEntry<'_> {
    /// The type, and a copy of the data.
    ///
    /// # Errors
    /// As [`ValueEntry::data`].
    pub fn value(&self) -> Result<Value, ReadError> {
        Ok(Value::new(self.ty(), self.data().map(Cow::into_owned)?))
    }
}
