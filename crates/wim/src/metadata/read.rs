//! Parses the bytes of a metadata resource into [`Metadata`].

use std::collections::HashSet;

use super::dentry::{Dentry, Malformed};
use super::{Bytes, Id, Metadata, Node, ROOT};
use crate::bounds::{self, LONGEST_PATH};

/// Maximum depth of folders. Windows allows paths of 32767 units, and real images have less than a
/// fiftieth of that.
const DEEPEST: usize = 4096;
/// Size of the header of the security data: its size and the number of descriptors.
const SECURITY_HEAD: usize = 8;

/// Why a metadata resource cannot be read.
#[derive(Debug)]
pub(crate) struct BadMetadata {
    /// Offset in the uncompressed metadata resource.
    pub(crate) offset: u64,
    pub(crate) expected: String,
    pub(crate) actual: String,
}

impl Metadata {
    /// Parses the uncompressed metadata resource.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, BadMetadata> {
        let (security, root) = security(&bytes)?;
        let mut metadata = Self { bytes, security, root, nodes: Vec::new() };
        metadata.read_tree()?;
        Ok(metadata)
    }

    fn read_tree(&mut self) -> Result<(), BadMetadata> {
        let Some(size) = self.size_at(self.root)? else {
            return Err(bad(self.root, "the root directory", "the end of a list"));
        };
        self.add(self.root..self.root + size, ROOT);
        let mut paths = Paths::new(self.bytes.len());
        if !self.dentry(ROOT).is_dir() {
            return Err(bad(self.root, "a directory as the root", "a file"));
        }
        // Each list is read once: a list shared by two folders, or by a folder and its own
        // descendant, would make the tree larger than the file, or endless.
        let mut lists = HashSet::new();
        let mut left = vec![(ROOT, 1, 0)];
        while let Some((folder, depth, above)) = left.pop() {
            let offset = self.dentry(folder).children_offset();
            if offset == 0 || !self.dentry(folder).is_dir() {
                continue;
            }
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            if !lists.insert(start) {
                return Err(bad(start, "a separate list of children", "one of another folder"));
            }
            if depth > DEEPEST {
                return Err(bad(start, format!("at most {DEEPEST} levels"), "more"));
            }
            self.nodes[folder].list = Some(offset);
            let mut at = start;
            while let Some(size) = self.size_at(at)? {
                let id = self.add(at..at + size, folder);
                self.nodes[folder].children.push(id);
                let units = paths.add(at, above, &self.dentry(id))?;
                left.push((id, depth + 1, units));
                at += size;
                if self.nodes.len() > self.bytes.len() / crate::format::dentry::SIZE {
                    return Err(bad(at, "lists that do not overlap", "the same bytes twice"));
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, bytes: std::ops::Range<usize>, parent: Id) -> Id {
        let bytes = Bytes::Read(bytes);
        self.nodes.push(Node { bytes, parent, children: Vec::new(), list: None });
        self.nodes.len() - 1
    }

    fn size_at(&self, at: usize) -> Result<Option<usize>, BadMetadata> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        Dentry::size(rest).map_err(|Malformed { expected, actual }| bad(at, expected, actual))
    }
}

/// Counts the UTF-16 units of paths, since listing or extracting an image needs each of them.
struct Paths {
    total: u64,
    limit: u64,
}

impl Paths {
    fn new(metadata_size: usize) -> Self {
        Self { total: 0, limit: bounds::path_units(metadata_size) }
    }

    /// Counts the entry at that offset, in a folder whose path has `above` units, and returns the
    /// units of the entry's path. Alternate streams are shown with the path of their file.
    fn add(&mut self, at: usize, above: u32, dentry: &Dentry<'_>) -> Result<u32, BadMetadata> {
        let units = above + 1 + dentry.name_units();
        if units > LONGEST_PATH {
            let expected = format!("a path of at most {LONGEST_PATH} UTF-16 units");
            return Err(bad(at, expected, format!("one of {units}")));
        }
        self.total += u64::from(units) * (1 + u64::from(dentry.stream_count()));
        if self.total > self.limit {
            let expected = format!("paths of at most {} UTF-16 units together", self.limit);
            return Err(bad(at, expected, format!("{} up to here", self.total)));
        }
        Ok(units)
    }
}

/// The ranges of the security descriptors, and where the security data end.
fn security(bytes: &[u8]) -> Result<(Vec<std::ops::Range<usize>>, usize), BadMetadata> {
    let Some((head, _)) = bytes.split_first_chunk::<SECURITY_HEAD>() else {
        return Err(bad(0, "security data", format!("{} bytes", bytes.len())));
    };
    let [size, count] = [&head[..4], &head[4..]]
        .map(|half| u32::from_le_bytes(half.try_into().expect("half of 8 bytes")) as usize);
    // Some writers store 0 if there are no descriptors.
    let end = size.next_multiple_of(8).max(SECURITY_HEAD);
    let sizes_end = count.saturating_mul(8).saturating_add(SECURITY_HEAD);
    if end > bytes.len() || sizes_end > end {
        let actual = format!("{count} descriptors in {size} bytes");
        return Err(bad(0, format!("security data within {} bytes", bytes.len()), actual));
    }
    let mut at = sizes_end;
    let mut ranges = Vec::with_capacity(count);
    for (index, size) in bytes[SECURITY_HEAD..sizes_end].as_chunks::<8>().0.iter().enumerate() {
        let size = u64::from_le_bytes(*size);
        let next = usize::try_from(size).ok().and_then(|size| at.checked_add(size));
        let Some(next) = next.filter(|next| *next <= end) else {
            let expected = format!("a security descriptor within {} bytes", end - at);
            return Err(bad(SECURITY_HEAD + index * 8, expected, format!("{size} bytes")));
        };
        ranges.push(at..next);
        at = next;
    }
    Ok((ranges, end))
}

fn bad(offset: usize, expected: impl Into<String>, actual: impl Into<String>) -> BadMetadata {
    BadMetadata { offset: offset as u64, expected: expected.into(), actual: actual.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{Stamp, with_children};
    use crate::name::ImagePath;

    fn refusal(metadata: &Metadata) -> Option<String> {
        let bad = Metadata::parse(metadata.to_bytes()).err()?;
        Some(format!("{}: {}", bad.expected, bad.actual))
    }

    #[test]
    fn a_path_may_be_as_long_as_in_windows() {
        let named = |units: usize| with_children(&["n".repeat(units)]);
        assert_eq!(refusal(&named(32_766)), None);
        let expected = "a path of at most 32767 UTF-16 units: one of 32768";
        assert_eq!(refusal(&named(32_767)).as_deref(), Some(expected));
        // Units of UTF-16, not bytes of UTF-8.
        assert_eq!(refusal(&with_children(&["\u{20ac}".repeat(32_766)])), None);
    }

    #[test]
    fn the_total_length_of_paths_is_limited() {
        const DEPTH: usize = 62;
        let files = |count: usize| {
            let mut metadata = Metadata::empty(None, Stamp(1));
            let folder = vec!["n".repeat(255); DEPTH].join("\\");
            for number in 0..count {
                let path = ImagePath::parse(&format!("{folder}\\{number:04}"));
                metadata.put(&path, [1; 20], Stamp(1)).expect("a new file");
            }
            metadata
        };
        // The folders' paths have 499,968 units, that of each file 15,877.
        assert_eq!(refusal(&files(1025)), None);
        let expected = "paths of at most 16777216 UTF-16 units together: 16789770 up to here";
        assert_eq!(refusal(&files(1026)).as_deref(), Some(expected));
    }
}
