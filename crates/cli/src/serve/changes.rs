//! Whether a file has changed.
//!
//! It is looked at every other second: that works for editors that write beside the file and rename,
//! for symbolic links that are turned elsewhere, as Kubernetes does, and over the network.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Interval, interval};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// By what two versions of a file differ.
type Stamp = (u64, u64, i64, i64);

/// Looks at a file.
pub(super) struct Changes {
    file: Option<PathBuf>,
    ticks: Interval,
    /// The version that is in force.
    known: Option<Stamp>,
    /// The version at the last look.
    seen: Option<Stamp>,
}

impl Changes {
    /// Looks at a file, or at nothing.
    pub(super) fn of(file: Option<&Path>) -> Self {
        let file = file.map(Path::to_owned);
        let stamp = file.as_deref().and_then(stamp);
        Self { file, ticks: interval(LOOK), known: stamp, seen: stamp }
    }

    /// Waits for the next look, and says whether there is another version that has come to rest: one
    /// that is still being written is not read.
    pub(super) async fn tick(&mut self) -> bool {
        self.ticks.tick().await;
        let now = self.file.as_deref().and_then(stamp);
        let rests = now.is_some() && now == self.seen;
        let changed = rests && now != self.known;
        self.seen = now;
        if changed {
            self.known = now;
        }
        changed
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let of = |file: Metadata| (file.ino(), file.len(), file.mtime(), file.mtime_nsec());
    std::fs::metadata(path).ok().map(of)
}
