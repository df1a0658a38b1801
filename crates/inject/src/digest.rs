//! SHA-256 of what is written and what was there, for reports and records.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Write};
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
    /// Of these bytes.
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        Self(sha2::Sha256::digest(data).into())
    }

    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        Self::of_open_file(File::open(path)?)
    }

    pub(crate) fn of_open_file(file: File) -> io::Result<Self> {
        let mut hasher = Hasher(sha2::Sha256::new());
        io::copy(&mut BufReader::with_capacity(1 << 20, file), &mut hasher)?;
        Ok(Self(hasher.0.finalize().into()))
    }

    /// Of data of any size in a WIM.
    pub(crate) fn of_blob(mut blob: BlobReader) -> Result<Self, WimError> {
        let mut hasher = Hasher(sha2::Sha256::new());
        blob.copy_to(&mut hasher)?.expect("a hash takes whatever is written to it");
        Ok(Self(hasher.0.finalize().into()))
    }
}

struct Hasher(sha2::Sha256);

impl Write for Hasher {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    fn digests_are_written_as_everyone_writes_them() {
        let json = serde_json::to_string(&Sha256::of(b"abc")).unwrap();
        // Source: NIST, FIPS 180-2, appendix B.1.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(json, format!("{text:?}"));
        assert_eq!(serde_json::from_str::<Sha256>(&json).unwrap(), Sha256::of(b"abc"));
        assert!(serde_json::from_str::<Sha256>("\"ba78\"").is_err());
        assert!(serde_json::from_str::<Sha256>(&format!("\"{}\"", "zz".repeat(32))).is_err());
    }
}
