//! Checks of the whole file: base block, bins, cells, and cells that no key leads to.

use zerocopy::FromBytes;

use super::{Checker, Rule};
use crate::format::{BIN_HEADER_LEN, BaseBlock, BinHeader, CellOffset, PAGE};
use crate::read::{Header, OpenError};

impl Checker<'_> {
    pub(super) fn file(&mut self, header: &Header, file: &[u8], damage: &[OpenError]) {
        for damage in damage {
            let (offset, rule) = match damage {
                OpenError::Dirty { .. } => (0x4, Rule::Dirty),
                OpenError::Checksum { .. } => (0x1fc, Rule::Checksum),
                OpenError::BinsLength { .. } | OpenError::TooShort { .. } => {
                    (0x28, Rule::BinsLength)
                }
                OpenError::Version { .. } => (0x14, Rule::Version),
                OpenError::Field { .. } => (0x20, Rule::Format),
                // Bins are walked again below; the other errors prevent a hive from being opened.
                _ => continue,
            };
            self.add_at(offset, rule, || damage.to_string());
        }
        if let Ok((block, _)) = BaseBlock::ref_from_prefix(file) {
            let cluster = block.cluster.get();
            if cluster != 1 {
                self.add_at(0x2c, Rule::Cluster, || format!("expected 1, found {cluster}"));
            }
        }
        if header.trailing_len > 0 {
            let offset = file.len() as u64 - header.trailing_len;
            self.add_at(offset, Rule::Trailing, || format!("{} bytes", header.trailing_len));
        }
    }

    /// Finds the allocated cells.
    pub(super) fn cells(&mut self) {
        let bins = self.image.bins();
        let end = bins.len() as u32;
        let mut at = 0;
        let mut lost = false;
        while at < end {
            let rest = &bins[at as usize..];
            let len = BinHeader::ref_from_prefix(rest).ok().and_then(|(head, _)| {
                let len = head.size.get();
                let sound = head.signature == BinHeader::SIGNATURE
                    && head.offset.get() == at
                    && len != 0
                    && len % PAGE == 0
                    && len as usize <= rest.len();
                sound.then_some(len)
            });
            match len {
                Some(len) => {
                    self.cells_of_bin(at, &rest[..len as usize]);
                    at += len;
                    lost = false;
                }
                None => {
                    // One finding for each run of pages without a header.
                    if !lost {
                        let detail =
                            || "expected the head of a bin, with its own offset".to_owned();
                        self.add(CellOffset::new(at), Rule::BinHead, detail);
                    }
                    at += PAGE;
                    lost = true;
                }
            }
        }
    }

    fn cells_of_bin(&mut self, start: u32, bin: &[u8]) {
        let mut at = BIN_HEADER_LEN as usize;
        let mut after_free = false;
        while let Some(head) = bin.get(at..).and_then(<[u8]>::first_chunk::<4>) {
            let size = i32::from_le_bytes(*head);
            let len = size.unsigned_abs() as usize;
            let cell = CellOffset::new(start + at as u32);
            if len < 8 || !len.is_multiple_of(8) || len > bin.len() - at {
                self.add(cell, Rule::CellSize, || {
                    format!("expected a multiple of 8 up to {}, found {size}", bin.len() - at)
                });
                return;
            }
            if size < 0 {
                self.allocated.insert(cell.get() as usize / 8);
            } else if after_free {
                self.add(cell, Rule::AdjacentFree, || {
                    format!("a free cell of {size} bytes after another")
                });
            }
            after_free = size > 0;
            at += len;
        }
    }

    pub(super) fn orphans(&mut self) {
        let (mut count, mut first, mut from) = (0_u32, None, 0);
        while let Some(place) = self.allocated.next(from) {
            if !self.used.contains(place) {
                count += 1;
                first = first.or(Some(CellOffset::new(place as u32 * 8)));
            }
            from = place + 1;
        }
        if let Some(first) = first {
            self.add(first, Rule::Orphans, || {
                format!("nothing leads to {count} allocated cells, of which this is the first")
            });
        }
    }
}
