//! WIMs with arbitrary metadata, written without the crate that reads them: uncompressed, one
//! image.
//!
//! Sources: wimlib 1.14.4, `header.c`, `metadata_resource.c`, `dentry.c`, `blob_table.c`; [MS-FSCC] 2.1.2.4
//! and 2.1.2.5 for reparse buffers.

use sha1::{Digest, Sha1};

/// An entry of an image.
#[derive(Debug, Clone, Default)]
pub(crate) struct Raw {
    /// UTF-16, without any restriction.
    pub(crate) name: Vec<u16>,
    pub(crate) what: What,
    pub(crate) below: Vec<Raw>,
    /// Names of one file have the same number; 0 without hard links.
    pub(crate) group: u64,
    /// Alternate data streams: name and data.
    pub(crate) streams: Vec<(String, Vec<u8>)>,
    /// Windows time.
    pub(crate) written: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum What {
    #[default]
    Folder,
    File(Vec<u8>),
    /// A reparse point with that target. The flag makes it a folder too.
    Link(String, bool),
    Junction(String),
    /// A folder with a reparse tag that is not a link.
    Tagged(u32),
    /// A file with such a tag, and no data besides those of the reparse point.
    TaggedFile(u32),
}

/// 2024-01-02 03:04:05 UTC.
pub(crate) const TIME: u64 = (1_704_164_645 + 11_644_473_600) * 10_000_000;
const HEADER: usize = 208;

impl Raw {
    pub(crate) fn new(name: &str, what: What) -> Self {
        Self { name: name.encode_utf16().collect(), what, written: TIME, ..Self::default() }
    }

    pub(crate) fn folder(name: &str, below: Vec<Self>) -> Self {
        Self { below, ..Self::new(name, What::Folder) }
    }

    pub(crate) fn file(name: &str, data: &[u8]) -> Self {
        Self::new(name, What::File(data.to_vec()))
    }

    pub(crate) fn with(self, below: Vec<Self>) -> Self {
        Self { below, ..self }
    }
}

/// The bytes of a WIM with one image, whose root contains `below`.
pub(crate) fn wim(below: Vec<Raw>) -> Vec<u8> {
    let root = Raw { below, written: TIME, ..Raw::default() };
    let mut wim = Writer { bytes: vec![0; HEADER], blobs: Vec::new() };
    let metadata = wim.metadata(&root);
    let metadata = wim.resource(&metadata, 2, 1);
    let (at, table) = (wim.bytes.len(), wim.blobs.concat());
    wim.bytes.extend(&table);
    let table = short(at, table.len(), 0);
    let xml = "\u{feff}<WIM><IMAGE INDEX=\"1\"><NAME>hostile</NAME></IMAGE></WIM>";
    let xml: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = wim.bytes.len();
    wim.bytes.extend(&xml);
    let mut head = b"MSWIM\0\0\0".to_vec();
    head.extend([HEADER as u32, 0x10d00, 0, 0].map(u32::to_le_bytes).concat());
    head.extend([7; 16]);
    head.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    head.extend(1_u32.to_le_bytes());
    head.extend(table);
    head.extend(short(at, xml.len(), 0));
    head.extend(metadata);
    head.extend(1_u32.to_le_bytes());
    wim.bytes[..head.len()].copy_from_slice(&head);
    wim.bytes
}

struct Writer {
    bytes: Vec<u8>,
    /// Entries of the blob table.
    blobs: Vec<Vec<u8>>,
}

/// The location of a resource: stored size and flags, offset, size.
fn short(at: usize, size: usize, flags: u8) -> Vec<u8> {
    let mut place = (size as u64).to_le_bytes()[..7].to_vec();
    place.push(flags);
    place.extend((at as u64).to_le_bytes());
    place.extend((size as u64).to_le_bytes());
    place
}

impl Writer {
    fn resource(&mut self, data: &[u8], flags: u8, references: u32) -> Vec<u8> {
        let place = short(self.bytes.len(), data.len(), flags);
        self.bytes.extend(data);
        let mut entry = place.clone();
        entry.extend(1_u16.to_le_bytes());
        entry.extend(references.to_le_bytes());
        entry.extend(Sha1::digest(data));
        self.blobs.push(entry);
        place
    }

    /// The SHA-1 of data; equal data is stored once.
    fn blob(&mut self, data: &[u8]) -> Vec<u8> {
        if data.is_empty() {
            return vec![0; 20];
        }
        let sha1 = Sha1::digest(data).to_vec();
        match self.blobs.iter_mut().find(|entry| entry[30..] == sha1) {
            Some(entry) => entry[26] = entry[26].saturating_add(1),
            None => drop(self.resource(data, 0, 1)),
        }
        sha1
    }

    /// Lists of children in the order of their folders, each ended by eight zero bytes.
    fn metadata(&mut self, root: &Raw) -> Vec<u8> {
        let mut bytes = vec![8, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(self.entry(root));
        bytes.extend([0; 8]);
        // Each folder with the offset of its entry, whose pointer to the list is filled in later.
        let mut folders = vec![(8, root)];
        while let Some((at, folder)) = folders.pop() {
            if folder.below.is_empty() {
                continue;
            }
            let list = (bytes.len() as u64).to_le_bytes();
            bytes[at + 16..at + 24].copy_from_slice(&list);
            for entry in &folder.below {
                folders.push((bytes.len(), entry));
                let entry = self.entry(entry);
                bytes.extend(entry);
            }
            bytes.extend([0; 8]);
        }
        bytes
    }

    fn entry(&mut self, raw: &Raw) -> Vec<u8> {
        let (attributes, tag, data) = match &raw.what {
            What::Folder => (0x10, 0, Vec::new()),
            What::File(data) => (0x20, 0, data.clone()),
            What::Link(target, folder) => {
                (0x400 | if *folder { 0x10 } else { 0x20 }, 0xa000_000c, buffer(target, true))
            }
            What::Junction(target) => (0x410, 0xa000_0003, buffer(target, false)),
            What::Tagged(tag) => (0x410, *tag, b"reparse data".to_vec()),
            What::TaggedFile(tag) => (0x420, *tag, b"reparse data".to_vec()),
        };
        let sha1 = self.blob(&data);
        let name: Vec<u8> = raw.name.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let names = if name.is_empty() { 0 } else { name.len() + 2 };
        let length = (102 + names).next_multiple_of(8);
        let mut entry = (length as u64).to_le_bytes().to_vec();
        entry.extend(u32::to_le_bytes(attributes));
        entry.extend((-1_i32).to_le_bytes());
        entry.extend([0; 24]);
        entry.extend([raw.written; 3].map(u64::to_le_bytes).concat());
        // If there are stream entries, all streams are stored there.
        entry.extend(if raw.streams.is_empty() { sha1.clone() } else { vec![0; 20] });
        entry.extend([0; 4]);
        entry.extend((if tag == 0 { raw.group } else { u64::from(tag) }).to_le_bytes());
        let streams = if raw.streams.is_empty() { 0 } else { raw.streams.len() + 1 };
        entry.extend([streams as u16, 0, name.len() as u16].map(u16::to_le_bytes).concat());
        entry.extend(name);
        entry.resize(length, 0);
        if streams > 0 {
            entry.extend(stream("", &sha1));
        }
        for (name, data) in &raw.streams {
            let sha1 = self.blob(data);
            entry.extend(stream(name, &sha1));
        }
        entry
    }
}

fn stream(name: &str, sha1: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let names = if name.is_empty() { 0 } else { name.len() + 2 };
    let length = (38 + names).next_multiple_of(8);
    let mut stream = (length as u64).to_le_bytes().to_vec();
    stream.extend([0; 8]);
    stream.extend(sha1);
    stream.extend((name.len() as u16).to_le_bytes());
    stream.extend(name);
    stream.resize(length, 0);
    stream
}

/// The reparse buffer of a link, without tag and length.
fn buffer(target: &str, is_symlink: bool) -> Vec<u8> {
    let name: Vec<u8> = target.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let size = name.len() as u16;
    let mut buffer = [0, size, size + 2, 0].map(u16::to_le_bytes).concat();
    if is_symlink {
        // Relative to the link, unless it begins at a root.
        buffer.extend(u32::from(!target.starts_with('\\')).to_le_bytes());
    }
    buffer.extend(name);
    buffer.extend([0; 4]);
    buffer
}
