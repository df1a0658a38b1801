//! Verification of a whole WIM: checksums, references, and entries that cannot be extracted.

use std::path::PathBuf;

use crate::archive::Archive;
use crate::error::WimError;
use crate::extract::{faults, other_cases};
use crate::ffi::Reader;
use crate::metadata::{Id, ROOT};
use crate::progress::Progress;
use crate::tree::Tree;

impl Archive {
    /// Reads everything and checks it: the integrity table, if any, the metadata of all images, and
    /// all data. wimlib does this, as a reader that is independent of our writer. For a WIM inside
    /// an ISO image, which wimlib cannot open, this crate does it, without the integrity table.
    ///
    /// # Errors
    /// [`CommitError::Unconfirmed`](crate::CommitError::Unconfirmed) with the message of wimlib, or
    /// [`Corrupt`](crate::FormatError::Corrupt).
    pub fn verify(&self, progress: Option<&mut dyn FnMut(Progress)>) -> Result<(), WimError> {
        let mut ignored = |_| {};
        let progress = progress.unwrap_or(&mut ignored);
        let mut watch = |done, total| progress(Progress::Verify { done, total });
        // wimlib has no such limit.
        self.check_metadata_size()?;
        if self.part.base > 0 {
            (1..=self.header().image_count).try_for_each(|image| self.tree(image).map(drop))?;
            return self.part.check_blobs(&mut watch, &mut Err);
        }
        let others: Vec<PathBuf> = self.others().iter().map(|part| part.path.clone()).collect();
        let path = &self.part.path;
        Reader::open(path, self.header().integrity, Some(&mut watch))
            .and_then(|mut reader| {
                reader.reference(&others)?;
                reader.verify()
            })
            .map_err(|failure| WimError::wimlib(path, "verification failed", &failure))
    }

    /// All faults of the WIM, as far as it can be read: metadata, entries that [`Archive::extract`]
    /// refuses, names that differ only in case, data, references to missing data, the integrity table.
    pub fn findings(&self, progress: Option<&mut dyn FnMut(Progress)>) -> Vec<WimError> {
        let mut ignored = |_| {};
        let progress = progress.unwrap_or(&mut ignored);
        let mut findings = Vec::new();
        for image in 1..=self.header().image_count {
            match self.tree(image) {
                Err(error) => findings.push(error),
                Ok(tree) => {
                    let faults = faults(&tree.metadata, ROOT).chain(other_cases(&tree.metadata));
                    findings
                        .extend(faults.map(|fault| self.bad_entry(image, &tree.metadata, fault)));
                    findings.extend(self.without_data(image, tree));
                }
            }
        }
        for part in std::iter::once(&self.part).chain(self.others()) {
            let mut watch = |done, total| progress(Progress::Verify { done, total });
            let mut found = |error| {
                findings.push(error);
                Ok(())
            };
            part.check_blobs(&mut watch, &mut found).expect("findings do not end the check");
        }
        if self.header().integrity && self.part.base == 0 {
            let path = &self.part.path;
            findings.extend(Reader::open(path, true, None).err().map(|failure| {
                WimError::wimlib(path, "the integrity table does not match", &failure)
            }));
        }
        findings
    }

    /// Data that entries refer to but the WIM lacks.
    fn without_data(&self, image: u32, tree: &Tree) -> Vec<WimError> {
        let metadata = &tree.metadata;
        let lost = |id: &Id| metadata.dentry(*id).blobs().any(|sha1| self.blob(&sha1).is_none());
        let lost = metadata.all().filter(lost);
        lost.map(|id| self.missing_data(format!("{} (image {image})", metadata.path(id)))).collect()
    }
}
