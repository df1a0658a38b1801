//! Opens files without holding up tasks that send.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{File, FilePath, FileRequest, FileSource, OpenError};

/// Most files that threads open at a time; else a crowd of clients would start as many threads.
const PLACES: usize = 8;

/// Opens files for tasks, which must not wait for a disk.
#[derive(Clone)]
pub(crate) struct Opener {
    files: Arc<dyn FileSource>,
    places: Arc<Semaphore>,
}

impl Opener {
    pub(crate) fn new(files: Arc<dyn FileSource>) -> Self {
        Self { files, places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// Opens a file here where the kernel has all in memory, else on a thread that may block.
    pub(crate) async fn open(
        &self,
        path: &FilePath,
        query: Option<&str>,
        client: IpAddr,
        local: IpAddr,
    ) -> Result<File, OpenError> {
        if let Some(opened) = self.files.open_now(&FileRequest { path, query, client, local }) {
            return opened;
        }
        let _place = self.places.acquire().await.map_err(io::Error::other)?;
        let (files, path, query) =
            (Arc::clone(&self.files), path.clone(), query.map(str::to_owned));
        let open = move || {
            files.open(&FileRequest { path: &path, query: query.as_deref(), client, local })
        };
        tokio::task::spawn_blocking(open).await.unwrap_or_else(|error| {
            // A source that panics fails this request alone.
            Err(OpenError::Io(io::Error::other(error)))
        })
    }
}
