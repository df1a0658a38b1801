use winpe_registry::{Change, Edit, KeyName, KeyPath, NtString};

use crate::check::{Findings, check};
use crate::edit::{CreateError, EditError, Refusal, Store};
use crate::file_bytes::FileBytes;
use crate::log::{self, Recovery};
use crate::read::{Damage, FileTime, Header, Image, Key, OpenError, ReadError, open, open_lenient};

/// A registry hive in memory: read, edited in place, written back as bytes.
///
/// ```
/// use winpe_hive::{FileTime, Hive};
/// use winpe_registry::{Edit, KeyName, Value, ValueName};
///
/// # let name = KeyName::new("ROOT")?;
/// # let bytes = Hive::create(5, &name, FileTime::from_unix(0))?.into_bytes();
/// let mut hive = Hive::open(bytes)?;                  // std::fs::read("SYSTEM")?
/// hive.set_time(FileTime::from_unix(1_600_000_000));  // SOURCE_DATE_EPOCH
/// let key = r"ControlSet001\Services\MSiSCSI".parse()?;
/// let edit = Edit::set_value(key, ValueName::new("Start")?, Value::dword(2));
/// let change = hive.apply(&edit)?;
/// assert!(!change.is_noop());
/// assert!(hive.apply(&edit)?.is_noop());
/// let bytes = hive.into_bytes();
/// # assert!(Hive::open(bytes).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Hive {
    store: Store,
    damage: Vec<Damage>,
    lenient: bool,
    clock: Option<FileTime>,
}

impl Hive {
    /// Opens a clean hive whose base block and bins are sound.
    ///
    /// # Errors
    /// Not a hive, a version that nobody knows, damage to the whole, or a dirty hive: one whose last
    /// write is still in its transaction logs. Damage inside shows when it is read, or in a check.
    pub fn open(bytes: impl Into<FileBytes>) -> Result<Self, OpenError> {
        let bytes = bytes.into();
        let opened = open(&bytes)?;
        Ok(Self {
            store: Store::new(bytes, opened.bins_len, opened.minor, opened.root),
            damage: opened.damage,
            lenient: false,
            clock: None,
        })
    }

    /// Opens what can be read at all: dirty, truncated, with a wrong checksum or damaged bins.
    /// [`Hive::damage`] lists what was passed over. A damaged hive cannot be edited.
    ///
    /// # Errors
    /// There is no base block or no root key, or the file is a transaction log.
    pub fn open_lenient(bytes: impl Into<FileBytes>) -> Result<Self, OpenError> {
        let bytes = bytes.into();
        let opened = open_lenient(&bytes)?;
        Ok(Self {
            store: Store::new(bytes, opened.bins_len, opened.minor, opened.root),
            damage: opened.damage,
            lenient: true,
            clock: None,
        })
    }

    /// Replays transaction logs over a dirty hive, as Windows does on loading it, and opens the result.
    /// `logs` holds the content of `.LOG`, `.LOG1` and `.LOG2`, in this order, as far as they exist. A
    /// clean hive is opened as it is.
    ///
    /// ```no_run
    /// # use winpe_hive::Hive;
    /// # use std::fs::read;
    /// let (log1, log2) = (read("SYSTEM.LOG1")?, read("SYSTEM.LOG2")?);
    /// let (hive, recovery) = Hive::recover(read("SYSTEM")?, &[&log1, &log2])?;
    /// println!("{} logs replayed", recovery.replayed.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// No log fits, or as [`Hive::open`].
    pub fn recover(
        bytes: impl Into<FileBytes>,
        logs: &[&[u8]],
    ) -> Result<(Self, Recovery), OpenError> {
        let (bytes, recovery) = log::recover(bytes, logs)?;
        Ok((Self::open(bytes)?, recovery))
    }

    /// Makes an empty hive: a root key that the system and administrators own and users may read.
    /// `minor` is 3 (any Windows), 5 (SYSTEM and SOFTWARE since XP) or 6; `time` also becomes the time
    /// of later edits, as by [`Hive::set_time`].
    ///
    /// ```
    /// use winpe_hive::{FileTime, Hive};
    /// use winpe_registry::KeyName;
    /// let hive = Hive::create(5, &KeyName::new("ROOT")?, FileTime::from_unix(0))?;
    /// assert_eq!(hive.into_bytes().len(), 8192);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A minor version that is not 3 to 6.
    pub fn create(minor: u32, root_name: &KeyName, time: FileTime) -> Result<Self, CreateError> {
        let store = Store::create(minor, root_name, time)?;
        Ok(Self { store, damage: Vec::new(), lenient: false, clock: Some(time) })
    }

    /// What [`Hive::open_lenient`] passed over.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// What the base block says.
    #[must_use]
    pub fn header(&self) -> Header {
        Header::of(self.store.bytes())
    }

    /// The root key.
    ///
    /// # Panics
    /// Never: the root key was read on opening, and no edit moves or frees it.
    #[must_use]
    pub fn root(&self) -> Key<'_> {
        Key::new(self.image(), self.store.root())
            .expect("the root key was read on opening, and no edit moves or frees it")
    }

    /// The key at a path below the root. In a hive that was opened leniently a key is found even in
    /// lists that are out of order or broken in part.
    ///
    /// # Errors
    /// A list or a key on the way cannot be read.
    pub fn key(&self, path: &KeyPath) -> Result<Option<Key<'_>>, ReadError> {
        let found = self.root().descend(path);
        if !self.lenient || matches!(found, Ok(Some(_))) {
            return found;
        }
        let mut names = path.names().iter();
        let anywhere = names.try_fold(self.root(), |key, name| key.subkey_anywhere(name));
        // Without a key, an error says that there might be one.
        if anywhere.is_some() { Ok(anywhere) } else { found }
    }

    /// The time that is written into what is edited from now on. Without it the system clock is used.
    pub fn set_time(&mut self, time: FileTime) {
        self.clock = Some(time);
    }

    /// Does one edit, whole or not at all. One that changes nothing touches no byte. The change that
    /// comes back spells the names that were there as the hive does.
    ///
    /// # Errors
    /// The precondition does not hold, the root would be deleted, a part of the hive that the edit
    /// needs is damaged, or there is no room. The hive is then as before.
    pub fn apply(&mut self, edit: &Edit) -> Result<Change, EditError> {
        self.transaction(&edit.key, |store| store.apply(edit))
    }

    /// Gives a key another name; it keeps all that is in it. Whether anything changed.
    ///
    /// # Errors
    /// The root, no such key, another key of that name, damage, no room. The hive is then as before.
    pub fn rename(&mut self, key: &KeyPath, name: &KeyName) -> Result<bool, EditError> {
        self.transaction(key, |store| store.rename_key(key, name))
    }

    /// Gives a key a class name; the empty one takes it away. Whether anything changed.
    ///
    /// # Errors
    /// No such key, more than 65,535 bytes, damage, no room. The hive is then as before.
    pub fn set_class(&mut self, key: &KeyPath, class: &NtString) -> Result<bool, EditError> {
        self.transaction(key, |store| store.set_class_at(key, class))
    }

    /// Copies a key of this hive's copy or of another hive with all below it: values with their types,
    /// classes, security. Missing parents are made. Returns how many keys were copied.
    ///
    /// ```
    /// # use winpe_hive::{FileTime, Hive};
    /// # use winpe_registry::{Edit, KeyName};
    /// # let name = KeyName::new("ROOT")?;
    /// # let mut install = Hive::create(5, &name, FileTime::from_unix(0))?;
    /// # install.apply(&Edit::create_key(r"Services\iScsiPrt\Parameters".parse()?))?;
    /// # let mut winpe = Hive::create(5, &name, FileTime::from_unix(0))?;
    /// let service = install.key(&r"Services\iScsiPrt".parse()?)?.expect("the source has it");
    /// let copied = winpe.copy_tree(&service, &r"ControlSet001\Services\iScsiPrt".parse()?)?;
    /// assert_eq!(copied, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// There is a key at `to`, the tree would be too deep, damage on either side, no room. The hive is
    /// then as before.
    pub fn copy_tree(&mut self, from: &Key<'_>, to: &KeyPath) -> Result<usize, EditError> {
        self.transaction(to, |store| store.copy_tree(from, to))
    }

    /// The same hive written anew, without free room and without cells that no key leads to. Keys,
    /// values, times and all else that a reader can see are the same. It needs as much memory again.
    ///
    /// ```
    /// # use winpe_hive::{FileTime, Hive};
    /// # use winpe_registry::{Edit, KeyName, Value, ValueName};
    /// # let name = KeyName::new("ROOT")?;
    /// # let mut hive = Hive::create(5, &name, FileTime::from_unix(0))?;
    /// # let big = Value::binary(vec![1; 100_000]);
    /// # hive.apply(&Edit::set_value("Big".parse()?, ValueName::default(), big))?;
    /// hive.apply(&Edit::delete_key("Big".parse()?))?;
    /// let small = hive.compact()?;
    /// assert_eq!(small.into_bytes().len(), 8192);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A part of the hive cannot be read, or has two owners.
    pub fn compact(&self) -> Result<Self, Refusal> {
        if let Some(damage) = self.damage.first() {
            return Err(Refusal::Damaged(damage.clone()));
        }
        let store = self.store.compacted()?;
        Ok(Self { store, damage: Vec::new(), lenient: false, clock: self.clock })
    }

    /// Checks the whole hive against what Windows expects of one.
    ///
    /// ```
    /// # use winpe_hive::{FileTime, Hive};
    /// # let name = winpe_registry::KeyName::new("ROOT")?;
    /// # let hive = Hive::create(5, &name, FileTime::from_unix(0))?;
    /// let findings = hive.check();
    /// for finding in &findings {
    ///     println!("{finding}");
    /// }
    /// assert!(findings.is_sound());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn check(&self) -> Findings {
        check(self.image(), self.store.bytes(), &self.damage)
    }

    /// Whether an edit has changed anything.
    #[must_use]
    pub fn is_modified(&self) -> bool {
        self.store.is_modified()
    }

    /// The file's bytes. After an edit the sequence numbers are raised and the checksum is computed, so
    /// that no transaction log of before can be applied; otherwise they are the bytes that were opened.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.into_file_bytes().into_vec()
    }

    /// The file's bytes as [`Hive::into_bytes`] gives them, in the memory in which they are.
    #[must_use]
    pub fn into_file_bytes(self) -> FileBytes {
        let now = self.now();
        self.store.into_bytes(now)
    }

    /// The bytes as they stand, sequence numbers and checksum not yet brought up to date.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.store.bytes()
    }

    pub(crate) fn image(&self) -> Image<'_> {
        self.store.image()
    }

    pub(crate) fn transaction<T>(
        &mut self,
        key: &KeyPath,
        edit: impl FnOnce(&mut Store) -> Result<T, Refusal>,
    ) -> Result<T, EditError> {
        let refused = |reason| EditError { key: key.clone(), reason };
        if let Some(damage) = self.damage.first() {
            return Err(refused(Refusal::Damaged(damage.clone())));
        }
        let now = self.now();
        self.store.transaction(now, edit).map_err(refused)
    }

    fn now(&self) -> FileTime {
        self.clock.unwrap_or_else(FileTime::now)
    }
}
