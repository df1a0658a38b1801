//! The files of a Windows, in an image of a WIM or in a folder.

use std::fs;
use std::path::{Path, PathBuf};

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
    Folder(&'a Path),
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
            Self::Folder(folder) => folder.display().to_string(),
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
                Some(file) if file.is_file() => fs::read(&file)
                    .map(Some)
                    .map_err(|source| InjectError::Read { path: file, source }),
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
            Self::Folder(folder) => lookup(folder, path)?
                .and_then(|found| found.metadata().ok())
                .filter(fs::Metadata::is_file)
                .map(|metadata| metadata.len()),
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
                Some(file) if file.is_file() => Sha256::of_file(&file)
                    .map(Some)
                    .map_err(|source| InjectError::Read { path: file, source }),
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
            Self::Folder(folder) => lookup(folder, path)?.is_some_and(|found| found.is_file()),
        })
    }

    /// Whether there is a folder.
    pub(crate) fn has_folder(self, path: &ImagePath) -> Result<bool, InjectError> {
        Ok(match self {
            Self::Image(archive, image) => {
                archive.entry(image, path.as_str())?.is_some_and(|entry| entry.is_dir)
            }
            Self::Folder(folder) => lookup(folder, path)?.is_some_and(|found| found.is_dir()),
        })
    }

    /// What is in a folder, by name; nothing where there is no such folder.
    pub(crate) fn list(self, path: &ImagePath) -> Result<Vec<Named>, InjectError> {
        let mut found = match self {
            Self::Image(archive, image) => match archive.entry(image, path.as_str())? {
                Some(entry) if entry.is_dir => {
                    let entries = archive.read_dir(image, path.as_str())?.into_iter();
                    entries.map(|entry| Named { name: entry.name, is_dir: entry.is_dir }).collect()
                }
                _ => vec![],
            },
            Self::Folder(folder) => match lookup(folder, path)? {
                Some(folder) if folder.is_dir() => list(&folder)?,
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

fn list(folder: &Path) -> Result<Vec<Named>, InjectError> {
    let unreadable = |source| InjectError::Read { path: folder.into(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // A name that is not Unicode is none that a profile could mean.
        if let Ok(name) = entry.file_name().into_string() {
            let is_dir = entry.path().is_dir();
            found.push(Named { name, is_dir });
        }
    }
    Ok(found)
}

/// Finds a file below a folder without regard to case; an exact name goes before any other.
pub(crate) fn lookup(folder: &Path, path: &ImagePath) -> Result<Option<PathBuf>, InjectError> {
    let mut found = folder.to_path_buf();
    for name in path.names() {
        let exact = found.join(name);
        if exact.exists() {
            found = exact;
            continue;
        }
        let unreadable = |source| InjectError::Read { path: found.clone(), source };
        if !found.is_dir() {
            return Ok(None);
        }
        let wanted = ImagePath::new(name);
        let mut alike = Vec::new();
        for entry in fs::read_dir(&found).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?.file_name();
            if entry.to_str().is_some_and(|entry| ImagePath::new(entry) == wanted) {
                alike.push(entry);
            }
        }
        // The order of a folder is not fixed; the choice must be.
        let Some(entry) = alike.into_iter().min() else { return Ok(None) };
        found.push(entry);
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let folder = dir.path().join("tree");
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
