//! A source that can be exchanged while the server runs.

use std::sync::{Arc, PoisonError, RwLock};

use super::{File, FileRequest, FileSource, OpenError};

/// A source that can be exchanged while it is served. A file that is open stays what it is.
///
/// ```
/// use std::sync::Arc;
/// use winpe_netboot::files::{Catalog, File, FileRequest, FileSource, Swap};
///
/// let menu = |text: &'static str| -> Result<Arc<dyn FileSource>, winpe_netboot::files::PathError> {
///     Ok(Arc::new(Catalog::new().with("menu", File::from_bytes(text))?))
/// };
/// let source = Swap::new(menu("old")?);
/// let (path, client) = ("menu".parse()?, [127, 0, 0, 1].into());
/// let request = FileRequest { path: &path, query: None, client, local: client };
/// let open = source.open(&request)?;
/// source.put(menu("newer")?);
/// assert_eq!((open.len(), source.open(&request)?.len()), (3, 5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Swap {
    source: RwLock<Arc<dyn FileSource>>,
}

impl Swap {
    /// One that serves this source until another is put in its place.
    #[must_use]
    pub fn new(source: Arc<dyn FileSource>) -> Self {
        Self { source: RwLock::new(source) }
    }

    /// Serves another source from now on.
    pub fn put(&self, source: Arc<dyn FileSource>) {
        *self.source.write().unwrap_or_else(PoisonError::into_inner) = source;
    }

    /// The present one. The lock is not held while a disk is read.
    fn source(&self) -> Arc<dyn FileSource> {
        Arc::clone(&self.source.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl FileSource for Swap {
    fn open(&self, request: &FileRequest<'_>) -> Result<File, OpenError> {
        self.source().open(request)
    }

    fn open_now(&self, request: &FileRequest<'_>) -> Option<Result<File, OpenError>> {
        self.source().open_now(request)
    }
}
