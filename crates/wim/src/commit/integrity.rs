//! The integrity table of a WIM that was appended to.

use sha1::{Digest, Sha1 as Sha1Hasher};
use zerocopy::{FromBytes, IntoBytes};

use crate::blobs::Sha1;
use crate::chunks::Source;
use crate::error::WimError;
use crate::format::header;
use crate::format::integrity::{DiskIntegrity, SIZE, STRETCH};
use crate::format::resource::ResourceHeader;

/// Digests of a stretch each, from the end of the header.
pub(crate) struct Digests {
    stretch: u32,
    digests: Vec<Sha1>,
}

/// Stretches larger than this are not worth memory.
const LARGEST_STRETCH: u32 = 128 << 20;

impl Digests {
    /// Of a WIM without a table, or whose table cannot be kept.
    pub(crate) fn none() -> Self {
        Self { stretch: STRETCH, digests: Vec::new() }
    }

    /// Those of the table at `resource` that stay right when something is appended: all but the one
    /// of an incomplete last stretch. `end` is where the checked part of the file ends.
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
        let digests: Vec<Sha1> = digests.as_chunks::<20>().0.iter().take(whole).copied().collect();
        Ok(Self { stretch, digests })
    }

    /// The table of the file up to `end`.
    pub(crate) fn complete(mut self, source: Source<'_>, end: u64) -> Result<Vec<u8>, WimError> {
        let stretch = u64::from(self.stretch);
        let mut at = u64::from(header::SIZE) + self.digests.len() as u64 * stretch;
        while at < end {
            let size = usize::try_from(stretch.min(end - at)).expect("at most a stretch");
            let bytes = source.read("what the integrity table covers", at, size)?;
            self.digests.push(Sha1Hasher::digest(&bytes).into());
            at += size as u64;
        }
        let count = u32::try_from(self.digests.len()).expect("a file has fewer stretches");
        let size = u32::try_from(SIZE + self.digests.len() * 20).expect("as many");
        let head =
            DiskIntegrity { size: size.into(), count: count.into(), stretch: self.stretch.into() };
        let mut table = head.as_bytes().to_vec();
        table.extend(self.digests.iter().flatten());
        Ok(table)
    }
}
