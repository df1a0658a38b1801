//! Edits of the tree: put, add folder, set attributes, delete, rename.

use std::collections::HashMap;

use super::{Bytes, Id, Metadata, NewDentry, Node, ROOT};
use crate::blobs::{EMPTY, Sha1};
use crate::commit::FileInfo;
use crate::format::dentry::attributes;
use crate::name::{self, ImagePath};

/// The time of an edit, in Windows time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp(pub(crate) u64);

/// The effect of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edited {
    /// The file already had that data.
    Same,
    Replaced,
    Added,
}

/// Why an edit is refused. Places are paths in the image.
#[derive(Debug)]
pub(crate) enum Refused {
    Missing(String),
    WrongKind { at: String, expected: &'static str, actual: &'static str },
    Exists(String),
    Invalid { at: String, why: &'static str },
}

impl Metadata {
    /// The tree of an image with an empty root, and one security descriptor for all if given.
    pub(crate) fn empty(security: Option<&[u8]>, time: Stamp) -> Self {
        let mut bytes = vec![0; 8];
        if let Some(descriptor) = security {
            bytes.extend((descriptor.len() as u64).to_le_bytes());
            bytes.extend(descriptor);
        }
        let range = security.map(|descriptor| 16..16 + descriptor.len());
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let size = u32::try_from(bytes.len()).expect("a security descriptor is short");
        bytes[..4].copy_from_slice(&size.to_le_bytes());
        bytes[4] = u8::from(security.is_some());
        let root = NewDentry {
            name: &[],
            attributes: attributes::DIRECTORY,
            security_id: security.map(|_| 0),
            time: time.0,
            sha1: EMPTY,
        };
        let node = Node {
            bytes: Bytes::Edited(root.to_bytes()),
            parent: ROOT,
            children: Vec::new(),
            list: None,
        };
        let root = bytes.len();
        Self { bytes, security: range.into_iter().collect(), root, nodes: vec![node] }
    }

    /// Sets the data of the file at `path`, or adds the file with its missing parent folders.
    ///
    /// An existing file keeps everything but its data and its time of last write, under all its
    /// names. A new file gets the security descriptor that most of its siblings have.
    pub(crate) fn put(
        &mut self,
        path: &ImagePath,
        sha1: Sha1,
        now: Stamp,
    ) -> Result<Edited, Refused> {
        if let Some(id) = self.find(path) {
            return self.replace(id, sha1, now);
        }
        let (folder, name) = self.folder_for(path, now)?;
        self.add_entry(folder, &name, attributes::ARCHIVE, sha1, now);
        Ok(Edited::Added)
    }

    /// Adds a folder with its missing parents, and returns whether it was missing.
    pub(crate) fn add_folder(&mut self, path: &ImagePath, now: Stamp) -> Result<bool, Refused> {
        match self.find(path) {
            Some(id) if self.dentry(id).is_dir() => Ok(false),
            Some(id) => Err(self.wrong_kind(id, "a folder")),
            None => {
                let (folder, name) = self.folder_for(path, now)?;
                self.add_entry(folder, &name, attributes::DIRECTORY, EMPTY, now);
                Ok(true)
            }
        }
    }

    /// Sets attributes and times, and returns whether any of them changed.
    pub(crate) fn set_info(&mut self, path: &ImagePath, info: &FileInfo) -> Result<bool, Refused> {
        let id = self.find_or_refuse(path)?;
        let mut changed = false;
        for link in self.links(id) {
            let bytes = self.dentry(link).with_info(info);
            if bytes != self.dentry(link).bytes() {
                self.nodes[link].bytes = Bytes::Edited(bytes);
                changed = true;
            }
        }
        Ok(changed)
    }

    /// Removes a file or folder. A folder must be empty unless `recursive` is set.
    pub(crate) fn delete(&mut self, path: &ImagePath, recursive: bool) -> Result<(), Refused> {
        let id = self.find_or_refuse(path)?;
        if id == ROOT {
            return Err(Refused::Invalid { at: self.path(id), why: "the root stays" });
        }
        if !recursive && !self.nodes[id].children.is_empty() {
            return Err(Refused::WrongKind {
                at: self.path(id),
                expected: "a file or an empty folder",
                actual: "a folder with entries",
            });
        }
        self.detach(id);
        Ok(())
    }

    /// Moves an entry to another path. The folder of `to` must exist, and `to` must not.
    pub(crate) fn rename(&mut self, from: &ImagePath, to: &ImagePath) -> Result<(), Refused> {
        let id = self.find_or_refuse(from)?;
        let Some((folder, name)) = to.split_last().filter(|_| id != ROOT) else {
            return Err(Refused::Invalid { at: display(to), why: "the root stays" });
        };
        if let Some(why) = name::invalid(name) {
            return Err(Refused::Invalid { at: display(to), why });
        }
        let folder_id = self.find_or_refuse(&folder)?;
        self.check_folder(folder_id)?;
        // A change of case in its own name is a rename, not a collision.
        if let Some(other) = self.child(folder_id, name).filter(|other| *other != id) {
            return Err(Refused::Exists(self.path(other)));
        }
        let mut above = folder_id;
        while above != ROOT {
            if above == id {
                return Err(Refused::Invalid { at: display(to), why: "it is within itself" });
            }
            above = self.nodes[above].parent;
        }
        self.detach(id);
        self.nodes[id].bytes = Bytes::Edited(self.dentry(id).with_name(name));
        self.attach(folder_id, id);
        Ok(())
    }

    fn replace(&mut self, id: Id, sha1: Sha1, now: Stamp) -> Result<Edited, Refused> {
        let dentry = self.dentry(id);
        if dentry.is_dir() || dentry.is_reparse_point() {
            return Err(self.wrong_kind(id, "a file"));
        }
        if dentry.attributes() & attributes::ENCRYPTED != 0 {
            return Err(self.wrong_kind(id, "a file that is not encrypted"));
        }
        if dentry.sha1() == sha1 {
            return Ok(Edited::Same);
        }
        for link in self.links(id) {
            self.nodes[link].bytes = Bytes::Edited(self.dentry(link).with_data(&sha1, now.0));
        }
        Ok(Edited::Replaced)
    }

    /// The folder for the last name of `path`, created if it is missing.
    fn folder_for(&mut self, path: &ImagePath, now: Stamp) -> Result<(Id, Vec<u16>), Refused> {
        if let Some(why) = path.names().iter().find_map(|name| name::invalid(name)) {
            return Err(Refused::Invalid { at: display(path), why });
        }
        let Some((folders, last)) = path.split_last() else {
            return Err(Refused::Invalid { at: "\\".to_owned(), why: "the root is a folder" });
        };
        // The whole path must be checked before any folder is added.
        let mut folder = ROOT;
        let mut missing = folders.names();
        while let Some((name, rest)) = missing.split_first()
            && let Some(child) = self.child(folder, name)
        {
            self.check_folder(child)?;
            (folder, missing) = (child, rest);
        }
        for name in missing {
            folder = self.add_entry(folder, name, attributes::DIRECTORY, EMPTY, now);
        }
        Ok((folder, last.to_vec()))
    }

    fn check_folder(&self, id: Id) -> Result<(), Refused> {
        let dentry = self.dentry(id);
        if dentry.is_dir() && !dentry.is_reparse_point() {
            return Ok(());
        }
        Err(self.wrong_kind(id, "a folder"))
    }

    fn add_entry(
        &mut self,
        folder: Id,
        name: &[u16],
        attributes: u32,
        sha1: Sha1,
        now: Stamp,
    ) -> Id {
        let is_dir = attributes & attributes::DIRECTORY != 0;
        let security_id = self.security_id_for(folder, is_dir);
        let new = NewDentry { name, attributes, security_id, time: now.0, sha1 };
        let id = self.nodes.len();
        self.nodes.push(Node {
            bytes: Bytes::Edited(new.to_bytes()),
            parent: folder,
            children: Vec::new(),
            list: None,
        });
        self.attach(folder, id);
        id
    }

    /// The security descriptor that most siblings of the same kind have; without siblings, that of
    /// the folder.
    fn security_id_for(&self, folder: Id, is_dir: bool) -> Option<usize> {
        let mut counts: HashMap<Option<usize>, usize> = HashMap::new();
        let siblings = self.children(folder).map(|id| self.dentry(id));
        for sibling in siblings.filter(|sibling| sibling.is_dir() == is_dir) {
            *counts.entry(sibling.security_id()).or_default() += 1;
        }
        // Among equally frequent ones the lowest number, so that the result is always the same.
        let most = counts.into_iter().max_by_key(|(id, count)| (*count, std::cmp::Reverse(*id)));
        most.map_or_else(|| self.dentry(folder).security_id(), |(id, _)| id)
    }

    fn attach(&mut self, folder: Id, id: Id) {
        let name: Vec<u16> = self.dentry(id).name().collect();
        let children = &self.nodes[folder].children;
        let stands_behind = |other: &Id| {
            let other: Vec<u16> = self.dentry(*other).name().collect();
            name::before(&name, &other)
        };
        let at = children.iter().position(stands_behind).unwrap_or(children.len());
        self.nodes[folder].children.insert(at, id);
        self.nodes[id].parent = folder;
    }

    fn detach(&mut self, id: Id) {
        let parent = self.nodes[id].parent;
        self.nodes[parent].children.retain(|child| *child != id);
    }

    fn find_or_refuse(&self, path: &ImagePath) -> Result<Id, Refused> {
        self.find(path).ok_or_else(|| Refused::Missing(display(path)))
    }

    fn wrong_kind(&self, id: Id, expected: &'static str) -> Refused {
        let dentry = self.dentry(id);
        let actual = match (dentry.is_reparse_point(), dentry.is_dir()) {
            (true, _) => "a reparse point",
            (false, true) => "a folder",
            (false, false) if dentry.attributes() & attributes::ENCRYPTED != 0 => "encrypted",
            (false, false) => "a file",
        };
        Refused::WrongKind { at: self.path(id), expected, actual }
    }
}

/// The path as the caller gave it; it need not exist.
pub(crate) fn display(path: &ImagePath) -> String {
    if path.names().is_empty() {
        return "\\".to_owned();
    }
    path.names()
        .iter()
        .fold(String::new(), |text, name| text + "\\" + &String::from_utf16_lossy(name))
}
