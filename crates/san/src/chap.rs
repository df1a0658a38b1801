//! The name and secret with which an initiator logs in.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A text that reports, errors and debug output do not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// The CHAP name and secret of an initiator.
///
/// ```
/// use winpe_san::{Chap, Secret};
/// let chap = Chap::new("lab", Secret::new("correct-horse"))?;
/// assert_eq!(format!("{chap:?}"), r#"Chap { user: "lab", secret: Secret(hidden) }"#);
/// # Ok::<(), winpe_san::ChapError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chap {
    user: String,
    secret: Secret,
}

/// Why a CHAP secret cannot be used. No variant contains any of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChapError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Every user of this machine can read or change the file.
    #[error("{}: every user of this machine can read or change it (mode {mode:03o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not two lines of text.
    #[error("{}: expected two lines, the CHAP name and the secret, found {found}", path.display())]
    Lines {
        /// The file.
        path: PathBuf,
        /// A description of the content.
        found: String,
    },
    /// The file is not text, or too long.
    #[error("{}: expected a short text, found {found}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// A description of the content.
        found: String,
    },
    /// The name cannot be an argument of a Windows command.
    #[error(
        "the CHAP name must be of 1 to 223 letters, digits and - . : _ @ + = / \\, so that a command \
         line takes it"
    )]
    User,
    /// The Microsoft initiator does not accept such a secret.
    #[error(
        "the CHAP secret must be of 12 to 16 bytes, which is what the Microsoft initiator takes"
    )]
    Length,
}

/// Maximum size of a file of secrets in bytes: a line for each of some thousand machines.
const LONGEST_FILE: u64 = 1 << 20;

impl Chap {
    /// # Errors
    /// [`ChapError::User`], [`ChapError::Length`].
    pub fn new(user: impl Into<String>, secret: Secret) -> Result<Self, ChapError> {
        let user = user.into();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-.:_@+=/\\".contains(c);
        // A backslash at the end would escape the closing quote of the argument.
        if !(1..=223).contains(&user.len()) || !user.chars().all(plain) || user.ends_with('\\') {
            return Err(ChapError::User);
        }
        if !(12..=16).contains(&secret.expose().len()) {
            return Err(ChapError::Length);
        }
        Ok(Self { user, secret })
    }

    /// Reads a file of two lines: the CHAP name, and the secret. A file that every user of the
    /// machine can read or change is refused.
    ///
    /// # Errors
    /// [`ChapError`]; no variant quotes the file.
    pub fn read(path: &Path) -> Result<Self, ChapError> {
        let text = read_private(path)?;
        match text.lines().collect::<Vec<_>>()[..] {
            [user, secret] => Self::new(user, Secret::new(secret)),
            ref other => {
                let found = format!("{} lines", other.len());
                Err(ChapError::Lines { path: path.into(), found })
            }
        }
    }

    /// The CHAP name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// The text of a file that holds secrets. A file that every user of the machine can read or change
/// is refused.
///
/// # Errors
/// [`ChapError::Read`], [`ChapError::Exposed`], [`ChapError::Text`]; no variant quotes the file.
pub fn read_private(path: &Path) -> Result<String, ChapError> {
    let failed = |source| ChapError::Read { path: path.into(), source };
    // Opening a FIFO would otherwise wait for a writer.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        let found = "something that is no regular file".to_owned();
        return Err(ChapError::Text { path: path.into(), found });
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o006 != 0 {
        return Err(ChapError::Exposed { path: path.into(), mode });
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    let unfit = |found: String| ChapError::Text { path: path.into(), found };
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(unfit(format!("more than {LONGEST_FILE} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| unfit("text that is not UTF-8".into()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(content: &[u8], mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn a_file_of_two_lines_is_read() {
        for text in ["lab\nsecret-of-lab\n", "lab\r\nsecret-of-lab", "\u{feff}lab\nsecret-of-lab"] {
            let chap = Chap::read(file(text.as_bytes(), 0o600).path()).unwrap();
            assert_eq!((chap.user(), chap.secret().expose()), ("lab", "secret-of-lab"));
        }
        assert!(Chap::read(file(b"lab\nsecret-of-lab\n", 0o640).path()).is_ok());
    }

    #[test]
    fn no_error_quotes_the_secret() {
        for (text, mode, says) in [
            (&b"lab\nsecret-of-lab\n"[..], 0o644, "every user"),
            (b"lab\nsecret-of-lab\n", 0o602, "every user"),
            (b"lab\n", 0o600, "found 1 line"),
            (b"lab\nsecret-of-lab\nsecret-of-lab\n", 0o600, "found 3 lines"),
            (b"lab\nsecret-of-\xff\n", 0o600, "not UTF-8"),
            (b"lab\nsecret-of-l\n", 0o600, "12 to 16"),
            (b"lab\nsecret-of-lab-long\n", 0o600, "12 to 16"),
            (b"secret-of-lab %PATH%\nsecret-of-lab\n", 0o600, "CHAP name"),
            (&[b's'; (1 << 20) + 1], 0o600, "more than 1048576"),
        ] {
            let error = Chap::read(file(text, mode).path()).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret-of"), "{error:?}");
        }
    }
}
