//! Erasing: overwrites bytes that no part of the WIM refers to any more.
//!
//! A commit appends, so dropped parts stay in the file: data, and metadata and tables that contain
//! its SHA-1. They can only be overwritten after the new header is durable, since the old header
//! refers to them. A crash in between leaves some of them, and an intact WIM.
//!
//! An integrity table covers these bytes too. So the header is first switched to one without a
//! table, and after erasing to one with a table of the final content. A crash in between leaves the
//! new WIM without a table.

use std::ops::Range;

use zerocopy::IntoBytes;

use super::Erasure;
use super::integrity::Digests;
use super::pack::write_plain;
use super::storage::Output;
use crate::blobs::{BlobTable, Sha1};
use crate::chunks::Source;
use crate::content::Data;
use crate::error::WimError;
use crate::format::header::{DiskHeader, SIZE};
use crate::format::resource::flags;

/// An integrity table that is written after everything else.
pub(super) struct LaterTable {
    digests: Digests,
    at: u64,
}

impl LaterTable {
    /// Reserves the space for the table at `at`, so that writing it later cannot fail for lack of
    /// space.
    pub(super) fn reserve(
        output: Output<'_>,
        digests: Digests,
        header: &DiskHeader,
        at: u64,
    ) -> Result<Self, WimError> {
        let size = digests.table_size(header.blob_table.end());
        output.write(at, &vec![0; size])?;
        Ok(Self { digests, at })
    }

    /// Writes the table, and stores its place in the header.
    fn write(
        mut self,
        output: Output<'_>,
        header: &mut DiskHeader,
        erased: &[Range<u64>],
    ) -> Result<(), WimError> {
        self.digests.forget(erased);
        let source =
            Source { file: output.storage.file(), path: output.path, base: 0, size: self.at };
        let table = self.digests.complete(source, header.blob_table.end())?;
        let table = Data::bytes(&table);
        header.integrity = write_plain(output, self.at, &table, flags::METADATA, None)?;
        Ok(())
    }
}

/// Erases in an existing WIM whose new header refers to everything but the table.
pub(super) fn in_place(
    output: Output<'_>,
    header: &DiskHeader,
    unused: &[Range<u64>],
    table: Option<LaterTable>,
) -> Erasure {
    let erased = overwrite(output, unused).and_then(|bytes| output.sync().map(|()| bytes));
    // The WIM gets its table even if erasing failed.
    let tabled = table.map_or(Ok(()), |table| {
        let mut header = header.clone();
        table.write(output, &mut header, unused)?;
        output.sync()?;
        output.write(0, header.as_bytes())?;
        output.sync()
    });
    match tabled.and(erased) {
        Ok(bytes) => Erasure::Done { bytes },
        Err(error) => Erasure::Failed { why: error.to_string() },
    }
}

/// Erases in a new file, and completes its header.
pub(super) fn in_new_file(
    output: Output<'_>,
    header: &mut DiskHeader,
    unused: &[Range<u64>],
    table: Option<LaterTable>,
) -> Result<Erasure, WimError> {
    let bytes = overwrite(output, unused)?;
    if let Some(table) = table {
        table.write(output, header, unused)?;
    }
    Ok(Erasure::Done { bytes })
}

/// The ranges before `end` that no part of the WIM uses, after removal of the blobs in `dropped`.
pub(crate) fn unused(
    header: &DiskHeader,
    blobs: &BlobTable,
    dropped: &[Sha1],
    end: u64,
) -> Vec<Range<u64>> {
    let parts = [&header.blob_table, &header.xml, &header.integrity, &header.boot_metadata];
    let parts = parts.into_iter().filter(|part| !part.is_absent()).copied();
    let mut taken: Vec<Range<u64>> =
        parts.chain(blobs.resources(dropped)).map(|part| part.offset.get()..part.end()).collect();
    taken.sort_unstable_by_key(|part| part.start);
    let mut unused = Vec::new();
    let mut at = u64::from(SIZE);
    for part in taken.into_iter().chain(std::iter::once(end..end)) {
        if part.start.min(end) > at {
            unused.push(at..part.start.min(end));
        }
        at = at.max(part.end);
    }
    unused
}

/// Fills the ranges with zeros; returns how many bytes were not zero.
fn overwrite(output: Output<'_>, unused: &[Range<u64>]) -> Result<u64, WimError> {
    const STEP: u64 = 1 << 20;
    let mut erased = 0;
    for stretch in unused {
        let source =
            Source { file: output.storage.file(), path: output.path, base: 0, size: stretch.end };
        let mut at = stretch.start;
        while at < stretch.end {
            let size = usize::try_from(STEP.min(stretch.end - at)).expect("at most a step");
            let bytes = source.read("what is no longer used", at, size)?;
            let others = bytes.iter().filter(|byte| **byte != 0).count();
            if others > 0 {
                output.write(at, &vec![0; size])?;
            }
            erased += others as u64;
            at += size as u64;
        }
    }
    Ok(erased)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use sha1::{Digest, Sha1 as Sha1Hasher};

    use super::super::{CommitOptions, Content, FileChange, ImageChanges, Target};
    use super::*;
    use crate::archive::Archive;
    use crate::coding::Compression;
    use crate::create::{NewImage, create};
    use crate::format::resource::{DiskBlob, ResourceHeader};

    fn blob(number: u8, offset: u64, size: u64) -> DiskBlob {
        let resource = ResourceHeader::new(offset, size, size, 0);
        DiskBlob { resource, part: 1.into(), references: 1.into(), sha1: [number; 20] }
    }

    #[test]
    fn ranges_used_by_any_part_are_kept() {
        let mut header = crate::create::new_header(crate::coding::Coding::NONE, 0, 0);
        header.blob_table = ResourceHeader::new(900, 50, 50, 0);
        header.xml = ResourceHeader::new(960, 40, 40, 0);
        let mut blobs = BlobTable::default();
        // The second is inside the first, the third begins in it, and the fifth is listed twice.
        for entry in [blob(1, 300, 100), blob(2, 320, 10), blob(3, 350, 100), blob(4, 500, 100)] {
            blobs.insert(entry);
        }
        blobs.insert(blob(5, 700, 100));
        assert_eq!(
            unused(&header, &blobs, &[], 1000),
            [208..300, 450..500, 600..700, 800..900, 950..960]
        );
        assert_eq!(
            unused(&header, &blobs, &[[1; 20], [4; 20]], 1000),
            [208..320, 330..350, 450..700, 800..900, 950..960]
        );
        blobs.insert(blob(6, 720, u64::MAX >> 8));
        assert_eq!(unused(&header, &blobs, &[], 1000), [208..300, 450..500, 600..700]);
        assert_eq!(unused(&header, &blobs, &[], 480), [208..300, 450..480]);
    }

    fn put(path: &str, bytes: &[u8]) -> FileChange {
        FileChange::Put { path: path.to_owned(), content: Content::Bytes(bytes.to_vec()) }
    }

    fn count(path: &Path, part: &[u8]) -> usize {
        let bytes = fs::read(path).expect("a WIM");
        bytes.windows(part.len()).filter(|window| *window == part).count()
    }

    /// Dropped data and everything that contains its SHA-1 are removed from the file; data that
    /// another image uses stays.
    #[test]
    fn erased_data_is_nowhere_in_the_file() {
        const OWN: &[u8] = b"a secret of the first image alone";
        const SHARED: &[u8] = b"a secret that both images have";
        let sha1 = |bytes: &[u8]| -> [u8; 20] { Sha1Hasher::digest(bytes).into() };
        for (compression, integrity) in [
            (Compression::None, false),
            (Compression::None, true),
            (Compression::Xpress, true),
            (Compression::Lzx, false),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let wim = folder.path().join("winpe.wim");
            let images = ["PE", "Setup"].map(|name| {
                let mut image = NewImage::new(name);
                image.files.push(("shared".to_owned(), SHARED.to_vec()));
                image.files.push(("other".to_owned(), vec![name.len() as u8; 100_000]));
                image
            });
            create(&wim, compression, &images).expect("a WIM");
            let delete =
                |path: &str| FileChange::Delete { path: path.to_owned(), recursive: false };
            let commit = |change, target: &Target, erase| {
                let changes = [ImageChanges { image: 1, changes: vec![change] }];
                let options =
                    CommitOptions { erase, add_integrity: integrity, ..CommitOptions::default() };
                Archive::open(&wim)
                    .expect("a WIM")
                    .commit(&changes, target, options)
                    .expect("a commit")
            };
            let occurrences = |path: &Path| {
                Archive::open(path).expect("a WIM").verify(None).expect("it is whole");
                [count(path, OWN), count(path, &sha1(OWN)), count(path, SHARED)]
            };
            // A short text does not compress, so it is stored plain in every format. Its digest is
            // in the metadata, which may be compressed, and in the blob table.
            commit(put("own", OWN), &Target::InPlace, false);
            let [own, digests, shared] = occurrences(&wim);
            assert!((own, shared) == (1, 1) && digests >= 1, "{own} {digests} {shared}");

            let copy = Target::File { path: folder.path().join("copy.wim"), overwrite: false };
            let done = commit(delete("own"), &copy, true);
            assert!(matches!(done.erased, Erasure::Done { bytes: 1.. }), "{:?}", done.erased);
            assert_eq!(occurrences(&done.path), [0, 0, 1]);
            assert_eq!(Archive::open(&done.path).expect("a WIM").header().integrity, integrity);

            let before = occurrences(&wim);
            commit(put("own", b"another secret, which takes its place"), &Target::InPlace, false);
            assert_eq!(occurrences(&wim)[0], before[0], "erasing was not requested");
            // Data that an earlier commit dropped is erased too.
            commit(delete("shared"), &Target::InPlace, true);
            assert_eq!(occurrences(&wim), [0, 0, 1], "the other image has it");
            commit(put("other", OWN), &Target::InPlace, true);
            assert_eq!(occurrences(&wim)[0], 1);
            let again = commit(put("other", OWN), &Target::InPlace, true);
            assert_eq!((again.changed, again.erased), (false, Erasure::NotAsked));
            let whole = Archive::open(&wim).expect("a WIM");
            assert_eq!((whole.leftover(), whole.header().integrity), (None, integrity));
        }
    }
}
