//! `Export`: a walk over a key tree with paths and values, for writing `.reg` files.

use winpe_registry::{KeyName, KeyPath};

use crate::read::{Key, ReadError, Walk, WalkValues};

impl<'h> Key<'h> {
    /// Everything in this key, key by key, for a `.reg` file. `at` is the path that this key gets
    /// there, such as `HKEY_LOCAL_MACHINE\SYSTEM`.
    #[must_use]
    pub fn export(&self, at: KeyPath) -> Export<'h> {
        Export { walk: self.walk(), root: at.depth(), path: at }
    }
}

/// A walk that knows the path of each key and lends its values.
///
/// The work is bounded by the size of the hive, as for [`Walk`]; after an error it continues with
/// the next key.
///
/// ```
/// # use winpe_hive::{FileTime, Hive};
/// # let name = winpe_registry::KeyName::new("ROOT")?;
/// # let mut hive = Hive::create(5, &name, FileTime::from_unix(0))?;
/// # hive.apply(&winpe_registry::Edit::create_key("Select".parse()?))?;
/// let mut export = hive.root().export(r"HKEY_LOCAL_MACHINE\SYSTEM".parse()?);
/// # let mut paths = Vec::new();
/// while let Some(exported) = export.next() {
///     let exported = exported?;
///     println!("[{}]", exported.path);
/// #   paths.push(exported.path.to_string());
///     for value in exported.values {
///         let value = value?;
///         println!("{} {:?}", value.name(), value.data()?);
///     }
/// }
/// # assert_eq!(paths, [r"HKEY_LOCAL_MACHINE\SYSTEM", r"HKEY_LOCAL_MACHINE\SYSTEM\Select"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Export<'h> {
    walk: Walk<'h>,
    /// The number of names in the path of the key where the walk began.
    root: usize,
    path: KeyPath,
}

/// One key of an [`Export`].
pub struct Exported<'h, 'e> {
    /// Its path.
    pub path: &'e KeyPath,
    /// The key.
    pub key: Key<'h>,
    /// Its values, each of which may be an error.
    pub values: WalkValues<'h, 'e>,
}

impl<'h> Export<'h> {
    /// The next key, or an error; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Option<Result<Exported<'h, '_>, ReadError>> {
        let visit = match self.walk.next()? {
            Ok(visit) => visit,
            Err(error) => return Some(Err(error)),
        };
        if visit.depth > 0 {
            while self.path.depth() >= self.root + visit.depth {
                self.path.pop();
            }
            self.path.push(KeyName::from_stored(visit.key.name()));
        }
        let values = self.walk.values(&visit.key);
        Some(Ok(Exported { path: &self.path, key: visit.key, values }))
    }
}
