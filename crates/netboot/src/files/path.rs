//! The name of a file, checked.

use std::fmt;
use std::str::FromStr;

/// Bytes in a name, at most; `PATH_MAX` less what a root may take.
const MAX_BYTES: usize = 1024;
/// Bytes in one part of it, at most: `NAME_MAX`.
const MAX_PART: usize = 255;

/// A file's name below a root: parts joined by `/`, none of them empty, `.` or `..`.
///
/// Boot loaders spell names in their own ways, so that `\Boot\BCD`, `/Boot/BCD` and `Boot//BCD` are
/// one name. Case is kept; a source that finds no such file looks again without regard to it.
///
/// ```
/// use winpe_netboot::files::{FilePath, PathError};
/// assert_eq!(r"\Boot\BCD".parse::<FilePath>()?.as_str(), "Boot/BCD");
/// assert_eq!("../etc/shadow".parse::<FilePath>(), Err(PathError::Parent));
/// # Ok::<(), PathError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FilePath(String);

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
pub enum PathError {
    /// Nothing is left of it.
    Empty,
    /// It has a part `..`.
    Parent,
    /// It has a control character, such as NUL.
    Control,
    /// It is longer than any file of ours.
    Long,
    /// Its percent encoding is broken or does not yield UTF-8.
    Encoding,
}

impl PathError {
    /// As a text without the name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty name",
            Self::Parent => "name with ..",
            Self::Control => "control character in the name",
            Self::Long => "name too long",
            Self::Encoding => "broken percent encoding",
        }
    }
}

impl FilePath {
    /// The name, without a leading `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, first to last.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// What follows the last dot of the last part, in lower case.
    #[must_use]
    pub fn extension(&self) -> Option<String> {
        let (stem, extension) = self.parts().next_back()?.rsplit_once('.')?;
        (!stem.is_empty()).then(|| extension.to_ascii_lowercase())
    }

    /// Reads the path of a URL: `%41` is `A`. It is decoded once, so that `%252e` is `%2e`.
    ///
    /// # Errors
    /// Where the encoding is broken, or the decoded name is refused.
    pub fn from_url(path: &str) -> Result<Self, PathError> {
        let mut decoded = Vec::with_capacity(path.len());
        let mut bytes = path.bytes();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                decoded.push(byte);
                continue;
            }
            let mut digit = || {
                let digit = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(digit).ok()
            };
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(PathError::Encoding);
            };
            decoded.push(high << 4 | low);
        }
        String::from_utf8(decoded).map_err(|_| PathError::Encoding)?.parse()
    }
}

impl FromStr for FilePath {
    type Err = PathError;

    fn from_str(name: &str) -> Result<Self, PathError> {
        if name.len() > MAX_BYTES {
            return Err(PathError::Long);
        }
        if name.chars().any(char::is_control) {
            return Err(PathError::Control);
        }
        let mut path = String::with_capacity(name.len());
        for part in name.split(['/', '\\']) {
            match part {
                "" | "." => continue,
                ".." => return Err(PathError::Parent),
                _ if part.len() > MAX_PART => return Err(PathError::Long),
                _ => {}
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(part);
        }
        if path.is_empty() { Err(PathError::Empty) } else { Ok(Self(path)) }
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_spelling_leads_upwards(name in r"[./\\a%0-9Ff]{0,24}") {
            for path in [name.parse::<FilePath>(), FilePath::from_url(&name)].into_iter().flatten() {
                prop_assert!(!path.as_str().starts_with('/'));
                prop_assert!(!path.as_str().contains('\\'));
                for part in path.parts() {
                    prop_assert!(!matches!(part, "" | "." | ".."), "{name} became {path}");
                }
                prop_assert_eq!(path.as_str().parse::<FilePath>(), Ok(path.clone()));
            }
        }
    }

    #[test]
    fn encoded_names() {
        let decoded = |url: &str| FilePath::from_url(url).map(|path| path.to_string());
        assert_eq!(decoded("/a%20b/%C3%A4.iso"), Ok("a b/ä.iso".to_owned()));
        assert_eq!(decoded("/%2e%2E/x"), Err(PathError::Parent));
        assert_eq!(decoded("/..%5cx"), Err(PathError::Parent));
        assert_eq!(decoded("/%252e%252e/x"), Ok("%2e%2e/x".to_owned()));
        assert_eq!(decoded("/a%00b"), Err(PathError::Control));
        for broken in ["/%", "/%4", "/%zz", "/%ff"] {
            assert_eq!(decoded(broken), Err(PathError::Encoding), "{broken}");
        }
    }

    #[test]
    fn length_is_bounded() {
        assert_eq!("a/".repeat(600).parse::<FilePath>(), Err(PathError::Long));
        assert_eq!("a".repeat(256).parse::<FilePath>(), Err(PathError::Long));
        assert!("a".repeat(255).parse::<FilePath>().is_ok());
    }

    #[test]
    fn extensions_are_in_lower_case() {
        let path: FilePath = "Syslinux/Menu.C32".parse().unwrap();
        assert_eq!(path.extension().as_deref(), Some("c32"));
        assert_eq!(".hidden".parse::<FilePath>().unwrap().extension(), None);
    }
}
