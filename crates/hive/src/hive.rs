//! `Hive`: the public face of the crate (open, recover, edit, check, write).

use winpe_registry::{Change, Edit, KeyName, KeyPath, NtString};

use crate::check::{Findings, check};
use crate::edit::{CreateError, EditError, Lost, Refusal, Store};
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

/// A hive made of what could be read of a damaged one; see [`Hive::mend`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Mended {
    /// The new hive.
    pub hive: Hive,
    /// The number of its keys, the root included.
    pub keys: usize,
    /// The number of its values.
    pub values: usize,
    /// What it lacks: the first thousand parts.
    pub lost: Vec<Lost>,
    /// The number of parts that it lacks, listed or not.
    pub lost_count: usize,
}

impl Hive {
    /// Opens a clean hive whose base block and bins are sound.
    ///
    /// # Errors
    /// The file is not a hive, has an unknown version, is damaged as a whole, or is dirty: its last
    /// write is still in its transaction logs. Damage inside is found when it is read, or by a
    /// check.
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

    /// Opens whatever can be read: dirty, truncated, with a wrong checksum or damaged bins.
    /// [`Hive::damage`] lists the damage that was ignored. A damaged hive cannot be edited.
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

    /// Creates an empty hive: a root key with full access for SYSTEM and administrators, read
    /// access for users. `minor` is 3 (any Windows), 5 (SYSTEM and SOFTWARE since XP) or 6; `time`
    /// is also used for later edits, as by [`Hive::set_time`].
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

    /// The damage that [`Hive::open_lenient`] ignored.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The fields of the base block.
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
    /// lists that are out of order or partly damaged.
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
        // If the key was not found, an error is returned, since the key may be in the damaged part.
        if anywhere.is_some() { Ok(anywhere) } else { found }
    }

    /// Sets the time that later edits write. Without it the system clock is used.
    pub fn set_time(&mut self, time: FileTime) {
        self.clock = Some(time);
    }

    /// Applies one edit completely, or changes nothing. An edit without effect writes no byte. The
    /// returned change spells existing names as the hive does.
    ///
    /// # Errors
    /// The precondition does not hold, the edit deletes the root, a part of the hive that the edit
    /// needs is damaged, or there is no room. The hive is then unchanged.
    pub fn apply(&mut self, edit: &Edit) -> Result<Change, EditError> {
        self.transaction(&edit.key, |store| store.apply(edit))
    }

    /// Renames a key; its content stays. Returns whether anything changed.
    ///
    /// # Errors
    /// The key is the root, the key does not exist, another key has that name, damage, no room. The
    /// hive is then unchanged.
    pub fn rename(&mut self, key: &KeyPath, name: &KeyName) -> Result<bool, EditError> {
        self.transaction(key, |store| store.rename_key(key, name))
    }

    /// Sets the class name of a key; an empty name removes it. Returns whether anything changed.
    ///
    /// # Errors
    /// The key does not exist, the name has more than 65,535 bytes, damage, no room. The hive is
    /// then unchanged.
    pub fn set_class(&mut self, key: &KeyPath, class: &NtString) -> Result<bool, EditError> {
        self.transaction(key, |store| store.set_class_at(key, class))
    }

    /// Copies a key tree of another hive, or of a copy of this one: values with their types,
    /// classes, security. Missing parents are created. Returns the number of keys copied.
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
    /// A key exists at `to`, the tree would be too deep, damage in either hive, no room. The hive
    /// is then unchanged.
    pub fn copy_tree(&mut self, from: &Key<'_>, to: &KeyPath) -> Result<usize, EditError> {
        self.transaction(to, |store| store.copy_tree(from, to))
    }

    /// A newly written copy of the hive, without free space and without cells that no key leads to.
    /// Keys, values, times and everything else that a reader can see are the same. It needs the
    /// same amount of memory again.
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

    /// A new hive with everything that can be read of this one, which may be damaged: of a hive that was opened
    /// by [`Hive::open_lenient`] too. Lists, hashes, counts and all that else only describes the keys is made
    /// new, so the result is sound. It needs up to three times the memory of the hive.
    ///
    /// ```
    /// # use winpe_hive::{FileTime, Hive};
    /// # let name = winpe_registry::KeyName::new("ROOT")?;
    /// # let mut bytes = Hive::create(5, &name, FileTime::from_unix(0))?.into_bytes();
    /// bytes[0x1fc] ^= 1; // The checksum.
    /// let hive = Hive::open_lenient(bytes)?;
    /// let mended = hive.mend()?;
    /// assert!(mended.lost.is_empty() && mended.hive.check().is_sound());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The result would be larger than a hive can be.
    pub fn mend(&self) -> Result<Mended, Refusal> {
        let mended = self.store.mended(self.now())?;
        let hive =
            Self { store: mended.store, damage: Vec::new(), lenient: false, clock: self.clock };
        Ok(Mended {
            hive,
            keys: mended.keys,
            values: mended.values,
            lost: mended.losses.list,
            lost_count: mended.losses.count,
        })
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

    /// The file's bytes. If an edit changed anything, the sequence numbers are raised and the
    /// checksum is computed, so that no earlier transaction log can be applied; otherwise they are
    /// the bytes that were opened.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.into_file_bytes().into_vec()
    }

    /// The bytes of [`Hive::into_bytes`] without a copy.
    #[must_use]
    pub fn into_file_bytes(self) -> FileBytes {
        let now = self.now();
        self.store.into_bytes(now)
    }

    /// The current bytes, without new sequence numbers and checksum.
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
