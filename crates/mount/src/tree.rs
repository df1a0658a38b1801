//! `Tree`: names and attributes of an image in memory, and the operations that change them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use winpe_wim::{Archive, Entry, FileChange, FileInfo, Stream, WimError, fold_name, name_refusal};

/// Number of a file or folder. The same image gives the same numbers, and the same changes give the
/// same new numbers.
pub(crate) type Ino = u64;

pub(crate) const ROOT: Ino = 1;

pub(crate) const READONLY: u32 = 0x1;
const DIRECTORY: u32 = 0x10;
const ARCHIVE: u32 = 0x20;

/// The files and folders of an image.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Boxed, since a hash table has more slots than entries.
    nodes: HashMap<Ino, Box<Node>>,
    next: Ino,
}

/// A file or folder with one of its names.
#[derive(Clone, Copy)]
struct Named<'a> {
    folder: Ino,
    name: &'a str,
    ino: Ino,
}

/// A file or folder.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Folder and name; a hard-linked file has several, a removed file that is still open has none.
    names: Vec<(Ino, String)>,
    pub(crate) kind: Kind,
    pub(crate) attributes: u32,
    pub(crate) created: SystemTime,
    pub(crate) accessed: SystemTime,
    pub(crate) written: SystemTime,
    pub(crate) short_name: Option<String>,
    pub(crate) security: Option<Arc<[u8]>>,
    pub(crate) streams: Vec<Stream>,
    /// Whether it was created in this mount.
    is_new: bool,
    /// Attributes and times that were set in this mount.
    info: FileInfo,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// (Upper-case name, name) → number.
    Folder(BTreeMap<(String, String), Ino>),
    /// Data of the image.
    File { sha1: Option<[u8; 20]>, size: u64 },
    /// Data in the staging folder, under the file's number.
    Staged,
    /// The target of the link.
    Link(String),
}

/// A change of names or attributes, as stored in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Op {
    /// Adds a file, with its data in the staging folder.
    Create {
        folder: Ino,
        name: String,
        time: Stamp,
    },
    Mkdir {
        folder: Ino,
        name: String,
        time: Stamp,
    },
    /// Removes a name; a folder must be empty.
    Remove {
        folder: Ino,
        name: String,
    },
    Rename {
        folder: Ino,
        name: String,
        to: Ino,
        new: String,
    },
    /// Moves the data of a file to the staging folder.
    Stage {
        ino: Ino,
    },
    SetInfo {
        ino: Ino,
        attributes: Option<u32>,
        accessed: Option<Stamp>,
        written: Option<Stamp>,
    },
}

/// Nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp(i64);

impl Stamp {
    pub(crate) fn of(time: SystemTime) -> Self {
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        Self(match time.duration_since(UNIX_EPOCH) {
            Ok(after) => nanos(after),
            Err(before) => -nanos(before.duration()),
        })
    }

    fn time(self) -> SystemTime {
        let span = Duration::from_nanos(self.0.unsigned_abs());
        let moved =
            if self.0 < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
        moved.unwrap_or(UNIX_EPOCH)
    }
}

impl Tree {
    /// Reads all of an image's metadata.
    pub(crate) fn load(archive: &Archive, image: u32) -> Result<Self, WimError> {
        let mut tree = Self { nodes: HashMap::new(), next: ROOT };
        // The folders from the root to the previous entry; parents come before their children.
        let mut way: Vec<Ino> = Vec::new();
        let mut links: HashMap<u64, Ino> = HashMap::new();
        for entry in archive.below(image, "")? {
            way.truncate(entry.path.names().len());
            let parent = way.last().copied();
            // A name on Linux cannot contain these characters.
            let shown = !entry.name.contains(['/', '\0']);
            let same = entry.link_group.and_then(|group| links.get(&group)).copied();
            let ino = same.unwrap_or(tree.next);
            if same.is_none() {
                let node = Node::read(archive, &entry)?;
                tree.nodes.insert(ino, Box::new(node));
                tree.next += 1;
            }
            if let Some(group) = entry.link_group {
                links.insert(group, ino);
            }
            if let Some(parent) = parent.filter(|_| shown) {
                tree.attach(parent, &entry.name, ino);
            }
            way.push(ino);
        }
        Ok(tree)
    }

    /// The number of the next new file or folder.
    pub(crate) fn next(&self) -> Ino {
        self.next
    }

    pub(crate) fn node(&self, ino: Ino) -> Result<&Node, Errno> {
        self.nodes.get(&ino).map(Box::as_ref).ok_or(Errno::NOENT)
    }

    pub(crate) fn node_mut(&mut self, ino: Ino) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&ino).map(Box::as_mut).ok_or(Errno::NOENT)
    }

    fn children(&self, folder: Ino) -> Result<&BTreeMap<(String, String), Ino>, Errno> {
        match &self.node(folder)?.kind {
            Kind::Folder(children) => Ok(children),
            _ => Err(Errno::NOTDIR),
        }
    }

    /// Names and numbers of the entries of a folder.
    pub(crate) fn list(&self, folder: Ino) -> Result<impl Iterator<Item = (&str, Ino)>, Errno> {
        Ok(self.children(folder)?.iter().map(|((_, name), ino)| (name.as_str(), *ino)))
    }

    /// The parent of a folder; the root is its own parent.
    pub(crate) fn parent(&self, folder: Ino) -> Ino {
        let node = self.nodes.get(&folder);
        node.and_then(|node| node.names.first()).map_or(ROOT, |(parent, _)| *parent)
    }

    /// Finds a name in any case; an exact match is preferred.
    pub(crate) fn lookup(&self, folder: Ino, name: &str) -> Result<Ino, Errno> {
        self.find(folder, name)?.map(|(_, ino)| ino).ok_or(Errno::NOENT)
    }

    /// The name as written in the image, with its number.
    fn find(&self, folder: Ino, name: &str) -> Result<Option<(&str, Ino)>, Errno> {
        let children = self.children(folder)?;
        let folded = fold_name(name);
        let exact = children.get_key_value(&(folded.clone(), name.to_owned()));
        let from = (folded.clone(), String::new());
        let found =
            exact.or_else(|| children.range(from..).next().filter(|(key, _)| key.0 == folded));
        Ok(found.map(|(key, ino)| (key.1.as_str(), *ino)))
    }

    /// The path in the image, or `None` if no name is left.
    pub(crate) fn path(&self, mut ino: Ino) -> Option<String> {
        let mut names = Vec::new();
        while ino != ROOT {
            let (folder, name) = self.nodes.get(&ino)?.names.first()?;
            names.push(name.as_str());
            ino = *folder;
        }
        names.reverse();
        Some(names.join("\\"))
    }

    fn path_in(&self, folder: Ino, name: &str) -> Result<String, Errno> {
        let folder = self.path(folder).ok_or(Errno::NOENT)?;
        Ok(if folder.is_empty() { name.to_owned() } else { format!("{folder}\\{name}") })
    }

    /// Applies a change and returns the corresponding changes of the image. A refused change has no
    /// effect.
    pub(crate) fn apply(&mut self, op: &Op) -> Result<Vec<FileChange>, Errno> {
        match op {
            Op::Create { folder, name, time } => self.create(*folder, name, Kind::Staged, *time),
            Op::Mkdir { folder, name, time } => {
                self.create(*folder, name, Kind::Folder(BTreeMap::new()), *time)
            }
            Op::Remove { folder, name } => self.remove(*folder, name),
            Op::Rename { folder, name, to, new } => self.rename(*folder, name, *to, new),
            Op::Stage { ino } => {
                let node = self.node_mut(*ino)?;
                match node.kind {
                    Kind::File { .. } => node.kind = Kind::Staged,
                    Kind::Staged => {}
                    Kind::Folder(_) | Kind::Link(_) => return Err(Errno::INVAL),
                }
                Ok(Vec::new())
            }
            Op::SetInfo { ino, attributes, accessed, written } => {
                let node = self.node_mut(*ino)?;
                if let Some(attributes) = attributes {
                    node.attributes = *attributes;
                    node.info.attributes = Some(*attributes);
                }
                if let Some(time) = accessed.map(Stamp::time) {
                    node.accessed = time;
                    node.info.accessed = Some(time);
                }
                if let Some(time) = written.map(Stamp::time) {
                    node.written = time;
                    node.info.written = Some(time);
                }
                Ok(Vec::new())
            }
        }
    }

    fn create(
        &mut self,
        folder: Ino,
        name: &str,
        kind: Kind,
        time: Stamp,
    ) -> Result<Vec<FileChange>, Errno> {
        check_name(name)?;
        if self.find(folder, name)?.is_some() {
            return Err(Errno::EXIST);
        }
        let path = self.path_in(folder, name)?;
        let is_folder = matches!(kind, Kind::Folder(_));
        let ino = self.next;
        self.next += 1;
        self.nodes.insert(ino, Box::new(Node::new(kind, time.time())));
        self.attach(folder, name, ino);
        // The data of a file is added at the end of the replay.
        Ok(if is_folder { vec![FileChange::AddFolder { path }] } else { Vec::new() })
    }

    fn remove(&mut self, folder: Ino, name: &str) -> Result<Vec<FileChange>, Errno> {
        let (name, ino) = self.find(folder, name)?.ok_or(Errno::NOENT)?;
        let name = name.to_owned();
        let node = self.node(ino)?;
        if matches!(&node.kind, Kind::Folder(children) if !children.is_empty()) {
            return Err(Errno::NOTEMPTY);
        }
        let unknown = node.is_new && !matches!(node.kind, Kind::Folder(_));
        let path = self.path_in(folder, &name)?;
        self.detach(folder, &name, ino);
        Ok(if unknown { Vec::new() } else { vec![FileChange::Delete { path, recursive: false }] })
    }

    fn rename(
        &mut self,
        folder: Ino,
        name: &str,
        to: Ino,
        new: &str,
    ) -> Result<Vec<FileChange>, Errno> {
        check_name(new)?;
        let (old, ino) = self.find(folder, name)?.ok_or(Errno::NOENT)?;
        let old = old.to_owned();
        let mut above = to;
        while above != ROOT {
            if above == ino {
                return Err(Errno::INVAL);
            }
            above = self.parent(above);
        }
        let there = self.find(to, new)?.map(|(name, other)| (name.to_owned(), other));
        if there.as_ref().is_some_and(|(name, other)| {
            *other == ino && (to, name.as_str()) != (folder, old.as_str())
        }) {
            // Two names of one file: POSIX keeps both.
            return Ok(Vec::new());
        }
        let there = there.filter(|(_, other)| *other != ino);
        let (from_path, to_path) = (self.path_in(folder, &old)?, self.path_in(to, new)?);
        let is_new_file = self.is_new_file(ino)?;
        let mut changes = Vec::new();
        if let Some((other_name, other)) = there {
            let is_folder = |ino| Ok(matches!(self.node(ino)?.kind, Kind::Folder(_)));
            match (is_folder(ino)?, is_folder(other)?) {
                (true, false) => return Err(Errno::NOTDIR),
                (false, true) => return Err(Errno::ISDIR),
                _ => {}
            }
            if is_new_file && self.inherits(other)? {
                let new = Named { folder, name: &old, ino };
                self.replace(new, Named { folder: to, name: &other_name, ino: other });
                return Ok(changes);
            }
            changes = self.remove(to, &other_name)?;
        }
        self.detach(folder, &old, ino);
        self.attach(to, new, ino);
        if !is_new_file {
            changes.push(FileChange::Rename { from: from_path, to: to_path });
        }
        Ok(changes)
    }

    fn is_new_file(&self, ino: Ino) -> Result<bool, Errno> {
        let node = self.node(ino)?;
        Ok(node.is_new && !matches!(node.kind, Kind::Folder(_)))
    }

    /// Whether a file of the image keeps its identity when a new file is renamed over it.
    fn inherits(&self, ino: Ino) -> Result<bool, Errno> {
        let node = self.node(ino)?;
        Ok(matches!(node.kind, Kind::File { .. } | Kind::Staged) && node.names.len() == 1)
    }

    /// Replaces a file by a new one: the new file takes over the name and identity of the old one,
    /// and keeps its own data and time of last write.
    fn replace(&mut self, new: Named<'_>, old: Named<'_>) {
        self.detach(old.folder, old.name, old.ino);
        self.detach(new.folder, new.name, new.ino);
        self.attach(old.folder, old.name, new.ino);
        let Some(before) = self.nodes.get(&old.ino).cloned() else { return };
        let Some(node) = self.nodes.get_mut(&new.ino) else { return };
        let FileInfo { accessed, written, .. } = node.info;
        **node = Node {
            names: std::mem::take(&mut node.names),
            kind: Kind::Staged,
            written: node.written,
            accessed: node.accessed,
            info: FileInfo { accessed, written, ..before.info },
            ..*before
        };
    }

    fn attach(&mut self, folder: Ino, name: &str, ino: Ino) {
        if let Ok(Node { kind: Kind::Folder(children), .. }) = self.node_mut(folder) {
            children.insert((fold_name(name), name.to_owned()), ino);
        }
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.names.push((folder, name.to_owned()));
        }
    }

    fn detach(&mut self, folder: Ino, name: &str, ino: Ino) {
        if let Ok(Node { kind: Kind::Folder(children), .. }) = self.node_mut(folder) {
            children.remove(&(fold_name(name), name.to_owned()));
        }
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.names.retain(|(other, known)| *other != folder || known != name);
        }
    }

    /// The changed attributes and data: paths with the attributes set, and whether the data was
    /// written.
    pub(crate) fn changed(&self) -> Vec<Changed> {
        let mut changed: Vec<Changed> = self
            .nodes
            .iter()
            .filter(|(_, node)| {
                matches!(node.kind, Kind::Staged) || node.info != FileInfo::default()
            })
            .filter_map(|(ino, node)| {
                let staged = matches!(node.kind, Kind::Staged);
                Some(Changed { ino: *ino, path: self.path(*ino)?, staged, info: node.info })
            })
            .collect();
        changed.sort_by_key(|changed| changed.ino);
        changed
    }
}

/// A file or folder with changes other than to its name.
pub(crate) struct Changed {
    pub(crate) ino: Ino,
    pub(crate) path: String,
    /// Its data is in the staging folder.
    pub(crate) staged: bool,
    pub(crate) info: FileInfo,
}

impl Node {
    fn read(archive: &Archive, entry: &Entry) -> Result<Self, WimError> {
        let kind = match archive.link_target(entry)? {
            Some(target) => Kind::Link(target),
            None if entry.is_dir => Kind::Folder(BTreeMap::new()),
            None => Kind::File { sha1: entry.sha1, size: entry.size },
        };
        Ok(Self {
            names: Vec::new(),
            kind,
            attributes: entry.attributes,
            created: entry.created.unwrap_or(UNIX_EPOCH),
            accessed: entry.accessed.unwrap_or(UNIX_EPOCH),
            written: entry.written.unwrap_or(UNIX_EPOCH),
            short_name: entry.short_name.clone(),
            security: entry.security.clone(),
            streams: entry.streams.clone(),
            is_new: false,
            info: FileInfo::default(),
        })
    }

    fn new(kind: Kind, time: SystemTime) -> Self {
        let is_folder = matches!(kind, Kind::Folder(_));
        Self {
            names: Vec::new(),
            kind,
            attributes: if is_folder { DIRECTORY } else { ARCHIVE },
            created: time,
            accessed: time,
            written: time,
            short_name: None,
            security: None,
            streams: Vec::new(),
            is_new: true,
            info: FileInfo { created: Some(time), ..FileInfo::default() },
        }
    }

    /// The number of its names.
    pub(crate) fn links(&self) -> usize {
        self.names.len()
    }
}

fn check_name(name: &str) -> Result<(), Errno> {
    match name_refusal(name) {
        None => Ok(()),
        Some(_) if name.encode_utf16().count() > 255 => Err(Errno::NAMETOOLONG),
        Some(_) => Err(Errno::INVAL),
    }
}
