//! How much of the file each content takes, and how much nothing refers to.

use std::collections::HashSet;

use crate::archive::Archive;
use crate::blobs::{BlobPlace, Sha1};
use crate::commit::unused;
use crate::error::WimError;

impl Archive {
    /// Bytes of the file that the data with this SHA-1 takes, compressed. Data that is compressed together
    /// with others (solid) has its share of the whole. `None` if no part of the WIM has it.
    #[must_use]
    pub fn stored_size(&self, sha1: &[u8; 20]) -> Option<u64> {
        let (part, blob) = self.blob(sha1)?;
        Some(match blob.place {
            BlobPlace::Own(resource) => resource.stored(),
            BlobPlace::Solid { .. } => {
                let (stored, size) = part.blobs.solid_sizes();
                let share = u128::from(blob.size) * u128::from(stored) / u128::from(size.max(1));
                u64::try_from(share).unwrap_or(u64::MAX)
            }
        })
    }

    /// Bytes of the file to which no image refers: what changes left, and data that is in no image. Writing the
    /// WIM again ([`optimize`](Self::optimize)) leaves them out.
    ///
    /// # Errors
    /// The metadata of an image cannot be read.
    pub fn unused(&self) -> Result<u64, WimError> {
        let mut used: HashSet<Sha1> = HashSet::new();
        for image in self.images() {
            for entry in self.below(image.index, "")? {
                let streams = entry.streams.iter().filter_map(|stream| stream.sha1);
                used.extend(streams.chain(entry.sha1).chain(entry.reparse_sha1));
            }
        }
        let all = self.part.blobs.iter().map(|(sha1, _)| *sha1);
        let dropped: Vec<Sha1> = all.filter(|sha1| !used.contains(sha1)).collect();
        let unused = unused(&self.part.disk, &self.part.blobs, &dropped, self.part.size);
        Ok(unused.iter().map(|range| range.end - range.start).sum())
    }
}
