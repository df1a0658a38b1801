//! Further files and folders for the image: `--add SRC=DEST`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{AdditionError, InjectError};
use crate::path::ImagePath;

/// A file or folder, and the place where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    from: PathBuf,
    to: ImagePath,
}

/// One file of an addition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddedFile {
    pub(crate) from: PathBuf,
    pub(crate) to: ImagePath,
}

impl Addition {
    /// Adds `from` as `to`. A folder's content is merged into the folder `to`. A `to` that ends with a
    /// separator is the folder into which `from` goes under its own name.
    ///
    /// ```
    /// use winpe_inject::Addition;
    /// let one = Addition::new("tool.exe", r"\Windows\System32\")?;
    /// assert_eq!(one.to().as_str(), r"Windows\System32\tool.exe");
    /// # Ok::<(), winpe_inject::AdditionError>(())
    /// ```
    ///
    /// # Errors
    /// [`AdditionError::BadDestination`].
    pub fn new(from: impl Into<PathBuf>, to: &str) -> Result<Self, AdditionError> {
        let from = from.into();
        let bad = |why| AdditionError::BadDestination { path: to.to_owned(), why };
        // A drive letter is how people write a place in the booted system.
        let below = match to.as_bytes() {
            [b'A'..=b'Z' | b'a'..=b'z', b':', b'\\' | b'/', ..] => &to[2..],
            _ => to,
        };
        let mut place = ImagePath::new(below);
        if to.ends_with(['\\', '/']) || place.as_str().is_empty() && from.is_file() {
            let name = from.file_name().and_then(|name| name.to_str());
            place = place.join(name.ok_or_else(|| bad("the source has no name of its own"))?);
        }
        if let Some(why) = place.names().find_map(bad_name) {
            return Err(bad(why));
        }
        Ok(Self { from, to: place })
    }

    /// Reads `SRC=DEST`. The last `=` parts them.
    ///
    /// # Errors
    /// [`AdditionError::NotAPair`], [`AdditionError::BadDestination`].
    pub fn parse(pair: &str) -> Result<Self, AdditionError> {
        match pair.rsplit_once('=') {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => Self::new(from, to),
            _ => Err(AdditionError::NotAPair(pair.to_owned())),
        }
    }

    /// The place in the image.
    #[must_use]
    pub fn to(&self) -> &ImagePath {
        &self.to
    }

    /// The files, in the order of their names. Links are followed; a folder's content is what they
    /// lead to.
    pub(crate) fn files(&self) -> Result<Vec<AddedFile>, InjectError> {
        let mut files = Vec::new();
        collect(&self.from, &self.to, &mut Vec::new(), &mut files)?;
        Ok(files)
    }
}

/// `above` are the folders on the way here: a link back to one of them would go on for ever.
fn collect(
    from: &Path,
    to: &ImagePath,
    above: &mut Vec<PathBuf>,
    files: &mut Vec<AddedFile>,
) -> Result<(), InjectError> {
    let unreadable = |source| InjectError::Read { path: from.into(), source };
    let kind = fs::metadata(from).map_err(unreadable)?;
    if kind.is_file() {
        files.push(AddedFile { from: from.into(), to: to.clone() });
        return Ok(());
    }
    let folder = fs::canonicalize(from).map_err(unreadable)?;
    if !kind.is_dir() {
        return Err(AdditionError::NotAFile(from.into()).into());
    }
    if above.contains(&folder) {
        return Err(AdditionError::Loop(from.into()).into());
    }
    above.push(folder);
    let mut entries = fs::read_dir(from)
        .map_err(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name().into_string().ok().filter(|name| bad_name(name).is_none());
        let name = name.ok_or_else(|| AdditionError::BadName(path.clone()))?;
        collect(&path, &to.join(&name), above, files)?;
    }
    above.pop();
    Ok(())
}

/// What is wrong with a name. Source: Microsoft, "Naming Files, Paths, and Namespaces".
pub(crate) fn bad_name(name: &str) -> Option<&'static str> {
    if name == "." || name == ".." {
        return Some("it must not contain . or ..");
    }
    if name.contains(|c: char| "<>:\"|?*\\/".contains(c) || u32::from(c) < 32) {
        return Some("none of < > : \" | ? * and control characters can stand in a name");
    }
    if name.encode_utf16().count() > 255 {
        return Some("a name has at most 255 characters");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_paths_in_the_image() {
        let to = |pair: &str| Addition::parse(pair).map(|addition| addition.to.to_string());
        assert_eq!(to("a.exe=Windows/a.exe").unwrap(), r"Windows\a.exe");
        assert_eq!(to(r"dir/a.exe=X:\Tools\").unwrap(), r"Tools\a.exe");
        assert_eq!(to(r"a=b=Tools\c").unwrap(), r"Tools\c");
        for pair in ["a.exe", "=x", "a=", "a=..\\x", "a=x\\..\\y", "a=x:y", "a=b?c", "a=b\tc"] {
            assert!(to(pair).is_err(), "{pair}");
        }
    }

    #[test]
    fn folders_are_read_in_order_and_loops_end() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.txt", "a.txt", "sub/c.txt"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let files = Addition::new(dir.path(), "Tools").unwrap().files().unwrap();
        let places: Vec<_> = files.iter().map(|file| file.to.to_string()).collect();
        assert_eq!(places, [r"Tools\a.txt", r"Tools\b.txt", r"Tools\sub\c.txt"]);

        std::os::unix::fs::symlink("..", dir.path().join("sub/loop")).unwrap();
        let error = Addition::new(dir.path(), "Tools").unwrap().files().unwrap_err();
        assert!(matches!(error, InjectError::Addition(AdditionError::Loop(_))), "{error}");
    }

    #[test]
    fn names_that_windows_cannot_have_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a:b"), "").unwrap();
        let error = Addition::new(dir.path(), "Tools").unwrap().files().unwrap_err();
        assert!(matches!(error, InjectError::Addition(AdditionError::BadName(_))), "{error}");
    }
}
