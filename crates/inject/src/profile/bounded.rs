//! Reads a file up to a limit, because its parsed form takes many times its size in memory.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

/// Limit for a recipe, a configuration or a `profile.toml`, in bytes; the largest built-in profile has
/// 20 KB. Parsed values take up to 120 times the memory of their text.
pub(crate) const TOML: u64 = 256 << 10;

/// The content of a file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_from(File::open(path)?, limit)
}

/// As [`read`], for an open file.
pub(crate) fn read_from(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    // The size of a pipe is not known before it is read.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let found = size.max(bytes.len() as u64);
    if found > limit {
        let message = format!("it has {found} bytes: expected at most {limit}");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Line and column of a place in a text, from 1; the column in characters.
pub(crate) fn place(text: &str, span: Option<Range<usize>>) -> (usize, usize) {
    let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_above_the_limit_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read(file.path(), 5).unwrap(), b"12345");
        let error = read(file.path(), 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), "it has 5 bytes: expected at most 4");
    }
}
