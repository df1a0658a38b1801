//! The files of a Windows, in an image of a WIM or in a folder.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use winpe_disk::folder::{Folder, Kind};

use super::{ImagePath, ImageView, Sha256, TreeError, pattern};

/// Where the files of a Windows are. Names are looked up without regard to case.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tree<'a> {
    /// An image of a WIM.
    Image(ImageView<'a>),
    /// A folder that holds `Windows`.
    Folder(&'a Folder),
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) is_dir: bool,
}

impl<'a> ImageView<'a> {
    /// The image as a tree of files.
    pub(crate) fn tree(self) -> Tree<'a> {
        Tree::Image(self)
    }
}

impl Tree<'_> {
    /// The name of the tree in messages.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Image(view) => format!("{}, image {}", view.wim(), view.image),
            Self::Folder(folder) => folder.path().display().to_string(),
        }
    }

    /// The content of a file; `None` if there is no such file, or a folder instead.
    pub(crate) fn read(self, path: &ImagePath) -> Result<Option<Vec<u8>>, TreeError> {
        match self {
            Self::Image(view) => Ok(match view.file(path)? {
                Some(_) => Some(view.read(path)?),
                None => None,
            }),
            Self::Folder(folder) => match lookup(folder, path)? {
                Some((path, Kind::File { .. })) => {
                    let mut data = Vec::new();
                    let read = folder.open_file(&path)?.read_to_end(&mut data);
                    read.map_err(|source| unreadable(folder, path, source))?;
                    Ok(Some(data))
                }
                _ => Ok(None),
            },
        }
    }

    /// The size of a file in bytes; `None` if there is no such file, or a folder instead.
    pub(crate) fn size(self, path: &ImagePath) -> Result<Option<u64>, TreeError> {
        Ok(match self {
            Self::Image(view) => view.file(path)?.map(|entry| entry.size),
            Self::Folder(folder) => match lookup(folder, path)? {
                Some((_, Kind::File { size })) => Some(size),
                _ => None,
            },
        })
    }

    /// The SHA-256 of a file of any size; `None` if there is no such file, or a folder instead.
    pub(crate) fn digest(self, path: &ImagePath) -> Result<Option<Sha256>, TreeError> {
        match self {
            Self::Image(view) => Ok(match view.file(path)? {
                Some(_) => {
                    let blob = view.archive.reader(view.image, path.as_str())?;
                    Some(Sha256::of_blob(blob)?)
                }
                None => None,
            }),
            Self::Folder(folder) => match lookup(folder, path)? {
                Some((path, Kind::File { .. })) => Sha256::of_reader(folder.open_file(&path)?)
                    .map(Some)
                    .map_err(|source| unreadable(folder, path, source)),
                _ => Ok(None),
            },
        }
    }

    /// Whether there is a file of this path.
    pub(crate) fn has_file(self, path: &ImagePath) -> Result<bool, TreeError> {
        Ok(match self {
            Self::Image(view) => view.file(path)?.is_some(),
            Self::Folder(folder) => {
                lookup(folder, path)?.is_some_and(|(_, kind)| matches!(kind, Kind::File { .. }))
            }
        })
    }

    /// Whether there is a folder of this path.
    pub(crate) fn has_folder(self, path: &ImagePath) -> Result<bool, TreeError> {
        Ok(match self {
            Self::Image(view) => view.entry(path)?.is_some_and(|entry| entry.is_dir),
            Self::Folder(folder) => {
                lookup(folder, path)?.is_some_and(|(_, kind)| kind == Kind::Folder)
            }
        })
    }

    /// The entries of a folder, sorted by name; none if there is no such folder.
    pub(crate) fn list(self, path: &ImagePath) -> Result<Vec<Named>, TreeError> {
        let mut found = match self {
            Self::Image(view) => match view.entry(path)? {
                Some(entry) if entry.is_dir => {
                    let entries = view.archive.read_dir(view.image, path.as_str())?;
                    entries.map(|entry| Named { name: entry.name, is_dir: entry.is_dir }).collect()
                }
                _ => vec![],
            },
            Self::Folder(folder) => match lookup(folder, path)? {
                Some((path, Kind::Folder)) => list(&folder.subfolder(&path)?)?,
                _ => vec![],
            },
        };
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The files that match a path whose names may hold `*`. A plain name keeps the spelling of the
    /// path, a matched one has the spelling of the tree.
    pub(crate) fn find(self, path: &ImagePath) -> Result<Vec<ImagePath>, TreeError> {
        let mut found = vec![ImagePath::new("")];
        let names: Vec<&str> = path.names().collect();
        for (index, name) in names.iter().enumerate() {
            let is_last = index + 1 == names.len();
            let mut deeper = Vec::new();
            for folder in &found {
                if pattern::is_pattern(name) {
                    let fitting = self.list(folder)?.into_iter().filter(|entry| {
                        entry.is_dir != is_last && pattern::text_fits(name, &entry.name)
                    });
                    deeper.extend(fitting.map(|entry| folder.join(&entry.name)));
                } else {
                    let path = folder.join(name);
                    if !is_last || self.has_file(&path)? {
                        deeper.push(path);
                    }
                }
            }
            found = deeper;
        }
        Ok(found)
    }
}

fn unreadable(folder: &Folder, path: PathBuf, source: std::io::Error) -> TreeError {
    TreeError::Read { path: folder.path().join(path), source }
}

fn list(folder: &Folder) -> Result<Vec<Named>, TreeError> {
    let mut found = Vec::new();
    for name in folder.names()? {
        // A link without a target in the folder is listed as a file; reading it is then an error.
        let is_dir = matches!(folder.kind(name.as_ref()), Ok(Some(Kind::Folder)));
        // No profile can name a file whose name is not Unicode.
        found.extend(name.into_string().map(|name| Named { name, is_dir }));
    }
    Ok(found)
}

/// Finds an entry below a folder without regard to case and returns its path, relative to the folder, and
/// its kind. An exact match wins.
///
/// # Errors
/// A link on the way leads out of the folder.
fn lookup(folder: &Folder, path: &ImagePath) -> Result<Option<(PathBuf, Kind)>, TreeError> {
    // No file of a Windows has such a name, and `..` would lead out of the folder.
    if path.names().any(|name| name == "." || name == "..") {
        return Ok(None);
    }
    let (mut found, mut kind) = (PathBuf::new(), Kind::Folder);
    for name in path.names() {
        if kind != Kind::Folder {
            return Ok(None);
        }
        let exact = found.join(name);
        if let Some(there) = folder.kind(&exact)? {
            (found, kind) = (exact, there);
            continue;
        }
        let wanted = ImagePath::new(name);
        let is_it =
            |entry: &OsString| entry.to_str().is_some_and(|entry| ImagePath::new(entry) == wanted);
        // `names` sorts, so that the choice between `a` and `A` does not depend on the file system.
        let Some(entry) = folder.subfolder(&found)?.names()?.into_iter().find(is_it) else {
            return Ok(None);
        };
        found.push(entry);
        let Some(there) = folder.kind(&found)? else { return Ok(None) };
        kind = there;
    }
    Ok(Some((found, kind)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use winpe_disk::folder::FolderError;
    use winpe_wim::Archive;

    use super::*;

    /// The folder may come from a stranger, and what is read goes into an image.
    #[test]
    fn nothing_outside_of_a_folder_is_read() {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        let system = outer.path().join("root/Windows/System32");
        fs::create_dir_all(&system).unwrap();
        fs::write(system.join("real.sys"), "driver").unwrap();
        for (target, name) in [
            ("../../../secret", "up.sys"),
            ("../../..", "folder"),
            ("real.sys", "within.sys"),
            ("nowhere", "dangling.sys"),
        ] {
            symlink(target, system.join(name)).unwrap();
        }
        symlink(outer.path().join("secret"), system.join("absolute.sys")).unwrap();
        let folder = Folder::open(&outer.path().join("root")).unwrap();
        let tree = Tree::Folder(&folder);
        let at = |name: &str| ImagePath::new(r"Windows\System32").join(name);
        assert_eq!(tree.read(&at("within.SYS")).unwrap().as_deref(), Some(&b"driver"[..]));
        assert_eq!(tree.size(&at("within.sys")).unwrap(), Some(6));
        assert_eq!(tree.read(&at("dangling.sys")).unwrap(), None);
        for name in ["up.sys", "UP.sys", "absolute.sys", r"folder\secret"] {
            let is_outside =
                |error| matches!(error, TreeError::Folder(FolderError::Outside { .. }));
            assert!(tree.read(&at(name)).is_err_and(is_outside), "{name}");
            assert!(tree.digest(&at(name)).is_err_and(is_outside), "{name}");
            assert!(tree.has_file(&at(name)).is_err_and(is_outside), "{name}");
        }
        for path in [r"..\secret", r"Windows\..\..\secret", r"Windows\System32\.\real.sys"] {
            assert_eq!(tree.read(&ImagePath::new(path)).unwrap(), None, "{path}");
        }
        let names: Vec<_> = tree.list(&at("")).unwrap().into_iter().map(|it| it.name).collect();
        assert_eq!(names.len(), 6, "{names:?}");
    }

    #[test]
    fn patterns_find_files_in_folders_and_images_alike() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            r"Windows\INF\iscsi.inf",
            r"Windows\Repository\iscsi.inf_amd64_1\iscsi.inf",
            r"Windows\Repository\iscsi.inf_amd64_1\msiscsi.sys",
            r"Windows\Repository\iscsi.inf_amd64_1\sub\deeper.sys",
            r"Windows\Repository\iscsi.inf_amd64_2\iscsi.inf",
            r"Windows\Repository\iscsixx",
        ];
        let mut image = winpe_wim::NewImage::new("PE");
        for file in files {
            let path = dir.path().join("tree").join(file.replace('\\', "/"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
            image.files.push((file.to_owned(), file.as_bytes().to_vec()));
        }
        let wim = dir.path().join("a.wim");
        winpe_wim::create(&wim, winpe_wim::Compression::Lzx, &[image]).unwrap();
        let archive = Archive::open(&wim).unwrap();
        let folder = Folder::open(&dir.path().join("tree")).unwrap();
        let view = ImageView { archive: &archive, image: 1 };
        for tree in [Tree::Folder(&folder), view.tree()] {
            let find = |path| -> Vec<String> {
                let found = tree.find(&ImagePath::new(path)).unwrap();
                found.iter().map(ToString::to_string).collect()
            };
            assert_eq!(find(r"windows\inf\ISCSI.INF"), [r"windows\inf\ISCSI.INF"]);
            assert_eq!(
                find(r"Windows\Repository\iscsi.inf_amd64_*\*"),
                &files[1..3]
                    .iter()
                    .chain(&files[4..5])
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()[..]
            );
            assert_eq!(find(r"Windows\*\iscsi.inf"), [files[0]]);
            assert!(find(r"Windows\Repository\*\nothing").is_empty());
            assert!(find(r"Nowhere\*").is_empty() && find(r"Windows\INF").is_empty());
        }
    }
}
