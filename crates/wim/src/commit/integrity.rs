//! The integrity table of a WIM that was appended to: keeps valid digests and computes the others.

use std::ops::Range;

use sha1::{Digest, Sha1 as Sha1Hasher};
use zerocopy::{FromBytes, IntoBytes};

use crate::blobs::Sha1;
use crate::chunks::Source;
use crate::error::WimError;
use crate::format::header;
use crate::format::integrity::{DiskIntegrity, SIZE, STRETCH};
use crate::format::resource::ResourceHeader;

/// Digests of ranges of equal size, starting after the header.
pub(crate) struct Digests {
    stretch: u32,
    /// From the first range on; `None` for an unknown digest, whose range is then read.
    digests: Vec<Option<Sha1>>,
}

/// Larger ranges are refused, since a range is read into memory.
const LARGEST_STRETCH: u32 = 128 << 20;

impl Digests {
    /// For a WIM without a table, or with one that cannot be reused.
    pub(crate) fn none() -> Self {
        Self { stretch: STRETCH, digests: Vec::new() }
    }

    /// The digests of the table at `resource` that stay valid when data is appended: all but that
    /// of an incomplete last range. `end` is where the covered part of the file ends.
    pub(crate) fn kept(
        source: Source<'_>,
        resource: &ResourceHeader,
        end: u64,
    ) -> Result<Self, WimError> {
        let size = resource.size.get();
        source.check("the integrity table", resource.offset.get(), size)?;
        let Ok(size) = usize::try_from(size) else { return Ok(Self::none()) };
        let bytes = source.read("the integrity table", resource.offset.get(), size)?;
        let Ok((head, digests)) = DiskIntegrity::ref_from_prefix(&bytes) else {
            return Ok(Self::none());
        };
        let stretch = head.stretch.get();
        if !(1..=LARGEST_STRETCH).contains(&stretch) {
            return Ok(Self::none());
        }
        let checked = end.saturating_sub(header::SIZE.into());
        let whole = usize::try_from(checked / u64::from(stretch)).unwrap_or(0);
        let digests = digests.as_chunks::<20>().0.iter().take(whole).copied().map(Some).collect();
        Ok(Self { stretch, digests })
    }

    /// Size of the table of a file up to `end`, in bytes.
    pub(crate) fn table_size(&self, end: u64) -> usize {
        let count = end.saturating_sub(header::SIZE.into()).div_ceil(self.stretch.into());
        SIZE + usize::try_from(count).expect("a file has fewer stretches") * 20
    }

    /// Drops the digests of ranges that overlap these bytes.
    pub(crate) fn forget(&mut self, changed: &[Range<u64>]) {
        let index = |at: u64| {
            let stretches = at.saturating_sub(header::SIZE.into()) / u64::from(self.stretch);
            usize::try_from(stretches).unwrap_or(usize::MAX)
        };
        for bytes in changed.iter().filter(|bytes| !bytes.is_empty()) {
            let last = index(bytes.end - 1);
            let known = self.digests.iter_mut().enumerate().skip(index(bytes.start));
            known.take_while(|(at, _)| *at <= last).for_each(|(_, digest)| *digest = None);
        }
    }

    /// The table of the file up to `end`.
    pub(crate) fn complete(&self, source: Source<'_>, end: u64) -> Result<Vec<u8>, WimError> {
        let size = self.table_size(end);
        let count = u32::try_from((size - SIZE) / 20).expect("a file has fewer stretches");
        let size = u32::try_from(size).expect("as many");
        let head =
            DiskIntegrity { size: size.into(), count: count.into(), stretch: self.stretch.into() };
        let mut table = head.as_bytes().to_vec();
        let starts = (u64::from(header::SIZE)..end).step_by(self.stretch as usize);
        for (index, at) in starts.enumerate() {
            let digest = match self.digests.get(index).copied().flatten() {
                Some(known) => known,
                None => {
                    let size = u64::from(self.stretch).min(end - at);
                    let size = usize::try_from(size).expect("at most a stretch");
                    let bytes = source.read("what the integrity table covers", at, size)?;
                    Sha1Hasher::digest(&bytes).into()
                }
            };
            table.extend(digest);
        }
        Ok(table)
    }
}
