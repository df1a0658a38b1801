//! The files of a Windows, in an image of a WIM or in a folder.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use winpe_disk::folder::{Folder, Kind};
use winpe_wim::Archive;

use crate::digest::Sha256;
use crate::error::InjectError;
use crate::path::ImagePath;
use crate::pattern;

/// Where a Windows lies. Names are looked up without regard to case.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tree<'a> {
    /// An image of a WIM.
    Image(&'a Archive, u32),
    /// A folder that holds `Windows`.
    Folder(&'a Folder),
}

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) is_dir: bool,
}

impl Tree<'_> {
    /// What it is called in messages.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Image(archive, image) => format!("{}, image {image}", archive.path().display()),
            Self::Folder(folder) => folder.path().display().to_string(),
        }
    }

    /// The content of a file; `None` where there is none, or a folder.
    pub(crate) fn read(self, path: &ImagePath) -> Result<Option<Vec<u8>>, InjectError> {
        match self {
            Self::Image(archive, image) => match archive.entry(image, path.as_str())? {
                Some(entry) if !entry.is_dir => Ok(Some(archive.read(image, path.as_str())?)),
                _ => Ok(None),
            },
            Self::Folder(folder) => match lookup(folder, path)? {
                Some((path, Kind::File { .. })) => {
                    let mut data = Vec::new();
                    let mut file = folder.open_file(&path)?;
                    let read = file.read_to_end(&mut data);
                    read.map_err(|source| InjectError::Read {
                        path: folder.path().join(path),
                        source,
                    })?;
                    Ok(Some(data))
                }
                _ => Ok(None),
            },
        }
    }

    /// The size of a file; `None` where there is none, or a folder.
    pub(crate) fn size(self, path: &ImagePath) -> Result<Option<u64>, InjectError> {
        Ok(match self {
            Self::Image(archive, image) => {
                let entry = archive.entry(image, path.as_str())?;
                entry.filter(|entry| !entry.is_dir).map(|entry| entry.size)
            }
            Self::Folder(folder) => match lookup(folder, path)? {
                Some((_, Kind::File { size })) => Some(size),
                _ => None,
            },
        })
    }

    /// The SHA-256 of a file of any size; `None` where there is none, or a folder.
    pub(crate) fn digest(self, path: &ImagePath) -> Result<Option<Sha256>, InjectError> {
        match self {
            Self::Image(archive, image) => match archive.entry(image, path.as_str())? {
                Some(entry) if !entry.is_dir => {
                    Ok(Some(Sha256::of_blob(archive.reader(image, path.as_str())?)?))
                }
                _ => Ok(None),
            },
            Self::Folder(folder) => match lookup(folder, path)? {
                Some((path, Kind::File { .. })) => Sha256::of_open_file(folder.open_file(&path)?)
                    .map(Some)
                    .map_err(|source| InjectError::Read { path: folder.path().join(path), source }),
                _ => Ok(None),
            },
        }
    }

    /// Whether there is a file.
    pub(crate) fn has_file(self, path: &ImagePath) -> Result<bool, InjectError> {
        Ok(match self {
            Self::Image(archive, image) => {
                archive.entry(image, path.as_str())?.is_some_and(|entry| !entry.is_dir)
            }
            Self::Folder(folder) => {
                lookup(folder, path)?.is_some_and(|(_, kind)| matches!(kind, Kind::File { .. }))
            }
        })
    }

    /// Whether there is a folder.
    pub(crate) fn has_folder(self, path: &ImagePath) -> Result<bool, InjectError> {
        Ok(match self {
            Self::Image(archive, image) => {
                archive.entry(image, path.as_str())?.is_some_and(|entry| entry.is_dir)
            }
            Self::Folder(folder) => {
                lookup(folder, path)?.is_some_and(|(_, kind)| kind == Kind::Folder)
            }
        })
    }

    /// What is in a folder, by name; nothing where there is no such folder.
    pub(crate) fn list(self, path: &ImagePath) -> Result<Vec<Named>, InjectError> {
        let mut found = match self {
            Self::Image(archive, image) => match archive.entry(image, path.as_str())? {
                Some(entry) if entry.is_dir => {
                    let entries = archive.read_dir(image, path.as_str())?;
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

    /// The files that a path means in which names may hold `*`. They are spelled as the path has them
    /// where it gives a whole name, and otherwise as the tree does.
    pub(crate) fn find(self, path: &ImagePath) -> Result<Vec<ImagePath>, InjectError> {
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

fn list(folder: &Folder) -> Result<Vec<Named>, InjectError> {
    let mut found = Vec::new();
    for name in folder.names()? {
        // A link that leads nowhere within the folder is no file of the Windows in it; reading it says so.
        let is_dir = matches!(folder.kind(name.as_ref()), Ok(Some(Kind::Folder)));
        // A name that is not Unicode is none that a profile could mean.
        found.extend(name.into_string().map(|name| Named { name, is_dir }));
    }
    Ok(found)
}

/// Finds a file below a folder without regard to case, and says what it is; an exact name goes before any
/// other. The path is relative to the folder.
///
/// # Errors
/// A link on the way leads out of the folder.
fn lookup(folder: &Folder, path: &ImagePath) -> Result<Option<(PathBuf, Kind)>, InjectError> {
    // No file of a Windows has such a name, and upwards is outside.
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
        // The names are sorted: the order of a folder is not fixed, and the choice must be.
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

    use super::*;

    /// A folder with a Windows may come from others, and what is read goes into an image.
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
                |error| matches!(error, InjectError::Folder(FolderError::Outside { .. }));
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
        for tree in [Tree::Folder(&folder), Tree::Image(&archive, 1)] {
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
