//! Digests of contents: SHA-256 for reports and records, SHA-1 because a WIM stores that of each file.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::Digest;
use winpe_wim::{BlobReader, WimError};

/// A SHA-256, shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        Self(sha2::Sha256::digest(data).into())
    }

    /// The digest of all that a reader gives.
    ///
    /// # Errors
    /// Errors of reading.
    pub fn of_reader(reader: impl Read) -> io::Result<Self> {
        let mut hasher = Hasher::default();
        copy(reader, &mut hasher)?;
        Ok(hasher.finish().sha256)
    }

    /// The digest of data in a WIM, of any size.
    pub(crate) fn of_blob(blob: BlobReader) -> Result<Self, WimError> {
        Ok(ContentHash::of_blob(blob)?.sha256)
    }
}

/// Size and digests of a content, computed in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentHash {
    /// In bytes.
    pub(crate) size: u64,
    /// By which a WIM knows its data.
    pub(crate) sha1: [u8; 20],
    pub(crate) sha256: Sha256,
}

impl ContentHash {
    pub(crate) fn of(data: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(data);
        hasher.finish()
    }

    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        let mut hasher = Hasher::default();
        copy(File::open(path)?, &mut hasher)?;
        Ok(hasher.finish())
    }

    /// Of data in a WIM, of any size.
    pub(crate) fn of_blob(mut blob: BlobReader) -> Result<Self, WimError> {
        let mut hasher = Hasher::default();
        blob.copy_to(&mut hasher)?.expect("a hasher accepts everything that is written to it");
        Ok(hasher.finish())
    }
}

#[derive(Default)]
struct Hasher {
    size: u64,
    sha1: sha1::Sha1,
    sha256: sha2::Sha256,
}

impl Hasher {
    fn update(&mut self, data: &[u8]) {
        self.size += data.len() as u64;
        self.sha1.update(data);
        self.sha256.update(data);
    }

    fn finish(self) -> ContentHash {
        let sha256 = Sha256(self.sha256.finalize().into());
        ContentHash { size: self.size, sha1: self.sha1.finalize().into(), sha256 }
    }
}

impl Write for Hasher {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Feeds a hasher in pieces that are large enough for a fast disk.
fn copy(from: impl Read, hasher: &mut Hasher) -> io::Result<()> {
    io::copy(&mut BufReader::with_capacity(1 << 20, from), hasher).map(drop)
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits: Option<Vec<u8>> = text
            .bytes()
            .map(|digit| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let bytes = digits.map(|digits| digits.chunks(2).map(pair).collect::<Vec<u8>>());
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected 64 hex digits"))
    }
}

fn pair(digits: &[u8]) -> u8 {
    digits.iter().fold(0, |byte, digit| byte << 4 | digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sha256_is_written_as_hex_digits_and_read_back() {
        let json = serde_json::to_string(&Sha256::of(b"abc")).unwrap();
        // Source: NIST, FIPS 180-2, appendix B.1.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(json, format!("{text:?}"));
        assert_eq!(serde_json::from_str::<Sha256>(&json).unwrap(), Sha256::of(b"abc"));
        assert!(serde_json::from_str::<Sha256>("\"ba78\"").is_err());
        assert!(serde_json::from_str::<Sha256>(&format!("\"{}\"", "zz".repeat(32))).is_err());
    }

    #[test]
    fn one_pass_gives_size_and_both_digests() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let data = vec![0x5a; (1 << 20) + 7];
        std::fs::write(&file, &data).unwrap();
        let hash = ContentHash::of_file(file.path()).unwrap();
        assert_eq!(hash, ContentHash::of(&data));
        assert_eq!((hash.size, hash.sha256), (data.len() as u64, Sha256::of(&data)));
        // Source: NIST, FIPS 180-2, appendix A.1.
        let abc = [0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e];
        assert_eq!(ContentHash::of(b"abc").sha1[..10], abc);
    }
}
