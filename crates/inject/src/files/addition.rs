//! Files and folders that a user adds: `--add SRC=DEST`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use winpe_disk::folder::{Folder, Identity, Kind};
use winpe_wim::name_refusal;

use super::{AdditionError, FilesError};
use crate::image::{ImagePath, TreeError};

/// A file or folder of this machine, and its place in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    from: PathBuf,
    to: ImagePath,
}

/// One file of an addition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddedFile {
    pub(super) from: PathBuf,
    pub(super) to: ImagePath,
}

impl Addition {
    /// Adds `from` as `to`. The content of a folder is merged into the folder `to`. If `to` ends with a
    /// separator, it is the folder to which `from` is added under its name.
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
        // People write a place in the booted system with its drive letter.
        let below = match to.as_bytes() {
            [b'A'..=b'Z' | b'a'..=b'z', b':', b'\\' | b'/', ..] => &to[2..],
            _ => to,
        };
        let mut place = ImagePath::new(below);
        if to.ends_with(['\\', '/']) || place.as_str().is_empty() && from.is_file() {
            let name = from.file_name().and_then(|name| name.to_str());
            place = place.join(name.ok_or_else(|| bad("the source has no name"))?);
        }
        if let Some(why) = place.names().find_map(name_refusal) {
            return Err(bad(why));
        }
        Ok(Self { from, to: place })
    }

    /// Reads `SRC=DEST`. The last `=` separates the two.
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

    /// The files, in the order of their names. Links within a folder are followed. A link that leads out
    /// of the folder is an error, since the folder may come from a stranger.
    pub(super) fn files(&self) -> Result<Vec<AddedFile>, FilesError> {
        let mut files = Vec::new();
        let unreadable = |source| FilesError::read(self.from.clone(), source);
        if !fs::metadata(&self.from).map_err(unreadable)?.is_dir() {
            if !self.from.is_file() {
                return Err(AdditionError::NotAFile(self.from.clone()).into());
            }
            files.push(AddedFile { from: self.from.clone(), to: self.to.clone() });
            return Ok(files);
        }
        let top = Folder::open(&self.from).map_err(TreeError::from)?;
        collect(&top, Path::new(""), &self.to, &mut Vec::new(), &mut files)?;
        Ok(files)
    }
}

/// Collects the files in the folder `below` of `top`. `above` are the folders on the way here: a link back
/// to one of them would be an endless loop.
fn collect(
    top: &Folder,
    below: &Path,
    to: &ImagePath,
    above: &mut Vec<Identity>,
    files: &mut Vec<AddedFile>,
) -> Result<(), FilesError> {
    let folder = top.subfolder(below).map_err(TreeError::from)?;
    let identity = folder.identity().map_err(TreeError::from)?;
    if above.contains(&identity) {
        return Err(AdditionError::Loop(folder.path().into()).into());
    }
    above.push(identity);
    for name in folder.names().map_err(TreeError::from)? {
        let from = top.path().join(below).join(&name);
        let place = below.join(&name);
        let to = match name.to_str().map(|name| (name, name_refusal(name))) {
            Some((name, None)) => to.join(name),
            Some((_, Some(why))) => return Err(AdditionError::BadName { path: from, why }.into()),
            None => {
                let why = "it is not UTF-8";
                return Err(AdditionError::BadName { path: from, why }.into());
            }
        };
        match top.kind(&place).map_err(TreeError::from)? {
            Some(Kind::File { .. }) => files.push(AddedFile { from, to }),
            Some(Kind::Folder) => collect(top, &place, &to, above, files)?,
            Some(_) => return Err(AdditionError::NotAFile(from).into()),
            None => return Err(FilesError::read(from, io::ErrorKind::NotFound.into())),
        }
    }
    above.pop();
    Ok(())
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
        assert!(matches!(error, FilesError::Addition(AdditionError::Loop(_))), "{error}");
    }

    #[test]
    fn a_link_out_of_an_added_folder_is_an_error() {
        use winpe_disk::folder::FolderError;
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("tools");
        fs::create_dir_all(dir.join("sub")).unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        fs::write(dir.join("sub/a.txt"), "a").unwrap();
        let link = |target: &Path| {
            let _ = fs::remove_file(dir.join("sub/link"));
            std::os::unix::fs::symlink(target, dir.join("sub/link")).unwrap();
            Addition::new(&dir, "Tools").unwrap().files()
        };
        assert_eq!(link(Path::new("a.txt")).unwrap().len(), 2);
        for target in ["../../secret", "../.."] {
            let error = link(Path::new(target)).unwrap_err();
            assert!(
                matches!(error, FilesError::Tree(TreeError::Folder(FolderError::Outside { .. }))),
                "{error}"
            );
        }
        let error = link(&outer.path().join("secret")).unwrap_err();
        assert!(
            matches!(error, FilesError::Tree(TreeError::Folder(FolderError::Outside { .. }))),
            "{error}"
        );
        // The folder that a person names may be a link itself.
        fs::remove_file(dir.join("sub/link")).unwrap();
        let named = outer.path().join("named");
        std::os::unix::fs::symlink("tools", &named).unwrap();
        assert_eq!(Addition::new(&named, "Tools").unwrap().files().unwrap().len(), 1);
    }

    #[test]
    fn names_that_windows_refuses_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a:b"), "").unwrap();
        let error = Addition::new(dir.path(), "Tools").unwrap().files().unwrap_err();
        assert!(matches!(error, FilesError::Addition(AdditionError::BadName { .. })), "{error}");
    }
}
