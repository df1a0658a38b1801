//! Locates a file inside an ISO image, such as Windows installation media.
//!
//! Windows media hold their files in UDF, and only a README in ISO 9660. Media of other makers have
//! both, or only ISO 9660. So UDF is tried first.

mod iso9660;
mod udf;

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use crate::chunks::Source;
use crate::error::{FormatError, ReadError, WimError};
use crate::name;

/// Sector size in bytes, in both file systems, on every optical medium.
const SECTOR: u64 = 2048;
/// Folders are read into memory; those of Windows media have some KB.
const LARGEST_FOLDER: u64 = 16 << 20;

/// A range of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// The location of a file in an ISO image, as a byte range of the image. Names are separated by `/`
/// or `\` and found in any case.
///
/// ```no_run
/// let iso = std::path::Path::new("Windows.iso");
/// let range = winpe_wim::find_in_iso(iso, "boot/boot.sdi")?;
/// println!("{} bytes at {:#x}", range.end - range.start, range.start);
/// # Ok::<(), winpe_wim::WimError>(())
/// ```
///
/// # Errors
/// [`FormatError::NotAnIso`], [`NotInIso`](ReadError::NotInIso), [`Truncated`](FormatError::Truncated),
/// [`Corrupt`](FormatError::Corrupt), [`Unsupported`](FormatError::Unsupported) and
/// [`Io`](WimError::Io).
pub fn find_in_iso(path: &Path, inner: &str) -> Result<Range<u64>, WimError> {
    find(path, inner).map(|window| window.offset..window.offset + window.size)
}

pub(crate) fn find(path: &Path, inner: &str) -> Result<Window, WimError> {
    let failed = |error| WimError::io(path, "open", error);
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let image = Image { source: Source { file: &file, path, base: 0, size } };
    let wanted: Vec<&str> = inner.split(['/', '\\']).filter(|name| !name.is_empty()).collect();
    let mut any = false;
    if let Some(volume) = udf::Volume::open(image)? {
        any = true;
        if let Some(found) = volume.find(&wanted)? {
            return image.window(&found);
        }
    }
    if let Some(root) = iso9660::root(image)? {
        any = true;
        if let Some(found) = iso9660::find(image, root, &wanted)? {
            return image.window(&found);
        }
    }
    let path = path.to_path_buf();
    if any {
        return Err(WimError::Read(ReadError::NotInIso { path, wanted: inner.to_owned() }));
    }
    Err(WimError::Format(FormatError::NotAnIso { path }))
}

/// The image file.
#[derive(Clone, Copy)]
struct Image<'a> {
    source: Source<'a>,
}

impl Image<'_> {
    /// One sector, or `None` past the end.
    fn sector(&self, number: u64) -> Result<Option<Vec<u8>>, WimError> {
        let offset = number.saturating_mul(SECTOR);
        if offset.saturating_add(SECTOR) > self.source.size {
            return Ok(None);
        }
        self.source.read("a sector", offset, SECTOR as usize).map(Some)
    }

    /// The contents of a folder, from all its extents.
    fn folder(&self, extents: &[Window]) -> Result<Vec<u8>, WimError> {
        let size: u64 = extents.iter().map(|extent| extent.size).fold(0, u64::saturating_add);
        if size > LARGEST_FOLDER {
            return Err(self.corrupt(extents[0].offset, "a folder of at most 16 MiB", size));
        }
        let mut bytes = Vec::new();
        for extent in extents {
            let size = usize::try_from(extent.size).expect("compared with the limit");
            bytes.extend(self.source.read("a folder of the ISO image", extent.offset, size)?);
        }
        Ok(bytes)
    }

    /// Joins the extents of a file.
    fn window(&self, extents: &[Window]) -> Result<Window, WimError> {
        let mut extents = extents.iter();
        let mut all = extents.next().copied().unwrap_or(Window { offset: 0, size: 0 });
        for extent in extents {
            if all.offset.saturating_add(all.size) != extent.offset {
                // Media are written once, so each file is contiguous.
                let found = format!("one at {:#x}", extent.offset);
                let path = self.source.path.to_path_buf();
                return Err(WimError::Format(FormatError::Unsupported {
                    path,
                    what: "file in several runs",
                    found,
                }));
            }
            all.size += extent.size;
        }
        self.source.check("a file of the ISO image", all.offset, all.size)?;
        Ok(all)
    }

    fn corrupt(&self, offset: u64, expected: &str, actual: impl ToString) -> WimError {
        let what = "the file system of the ISO image";
        WimError::corrupt(self.source.path, what, offset, expected, actual.to_string())
    }
}

/// Whether a name of the medium is the requested one. Case is ignored, as in Windows.
fn matches(found: &str, wanted: &str) -> bool {
    let wanted: Vec<u16> = wanted.encode_utf16().collect();
    name::same(found.encode_utf16(), &wanted)
}

/// A little-endian number; the caller has checked that it is inside `bytes`.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
