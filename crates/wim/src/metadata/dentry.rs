//! One directory entry: a view of its bytes, patches that keep its size, and new entries.

use zerocopy::little_endian::{I32, U16, U32, U64};
use zerocopy::{FromBytes, IntoBytes};

use crate::blobs::{EMPTY, Sha1};
use crate::commit::FileInfo;
use crate::format::dentry::{DiskDentry, DiskStream, SIZE, STREAM_SIZE, attributes};
use crate::format::time;

/// The bytes of an entry and its stream entries; checked by [`Dentry::size`] when they were read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dentry<'a> {
    bytes: &'a [u8],
}

/// The violated rule of an entry.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) expected: String,
    pub(crate) actual: String,
}

impl<'a> Dentry<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The size of the entry at the start of `bytes`, including stream entries; `None` at the end
    /// of a list.
    pub(super) fn size(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let Some(length) = bytes.first_chunk::<8>() else {
            return Err(Malformed::new("an entry or the end of a list", "the end of the metadata"));
        };
        let length = u64::from_le_bytes(*length);
        if length <= 8 {
            return Ok(None);
        }
        let Ok((fixed, _)) = DiskDentry::ref_from_prefix(bytes) else {
            return Err(Malformed::new("102 bytes of an entry", format!("{} bytes", bytes.len())));
        };
        let mut end =
            align8(length).filter(|end| (SIZE..=bytes.len()).contains(end)).ok_or_else(|| {
                Malformed::new(format!("a length of {SIZE} to {}", bytes.len()), length.to_string())
            })?;
        let names = [fixed.name_size.get(), fixed.short_name_size.get()];
        if names.iter().any(|size| size % 2 != 0) || SIZE + names_size(names) > end {
            return Err(Malformed::new("names within the entry", format!("sizes {names:?}")));
        }
        for _ in 0..fixed.stream_count.get() {
            let rest = &bytes[end..];
            let Ok((stream, _)) = DiskStream::ref_from_prefix(rest) else {
                return Err(Malformed::new("a stream entry", format!("{} bytes", rest.len())));
            };
            let length = stream.length.get();
            let size = align8(length)
                .filter(|size| (STREAM_SIZE..=rest.len()).contains(size))
                .filter(|size| STREAM_SIZE + usize::from(stream.name_size.get()) <= *size)
                .ok_or_else(|| Malformed::new("a stream entry that fits", length.to_string()))?;
            end += size;
        }
        Ok(Some(end))
    }

    fn fixed(&self) -> &'a DiskDentry {
        DiskDentry::ref_from_prefix(self.bytes).expect("checked when read").0
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn attributes(&self) -> u32 {
        self.fixed().attributes.get()
    }

    pub(crate) fn is_dir(&self) -> bool {
        self.attributes() & attributes::DIRECTORY != 0
    }

    pub(crate) fn is_reparse_point(&self) -> bool {
        self.attributes() & attributes::REPARSE_POINT != 0
    }

    pub(crate) fn reparse_tag(&self) -> Option<u32> {
        let tag = (self.fixed().link_group.get() & u64::from(u32::MAX)) as u32;
        self.is_reparse_point().then_some(tag)
    }

    /// The number that all names of one file share; `None` for a file with one name, a folder, and
    /// a reparse point, which stores other data in that field.
    pub(crate) fn link_group(&self) -> Option<u64> {
        let may = !self.is_dir() && !self.is_reparse_point();
        Some(self.fixed().link_group.get()).filter(|group| may && *group != 0)
    }

    pub(crate) fn security_id(&self) -> Option<usize> {
        usize::try_from(self.fixed().security_id.get()).ok()
    }

    pub(crate) fn created(&self) -> u64 {
        self.fixed().created.get()
    }

    pub(crate) fn accessed(&self) -> u64 {
        self.fixed().accessed.get()
    }

    pub(crate) fn written(&self) -> u64 {
        self.fixed().written.get()
    }

    pub(super) fn children_offset(&self) -> u64 {
        self.fixed().children.get()
    }

    pub(crate) fn name(&self) -> impl Iterator<Item = u16> + Clone + use<'a> {
        utf16(self.name_bytes())
    }

    /// The name, UTF-16LE.
    pub(crate) fn name_bytes(&self) -> &'a [u8] {
        &self.bytes[SIZE..SIZE + usize::from(self.fixed().name_size.get())]
    }

    /// Length of its name in UTF-16 units.
    pub(crate) fn name_units(&self) -> u32 {
        u32::from(self.fixed().name_size.get() / 2)
    }

    /// The number of stream entries that follow it.
    pub(crate) fn stream_count(&self) -> u16 {
        self.fixed().stream_count.get()
    }

    pub(crate) fn name_lossy(&self) -> String {
        lossy(self.name())
    }

    pub(crate) fn short_name(&self) -> Option<String> {
        let [long, short] = [self.fixed().name_size.get(), self.fixed().short_name_size.get()];
        let start = SIZE + names_size([long, 0]);
        let bytes = &self.bytes[start..start + usize::from(short)];
        (short > 0).then(|| lossy(utf16(bytes)))
    }

    /// Whether readers show it: it has a name without NUL, other than `.` and `..`.
    pub(super) fn is_listed(&self) -> bool {
        let dot = u16::from(b'.');
        let mut name = self.name();
        let dots = name.clone().count() <= 2 && name.clone().all(|unit| unit == dot);
        self.fixed().name_size.get() > 0 && !dots && name.all(|unit| unit != 0)
    }

    /// The SHA-1 of the data of the file: its unnamed data stream.
    pub(crate) fn sha1(&self) -> Sha1 {
        let at = self.data_place();
        self.bytes[at..at + 20].try_into().expect("20 bytes")
    }

    /// The SHA-1 of the data that a program reads from the file; `None` for a reparse point without
    /// data other than its target.
    pub(crate) fn data(&self) -> Option<Sha1> {
        let sha1 = self.sha1();
        (self.reparse_data() != Some(sha1)).then_some(sha1)
    }

    /// The SHA-1 of the target of a reparse point: its reparse buffer without the header.
    pub(crate) fn reparse_data(&self) -> Option<Sha1> {
        let unnamed = self.streams().filter(|stream| stream.name.is_empty());
        let mut places =
            std::iter::once(self.fixed().sha1).chain(unnamed.map(|stream| stream.sha1));
        places.find(|sha1| *sha1 != EMPTY).filter(|_| self.is_reparse_point())
    }

    /// Named streams, with the SHA-1 of their data.
    pub(crate) fn named_streams(&self) -> impl Iterator<Item = (String, Sha1)> + 'a {
        self.streams().filter(|stream| !stream.name.is_empty()).map(|stream| {
            let sha1 = stream.sha1;
            (lossy(utf16(stream.name)), sha1)
        })
    }

    /// The blobs of all its non-empty streams.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = Sha1> + 'a {
        let fixed = std::iter::once(self.fixed().sha1);
        fixed.chain(self.streams().map(|stream| stream.sha1)).filter(|sha1| *sha1 != EMPTY)
    }

    /// The offset of the SHA-1 of the data in `bytes`.
    ///
    /// Streams have no type in the format. The unnamed streams of a reparse point are its target,
    /// then its data; the only unnamed stream of any other entry is its data. The first stream is
    /// stored in the entry itself, and is ignored if it is empty and stream entries follow.
    fn data_place(&self) -> usize {
        const OWN: usize = std::mem::offset_of!(DiskDentry, sha1);
        let own = Some(OWN).filter(|_| self.fixed().sha1 != EMPTY);
        let unnamed =
            self.streams().filter(|stream| stream.name.is_empty()).map(|stream| stream.at);
        let skipped = usize::from(self.is_reparse_point());
        own.into_iter().chain(unnamed).nth(skipped).unwrap_or(OWN)
    }

    fn streams(&self) -> impl Iterator<Item = Stream<'a>> + 'a {
        let mut at = align8(self.fixed().length.get()).expect("checked when read");
        let bytes = self.bytes;
        (0..self.fixed().stream_count.get()).map(move |_| {
            let (stream, rest) =
                DiskStream::ref_from_prefix(&bytes[at..]).expect("checked when read");
            let found = Stream {
                at: at + std::mem::offset_of!(DiskStream, sha1),
                sha1: stream.sha1,
                name: &rest[..usize::from(stream.name_size.get())],
            };
            at += align8(stream.length.get()).expect("checked when read");
            found
        })
    }

    /// A copy with another list of children.
    pub(super) fn write_with_children(&self, children: u64, out: &mut Vec<u8>) {
        const PLACE: usize = std::mem::offset_of!(DiskDentry, children);
        let start = out.len();
        out.extend_from_slice(self.bytes);
        out[start + PLACE..start + PLACE + 8].copy_from_slice(&children.to_le_bytes());
    }

    /// A copy with other data and another time of last write.
    pub(super) fn with_data(&self, sha1: &Sha1, written: u64) -> Vec<u8> {
        const WRITTEN: usize = std::mem::offset_of!(DiskDentry, written);
        let at = self.data_place();
        let mut bytes = self.bytes.to_vec();
        bytes[at..at + 20].copy_from_slice(sha1);
        bytes[WRITTEN..WRITTEN + 8].copy_from_slice(&written.to_le_bytes());
        bytes
    }

    /// A copy with other attributes and times.
    pub(super) fn with_info(&self, info: &FileInfo) -> Vec<u8> {
        let mut head = *self.fixed();
        if let Some(wanted) = info.attributes {
            let kept = head.attributes.get() & attributes::FIXED;
            head.attributes.set(kept | wanted & !attributes::FIXED);
        }
        let times = [
            (&mut head.created, info.created),
            (&mut head.accessed, info.accessed),
            (&mut head.written, info.written),
        ];
        for (field, wanted) in times {
            if let Some(wanted) = wanted {
                field.set(time::from_system(wanted));
            }
        }
        let mut bytes = head.as_bytes().to_vec();
        bytes.extend_from_slice(&self.bytes[SIZE..]);
        bytes
    }

    /// A copy with another name. The short name belongs to the old name and is dropped; tagged
    /// items and streams stay.
    pub(super) fn with_name(&self, name: &[u16]) -> Vec<u8> {
        let fixed = self.fixed();
        let end = align8(fixed.length.get()).expect("checked when read");
        let names = names_size([fixed.name_size.get(), fixed.short_name_size.get()]);
        let items = (SIZE + names).next_multiple_of(8).min(end);
        let name_size = u16::try_from(name.len() * 2).expect("a valid name is short");
        let padded = (SIZE + names_size([name_size, 0])).next_multiple_of(8);
        let mut head = *fixed;
        head.length = U64::new((padded + end - items) as u64);
        head.name_size = U16::new(name_size);
        head.short_name_size = U16::ZERO;
        let mut bytes = head.as_bytes().to_vec();
        bytes.extend(name.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.resize(padded, 0);
        bytes.extend_from_slice(&self.bytes[items..]);
        bytes
    }
}

/// The content of a new entry.
#[derive(Debug, Clone)]
pub(crate) struct NewDentry<'a> {
    pub(crate) name: &'a [u16],
    pub(crate) attributes: u32,
    pub(crate) security_id: Option<usize>,
    /// Windows time, used for all three times.
    pub(crate) time: u64,
    pub(crate) sha1: Sha1,
}

impl NewDentry<'_> {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let name_size = u16::try_from(self.name.len() * 2).expect("a valid name is short");
        let length = (SIZE + names_size([name_size, 0])).next_multiple_of(8);
        let security_id = self.security_id.and_then(|id| i32::try_from(id).ok()).unwrap_or(-1);
        let fixed = DiskDentry {
            length: U64::new(length as u64),
            attributes: U32::new(self.attributes),
            security_id: I32::new(security_id),
            children: U64::ZERO,
            unused: [U64::ZERO; 2],
            created: U64::new(self.time),
            accessed: U64::new(self.time),
            written: U64::new(self.time),
            sha1: self.sha1,
            unknown: U32::ZERO,
            link_group: U64::ZERO,
            stream_count: U16::ZERO,
            short_name_size: U16::ZERO,
            name_size: U16::new(name_size),
        };
        let mut bytes = fixed.as_bytes().to_vec();
        bytes.extend(self.name.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.resize(length, 0);
        bytes
    }
}

struct Stream<'a> {
    /// The offset of its SHA-1 in the bytes of the entry.
    at: usize,
    sha1: Sha1,
    name: &'a [u8],
}

impl Malformed {
    fn new(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self { expected: expected.into(), actual: actual.into() }
    }
}

/// Bytes for names of these sizes, with the NUL after each.
fn names_size(sizes: [u16; 2]) -> usize {
    sizes.iter().map(|size| if *size == 0 { 0 } else { usize::from(*size) + 2 }).sum()
}

fn align8(length: u64) -> Option<usize> {
    usize::try_from(length.checked_next_multiple_of(8)?).ok()
}

fn utf16(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone + '_ {
    bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit))
}

fn lossy(units: impl Iterator<Item = u16>) -> String {
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
